//! One word: written by the programmer, or a value?
//!
//! Invariant: a pure function of the word and the table of classes; no look at its neighbours.

use super::chars::{
    ANY_LOWER, ANY_UPPER, APOSTROPHE, AT, COLON, DIGIT, DOT, HEX_LOWER, HEX_UPPER, HIGH, HYPHEN,
    LETTER, SIGN, SLASH, UNDERSCORE, class, classes, classes_of,
};
use super::explain::Rule;
use super::lexicon::{Key, Lexicon};
use super::random::{self, looks_random};

/// Names that carry a number and are constant: the part before it, and the numbers it may have
/// (`""`: any of up to four digits). What is not here and has a digit is taken for a value, since
/// `node3` looks the same.
#[rustfmt::skip]
static TECHNOLOGIES: Lexicon<&str, 256, 2> = Lexicon::new(&[
    ("h", "2 3"),
    ("s", "3"),
    ("v", "1 2 3 4 5 6 7 8 9"),
    ("u", "8 16 32 64 128"),
    ("i", "8 16 32 64 128"),
    ("f", "16 32 64 128"),
    ("x", "86 509 64 25519"),
    ("ec", "2"),
    ("ed", "25519"),
    ("md", "4 5"),
    ("lz", "4"),
    ("ip", "4 6"),
    ("io", ""),
    ("int", "8 16 32 64 128"),
    ("uint", "8 16 32 64 128"),
    ("float", "16 32 64 128"),
    ("decimal", "32 64 128 256"),
    ("date", "32 64"),
    ("utf", "7 8 16 32"),
    ("wtf", "8"),
    ("ucs", "2 4"),
    ("sha", ""),
    ("crc", "8 16 32 64"),
    ("aes", "128 192 256"),
    ("rsa", ""),
    ("hs", "256 384 512"),
    ("rs", "256 384 512"),
    ("es", "256 384 512"),
    ("xxh", "3 32 64 128"),
    ("base", "16 32 58 62 64"),
    ("rfc", ""),
    ("ipv", "4 6"),
    ("tls", "1 12 13"),
    ("ssl", "2 3"),
    ("ssh", "1 2"),
    ("http", "1 2 3"),
    ("oauth", "1 2"),
    ("cgroup", "1 2"),
    ("blake", "2 3"),
    ("argon", "2"),
    ("bzip", "2"),
    ("ext", "2 3 4"),
    ("win", "32 64"),
    ("log", "4"),
], NO_NUMBERS);
const _: [(); 1] = [(); TECHNOLOGIES.is_sound()];

/// Not a technology: no number fits.
const NO_NUMBERS: &str = " ";

/// How names with dots end. Top-level domains; those that are words of programs are left out.
const DOMAIN: u8 = 1;
/// Kinds of files.
const FILE: u8 = 2;
/// What deployments are told apart by.
const STAGE: u8 = 4;

