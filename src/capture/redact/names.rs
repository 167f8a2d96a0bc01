//! Names whose values are secrets: `password`, `client_secret`, `X-Api-Key`, `sessionId`, …
//!
//! A name is read in segments, split at whatever is no letter or digit and at `camelCase`. It
//! counts by its last segments (`db.password`, `aws_secret_access_key`), so that `token_count`,
//! `author` and `secret_name` don't. Invariant: looks at a name's last [`MOST`] bytes only.

use std::ops::RangeInclusive;

/// Bytes of a name that are looked at, from its end.
const MOST: usize = 40;
/// Names that a program may add.
pub(crate) const ADDED_NAMES: usize = 64;
/// Letters and digits of each of those.
pub(crate) const ADDED_LENGTH: RangeInclusive<usize> = 3..=MOST;

/// What the value of a listed name has to look like to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything: passwords.
    Any,
    /// Anything of three digits and more: codes that people type.
    Code,
    /// What is neither a short number nor a plain word: tokens, keys.
    Token,
    /// As `Token`, and there can be more of it behind spaces: headers.
    Header,
}

/// A listed name; `bool`: also at the end of a longer segment, as in `pgpassword`.
type Name = (&'static str, Kind, bool);

const LISTED: [Name; 50] = [
    ("password", Kind::Any, true),
    ("passwd", Kind::Any, true),
    ("passphrase", Kind::Any, true),
    ("passwort", Kind::Any, true),
    ("pwd", Kind::Any, false),
    ("passcode", Kind::Code, true),
    ("pin", Kind::Code, false),
    ("cvv", Kind::Code, false),
    ("cvc", Kind::Code, false),
    ("ssn", Kind::Code, false),
    ("otp", Kind::Code, false),
    ("totp", Kind::Code, false),
    ("mfacode", Kind::Code, false),
    ("securitycode", Kind::Code, false),
    ("verificationcode", Kind::Code, false),
    ("socialsecuritynumber", Kind::Code, false),
    ("cardnumber", Kind::Code, false),
    ("authorization", Kind::Header, false),
    ("cookie", Kind::Header, false),
    ("pass", Kind::Token, false),
    ("secret", Kind::Token, true),
    ("token", Kind::Token, true),
    ("apikey", Kind::Token, true),
    ("appkey", Kind::Token, false),
    ("auth", Kind::Token, false),
    ("credential", Kind::Token, false),
    ("jwt", Kind::Token, false),
    ("bearer", Kind::Token, false),
    ("accesskey", Kind::Token, false),
    ("secretkey", Kind::Token, false),
    ("privatekey", Kind::Token, false),
    ("signingkey", Kind::Token, false),
    ("encryptionkey", Kind::Token, false),
    ("masterkey", Kind::Token, false),
    ("sharedkey", Kind::Token, false),
    ("accountkey", Kind::Token, false),
    ("storagekey", Kind::Token, false),
    ("subscriptionkey", Kind::Token, false),
    ("licensekey", Kind::Token, false),
    ("consumerkey", Kind::Token, false),
    ("deploykey", Kind::Token, false),
    ("authkey", Kind::Token, false),
    ("sessionkey", Kind::Token, false),
    ("sessionid", Kind::Token, true),
    ("sessid", Kind::Token, true),
    ("sig", Kind::Token, false),
    ("sas", Kind::Token, false),
    ("amzsignature", Kind::Token, false),
    ("googsignature", Kind::Token, false),
    ("amzcredential", Kind::Token, false),
];

/// Last segments that say in which form the secret is there.
const FORMS: [&str; 18] = [
    "hash",
    "hashed",
    "value",
    "raw",
    "header",
    "string",
    "base64",
    "hex",
    "plain",
    "plaintext",
    "encrypted",
    "old",
    "new",
    "current",
    "confirm",
    "confirmation",
    "again",
    "env",
];

/// The listed names and those that a program has added.
#[derive(Debug)]
pub(super) struct Names {
    added: Vec<String>,
    /// A bit for each pair of last letters that some name or form has.
    endings: [u32; 26],
    /// For each last letter, the places in [`LISTED`] of the names that have it, a bit for each.
    listed: [u64; 26],
}

impl Names {
    /// `added` are names as a person writes them: `X-Internal-Id`.
    pub(super) fn new(added: &[String]) -> Self {
        let added: Vec<_> = added.iter().map(|name| letters(name)).collect();
        let mut endings = [0; 26];
        let names = LISTED.iter().map(|(name, ..)| *name).chain(FORMS);
        for name in names.chain(added.iter().map(String::as_str)) {
            let mut last = name.bytes().rev().skip_while(u8::is_ascii_digit);
            let (last, before) = (last.next().unwrap_or(0), last.next().unwrap_or(0));
            for (last, before) in [(last, before), (b's', last)] {
                if let Some((row, bit)) = ending(last, before)
                    && let Some(row) = endings.get_mut(row)
                {
                    *row |= bit;
                }
            }
        }
        let mut listed = [0; 26];
        for (at, (name, ..)) in LISTED.iter().enumerate() {
            if let Some(last) = name.bytes().last().and_then(letter)
                && let Some(row) = listed.get_mut(usize::from(last))
            {
                *row |= 1_u64.wrapping_shl(u32::try_from(at).unwrap_or(0));
            }
        }
        Self { added, endings, listed }
    }

    /// Whether a name with these last two bytes, but for digits, may be one of them: most are not.
    #[inline]
    pub(super) fn may_end(&self, last: u8, before: u8) -> bool {
        let Some((row, bit)) = ending(last, before) else { return false };
        self.endings.get(row).is_some_and(|row| row & bit != 0)
    }

    /// What a value of this name has to look like to be a secret; `None`: the name is not listed.
    pub(super) fn kind(&self, name: &[u8]) -> Option<(Kind, Number)> {
        let mut name = Segments::of(name);
        let form = |name: &Segments| {
            let mut forms = FORMS.iter().map(|form| form.as_bytes());
            forms.find(|form| name.ends_with(form, false)).map(<[u8]>::len)
        };
        let mut behind = form(&name);
        if behind.is_none() {
            name.drop_digits();
            if let Some(kind) = self.known(&name) {
                return Some(kind);
            }
            behind = form(&name);
        }
        name.shorten(behind?);
        name.drop_digits();
        self.known(&name)
    }

    fn known(&self, name: &Segments) -> Option<(Kind, Number)> {
        if let Some(kind) = self.of_one(name) {
            return Some((kind, Number::One));
        }
        if name.last() != b's' {
            return None;
        }
        let mut one = name.clone();
        one.shorten(1);
        self.of_one(&one).map(|kind| (kind, Number::Many))
    }

    fn of_one(&self, name: &Segments) -> Option<Kind> {
        let row = letter(name.last()).and_then(|last| self.listed.get(usize::from(last)));
        let mut left = row.copied().unwrap_or(0);
        while left != 0 {
            let at = usize::try_from(left.trailing_zeros()).unwrap_or(0);
            if let Some((listed, kind, loosely)) = LISTED.get(at)
                && name.ends_with(listed.as_bytes(), *loosely)
            {
                return Some(*kind);
            }
            left &= left.wrapping_sub(1);
        }
        let added = self.added.iter().any(|added| name.ends_with(added.as_bytes(), false));
        added.then_some(Kind::Any)
    }
}

/// Whether the name is in the plural: then a number is how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    One,
    Many,
}

