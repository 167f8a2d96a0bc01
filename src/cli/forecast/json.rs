//! A line as `fmt().json()` writes it, flattened or not.
//!
//! Invariants: what is borrowed is not copied; the order of the fields is that of the line, which
//! is that of the event.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    line::{Event, Span, Value, level},
    time,
};

/// Fields of an event or a span that are read; the layer itself keeps fewer.
const FIELDS: usize = 256;
/// Spans that are read.
const SPANS: usize = 64;

pub(super) fn read(line: &str) -> serde_json::Result<Event<'_>> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let event = reader.deserialize_map(Whole)?;
    reader.end()?;
    Ok(event)
}

/// The object of a line.
struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Event<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of tracing")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event<'de>, A::Error> {
        let mut event = Event::default();
        let mut leaf = None;
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "timestamp" => event.time = map.next_value::<Value<'_>>()?.time(),
                "level" => event.level = map.next_value::<Value<'_>>()?.level(),
                "target" => event.target = map.next_value::<Value<'_>>()?.into_text(),
                "filename" => event.file = Some(map.next_value::<Value<'_>>()?.into_text()),
                "line_number" => event.line = map.next_value::<Value<'_>>()?.number(),
                "fields" => event.fields.extend(map.next_value_seed(FieldsOf)?.fields),
                "span" => leaf = Some(map.next_value_seed(FieldsOf)?),
                "spans" => event.spans = map.next_value_seed(SpansOf)?,
                "threadName" | "threadId" => drop(map.next_value::<IgnoredAny>()?),
                _ if event.fields.len() < FIELDS => {
                    let value = map.next_value()?;
                    event.fields.push((key, value));
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        // Without the list there is the leaf alone.
        if event.spans.is_empty() {
            event.spans.extend(leaf);
        }
        Ok(event)
    }
}

/// An object of fields: those of an event, or of a span with its name.
struct FieldsOf;

impl<'de> DeserializeSeed<'de> for FieldsOf {
    type Value = Span<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Span<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldsOf {
    type Value = Span<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Span<'de>, A::Error> {
        let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(4).min(FIELDS));
        while let Some(Text(key)) = map.next_key()? {
            if fields.len() < FIELDS {
                fields.push((key, map.next_value()?));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        // It comes last, as the name of the span behind a field that has the same.
        let name = fields.iter().rev().find_map(|(key, value)| match value {
            Value::Text(text) if key == "name" => Some(text.clone()),
            _ => None,
        });
        Ok(Span { name: name.unwrap_or_default(), fields })
    }
}

/// The list of spans, from the root.
struct SpansOf;

impl<'de> DeserializeSeed<'de> for SpansOf {
    type Value = Vec<Span<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SpansOf {
    type Value = Vec<Span<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut spans = Vec::new();
        while let Some(span) = list.next_element_seed(FieldsOf)? {
            if spans.len() < SPANS {
                spans.push(span);
            }
        }
        Ok(spans)
    }
}

/// A text that is borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("expected a text")),
        }
    }
}

impl<'a> Value<'a> {
    fn time(&self) -> Option<i64> {
        match self {
            Self::Text(text) => time::read(text).map(|(time, _)| time),
            _ => None,
        }
    }

    fn level(&self) -> Option<tracing::Level> {
        match self {
            Self::Text(text) => level(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<u32> {
        match self {
            Self::U64(number) => u32::try_from(*number).ok(),
            _ => None,
        }
    }

    fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            _ => Cow::Borrowed(""),
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::I64(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::U64(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::F64(value))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Other("null".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("[…]".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Other("{…}".to_owned()))
    }
}
