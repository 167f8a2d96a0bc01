//! One line of a log, as an event of `tracing`.
//!
//! Invariant: whatever the bytes are, the answer is an event, or a word for what else it is.

use std::{borrow::Cow, fmt};

use tracing::Level;

use super::{json, text};

/// What a line is.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Event(Event<'a>),
    /// It begins as JSON and is none.
    Broken,
    /// JSON that is no event of `tracing`, or text without a level.
    Foreign,
}

/// An event, as far as its line tells.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    /// Microseconds since 1970.
    pub(super) time: Option<i64>,
    /// `None`: the line has none, so it is no event.
    pub(super) level: Option<Level>,
    pub(super) target: Cow<'a, str>,
    pub(super) file: Option<Cow<'a, str>>,
    pub(super) line: Option<u32>,
    pub(super) fields: Vec<(Cow<'a, str>, Value<'a>)>,
    /// From the root to the leaf.
    pub(super) spans: Vec<Span<'a>>,
    /// What is a field, and what is message, was guessed.
    pub(super) is_guess: bool,
}

#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Bool(bool),
    I64(i64),
    U64(u64),
    F64(f64),
    /// A list or a map, or `null`; as text, since nothing is made of it.
    Other(String),
}

impl<'a> Event<'a> {
    /// Reads a line without its end. JSON may stand behind a prefix, as containers have it.
    pub(super) fn read(line: &'a str) -> Line<'a> {
        let begins = if line.starts_with('{') { Some(0) } else { line.find("{\"timestamp\":") };
        if let Some(json) = begins.and_then(|begins| line.get(begins..)) {
            return match json::read(json) {
                Ok(event) if event.level.is_some() => Line::Event(event),
                Ok(_) => Line::Foreign,
                Err(_) => Line::Broken,
            };
        }
        text::read(line).map_or(Line::Foreign, Line::Event)
    }

    /// The text of its message.
    pub(super) fn message(&self) -> Option<&str> {
        self.fields.iter().find_map(|(name, value)| match value {
            Value::Text(text) if name == "message" => Some(text.as_ref()),
            _ => None,
        })
    }
}

/// The level that a word names.
pub(super) fn level(word: &str) -> Option<Level> {
    match word {
        "ERROR" => Some(Level::ERROR),
        "WARN" => Some(Level::WARN),
        "INFO" => Some(Level::INFO),
        "DEBUG" => Some(Level::DEBUG),
        "TRACE" => Some(Level::TRACE),
        _ => None,
    }
}

impl Event<'_> {
    /// File and line, hashed; 0 if they are not known.
    pub(super) fn site(&self) -> u64 {
        let (Some(file), Some(line)) = (&self.file, self.line) else { return 0 };
        let hash = twox_hash::XxHash3_64::oneshot_with_seed(u64::from(line), file.as_bytes());
        hash.max(1)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::I64(value) => write!(f, "{value}"),
            Self::U64(value) => write!(f, "{value}"),
            Self::F64(value) => write!(f, "{value}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
