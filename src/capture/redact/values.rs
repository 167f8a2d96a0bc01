//! The value of a listed name inside a text: `password=…`, `"token": "…"`, `Cookie: …`,
//! `--secret …`, `<apiKey>…</apiKey>`, and whether it is one that has to go.
//!
//! Invariant: what is looked at in vain is bounded, or is looked at once.

use std::ops::Range;

use super::{
    PLACEHOLDER,
    names::{Kind, Names, Number},
    text::{Text, is_key, is_mixed, is_quote},
};

/// Bytes between a name and its sign, and between the sign and its value.
const GAP: usize = 6;
/// Bytes of a name in a text, and the word before it.
const NAME: usize = 48;
/// Bytes of a value that may be something else than a secret.
const LONG: usize = 256;
/// Digits of a number that is a count and no token.
const COUNT: usize = 6;
/// Bytes of the words that are known.
const LONGEST_WORD: usize = 16;
/// Bytes behind a `,` that may be the next name.
const NEXT_NAME: usize = 32;

/// How a value was given to its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `name=value`, or in quotes, or a field.
    Assigned,
    /// `name: value`, which is how sentences begin, too.
    Labelled,
}

/// The secret behind the `=` or `:` at `sign`, which is `width` bytes wide. No name begins before
/// `floor`.
pub(super) fn assigned(
    text: Text<'_>,
    names: &Names,
    sign: usize,
    width: usize,
    floor: usize,
) -> Option<Range<usize>> {
    let around = |byte| is_quote(byte) || matches!(byte, b' ' | b']' | b'\\');
    let end = text.back(sign, floor.max(sign.saturating_sub(GAP)), around);
    // Most names end in other letters, and are not read.
    let last = text.back(end, end.saturating_sub(GAP), |byte| byte.is_ascii_digit());
    if !names.may_end(text.before(last), text.before(last.saturating_sub(1))) {
        return None;
    }
    let quoted = text.slice(end, sign).iter().any(|&byte| is_quote(byte));
    let (kind, number, start) = name(text, names, end, floor)?;
    let start_of_value = sign.saturating_add(width);
    let value = text.run_within(start_of_value, GAP, |byte| byte == b' ');
    let labelled = text.at(sign) == b':' && width == 1 && !quoted;
    // `/etc/passwd: permission denied`
    if labelled && start > floor && matches!(text.before(start), b'/' | b'\\' | b'@') {
        return None;
    }
    let way = if labelled { Way::Labelled } else { Way::Assigned };
    value_at(text, value, way, (kind, number))
}

/// The secret behind the `--name` at `dashes`.
pub(super) fn flag(text: Text<'_>, names: &Names, dashes: usize) -> Option<Range<usize>> {
    let start = dashes.saturating_add(2);
    let end = text.run_within(start, NAME, is_key);
    // `--password x` and `"--password", "x"`.
    let value = text.run_within(end, GAP, |byte| is_quote(byte) || matches!(byte, b',' | b' '));
    let before = text.before(value);
    if !(before == b' ' || is_quote(before)) || text.at(value) == b'-' || text.at(end) == b'=' {
        return None;
    }
    let name = text.slice(start, end);
    // It may hold a card's number, which the pass would go on behind.
    if name.iter().filter(|byte| byte.is_ascii_digit()).count() > COUNT {
        return None;
    }
    let (kind, number) = names.kind(name)?;
    let value = if is_quote(before) { value.saturating_sub(1) } else { value };
    value_at(text, value, Way::Assigned, (kind, number))
}

/// The secret between `<name>` and the next `<`; `close` is the `>`.
pub(super) fn element(text: Text<'_>, names: &Names, close: usize) -> Option<Range<usize>> {
    if !names.may_end(text.before(close), text.before(close.saturating_sub(1))) {
        return None;
    }
    let start = text.back(close, close.saturating_sub(NAME), |byte| is_key(byte) || byte == b':');
    if text.before(start) != b'<' {
        return None;
    }
    let (kind, number) = names.kind(text.slice(start, close))?;
    let value = close.saturating_add(1);
    let end = text.run(value, |byte| byte != b'<');
    if text.at(value) == b'>' {
        return None;
    }
    secret(text.slice(value, end), Way::Assigned, (kind, number)).then_some(value..end)
}

