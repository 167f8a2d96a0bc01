//! The fields of a span, or of an event that is recorded, one behind the other: its number in the
//! list of fields, what it is, and its value.
//!
//! Invariants: a span whose fields are short takes one allocation, with what keeps it; any other
//! two. What is left out is counted.

use std::fmt;

use tracing::Metadata;

use crate::fields::{Fields, SET_CAP, Value};

/// Bytes of fields that are kept in place.
const SHORT: usize = 80;

/// The fields of one span or event.
pub(crate) struct Kept {
    meta: &'static Metadata<'static>,
    omitted: u32,
    length: usize,
    short: [u8; SHORT],
    /// All of them, once there are more.
    long: Vec<u8>,
}

/// What a field is.
const BOOL: u8 = 0;
const I64: u8 = 1;
const U64: u8 = 2;
const F64: u8 = 3;
const TEXT: u8 = 4;

/// A value as it is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Item<'a> {
    Plain(Value),
    Text(&'a str),
}

impl fmt::Debug for Kept {
    /// How many bytes there are: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} bytes)", self.length)
    }
}

impl Kept {
    pub(crate) fn new(meta: &'static Metadata<'static>) -> Self {
        Self { meta, omitted: 0, length: 0, short: [0; SHORT], long: Vec::new() }
    }

    /// Begins anew in the same memory, with the fields of another.
    pub(crate) fn begin(&mut self, meta: &'static Metadata<'static>) {
        (self.meta, self.omitted, self.length) = (meta, 0, 0);
        self.long.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0 && self.omitted == 0
    }

    /// Takes a field.
    #[inline]
    pub(crate) fn push(&mut self, index: usize, item: Item<'_>) {
        let Ok(index) = u8::try_from(index) else { return self.omit() };
        match item {
            Item::Plain(Value::Bool(value)) => self.append(&[index, BOOL, u8::from(value)]),
            Item::Plain(Value::I64(value)) => self.number(index, I64, value.to_le_bytes()),
            Item::Plain(Value::U64(value)) => self.number(index, U64, value.to_le_bytes()),
            Item::Plain(Value::F64(value)) => self.number(index, F64, value.to_le_bytes()),
            Item::Plain(Value::Text { .. } | Value::Span | Value::Kept { .. }) => self.omit(),
            Item::Text(text) => match u16::try_from(text.len()) {
                Ok(length) if self.length < SET_CAP => {
                    let [low, high] = length.to_le_bytes();
                    self.append(&[index, TEXT, low, high]);
                    self.append(text.as_bytes());
                }
                _ => self.omit(),
            },
        }
    }

    #[inline]
    fn number(&mut self, index: u8, kind: u8, value: [u8; 8]) {
        let [a, b, c, d, e, f, g, h] = value;
        self.append(&[index, kind, a, b, c, d, e, f, g, h]);
    }

    fn omit(&mut self) {
        self.omitted = self.omitted.saturating_add(1);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        match self.short.get_mut(self.length..end) {
            Some(room) if self.long.is_empty() => room.copy_from_slice(bytes),
            _ => {
                if self.long.is_empty() {
                    self.long.extend(self.short.iter().take(self.length));
                }
                self.long.extend_from_slice(bytes);
            }
        }
        self.length = end;
    }

    /// The fields, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Item<'_>)> {
        read(self.meta, self.bytes())
    }

    /// The fields as they lie in memory.
    pub(crate) fn bytes(&self) -> &[u8] {
        let bytes = if self.long.is_empty() { &self.short[..] } else { &self.long };
        bytes.get(..self.length).unwrap_or_default()
    }

    fn items(&self) -> Items<'_> {
        Items(self.bytes())
    }

    /// Takes over `newer`, field by field: one that was there is replaced.
    pub(super) fn merge(&mut self, newer: Self) {
        let old = std::mem::replace(self, newer);
        let mut seen = [false; u8::MAX as usize + 1];
        for (index, _) in self.items() {
            if let Some(seen) = seen.get_mut(usize::from(index)) {
                *seen = true;
            }
        }
        self.omitted = self.omitted.saturating_add(old.omitted);
        for (index, item) in old.items() {
            if !seen.get(usize::from(index)).is_some_and(|seen| *seen) {
                self.push(usize::from(index), item);
            }
        }
    }

    /// Appends them to those of an event, as they are, as far as there is room.
    pub(super) fn append_to(&self, fields: &mut Fields) {
        let (bytes, left) = (self.bytes(), fields.left());
        let (fits, left_out) = if bytes.len() <= left { (bytes, 0) } else { self.begun(left) };
        fields.push_kept(self.meta, fits);
        fields.add_omitted(self.omitted.saturating_add(left_out));
    }

    /// Those that begin before a place, and how many more there are.
    fn begun(&self, end: usize) -> (&[u8], u32) {
        let bytes = self.bytes();
        let (mut items, mut length, mut left_out) = (self.items(), 0, 0_u32);
        loop {
            let start = bytes.len().saturating_sub(items.0.len());
            if items.next().is_none() {
                return (bytes.get(..length).unwrap_or_default(), left_out);
            }
            if start < end {
                length = bytes.len().saturating_sub(items.0.len());
            } else {
                left_out = left_out.saturating_add(1);
            }
        }
    }
}

/// The fields of which these are the bytes.
pub(crate) fn read<'a>(
    meta: &'static Metadata<'static>,
    bytes: &'a [u8],
) -> impl Iterator<Item = (&'static str, Item<'a>)> {
    Items(bytes).filter_map(|(index, item)| {
        let name = meta.fields().iter().nth(usize::from(index))?.name();
        Some((name, item))
    })
}

/// Reads what was kept.
struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (u8, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[index, kind], rest) = self.0.split_first_chunk()?;
        let number = || rest.split_first_chunk::<8>();
        let (value, rest) = match kind {
            BOOL => {
                let (&value, rest) = rest.split_first()?;
                (Item::Plain(Value::Bool(value != 0)), rest)
            }
            I64 => {
                let (value, rest) = number()?;
                (Item::Plain(Value::I64(i64::from_le_bytes(*value))), rest)
            }
            U64 => {
                let (value, rest) = number()?;
                (Item::Plain(Value::U64(u64::from_le_bytes(*value))), rest)
            }
            F64 => {
                let (value, rest) = number()?;
                (Item::Plain(Value::F64(f64::from_le_bytes(*value))), rest)
            }
            _ => {
                let (length, rest) = rest.split_first_chunk()?;
                let (text, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
                (Item::Text(str::from_utf8(text).ok()?), rest)
            }
        };
        self.0 = rest;
        Some((index, value))
    }
}

#[cfg(test)]
mod tests;
