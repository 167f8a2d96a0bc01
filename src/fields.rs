//! Captured fields, compactly: one text buffer, one list, and one buffer for what spans have kept,
//! so that a set of fields is three allocations at most and none when a scratch set is reused.
//!
//! One set can hold an event's fields and, behind a [`Value::Span`] each, its spans' fields.
//! Invariants: no section has more than [`FIELD_CAP`] fields, but for what a span has kept; none
//! begins past [`SET_CAP`] bytes of a set; what was left out is counted.
//! Formats nothing itself.

use std::fmt;

use tracing::Metadata;

/// Longest text of one field, in bytes.
pub(crate) const TEXT_CAP: usize = 2 * 1024;
/// Most fields of one event or span.
pub(crate) const FIELD_CAP: usize = 64;

/// Most text of one set, with what spans have kept, in bytes: past it fields are left out.
pub(crate) const SET_CAP: usize = 48 * 1024;

/// A captured value. Numbers keep their type; all else is text in the set's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    Text {
        start: u32,
        end: u32,
        cut: bool,
    },
    /// Not a value: a span of this name begins here, and the fields behind it are its own.
    Span,
    /// Not a value either: the fields of the span that begins here, in so many bytes that stand
    /// beside the texts, as [`Kept`](crate::capture::span::kept::Kept) has them.
    Kept {
        meta: &'static Metadata<'static>,
        length: u32,
    },
}

impl Value {
    /// The same, if it is a text as one that was cut.
    pub(crate) fn cut(self) -> Self {
        match self {
            Self::Text { start, end, .. } => Self::Text { start, end, cut: true },
            plain => plain,
        }
    }
}

/// What was done to a text when it was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) cut: bool,
    /// Secrets that were replaced.
    pub(crate) redacted: u32,
}

impl From<bool> for Taken {
    /// Of a text that was cut, or was not.
    fn from(cut: bool) -> Self {
        Self { cut, redacted: 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
}

/// A set of captured fields in the order in which they were recorded.
#[derive(Default)]
pub(crate) struct Fields {
    text: String,
    kept: Vec<u8>,
    list: Vec<Field>,
    /// Where the current section begins in `list`.
    section: usize,
    omitted: u32,
    redacted: u32,
}

impl fmt::Debug for Fields {
    /// How many there are: their texts may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, kept, list, .. } = self;
        let bytes = text.len().saturating_add(kept.len());
        write!(f, "Fields({} in {bytes} bytes)", list.len())
    }
}

impl Clone for Fields {
    /// An exact copy without spare room: at most three allocations.
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.copy_from(self);
        copy
    }
}

