//! Short lists of words that mean something to the scan.
//!
//! Invariant: words of languages, calendars and units; none of anybody's program.

/// Words after which a plain word is the failure's kind: `error: timeout`.
pub(super) fn names_failure(word: &str) -> bool {
    const WORDS: [&str; 15] = [
        "error",
        "err",
        "errors",
        "failed",
        "failure",
        "fault",
        "exception",
        "reason",
        "cause",
        "because",
        "fatal",
        "panic",
        "warning",
        "note",
        "e",
    ];
    word.len() <= 9 && WORDS.iter().any(|f| f.eq_ignore_ascii_case(word))
}

/// Words that say what went wrong all by themselves, and so stay where a value is due:
/// `failed to connect: timeout`.
pub(super) fn says_what_failed(word: &str) -> bool {
    const WORDS: [&str; 38] = [
        "EOF",
        "Timeout",
        "aborted",
        "busy",
        "canceled",
        "cancelled",
        "closed",
        "conflict",
        "corrupt",
        "corrupted",
        "crashed",
        "denied",
        "disconnected",
        "duplicate",
        "empty",
        "eof",
        "exhausted",
        "expired",
        "failed",
        "forbidden",
        "full",
        "interrupted",
        "invalid",
        "killed",
        "malformed",
        "missing",
        "overflow",
        "overloaded",
        "poisoned",
        "refused",
        "rejected",
        "stopped",
        "throttled",
        "timeout",
        "truncated",
        "unauthorized",
        "unavailable",
        "unreachable",
    ];
    word.len() <= 12 && WORDS.contains(&word)
}

/// Labels of a kind, where they open an error's own text: `call failed: status: Unavailable, …`.
pub(super) fn labels_a_kind(word: &str) -> bool {
    matches!(word, "status" | "kind" | "code" | "type")
}

/// Whether a clause with this word speaks of failure; a structure in it is an error.
pub(super) fn speaks_of_failure(word: &str) -> bool {
    const fn head(word: [u8; 4]) -> u32 {
        u32::from_le_bytes(word)
    }
    const HEADS: [u32; 6] = [
        head(*b"fail"),
        head(*b"erro"),
        head(*b"cann"),
        head(*b"coul"),
        head(*b"unab"),
        head(*b"exce"),
    ];
    match word.as_bytes().first_chunk::<4>() {
        // Setting this bit makes capitals small.
        Some(&first) => HEADS.contains(&(head(first) | 0x2020_2020)),
        None => word == "not",
    }
}

pub(super) fn is_day_or_month(word: &[u8]) -> bool {
    matches!(
        word,
        b"Mon"
            | b"Tue"
            | b"Wed"
            | b"Thu"
            | b"Fri"
            | b"Sat"
            | b"Sun"
            | b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
    )
}

/// What may follow a number and belongs to it, and changes with its size: `3 kB`, `12:00 UTC`.
pub(super) fn is_unit(word: &str) -> bool {
    matches!(
        word,
        "ns" | "us"
            | "µs"
            | "ms"
            | "s"
            | "sec"
            | "secs"
            | "min"
            | "mins"
            | "B"
            | "kB"
            | "KB"
            | "MB"
            | "GB"
            | "TB"
            | "KiB"
            | "MiB"
            | "GiB"
            | "TiB"
            | "UTC"
            | "GMT"
            | "CET"
            | "CEST"
            | "EST"
            | "PST"
            | "AM"
            | "PM"
            | "Z"
    )
}

/// What a word makes of those that follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    None,
    /// Points at what follows: `for user alice`.
    Points,
    /// Says what something is: `state is Closed`.
    Equates,
    /// A thing that programs keep many of and tell apart by name: `user`.
    Bears,
    /// What should not be, named after its sort: `unexpected state Closed`.
    Strange,
    /// Nobody names a thing by it: `and`, `not`.
    Function,
}

/// By length first: each word is then compared with a few, eight bytes at a time.
pub(super) fn role(word: &str) -> Role {
    match word.len() {
        1 if word == "a" => Role::Function,
        2 => match word {
            "is" => Role::Equates,
            "of" | "by" | "to" | "in" | "on" | "at" | "as" => Role::Points,
            "or" | "an" => Role::Function,
            _ => Role::None,
        },
        3 => match word {
            "for" => Role::Points,
            "pod" => Role::Bears,
            "and" | "not" | "was" | "are" | "has" | "had" | "the" | "who" | "but" | "did"
            | "can" => Role::Function,
            _ => Role::None,
        },
        4 => match word {
            "from" | "with" | "into" => Role::Points,
            "user" | "host" => Role::Bears,
            "were" | "have" | "that" | "when" | "does" => Role::Function,
            _ => Role::None,
        },
        5 => match word {
            "named" => Role::Points,
            "admin" | "topic" | "table" | "shard" | "queue" | "crate" => Role::Bears,
            "which" | "while" | "could" | "would" | "after" => Role::Function,
            _ => Role::None,
        },
        6 => match word {
            "called" => Role::Points,
            "tenant" | "bucket" | "server" | "stream" => Role::Bears,
            "failed" | "cannot" | "before" => Role::Function,
            _ => Role::None,
        },
        7 => match word {
            "invalid" | "Invalid" | "missing" | "Missing" => Role::Points,
            "account" | "project" | "package" => Role::Bears,
            "unknown" | "Unknown" => Role::Strange,
            "because" | "already" => Role::Function,
            _ => Role::None,
        },
        _ => long_role(word),
    }
}

fn long_role(word: &str) -> Role {
    match word {
        "username" | "customer" | "database" | "consumer" | "container" | "namespace"
        | "organization" => Role::Bears,
        "unhandled" | "Unhandled" | "unexpected" | "Unexpected" | "unsupported" | "Unsupported"
        | "unrecognized" | "Unrecognized" => Role::Strange,
        _ => Role::None,
    }
}

/// Whether nobody names a thing by `word`.
pub(super) fn is_function_word(word: &str) -> bool {
    matches!(role(word), Role::Points | Role::Equates | Role::Function)
}

/// Labels before a colon that say a name follows, whatever comes after it: `name: orders (…)`.
pub(super) fn labels_a_name(word: &str) -> bool {
    matches!(
        word,
        "name" | "Name" | "id" | "ID" | "key" | "Key" | "path" | "file" | "node" | "index"
    )
}

/// The verbs that begin an SQL statement.
pub(super) fn begins_statement(word: &str) -> bool {
    matches!(word, "SELECT" | "INSERT" | "UPDATE" | "DELETE")
}