#[rustfmt::skip]
static ENDINGS: Lexicon<u8, 512, 16> = Lexicon::new(&[
    ("com", DOMAIN), ("org", DOMAIN), ("net", DOMAIN), ("io", DOMAIN), ("edu", DOMAIN),
    ("gov", DOMAIN), ("internal", DOMAIN), ("local", DOMAIN), ("localdomain", DOMAIN),
    ("localhost", DOMAIN), ("lan", DOMAIN), ("corp", DOMAIN), ("arpa", DOMAIN), ("onion", DOMAIN),
    ("svc", DOMAIN), ("cloud", DOMAIN), ("dev", DOMAIN), ("app", DOMAIN), ("social", DOMAIN),
    ("example", DOMAIN), ("test", DOMAIN), ("invalid", DOMAIN),
    ("co", DOMAIN), ("eu", DOMAIN), ("uk", DOMAIN), ("de", DOMAIN),
    ("fr", DOMAIN), ("nl", DOMAIN), ("ch", DOMAIN), ("ru", DOMAIN), ("cn", DOMAIN), ("jp", DOMAIN),
    ("br", DOMAIN), ("au", DOMAIN), ("xyz", DOMAIN), ("tech", DOMAIN), ("online", DOMAIN),
    ("toml", FILE), ("yaml", FILE), ("yml", FILE), ("json", FILE), ("jsonl", FILE),
    ("ndjson", FILE), ("xml", FILE), ("html", FILE), ("css", FILE), ("csv", FILE), ("tsv", FILE),
    ("txt", FILE), ("md", FILE), ("conf", FILE), ("cfg", FILE), ("ini", FILE), ("env", FILE),
    ("properties", FILE), ("lock", FILE), ("pid", FILE), ("sock", FILE), ("log", FILE),
    ("db", FILE), ("sqlite", FILE), ("wal", FILE), ("sst", FILE), ("idx", FILE), ("dat", FILE),
    ("bin", FILE), ("img", FILE), ("iso", FILE), ("tmp", FILE), ("bak", FILE), ("swp", FILE),
    ("parquet", FILE), ("avro", FILE), ("orc", FILE), ("arrow", FILE), ("tar", FILE), ("tgz", FILE),
    ("gz", FILE), ("zip", FILE), ("zst", FILE), ("xz", FILE), ("snap", FILE), ("pem", FILE),
    ("crt", FILE), ("cer", FILE), ("pfx", FILE), ("jks", FILE), ("rs", FILE), ("py", FILE),
    ("js", FILE), ("ts", FILE), ("sh", FILE), ("sql", FILE), ("proto", FILE), ("wasm", FILE),
    ("so", FILE), ("dll", FILE), ("dylib", FILE), ("exe", FILE), ("jar", FILE), ("jpg", FILE),
    ("jpeg", FILE), ("png", FILE), ("gif", FILE), ("svg", FILE), ("pdf", FILE), ("mp4", FILE),
    ("prod", STAGE), ("production", STAGE), ("preprod", STAGE), ("staging", STAGE),
    ("canary", STAGE), ("uat", STAGE), ("qa", STAGE), ("blue", STAGE), ("green", STAGE),
], 0);
const _: [(); 1] = [(); ENDINGS.is_sound()];

/// Whether `word`, made of bytes of the classes in `mask`, is a value.
pub(super) fn is_value(word: &str, mask: u32) -> bool {
    value(word, mask).is_some()
}

/// Why `word`, made of bytes of the classes in `mask`, is a value, if it is.
pub(super) fn value(word: &str, mask: u32) -> Option<Rule> {
    let rule = |applies: bool, rule| applies.then_some(rule);
    if mask & AT != 0 {
        return Some(Rule::Address);
    }
    if mask & SLASH != 0 {
        return rule(is_path(word, mask), Rule::Path);
    }
    if mask & LETTER == mask {
        return rule(looks_random(word.as_bytes(), mask), Rule::Random);
    }
    // Programs separate with one or the other; data (`search_index-prod`) with both.
    if mask & HYPHEN != 0 && mask & UNDERSCORE != 0 && mask & DOT == 0 {
        return Some(Rule::Compound);
    }
    if mask & DIGIT != 0 {
        return rule(!is_constant_with_digits(word, mask), Rule::Digits);
    }
    if mask & DOT != 0 && (is_host(word) || ends_in(word, b'.', FILE))
        || mask & HYPHEN != 0 && ends_in(word, b'-', STAGE)
    {
        return Some(Rule::Ending);
    }
    // `C:\x`, `app.wasm!run`.
    if mask & SIGN != 0 && word.bytes().any(|b| matches!(b, b'\\' | b'!')) {
        return Some(Rule::Code);
    }
    rule(has_random_part(word.as_bytes()), Rule::Random)
}

/// Whether what stands between separators is random anywhere in `word`.
fn has_random_part(word: &[u8]) -> bool {
    let mut rest = word;
    while rest.len() >= random::FEWEST {
        let separator = |&b: &u8| class(b) & (UNDERSCORE | HYPHEN | DOT | COLON) != 0;
        let len = rest.iter().position(separator).unwrap_or(rest.len());
        let part = rest.get(..len).unwrap_or_default();
        if len >= random::FEWEST && looks_random(part, classes_of(part)) {
            return true;
        }
        rest = rest.get(len.saturating_add(1)..).unwrap_or_default();
    }
    false
}

