//! What must not leave the process: our own tokens, the values of listed names, and texts that
//! look like secrets.
//!
//! Invariants: redacting comes before titles and before cutting, so that no cut leaves half a
//! secret behind; one pass over a text, in time that grows with it and no faster; nothing is
//! allocated when there is nothing to remove, and no more than a reused buffer once holds when
//! there is; redacting again changes nothing.

use serde_json::{Map, Value as Json};

use crate::{
    capture::{
        pool::Pool,
        redact::{
            names::{Kind, Names, Number},
            scan::Scan,
            text::Text,
        },
    },
    fields::{Taken, head},
    webhook::{LONGEST_TOKEN, Tokens},
};
pub(crate) use clean::Clean;
pub(crate) use names::{ADDED_LENGTH, ADDED_NAMES, letters};

mod cards;
mod clean;
mod event;
mod keys;
mod names;
mod scan;
mod text;
mod trail;
mod urls;
mod values;

/// Put in the place of a secret.
pub(crate) const PLACEHOLDER: &str = "[redacted]";
/// Fields that a program may leave open when all others are hidden.
pub(crate) const OPEN_FIELDS: usize = 128;
/// Bytes that have to be known of a text beyond those that are kept of it, so that what begins
/// before a cut is recognised.
pub(crate) const LOOK_AHEAD: usize = 2 * LONGEST_TOKEN;

/// Numbers in a list that are the bytes of a secret rather than a few counts.
const BYTES: usize = 7;

/// What is redacted beside our own tokens.
#[derive(Clone, Debug, Default)]
pub(crate) enum Redaction {
    /// What looks like a secret, and the values of names that are listed, here or in
    /// [`names`].
    #[default]
    On,
    /// And the values of all fields but these.
    AllBut(Vec<String>),
    Off,
}

/// Removes secrets from texts and fields.
#[derive(Debug)]
pub(crate) struct Scrubber {
    tokens: Tokens,
    redaction: Redaction,
    names: Names,
    /// Names that are not listed.
    open: Clean,
    /// What events were captured in.
    pool: Pool,
}

/// What becomes of the value of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    /// It is a text like any other.
    Open,
    /// It is hidden if it looks like what such a name has.
    Listed(Listed),
    /// It is hidden, whatever it is.
    Hidden,
}

/// That a name is listed, and what its values look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed(Kind, Number);

impl Default for Scrubber {
    fn default() -> Self {
        Self::new(Tokens::default(), Redaction::default(), &[])
    }
}

impl Scrubber {
    /// `added`: names beside the listed ones.
    pub(crate) fn new(tokens: Tokens, redaction: Redaction, added: &[String]) -> Self {
        Self {
            tokens,
            redaction,
            names: Names::new(added),
            open: Clean::default(),
            pool: Pool::default(),
        }
    }

    /// Whether a number in a message may be one of our own tokens.
    pub(crate) fn has_number(&self) -> bool {
        self.tokens.are_digits()
    }

    /// Where buffers are for what is to be [redacted](crate::incident::Redact).
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What becomes of the value of a field with this name.
    pub(crate) fn verdict(&self, name: &str) -> Verdict {
        match &self.redaction {
            Redaction::Off => Verdict::Open,
            Redaction::AllBut(open) if open.iter().any(|open| open == name) => Verdict::Open,
            Redaction::AllBut(_) => Verdict::Hidden,
            Redaction::On => match self.names.kind(name.as_bytes()) {
                Some((kind, number)) => Verdict::Listed(Listed(kind, number)),
                None => Verdict::Open,
            },
        }
    }

    /// As [`verdict`](Scrubber::verdict), of a name that is a constant of the program.
    pub(crate) fn verdict_of(&self, name: &'static str) -> Verdict {
        let mut verdict = Verdict::Open;
        self.open.is(name, || {
            verdict = self.verdict(name);
            matches!(verdict, Verdict::Open)
        });
        verdict
    }

    /// Removes secrets from `text`, from byte `from` on, and cuts what is there to `cap` bytes.
    /// Beyond the cap there have to be [`LOOK_AHEAD`] bytes, or all there is.
    pub(crate) fn scrub(&self, text: &mut String, from: usize, cap: usize) -> Taken {
        let captured = text.len().saturating_sub(from);
        let has_token = self.tokens.scrub(text, from);
        let left = text.len().saturating_sub(from);
        // What came nearer by that was not looked beyond.
        let shrunk = captured.saturating_sub(left);
        let whole = captured < cap.saturating_add(LOOK_AHEAD);
        let cap = if captured > cap { cap.saturating_sub(shrunk) } else { cap };
        let end = text.len();
        let keep = from.saturating_add(head(text.get(from..).unwrap_or(""), cap).len());
        let mut taken = Taken { cut: keep < end, redacted: u32::from(has_token) };
        if matches!(self.redaction, Redaction::Off) {
            text.truncate(keep);
            return taken;
        }
        let (mut scan, mut copied) = (Scan::new(&self.names), from);
        loop {
            let bytes = text.as_bytes().get(from..end).unwrap_or_default();
            let Some(found) = scan.next(Text { bytes, whole }) else { break };
            let start = from.saturating_add(found.start);
            if start >= keep {
                break;
            }
            // What is left is written behind what is read, so that one copy of each is enough.
            text.extend_from_within(copied..start);
            text.push_str(PLACEHOLDER);
            copied = from.saturating_add(found.end);
            taken.redacted = taken.redacted.saturating_add(1);
        }
        if copied > from {
            text.extend_from_within(copied.min(keep)..keep);
            text.drain(from..end);
            let kept = head(text.get(from..).unwrap_or(""), cap).len();
            text.truncate(from.saturating_add(kept));
        } else {
            text.truncate(keep);
        }
        taken
    }