/// The name that ends at `end`, and where it begins. The word before counts, too: `api key`.
fn name(text: Text<'_>, names: &Names, end: usize, floor: usize) -> Option<(Kind, Number, usize)> {
    let floor = floor.max(end.saturating_sub(NAME));
    let start = text.back(end, floor, is_key);
    let space = start.checked_sub(1).filter(|&space| text.at(space) == b' ' && space >= floor);
    let wider = space.map_or(start, |space| text.back(space, floor, |b| b.is_ascii_alphabetic()));
    let (kind, number) = names.kind(text.slice(wider, end))?;
    Some((kind, number, start))
}

/// The secret in the value that begins at `at`.
fn value_at(text: Text<'_>, at: usize, way: Way, kind: (Kind, Number)) -> Option<Range<usize>> {
    let (at, wrapped) = unwrapped(text, at);
    let escapes = text.run_within(at, 8, |byte| byte == b'\\');
    let (range, way) = match text.at(escapes) {
        quote if is_quote(quote) => {
            let start = escapes.saturating_add(1);
            let end = closing(text, start, escapes.saturating_sub(at));
            (start..end.max(start), if wrapped { way } else { Way::Assigned })
        }
        _ if begins_hidden(text.slice(at, text.len())) => return None,
        b'[' => return list(text, at, way),
        _ if kind.0 == Kind::Header => return header(text, at, way),
        b'{' | b'(' if kind.0 != Kind::Any => return None,
        _ => (open_ended(text, at)?, way),
    };
    let value = text.slice(range.start, range.end);
    secret(value, way, kind).then_some(range)
}

/// Where a value begins in `Some("…")`, `b"…"`, `&'…'`, and whether it is in some other wrapper,
/// as a part of a program is: `Ident("…")`.
fn unwrapped(text: Text<'_>, at: usize) -> (usize, bool) {
    let (mut at, mut wrapped) = (at, false);
    for _ in 0..3 {
        let end = text.run_within(at, 16, |byte| byte.is_ascii_alphanumeric() || byte == b'&');
        let word = text.slice(at, end);
        let paren = text.at(end) == b'(' && end > at;
        let inner = if paren { end.saturating_add(1) } else { end };
        let quoted = is_quote(text.at(inner)) && (paren || word.len() <= 1);
        let nested = || text.at(text.run_within(inner, 16, |b| b.is_ascii_alphanumeric())) == b'(';
        if inner == at || !(quoted || (paren && nested())) {
            break;
        }
        wrapped |= paren && !is_one_of(word, is_wrapper);
        at = inner;
    }
    (at, wrapped)
}

/// Where the quote in front of `start` closes. `escapes`: so many `\` are in front of it.
fn closing(text: Text<'_>, start: usize, escapes: usize) -> usize {
    let quote = text.before(start);
    let mut run = 0_usize;
    let rest = text.bytes.get(start..).unwrap_or_default();
    for (offset, &byte) in rest.iter().enumerate() {
        let closes = if escapes == 0 { run.is_multiple_of(2) } else { run <= escapes };
        if byte == quote && closes {
            return start.saturating_add(offset).saturating_sub(if escapes == 0 { 0 } else { run });
        }
        run = if byte == b'\\' { run.saturating_add(1) } else { 0 };
    }
    text.len()
}

/// A list of secrets, or of the bytes of one.
fn list(text: Text<'_>, at: usize, way: Way) -> Option<Range<usize>> {
    let start = at.saturating_add(1);
    let first = text.at(text.run_within(start, GAP, |byte| byte == b' '));
    let holds =
        is_quote(first) || first == b'\\' || (first.is_ascii_digit() && way == Way::Assigned);
    if !(holds || (first.is_ascii_digit() && text.at(start) == first)) {
        return None;
    }
    let end = text.run(start, |byte| byte != b']');
    (end.saturating_sub(start) > COUNT).then_some(start..end)
}