/// Two words or more made one: `search.orders`, `read_only`, `worker-pool`.
pub(super) fn is_compound(mask: u32) -> bool {
    mask & (UNDERSCORE | DOT | HYPHEN) != 0
}

/// Whether a compound can be a name that somebody gave: `search.orders`, `order_items`,
/// `card-events`. Of those with a hyphen many are adjectives: `read-only`, `non-empty`.
pub(super) fn is_compound_name(word: &str, mask: u32) -> bool {
    const BEGIN: [&str; 11] =
        ["non-", "re-", "pre-", "sub-", "un-", "self-", "multi-", "auto-", "co-", "cross-", "per-"];
    const END: [&str; 9] =
        ["-only", "-based", "-level", "-wide", "-side", "-defined", "-specific", "-local", "-free"];
    let small = mask & !(ANY_LOWER | UNDERSCORE | DOT | HYPHEN) == 0;
    let adjective = || {
        mask & HYPHEN != 0
            && (BEGIN.iter().any(|b| word.starts_with(b)) || END.iter().any(|e| word.ends_with(e)))
    };
    small && is_compound(mask) && !adjective()
}

/// Whether what follows the last `mark` in `word` is an ending of this sort, and something is
/// before it.
fn ends_in(word: &str, mark: u8, sort: u8) -> bool {
    let at = word.bytes().rposition(|b| b == mark).unwrap_or(0);
    let ending = word.as_bytes().get(at.saturating_add(1)..).unwrap_or_default();
    at > 0 && ENDINGS.get(Key::of(ending)) & sort != 0
}

/// `www.example.com`, `com.example.app`, `a.b.c.d`: ends or begins with a domain everybody knows,
/// or has more parts than a name in a program; one with capitals (`a.b.c.SCREEN_ON`) is a name.
fn is_host(word: &str) -> bool {
    let domain = |part: &str| ENDINGS.get(Key::of(part.as_bytes())) & DOMAIN != 0;
    let mut parts = word.split('.');
    let dots = word.bytes().filter(|&b| b == b'.').count();
    (dots > 2 && !word.bytes().any(|b| b.is_ascii_uppercase()))
        || ends_in(word, b'.', DOMAIN)
        || (parts.next().is_some_and(domain) && parts.nth(1).is_some())
}

/// Paths, and what else has a slash and is no prose.
fn is_path(word: &str, mask: u32) -> bool {
    if mask & DIGIT != 0 {
        return !is_protocol_version(word) && !is_choice(word);
    }
    let slashes = word.bytes().filter(|&b| b == b'/').count();
    let absolute = word.starts_with('/');
    // `/metrics` is a route, `and/or` prose; deeper ones, file names and data names are paths.
    slashes > 1
        || word.starts_with(['.', '~'])
        || (absolute && mask & !(LETTER | SLASH | UNDERSCORE | HYPHEN) != 0)
        || (mask & DOT != 0 && !word.ends_with('/'))
        || (mask & HYPHEN != 0 && mask & UNDERSCORE != 0)
}

/// `v1/v2`, `sha1/sha256`
fn is_choice(word: &str) -> bool {
    word.split('/').all(technology)
}

/// `HTTP/1.1`: capitals, a slash, a small version.
fn is_protocol_version(word: &str) -> bool {
    word.split_once('/').is_some_and(|(name, version)| {
        let mask = classes(name);
        let digit = |b: u8| class(b) == DIGIT;
        let small = match version.as_bytes() {
            [major] => digit(*major),
            [major, b'.', minor] => digit(*major) && digit(*minor),
            _ => false,
        };
        small && mask & !ANY_UPPER == 0 && mask != 0
    })
}