    /// Whether nothing of a text would be redacted.
    pub(crate) fn is_clean(&self, text: &str) -> bool {
        let looks = !matches!(self.redaction, Redaction::Off);
        let text_of = Text { bytes: text.as_bytes(), whole: true };
        let secret = || looks && Scan::new(&self.names).next(text_of).is_some();
        !(self.tokens.are_in(text) || secret())
    }

    /// Redacts a text as a whole: all of it is there, and all that is left is kept.
    pub(crate) fn scrub_all(&self, text: &mut String) -> u32 {
        self.scrub(text, 0, usize::MAX).redacted
    }

    /// Redacts the fields that a person gives, which are not nested deeply; tells how many values.
    pub(crate) fn scrub_fields(&self, fields: &mut Map<String, Json>) -> u32 {
        let mut redacted = self.scrub_names(fields);
        let top = fields.iter_mut().map(|(name, value)| (self.verdict(name), value));
        let mut left: Vec<(Verdict, &mut Json)> = top.collect();
        while let Some((verdict, value)) = left.pop() {
            redacted = redacted.saturating_add(self.scrub_value(verdict, value));
            match value {
                Json::Array(items) => left.extend(items.iter_mut().map(|item| (verdict, item))),
                Json::Object(fields) => {
                    redacted = redacted.saturating_add(self.scrub_names(fields));
                    let nested = fields.iter_mut();
                    left.extend(nested.map(|(name, value)| (self.nested(name, verdict), value)));
                }
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            }
        }
        redacted
    }

    /// As [`verdict`](Scrubber::verdict), of a name inside of a field that was not hidden: in
    /// `credentials` and the like all is listed.
    fn nested(&self, name: &str, outer: Verdict) -> Verdict {
        match &self.redaction {
            Redaction::Off => return Verdict::Open,
            Redaction::AllBut(open) if open.iter().any(|open| open == name) => return outer,
            Redaction::AllBut(_) | Redaction::On => {}
        }
        let listed = self.names.kind(name.as_bytes());
        listed.map_or(outer, |(kind, number)| Verdict::Listed(Listed(kind, number)))
    }

    fn scrub_value(&self, verdict: Verdict, value: &mut Json) -> u32 {
        let hidden = match (verdict, &mut *value) {
            (Verdict::Hidden, _) => true,
            (Verdict::Open, Json::String(text)) => return self.scrub_all(text),
            (Verdict::Listed(listed), Json::String(text)) => {
                if !listed.hides(text) {
                    return self.scrub_all(text);
                }
                true
            }
            (Verdict::Listed(listed), Json::Number(number)) => {
                number.as_u64().is_some_and(|number| listed.hides_number(number))
            }
            // The bytes of a key.
            (Verdict::Listed(_), Json::Array(items)) => {
                items.len() > BYTES && items.iter().all(Json::is_number)
            }
            _ => false,
        };
        if hidden {
            *value = PLACEHOLDER.into();
        }
        u32::from(hidden)
    }

    /// Secrets may be names, too: of a map from tokens to users, say.
    fn scrub_names(&self, fields: &mut Map<String, Json>) -> u32 {
        let mut redacted = 0;
        let names: Vec<String> = fields.keys().cloned().collect();
        for name in names {
            let mut clean = name.clone();
            if self.scrub_all(&mut clean) > 0
                && let Some(value) = fields.remove(&name)
            {
                redacted = u32::saturating_add(redacted, 1);
                fields.insert(clean, value);
            }
        }
        redacted
    }
}

impl Listed {
    /// Whether a text is a secret.
    pub(crate) fn hides(self, text: &str) -> bool {
        values::is_secret(text, (self.0, self.1))
    }

    /// Whether a number is: a PIN, and no count.
    pub(crate) fn hides_number(self, number: u64) -> bool {
        let digits = number.checked_ilog10().unwrap_or(0).saturating_add(1);
        values::is_secret_number(usize::try_from(digits).unwrap_or(0), (self.0, self.1))
    }
}

#[cfg(test)]
mod tests;