/// The rest of a header's line.
fn header(text: Text<'_>, at: usize, way: Way) -> Option<Range<usize>> {
    let word = text.run_within(at, LONG, is_key);
    let first = text.slice(at, word);
    let mut scheme = text.at(word) == b' ' && is_one_of(first, is_scheme);
    if scheme {
        // So much tells a sentence.
        let near = text.run_within(word, NAME, |byte| !is_quote(byte) && byte != b'\n');
        let near = text.slice(word, near);
        let said = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b' ' | b',' | b'.');
        scheme = near.len() > 4;
        if scheme && near.iter().all(said) {
            return None;
        }
    }
    // A cookie: `name=value; name=value`.
    if scheme || (text.at(word) == b'=' && !first.is_empty()) {
        return Some(at..line(text, at));
    }
    let value = open_ended(text, at)?;
    let kind = (Kind::Token, Number::One);
    secret(text.slice(value.start, value.end), way, kind).then_some(value)
}

/// Where a header's line ends.
fn line(text: Text<'_>, at: usize) -> usize {
    let end = text.run(at, |byte| !is_quote(byte) && !matches!(byte, b'\n' | b'\r' | b']' | b'}'));
    // Or where the dump of one says so.
    let escape = text.slice(at, end).windows(2).position(|pair| pair == b"\\n");
    escape.map_or(end, |offset| at.saturating_add(offset))
}

/// A value without quotes, but for one that somebody has hidden a part of: before, it may have been
/// shorter.
fn open_ended(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let end = unquoted(text, at);
    let hidden = text.starts(end, PLACEHOLDER.as_bytes()) && end.saturating_sub(at) <= LONG;
    (!hidden).then_some(at..end)
}

/// Where a value without quotes ends, or what is hidden in it begins.
fn unquoted(text: Text<'_>, at: usize) -> usize {
    let mut end = at;
    loop {
        end = text.run(end, |byte| {
            byte > b' '
                && !is_quote(byte)
                && !matches!(
                    byte,
                    b',' | b';' | b'&' | b')' | b'[' | b']' | b'}' | b'<' | b'>' | b'\\' | 0x7f
                )
        });
        let next = end.saturating_add(1);
        let ends = match text.at(end) {
            b',' | b';' | b'&' => separates(text, next),
            b'[' => text.starts(end, PLACEHOLDER.as_bytes()),
            b')' | b']' | b'}' => !text.at(next).is_ascii_alphanumeric(),
            b'\\' => is_quote(text.at(next)) || matches!(text.at(next), b'n' | b'r' | b't' | b'\\'),
            _ => true,
        };
        if ends || end >= text.len() {
            return end;
        }
        end = next;
    }
}

/// Whether a value has ended before `at`: nothing follows, or the next name.
fn separates(text: Text<'_>, at: usize) -> bool {
    let next = text.at(at);
    if next <= b' ' || is_quote(next) || matches!(next, b')' | b']' | b'}') {
        return true;
    }
    let end = text.run_within(at, NEXT_NAME, |byte| is_key(byte) || byte == b' ');
    end > at && matches!(text.at(end), b'=' | b':')
}

/// Whether the value of a field is a secret.
pub(super) fn is_secret(value: &str, kind: (Kind, Number)) -> bool {
    secret(value.trim().as_bytes(), Way::Assigned, kind)
}

/// Whether a number is a secret.
pub(super) fn is_secret_number(digits: usize, (kind, number): (Kind, Number)) -> bool {
    match kind {
        _ if number == Number::Many => false,
        Kind::Any => true,
        Kind::Code => digits >= 3,
        Kind::Token | Kind::Header => digits > COUNT,
    }
}