/// The letters and digits of a name, as they are compared.
pub(crate) fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The place of a pair of letters in a table.
#[inline]
fn ending(last: u8, before: u8) -> Option<(usize, u32)> {
    let (last, before) = (letter(last)?, letter(before)?);
    Some((usize::from(last), 1_u32.wrapping_shl(u32::from(before))))
}

#[inline]
fn letter(byte: u8) -> Option<u8> {
    let letter = (byte | 0x20).wrapping_sub(b'a');
    (letter < 26).then_some(letter)
}

/// The end of a name in small letters, and where its segments begin.
#[derive(Clone, Debug)]
struct Segments {
    /// Backwards.
    text: [u8; MOST],
    /// Letters at the end that were taken away.
    from: usize,
    len: usize,
    /// Bit n: a segment begins with the letter at n.
    starts: u64,
}

impl Segments {
    fn of(name: &[u8]) -> Self {
        let mut segments = Self { text: [0; MOST], from: 0, len: 0, starts: 0 };
        let tail = name.get(name.len().saturating_sub(MOST)..).unwrap_or(name);
        let mut later = [0_u8; 2];
        for &byte in tail.iter().rev() {
            let [next, after] = later;
            // `x|Y`, `9|Y`, `X|Yz`, and a separator.
            let camel = next.is_ascii_uppercase()
                && (!byte.is_ascii_uppercase() || after.is_ascii_lowercase());
            if camel || !byte.is_ascii_alphanumeric() {
                segments.begin();
            }
            if byte.is_ascii_alphanumeric()
                && let Some(slot) = segments.text.get_mut(segments.len)
            {
                *slot = byte.to_ascii_lowercase();
                segments.len = segments.len.saturating_add(1);
            }
            later = [byte, next];
        }
        segments.begin();
        segments
    }