impl Fields {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.kept.clear();
        self.list.clear();
        self.section = 0;
        self.omitted = 0;
        self.redacted = 0;
    }

    /// Becomes a copy of another, in its own buffers.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let Self { text, kept, list, section, omitted, redacted } = self;
        text.clear();
        text.reserve_exact(other.text.len());
        text.push_str(&other.text);
        kept.clear();
        kept.reserve_exact(other.kept.len());
        kept.extend_from_slice(&other.kept);
        list.clear();
        list.reserve_exact(other.list.len());
        list.extend_from_slice(&other.list);
        (*section, *omitted, *redacted) = (other.section, other.omitted, other.redacted);
    }

    /// What its buffers have room for, in bytes.
    pub(crate) fn room(&self) -> usize {
        let bytes = self.text.capacity().saturating_add(self.kept.capacity());
        bytes.saturating_add(self.list.capacity().saturating_mul(size_of::<Field>()))
    }

    /// What the set holds, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let bytes = self.text.len().saturating_add(self.kept.len());
        bytes.saturating_add(self.list.len().saturating_mul(size_of::<Field>()))
    }

    /// How many fields were left out because there were too many.
    pub(crate) fn omitted(&self) -> u32 {
        self.omitted
    }

    /// How many secrets were replaced in its texts.
    pub(crate) fn redacted(&self) -> u32 {
        self.redacted
    }

    /// Counts secrets that were replaced elsewhere.
    pub(crate) fn add_redacted(&mut self, redacted: u32) {
        self.redacted = self.redacted.saturating_add(redacted);
    }

    /// Whether another field fits into the section; when not, it is counted as left out.
    fn admits(&mut self) -> bool {
        let fits = self.list.len().saturating_sub(self.section) < FIELD_CAP && self.left() > 0;
        if !fits {
            self.omitted = self.omitted.saturating_add(1);
        }
        fits
    }

    pub(crate) fn push(&mut self, name: &'static str, value: Value) {
        if self.admits() {
            self.list.push(Field { name, value });
        }
    }

    /// Begins the section of a span.
    pub(crate) fn push_span(&mut self, name: &'static str) {
        self.list.push(Field { name, value: Value::Span });
        self.section = self.list.len();
    }

    /// Bytes before which another field may begin.
    pub(crate) fn left(&self) -> usize {
        SET_CAP.saturating_sub(self.text.len()).saturating_sub(self.kept.len())
    }

    /// Takes over what a span has kept, as it is; no field of it begins past what is
    /// [left](Self::left).
    pub(crate) fn push_kept(&mut self, meta: &'static Metadata<'static>, bytes: &[u8]) {
        if let Ok(length) = u32::try_from(bytes.len()) {
            self.kept.extend_from_slice(bytes);
            self.list.push(Field { name: meta.name(), value: Value::Kept { meta, length } });
        }
    }

    /// What spans have kept, one behind the other.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// Counts fields that were left out elsewhere.
    pub(crate) fn add_omitted(&mut self, omitted: u32) {
        self.omitted = self.omitted.saturating_add(omitted);
    }

    /// A text that `write` writes to the end of the buffer it is given, telling what was done to
    /// it. Also for texts that are no field, such as the message.
    pub(crate) fn text_value<T: Into<Taken>>(
        &mut self,
        write: impl FnOnce(&mut String) -> T,
    ) -> Value {
        let start = self.text.len();
        let Taken { cut, redacted } = write(&mut self.text).into();
        self.add_redacted(redacted);
        match (u32::try_from(start), u32::try_from(self.text.len())) {
            (Ok(start), Ok(end)) => Value::Text { start, end, cut },
            _ => Value::Text { start: 0, end: 0, cut: true },
        }
    }

    /// The first bytes of a text value as a value of its own.
    pub(crate) fn head_of(value: Value, length: usize) -> Value {
        match value {
            Value::Text { start, end, cut } => {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                Value::Text { start, end: start.saturating_add(length).min(end), cut }
            }
            plain => plain,
        }
    }

    /// Appends a text field, written as [`text_value`](Fields::text_value) says.
    pub(crate) fn push_text<T: Into<Taken>>(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut String) -> T,
    ) {
        if self.admits() {
            let value = self.text_value(write);
            self.list.push(Field { name, value });
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Field> + '_ {
        self.list.iter().copied()
    }

    /// The text of a text value; nothing for a number.
    pub(crate) fn text(&self, value: Value) -> &str {
        match value {
            Value::Text { start, end, .. } => slice(&self.text, start, end),
            Value::Bool(_) | Value::I64(_) | Value::U64(_) | Value::F64(_) => "",
            Value::Span | Value::Kept { .. } => "",
        }
    }
}

/// The longest head of `text` of at most `cap` bytes that ends between two characters.
pub(crate) fn head(text: &str, cap: usize) -> &str {
    if text.len() <= cap {
        return text;
    }
    // `str::floor_char_boundary` would do; it is newer than the oldest supported Rust.
    let end = (0..=cap.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

fn slice(text: &str, start: u32, end: u32) -> &str {
    text.get(start as usize..end as usize).unwrap_or("")
}

#[cfg(test)]
mod tests;
