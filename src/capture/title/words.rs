//! Words that mean something to the scan, wherever they stand.
//!
//! Invariant: words of languages, calendars and units; none of anybody's program.

use super::lexicon::{Key, Lexicon};

/// What a word makes of those that follow, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Role {
    /// Points at what follows: `for user alice`.
    Points = 1,
    /// Says what something is: `state is Closed`.
    Equates,
    /// A thing that programs keep many of and tell apart by name: `user`.
    Bears,
    /// What should not be, named after its sort: `unexpected state Closed`.
    Strange,
    /// Nobody names a thing by it: `and`, `not`.
    Function,
}

/// What is known of a word: its role in the lowest three bits, and bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sense(u16);

impl Sense {
    /// Follows a number and belongs to it, and changes with its size: `3 kB`, `12:00 UTC`.
    pub(super) const UNIT: u16 = 1 << 8;
    /// A value in itself: `true`, `None`, `localhost`.
    pub(super) const LITERAL: u16 = 1 << 9;
    /// Says what went wrong all by itself, and so stays where a value is due:
    /// `failed to connect: timeout`.
    pub(super) const FAILED: u16 = 1 << 10;
    /// After it a plain word is the failure's kind: `error: timeout`. In any case of letters.
    pub(super) const NAMES_FAILURE: u16 = 1 << 11;
    /// Labels a kind, where it opens an error's own text: `call failed: status: Unavailable`.
    pub(super) const LABELS_KIND: u16 = 1 << 12;
    /// Before a colon it says that a name follows, whatever comes after it: `name: orders (…)`.
    pub(super) const LABELS_NAME: u16 = 1 << 13;
    pub(super) const DAY_OR_MONTH: u16 = 1 << 14;
    /// Begins an SQL statement.
    pub(super) const STATEMENT: u16 = 1 << 15;

    /// What is glued to it by `=` is a kind: `kind=NotFound`, `errno=ENOSPC`.
    pub(super) const TELLS_KIND: u16 = 1 << 3;
    /// What is glued to it by `=` and quoted is the message of a whole line: `msg="disk is full"`.
    pub(super) const QUOTES: u16 = 1 << 4;

    /// Of a word that is not known.
    pub(super) const NOTHING: Self = Self(0);

