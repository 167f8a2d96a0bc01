//! Secrets that are told by how they begin: keys of vendors in their documented formats, JSON web
//! tokens, and what stands behind `Bearer` and `Basic`.
//!
//! Invariants: none of them is shorter than [`SHORTEST`]; what is looked at in vain is bounded.

use std::ops::Range;

use super::text::{Text, is_base64, is_key, is_mixed};

/// Bytes of the shortest of them, all of which a key is made of: a run of so many holds eight at
/// an offset that is a multiple of eight, which is what the scan looks for.
pub(super) const SHORTEST: usize = 15;
/// Bytes of a key that are looked at before it is believed.
const LOOK: usize = 24;
/// Bytes before a run that may belong to the same base64.
const LOOK_BACK: usize = 96;

/// What the part behind a prefix is made of.
#[derive(Clone, Copy)]
enum Body {
    /// Letters and digits.
    Plain,
    /// And `_`.
    Word,
    /// And `-`.
    Web,
    /// And `.`.
    Dotted,
    /// Capital letters and digits, exactly so many.
    Id,
    /// Small hexadecimal digits.
    Hex,
}

impl Body {
    fn holds(self, byte: u8) -> bool {
        match self {
            Body::Plain => byte.is_ascii_alphanumeric(),
            Body::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Body::Web => is_key(byte) && byte != b'.',
            Body::Dotted => is_key(byte),
            Body::Id => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Body::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        }
    }
}