/// `sha256`, `utf-8`, `Utf8Error`, `to_u64`, `4xx`, `L5D_PROTO`: names, for all their digits.
fn is_constant_with_digits(word: &str, mask: u32) -> bool {
    // A long one is a value in any case, and is not worth the time.
    if word.len() > 64 || mask & LETTER == 0 || mask & (SIGN | HIGH | APOSTROPHE) != 0 {
        return false;
    }
    if is_mixed_name(word) || is_secured_version(word) {
        return true;
    }
    // So is one whose first part begins with a digit, most often, and has no underscore.
    if let [b'0'..=b'9', second, ..] = word.as_bytes()
        && mask & UNDERSCORE == 0
        && class(*second) & (DIGIT | HEX_LOWER | HEX_UPPER) != 0
    {
        return false;
    }
    if technology(word) {
        return true;
    }
    // A setting's name: digits, but capitals and underscores around them.
    if mask & UNDERSCORE != 0 && mask & !(ANY_UPPER | DIGIT | UNDERSCORE) == 0 {
        return word.bytes().filter(|&b| class(b) == DIGIT).count() <= 3;
    }
    let mut parts = word.split(['_', '-', '.', ':']);
    let whole = mask & (UNDERSCORE | HYPHEN | DOT | COLON) == 0;
    parts.all(|part| {
        let mask = classes(part);
        mask & DIGIT == 0
            || (!whole && !is_version(part) && technology(part))
            || is_class_of_codes(part)
            || is_camel_with_number(part)
    })
}

/// Names with letters behind their digits.
fn is_mixed_name(word: &str) -> bool {
    const NAMES: [&str; 13] = [
        "2fa", "3ds", "b2b", "co2", "e2e", "h264", "h265", "i18n", "k8s", "l10n", "log4j", "mp3",
        "p2p",
    ];
    word.len() <= 5 && NAMES.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// `TLS1.3`, `TLSv1.2`, `HTTP1.1`: a protocol and its small version, without a slash.
fn is_secured_version(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let (stem, _) =
        word.split_at_checked(word.len().saturating_sub(digits.len())).unwrap_or_default();
    let small = matches!(digits.as_bytes(), [b'0'..=b'9', b'.', b'0'..=b'9']);
    let stem = stem.strip_suffix(['v', 'V']).unwrap_or(stem);
    small && ["tls", "ssl", "dtls", "http"].iter().any(|name| name.eq_ignore_ascii_case(stem))
}

/// `v2` alone is a name; at the end of another it counts instances (`users_v2`).
fn is_version(part: &str) -> bool {
    part.len() == 2 && part.starts_with(['v', 'V'])
}

/// `4xx`
fn is_class_of_codes(part: &str) -> bool {
    matches!(part.as_bytes(), [b'1'..=b'5', b'x', b'x'])
}

fn technology(word: &str) -> bool {
    let Some(at) = word.bytes().position(|b| class(b) == DIGIT) else {
        return false;
    };
    let Some((stem, number)) = word.split_at_checked(at) else { return false };
    let stem = stem.strip_suffix('-').unwrap_or(stem);
    let numbers = TECHNOLOGIES.get(Key::of(stem.as_bytes()).small());
    if numbers == NO_NUMBERS || stem.is_empty() {
        return false;
    }
    let number = number.strip_suffix("le").unwrap_or(number);
    let digits = number.len() <= 5 && number.bytes().all(|b| class(b) == DIGIT);
    let any = numbers.is_empty() && number.len() <= 4;
    digits && (any || numbers.split(' ').any(|n| n == number))
}

/// `Utf8Error`, `JsonBase64Decode`: a technology inside a name in camel case.
fn is_camel_with_number(part: &str) -> bool {
    let digit = |b: u8| class(b) == DIGIT;
    let begin = part.bytes().position(digit).unwrap_or(0);
    let (head, rest) = part.split_at_checked(begin).unwrap_or_default();
    let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let stem = head.bytes().rposition(|b| class(b) & ANY_UPPER != 0).unwrap_or(0);
    let end = part.len().saturating_sub(tail.len());
    let cased = tail.starts_with(|c: char| c.is_ascii_uppercase())
        && classes(tail) & DIGIT == 0
        && !looks_random(tail.as_bytes(), classes(tail));
    let number = part.get(stem..end).unwrap_or_default();
    (tail.is_empty() || cased) && begin > stem.saturating_add(1) && technology(number)
}