    #[inline]
    pub(super) fn is(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    #[inline]
    pub(super) fn has(self, role: Role) -> bool {
        self.0 & 7 == role as u16
    }
}

const fn role(role: Role) -> Sense {
    Sense(role as u16)
}

const fn bits(bits: u16) -> Sense {
    Sense(bits)
}

const POINTS: Sense = role(Role::Points);
const EQUATES: Sense = role(Role::Equates);
const BEARS: Sense = role(Role::Bears);
const STRANGE: Sense = role(Role::Strange);
const FUNCTION: Sense = role(Role::Function);
const UNIT: Sense = bits(Sense::UNIT);
const LITERAL: Sense = bits(Sense::LITERAL);
const FAILED: Sense = bits(Sense::FAILED);
const FAILURE: Sense = bits(Sense::NAMES_FAILURE);
const DATE: Sense = bits(Sense::DAY_OR_MONTH);
const STATEMENT: Sense = bits(Sense::STATEMENT);

static WORDS: Lexicon<Sense, 1024, 256> = Lexicon::new(KNOWN, Sense::NOTHING);
const _: [(); 1] = [(); WORDS.is_sound()];

#[rustfmt::skip]
pub(super) const KNOWN: &[(&str, Sense)] = &[
    ("of", POINTS), ("by", POINTS), ("to", POINTS), ("in", POINTS), ("on", POINTS),
    ("at", POINTS), ("as", POINTS), ("for", POINTS), ("from", POINTS), ("with", POINTS),
    ("into", POINTS), ("named", POINTS), ("called", POINTS),
    ("Invalid", POINTS), ("Missing", POINTS),
    ("invalid", Sense(Role::Points as u16 | Sense::FAILED)),
    ("missing", Sense(Role::Points as u16 | Sense::FAILED)),
    ("is", EQUATES),
    // What belongs to a thing is not its name: `user token`.
    ("token", FUNCTION), ("password", FUNCTION), ("count", FUNCTION), ("list", FUNCTION),
    ("data", FUNCTION), ("session", FUNCTION), ("request", FUNCTION), ("response", FUNCTION),
    ("connection", FUNCTION), ("agent", FUNCTION), ("input", FUNCTION), ("info", FUNCTION),
    ("handle", FUNCTION), ("handler", FUNCTION), ("config", FUNCTION), ("state", FUNCTION),
    ("version", FUNCTION), ("address", FUNCTION), ("ids", FUNCTION), ("names", FUNCTION),
    ("keys", FUNCTION), ("limit", FUNCTION), ("size", FUNCTION), ("access", FUNCTION),
    ("reply", FUNCTION), ("ack", FUNCTION),
    ("message", Sense(Role::Function as u16 | Sense::QUOTES)),
    ("packet", FUNCTION), ("heartbeat", FUNCTION), ("update", FUNCTION), ("result", FUNCTION),
    ("answer", FUNCTION), ("event", FUNCTION), ("vote", FUNCTION), ("traffic", FUNCTION),
    ("certificate", FUNCTION), ("credentials", FUNCTION), ("permission", FUNCTION),
    ("permissions", FUNCTION), ("metadata", FUNCTION), ("settings", FUNCTION),
    ("signature", FUNCTION), ("header", FUNCTION), ("headers", FUNCTION), ("body", FUNCTION),
    ("length", FUNCTION), ("range", FUNCTION), ("format", FUNCTION), ("options", FUNCTION),
    ("identity", FUNCTION), ("identifier", FUNCTION), ("definition", FUNCTION),
    ("value", FUNCTION), ("values", FUNCTION), ("entry", FUNCTION), ("schema", FUNCTION),
    ("creation", FUNCTION), ("lookup", FUNCTION), ("record", FUNCTION), ("records", FUNCTION),
    ("pod", BEARS), ("user", BEARS), ("host", BEARS), ("admin", BEARS), ("topic", BEARS),
    ("table", BEARS), ("shard", BEARS), ("queue", BEARS), ("crate", BEARS), ("tenant", BEARS),
    ("bucket", BEARS), ("server", BEARS), ("stream", BEARS), ("account", BEARS),
    ("project", BEARS), ("package", BEARS), ("username", BEARS), ("customer", BEARS),
    ("database", BEARS), ("consumer", BEARS), ("container", BEARS), ("namespace", BEARS),
    ("organization", BEARS), ("role", BEARS), ("trigger", BEARS), ("collection", BEARS),
    ("component", BEARS), ("plugin", BEARS), ("repository", BEARS), ("channel", BEARS),
    ("group", BEARS), ("job", BEARS), ("task", BEARS), ("worker", BEARS), ("volume", BEARS),
    ("image", BEARS), ("service", BEARS), ("instance", BEARS), ("cluster", BEARS),
    ("domain", BEARS), ("replica", BEARS), ("peer", BEARS), ("view", BEARS), ("column", BEARS),
    ("unknown", STRANGE), ("Unknown", STRANGE), ("unhandled", STRANGE), ("Unhandled", STRANGE),
    ("unexpected", STRANGE), ("Unexpected", STRANGE), ("unsupported", STRANGE),
    ("Unsupported", STRANGE), ("unrecognized", STRANGE), ("Unrecognized", STRANGE),
    ("a", FUNCTION), ("or", FUNCTION), ("an", FUNCTION), ("and", FUNCTION), ("not", FUNCTION),
    ("was", FUNCTION), ("are", FUNCTION), ("has", FUNCTION), ("had", FUNCTION),
    ("the", FUNCTION), ("who", FUNCTION), ("but", FUNCTION), ("did", FUNCTION),
    ("can", FUNCTION), ("were", FUNCTION), ("have", FUNCTION), ("that", FUNCTION),
    ("when", FUNCTION), ("does", FUNCTION), ("which", FUNCTION), ("while", FUNCTION),
    ("could", FUNCTION), ("would", FUNCTION), ("after", FUNCTION), ("cannot", FUNCTION),
    ("before", FUNCTION), ("already", FUNCTION),
    ("because", Sense(Role::Function as u16 | Sense::NAMES_FAILURE)),
    ("failed", Sense(Role::Function as u16 | Sense::NAMES_FAILURE | Sense::FAILED)),
    ("error", FAILURE), ("err", FAILURE), ("errors", FAILURE), ("failure", FAILURE),
    ("fault", FAILURE), ("exception", FAILURE), ("reason", FAILURE), ("cause", FAILURE),
    ("fatal", FAILURE), ("panic", FAILURE), ("warning", FAILURE), ("note", FAILURE),
    ("e", FAILURE),
    ("EOF", FAILED), ("Timeout", FAILED), ("aborted", FAILED), ("busy", FAILED),
    ("canceled", FAILED), ("cancelled", FAILED), ("closed", FAILED), ("conflict", FAILED),
    ("corrupt", FAILED), ("corrupted", FAILED), ("crashed", FAILED), ("denied", FAILED),
    ("disconnected", FAILED), ("duplicate", FAILED), ("empty", FAILED), ("eof", FAILED),
    ("exhausted", FAILED), ("expired", FAILED), ("forbidden", FAILED), ("full", FAILED),
    ("interrupted", FAILED), ("killed", FAILED), ("malformed", FAILED), ("overflow", FAILED),
    ("overloaded", FAILED), ("poisoned", FAILED), ("refused", FAILED), ("rejected", FAILED),
    ("stopped", FAILED), ("throttled", FAILED), ("timeout", FAILED), ("truncated", FAILED),
    ("unauthorized", FAILED), ("gone", FAILED), ("lost", FAILED), ("stolen", FAILED),
    ("offline", FAILED), ("down", FAILED), ("dead", FAILED), ("stale", FAILED), ("broken", FAILED),
    ("frozen", FAILED), ("insufficient", FAILED), ("incomplete", FAILED),
    ("unavailable", FAILED), ("unreachable", FAILED),
    ("status", bits(Sense::LABELS_KIND)), ("kind", bits(Sense::LABELS_KIND | Sense::TELLS_KIND)),
    ("code", bits(Sense::LABELS_KIND | Sense::TELLS_KIND)), ("type", bits(Sense::LABELS_KIND)),
    ("errno", bits(Sense::TELLS_KIND)), ("msg", bits(Sense::QUOTES)),

    ("name", bits(Sense::LABELS_NAME)), ("Name", bits(Sense::LABELS_NAME)),
    ("id", bits(Sense::LABELS_NAME)), ("ID", bits(Sense::LABELS_NAME)),
    ("key", bits(Sense::LABELS_NAME)), ("Key", bits(Sense::LABELS_NAME)),
    ("path", bits(Sense::LABELS_NAME)), ("file", bits(Sense::LABELS_NAME)),
    ("node", bits(Sense::LABELS_NAME)), ("index", bits(Sense::LABELS_NAME)),
    ("ns", UNIT), ("us", UNIT), ("µs", UNIT), ("ms", UNIT), ("s", UNIT), ("sec", UNIT),
    ("secs", UNIT), ("min", UNIT), ("mins", UNIT), ("B", UNIT), ("kB", UNIT), ("KB", UNIT),
    ("MB", UNIT), ("GB", UNIT), ("TB", UNIT), ("KiB", UNIT), ("MiB", UNIT), ("GiB", UNIT),
    ("TiB", UNIT), ("UTC", UNIT), ("GMT", UNIT), ("CET", UNIT), ("CEST", UNIT), ("EST", UNIT),
    ("PST", UNIT), ("AM", UNIT), ("PM", UNIT), ("Z", UNIT),
    ("NaN", LITERAL), ("inf", LITERAL), ("true", LITERAL), ("false", LITERAL),
    ("None", LITERAL), ("null", LITERAL), ("localhost", LITERAL),
    ("Mon", DATE), ("Tue", DATE), ("Wed", DATE), ("Thu", DATE), ("Fri", DATE), ("Sat", DATE),
    ("Sun", DATE), ("Jan", DATE), ("Feb", DATE), ("Mar", DATE), ("Apr", DATE), ("May", DATE),
    ("Jun", DATE), ("Jul", DATE), ("Aug", DATE), ("Sep", DATE), ("Oct", DATE), ("Nov", DATE),
    ("Dec", DATE),
    ("SELECT", STATEMENT), ("INSERT", STATEMENT), ("UPDATE", STATEMENT), ("DELETE", STATEMENT),
];

#[inline]
pub(super) fn sense(key: Key) -> Sense {
    WORDS.get(key)
}

pub(super) fn sense_of(word: &str) -> Sense {
    WORDS.get(Key::of(word.as_bytes()))
}

/// Whether a plain word after this one is the failure's kind.
pub(super) fn names_failure(key: Key) -> bool {
    sense(key.small()).is(Sense::NAMES_FAILURE)
}

/// Whether a clause with a word that begins like this speaks of failure; a structure in it is an
/// error.
#[inline]
pub(super) fn speaks_of_failure(key: Key) -> bool {
    const FAIL: u32 = u32::from_le_bytes(*b"fail");
    const ERRO: u32 = u32::from_le_bytes(*b"erro");
    const CANN: u32 = u32::from_le_bytes(*b"cann");
    const COUL: u32 = u32::from_le_bytes(*b"coul");
    const UNAB: u32 = u32::from_le_bytes(*b"unab");
    const EXCE: u32 = u32::from_le_bytes(*b"exce");
    /// The letters that these and `not` begin with: four words of five need no closer look.
    const BEGIN: u32 = 1 << (b'f' & 31)
        | 1 << (b'e' & 31)
        | 1 << (b'c' & 31)
        | 1 << (b'u' & 31)
        | 1 << (b'n' & 31);
    let start = key.low as u32;
    if BEGIN.wrapping_shr(start & 31) & 1 == 0 {
        return false;
    }
    // Setting this bit makes capitals small.
    match start | 0x2020_2020 {
        FAIL | ERRO | CANN | COUL | UNAB | EXCE => true,
        _ => key == NOT,
    }
}

const NOT: Key = Key::of(b"not");

/// Whether nobody names a thing by it.
pub(super) fn is_function(sense: Sense) -> bool {
    sense.has(Role::Points) || sense.has(Role::Equates) || sense.has(Role::Function)
}