/// How a key begins, what follows, and how many bytes of that at least.
type Format = (&'static str, Body, usize);

/// In the order of their first bytes.
const FORMATS: [Format; 88] = [
    ("A3T", Body::Id, 17),
    ("ABIA", Body::Id, 16),
    ("ACCA", Body::Id, 16),
    ("AGE-SECRET-KEY-1", Body::Id, 40),
    ("AIza", Body::Web, 30),
    ("AKIA", Body::Id, 16),
    ("ASIA", Body::Id, 16),
    ("ATATT3", Body::Web, 40),
    ("ATCTT3", Body::Web, 40),
    ("ATBB", Body::Plain, 28),
    ("CFPAT-", Body::Web, 30),
    ("EAAA", Body::Web, 56),
    ("FLWSECK-", Body::Web, 12),
    ("FlyV1", Body::Word, 40),
    ("GOCSPX-", Body::Web, 20),
    ("HRKU-", Body::Web, 30),
    ("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS", Body::Plain, 1),
    ("LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt", Body::Plain, 1),
    ("LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS", Body::Plain, 1),
    ("LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZ", Body::Plain, 1),
    ("LTAI", Body::Plain, 16),
    ("NRAK-", Body::Plain, 20),
    ("PMAK-", Body::Web, 40),
    ("SG.", Body::Dotted, 40),
    ("SK", Body::Hex, 32),
    ("aio_", Body::Plain, 28),
    ("bkua_", Body::Plain, 40),
    ("cio", Body::Plain, 32),
    ("dapi", Body::Hex, 32),
    ("dckr_pat_", Body::Web, 20),
    ("doo_v1_", Body::Hex, 40),
    ("dop_v1_", Body::Hex, 40),
    ("dor_v1_", Body::Hex, 40),
    ("dp.pt.", Body::Plain, 40),
    ("dp.st.", Body::Dotted, 40),
    ("duffel_live_", Body::Web, 40),
    ("figd_", Body::Web, 36),
    ("fo1_", Body::Web, 36),
    ("gho_", Body::Plain, 30),
    ("ghp_", Body::Plain, 30),
    ("ghr_", Body::Plain, 30),
    ("ghs_", Body::Plain, 30),
    ("ghu_", Body::Plain, 30),
    ("github_pat_", Body::Word, 40),
    ("glc_", Body::Web, 32),
    ("glcbt-", Body::Web, 20),
    ("gldt-", Body::Web, 20),
    ("glpat-", Body::Dotted, 20),
    ("glptt-", Body::Web, 20),
    ("glrt-", Body::Dotted, 20),
    ("glsa_", Body::Word, 32),
    ("gloas-", Body::Web, 20),
    ("gsk_", Body::Plain, 40),
    ("hf_", Body::Plain, 30),
    ("hvb.", Body::Web, 60),
    ("hvs.", Body::Web, 24),
    ("key-", Body::Hex, 32),
    ("lin_api_", Body::Plain, 32),
    ("npm_", Body::Plain, 36),
    ("ntn_", Body::Plain, 40),
    ("ops_eyJ", Body::Web, 60),
    ("pplx-", Body::Plain, 40),
    ("pscale_pw_", Body::Web, 30),
    ("pscale_tkn_", Body::Web, 30),
    ("pul-", Body::Hex, 40),
    ("pypi-AgE", Body::Web, 40),
    ("r8_", Body::Plain, 36),
    ("rk_live_", Body::Plain, 16),
    ("rk_test_", Body::Plain, 16),
    ("rubygems_", Body::Hex, 40),
    ("sbp_", Body::Hex, 40),
    ("shpat_", Body::Plain, 32),
    ("shpca_", Body::Plain, 32),
    ("shppa_", Body::Plain, 32),
    ("shpss_", Body::Plain, 32),
    ("sk-", Body::Web, 20),
    ("sk_live_", Body::Plain, 16),
    ("sk_test_", Body::Plain, 16),
    ("sntrys_", Body::Web, 40),
    ("sntryu_", Body::Hex, 40),
    ("sq0atp-", Body::Web, 22),
    ("sq0csp-", Body::Web, 40),
    ("tfp_", Body::Web, 40),
    ("whsec_", Body::Plain, 24),
    ("xapp-", Body::Web, 20),
    ("xkeysib-", Body::Web, 40),
    ("xox", Body::Web, 20),
    ("ya29.", Body::Web, 30),
];

/// For each byte, the formats that begin with it: where they stand in [`FORMATS`], and how many.
const BY_BYTE: [(u8, u8); 128] = {
    let mut table = [(0_u8, 0_u8); 128];
    let (mut formats, mut at) = (FORMATS.as_slice(), 0_u8);
    while let [(prefix, ..), rest @ ..] = formats {
        if let [first, ..] = prefix.as_bytes()
            && let (_, [entry, ..]) = table.split_at_mut(*first as usize)
        {
            if entry.1 == 0 {
                entry.0 = at;
            }
            entry.1 = entry.1.wrapping_add(1);
        }
        at = at.wrapping_add(1);
        formats = rest;
    }
    table
};

/// The first of them in the run of key bytes around the eight that begin at `at`, which all are,
/// not before `floor`. `Err`: where the run ends.
pub(super) fn find(text: Text<'_>, at: usize, floor: usize) -> Result<Range<usize>, usize> {
    let start = text.back(at, floor, is_key);
    let end = text.run(at, is_key);
    if end.saturating_sub(start) < SHORTEST {
        return Err(end);
    }
    if let Some(found) = credentials(text, start, floor) {
        return Ok(found);
    }
    // Neither what ends the run nor what has been found before it is a part of it.
    let mut before = 0_u8;
    for (offset, &byte) in text.slice(start, end).iter().enumerate() {
        let begins = !before.is_ascii_alphanumeric();
        before = byte;
        if begins && let Some(found) = at_start(text, start.saturating_add(offset), byte, end) {
            return Ok(found);
        }
    }
    Err(end)
}

/// One that begins at `at`, with `byte`, in a run that ends at `end`.
#[inline]
fn at_start(text: Text<'_>, at: usize, byte: u8, end: usize) -> Option<Range<usize>> {
    if byte == b'e' {
        return web_token(text, at, end);
    }
    let (first, count) = BY_BYTE.get(usize::from(byte)).copied()?;
    let formats = FORMATS.get(usize::from(first)..)?.iter().take(usize::from(count));
    let second = text.at(at.saturating_add(1));
    for format in formats {
        // Which is what most words fail at.
        if format.0.as_bytes().get(1) == Some(&second) && text.starts(at, format.0.as_bytes()) {
            return vendor(text, at, *format);
        }
    }
    match byte {
        b'A' => bot(text, at, end),
        b'0'..=b'9' | b'a'..=b'f' => list_key(text, at, end),
        _ => None,
    }
}

fn vendor(text: Text<'_>, at: usize, (prefix, body, least): Format) -> Option<Range<usize>> {
    let start = at.saturating_add(prefix.len());
    let holds = |byte| body.holds(byte);
    // Read no further than it takes to know: a class of CSS may begin with `sk-`, too.
    let enough = text.run_within(start, least, holds);
    if enough.saturating_sub(start) < least {
        return None;
    }
    let look = text.slice(start, start.saturating_add(least.max(LOOK)).min(text.len()));
    let random = match body {
        Body::Id | Body::Hex => true,
        Body::Plain | Body::Word | Body::Web | Body::Dotted => {
            look.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        }
    };
    if !random {
        return None;
    }
    let end = text.run(enough, holds);
    let exact = !matches!(body, Body::Id) || end == enough || prefix.len() > 4;
    exact.then_some(at..end)
}

/// A JSON web token: `eyJ….….…`, or what is left of one that was cut.
fn web_token(text: Text<'_>, at: usize, end: usize) -> Option<Range<usize>> {
    if !text.starts(at, b"eyJ") {
        return None;
    }
    let dot = text.run(at, |byte| is_key(byte) && byte != b'.');
    let header = dot.saturating_sub(at);
    if dot == text.len() && !text.whole && header >= 64 {
        return Some(at..end);
    }
    let payload = text.run_within(dot.saturating_add(1), 8, |byte| is_key(byte) && byte != b'.');
    let enough = header >= 12 && text.at(dot) == b'.' && payload.saturating_sub(dot) > 8;
    enough.then_some(at..end)
}

/// A bot's token of Telegram: `123456789:AA…`.
fn bot(text: Text<'_>, at: usize, end: usize) -> Option<Range<usize>> {
    let length = end.saturating_sub(at);
    let colon = at.checked_sub(1).filter(|&colon| text.at(colon) == b':')?;
    let start = text.back(colon, colon.saturating_sub(12), |byte| byte.is_ascii_digit());
    let is =
        text.starts(at, b"AA") && (33..=37).contains(&length) && colon > start.saturating_add(6);
    // The digits alone are a name and no secret.
    is.then_some(at..end)
}

/// A key of Mailchimp: 32 hexadecimal digits and `-us12`.
fn list_key(text: Text<'_>, at: usize, end: usize) -> Option<Range<usize>> {
    let place = at.saturating_add(32);
    // Its end first: there are many numbers, few of which go on like this.
    if !text.starts(place, b"-us") || !text.at(place.saturating_add(3)).is_ascii_digit() {
        return None;
    }
    let hex = text.slice(at, place).iter().all(u8::is_ascii_hexdigit);
    (hex && end.saturating_sub(place) <= 6).then_some(at..end)
}

/// What stands behind `Bearer` or `Basic`.
fn credentials(text: Text<'_>, run: usize, floor: usize) -> Option<Range<usize>> {
    if !matches!(text.before(run), b' ' | b'+' | b'/' | b'=' | b'~') {
        return None;
    }
    let start = text.back(run, floor.max(run.saturating_sub(LOOK_BACK)), is_base64);
    let space = start.checked_sub(1).filter(|&space| text.at(space) == b' ')?;
    let bearer = text.ended(space, b"bearer");
    if !bearer && !text.ended(space, b"basic") {
        return None;
    }
    let end = text.run(run, is_base64);
    let value = text.slice(start, end);
    let is = if bearer { is_mixed(value) } else { is_pair(value) };
    is.then_some(start..end)
}

/// Whether it is the base64 of `user:password`.
fn is_pair(text: &[u8]) -> bool {
    let mut bits = 0_u32;
    let (mut colon, mut plain) = (false, true);
    for (at, &byte) in text.iter().take(64).enumerate() {
        let six = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits.wrapping_shl(6) | u32::from(six);
        // Of every four, the last three complete a byte.
        let shift = match at & 3 {
            0 => continue,
            1 => 4,
            2 => 2,
            _ => 0,
        };
        let decoded = bits.wrapping_shr(shift) & 0xff;
        colon |= decoded == u32::from(b':');
        plain &= decoded >= u32::from(b' ');
    }
    colon && plain
}

#[cfg(test)]
mod tests {
    use super::{BY_BYTE, FORMATS, SHORTEST, is_pair};

    #[test]
    fn formats_are_in_order_and_none_is_too_short_to_be_noticed() {
        assert!(FORMATS.is_sorted_by_key(|(prefix, ..)| prefix.as_bytes().first().copied()));
        for (prefix, _, least) in FORMATS {
            assert!(prefix.len() + least >= SHORTEST, "{prefix}");
        }
        let counted: usize = BY_BYTE.iter().map(|(_, count)| usize::from(*count)).sum();
        assert_eq!(counted, FORMATS.len());
    }

    #[test]
    fn a_pair_is_told_from_a_word() {
        assert!(is_pair(b"YW5uOmh1bnRlcjI=") && is_pair(b"dXNlcjpwYXNzd29yZA=="));
        assert!(!is_pair(b"authentication") && !is_pair(b"functionality-tests"));
    }
}