fn secret(value: &[u8], way: Way, kind: (Kind, Number)) -> bool {
    let value = value.strip_suffix(b".").unwrap_or(value);
    let value = value.strip_suffix(b":").unwrap_or(value);
    let near = value.get(..LONG).unwrap_or(value);
    let holds_hidden = || {
        near.contains(&b'[')
            && near.windows(PLACEHOLDER.len()).any(|window| window == PLACEHOLDER.as_bytes())
    };
    // Too long for a word, and to be looked at again and again.
    if value.len() > LONG {
        return !value.starts_with(PLACEHOLDER.as_bytes());
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    // What tells most is looked at first.
    if value.is_empty() || (kind.0 == Kind::Code && digits < 3) {
        return false;
    }
    if is_hidden(value) || is_one_of(value, is_nothing) || holds_hidden() {
        return false;
    }
    if digits == value.len() {
        return is_secret_number(digits, kind);
    }
    let first = value.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    let said = || is_one_of(value, is_prose);
    match (kind.0, way) {
        (Kind::Any, Way::Assigned) => !said(),
        (Kind::Any, Way::Labelled) => !is_one_of(first, is_prose) && !is_code(value),
        (Kind::Code, _) => true,
        (Kind::Token | Kind::Header, Way::Assigned) => {
            let method = is_one_of(value, is_method);
            !(method || said() || is_code(value))
        }
        (Kind::Token | Kind::Header, Way::Labelled) => {
            (digits > 0 || (value.len() >= 20 && is_mixed(value))) && !is_code(value)
        }
    }
}

/// A path in a program, or a type in one.
fn is_code(value: &[u8]) -> bool {
    value.first() == Some(&b'&') || value.windows(2).any(|pair| pair == b"::")
}

/// As [`is_hidden`], of what may go on.
fn begins_hidden(value: &[u8]) -> bool {
    [PLACEHOLDER, "<redacted", "REDACTED"].iter().any(|word| {
        let start = value.get(..word.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(word.as_bytes())
    })
}

/// Whether somebody has hidden it already.
fn is_hidden(value: &[u8]) -> bool {
    begins_hidden(value)
        || value.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'-' | b'_'))
}

/// Whether `is` holds for a word in small letters.
fn is_one_of(word: &[u8], is: fn(&[u8]) -> bool) -> bool {
    let mut small = [0_u8; LONGEST_WORD];
    let Some(small) = small.get_mut(..word.len()) else { return false };
    small.copy_from_slice(word);
    small.make_ascii_lowercase();
    is(small)
}

/// Values that say nothing of a secret.
fn is_nothing(word: &[u8]) -> bool {
    matches!(
        word,
        b"true"
            | b"false"
            | b"null"
            | b"none"
            | b"nil"
            | b"undefined"
            | b"unset"
            | b"yes"
            | b"no"
            | b"ok"
            | b"on"
            | b"off"
            | b"redacted"
            | b"hidden"
            | b"some"
            | b"n/a"
    )
}

/// What stands behind `password: ` in a sentence or a declaration.
fn is_prose(word: &[u8]) -> bool {
    matches!(
        word,
        b"a" | b"an"
            | b"at"
            | b"authentication"
            | b"bad"
            | b"be"
            | b"cannot"
            | b"could"
            | b"denied"
            | b"disabled"
            | b"does"
            | b"empty"
            | b"enabled"
            | b"error"
            | b"expected"
            | b"expired"
            | b"failed"
            | b"for"
            | b"found"
            | b"incorrect"
            | b"invalid"
            | b"is"
            | b"mismatch"
            | b"missing"
            | b"must"
            | b"needs"
            | b"not"
            | b"option"
            | b"optional"
            | b"permission"
            | b"rejected"
            | b"required"
            | b"should"
            | b"str"
            | b"string"
            | b"the"
            | b"too"
            | b"unknown"
            | b"unsupported"
            | b"was"
            | b"weak"
            | b"with"
            | b"wrong"
            | b"you"
    )
}

/// What `auth=` and `token=` name in most programs.
fn is_method(word: &[u8]) -> bool {
    matches!(
        word,
        b"basic"
            | b"bearer"
            | b"digest"
            | b"oauth"
            | b"oidc"
            | b"jwt"
            | b"ldap"
            | b"saml"
            | b"scram"
            | b"default"
            | b"anonymous"
            | b"internal"
            | b"external"
            | b"strict"
            | b"lax"
            | b"session"
            | b"comma"
            | b"ident"
    )
}

/// The first word of an `Authorization`.
fn is_scheme(word: &[u8]) -> bool {
    matches!(
        word,
        b"bearer"
            | b"basic"
            | b"digest"
            | b"token"
            | b"negotiate"
            | b"ntlm"
            | b"hawk"
            | b"apikey"
            | b"key"
            | b"hmac"
            | b"aws4-hmac-sha256"
    )
}

/// What secrets are wrapped in when they are printed.
fn is_wrapper(word: &[u8]) -> bool {
    matches!(word, b"some" | b"ok" | b"string" | b"text" | b"str" | b"secret")
}