    /// A segment begins with the letter that was added last.
    fn begin(&mut self) {
        if let Some(at) = self.len.checked_sub(1) {
            self.starts |= 1_u64.wrapping_shl(u32::try_from(at).unwrap_or(0));
        }
    }

    fn left(&self) -> &[u8] {
        self.text.get(self.from..self.from.saturating_add(self.len)).unwrap_or_default()
    }

    fn last(&self) -> u8 {
        self.left().first().copied().unwrap_or(0)
    }

    /// Whether the last segments are `word`; `loosely`: or the end of them.
    fn ends_with(&self, word: &[u8], loosely: bool) -> bool {
        // In most cases the last letters differ.
        if word.last() != Some(&self.last()) || word.len() > self.len {
            return false;
        }
        let at = u32::try_from(word.len()).unwrap_or(0).saturating_sub(1);
        let begins = self.starts.wrapping_shr(at) & 1 != 0;
        (loosely || begins) && word.iter().rev().zip(self.left()).all(|(a, b)| a == b)
    }

    /// Takes away letters from the end.
    fn shorten(&mut self, by: usize) {
        let by = by.min(self.len);
        self.from = self.from.saturating_add(by);
        self.len = self.len.saturating_sub(by);
        self.starts = self.starts.wrapping_shr(u32::try_from(by).unwrap_or(0));
    }

    /// `password2` is a password.
    fn drop_digits(&mut self) {
        let digits = self.left().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits < self.len {
            self.shorten(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Names, Number};

    #[test]
    fn a_name_counts_by_its_last_segments() {
        let names = Names::new(&["X-Internal-Id".to_owned()]);
        let kind = |name: &str| names.kind(name.as_bytes()).map(|(kind, _)| kind);
        let table = [
            ("password db.Password userPassword PGPASSWORD password_hash newPassword2", Kind::Any),
            ("x_internal_id myXInternalId", Kind::Any),
            ("pin card_pin CVV cvv2 ssn otp cardNumber", Kind::Code),
            ("Set-Cookie proxy_authorization http.cookie", Kind::Header),
            (
                "token APIKey x-api-key authToken csrfmiddlewaretoken AWS_SECRET_ACCESS_KEY",
                Kind::Token,
            ),
            (
                "auth x_auth sessionId JSESSIONID clientSecret api_key_base64 credentials",
                Kind::Token,
            ),
        ];
        for (listed, expected) in table {
            for name in listed.split(' ') {
                assert_eq!(kind(name), Some(expected), "{name}");
            }
        }
        let others = "author authority oauth2_url spin pinned bypass compass token_count \
            tokens_used max_tokens_left secret_name cookie_policy key primary_key keyboard \
            internal_id passage session sig_alg x 7 _ 9_9";
        for name in others.split_whitespace() {
            assert_eq!(kind(name), None, "{name}");
        }
        assert_eq!(names.kind(b"max_tokens"), Some((Kind::Token, Number::Many)));
        assert_eq!(names.kind("pässword".as_bytes()), None);
    }
}
