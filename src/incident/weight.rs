//! What an op holds in memory, and the fields of one that a person describes, of which there is
//! only so much.
//!
//! Invariant: nothing here recurses; a value may be nested as deeply as it likes.

use serde_json::{Map, Value as Json};

use super::nested::prune;
use crate::{
    fields::FIELD_CAP,
    incident::{Detail, Op},
};

/// Most that the fields of an [`Incident`](crate::Incident) weigh, in bytes.
pub(crate) const MANUAL_CAP: usize = 48 * 1024;
/// A JSON value, and a field's name, beside their text.
const NODE: usize = size_of::<Json>();
const NAME: usize = size_of::<String>();

/// The fields that a person gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manual {
    map: Map<String, Json>,
    weight: usize,
    omitted: u64,
    redacted: u32,
    cut: bool,
}

impl Manual {
    /// Takes a field, unless it is too much.
    pub(crate) fn insert(&mut self, name: String, mut value: Json) {
        self.cut |= prune(&mut value);
        let field = |name: &str, value| NAME.saturating_add(name.len()).saturating_add(json(value));
        let known = self.map.get(&name).map_or(0, |value| field(&name, value));
        let weight = self.weight.saturating_sub(known).saturating_add(field(&name, &value));
        let full = self.map.len() >= FIELD_CAP && !self.map.contains_key(&name);
        if full || weight > MANUAL_CAP {
            self.omitted = self.omitted.saturating_add(1);
        } else {
            self.weight = weight;
            self.map.insert(name, value);
        }
    }

    pub(crate) fn map(&self) -> &Map<String, Json> {
        &self.map
    }

    /// Lets `redact` replace what must not leave the process, and count it.
    pub(crate) fn redact(&mut self, redact: impl FnOnce(&mut Map<String, Json>) -> u32) {
        self.redacted = redact(&mut self.map);
    }

    /// How many secrets were replaced.
    pub(crate) fn redacted(&self) -> u32 {
        self.redacted
    }

    /// Whether some value was too deep or too wide.
    pub(crate) fn cut(&self) -> bool {
        self.cut
    }

    /// How many were too much.
    pub(crate) fn omitted(&self) -> u64 {
        self.omitted
    }
}

impl Op {
    /// What it holds, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let detail = match &self.detail {
            Detail::Raw(event) => {
                let trail = event.trail.as_ref().map_or(0, |trail| trail.weight());
                trail.saturating_add(event.fields.weight()).saturating_add(event.notes.weight())
            }
            Detail::Event(event) => {
                let fields = event.fields.weight().saturating_add(event.notes.weight());
                texts(&event.trail).saturating_add(fields)
            }
            Detail::Manual(fields) => fields.weight,
            Detail::Storm(storm) => texts(&storm.sample),
            Detail::Quiet => 0,
            Detail::Stored(body) => map(body),
        };
        size_of::<Op>().saturating_add(self.title.len()).saturating_add(detail)
    }
}

fn texts(list: &[String]) -> usize {
    list.iter().map(|text| NAME.saturating_add(text.len())).fold(0, usize::saturating_add)
}

fn map(fields: &Map<String, Json>) -> usize {
    let field = |(name, value): (&String, &Json)| {
        NAME.saturating_add(name.len()).saturating_add(json(value))
    };
    fields.iter().map(field).fold(0, usize::saturating_add)
}

fn json(value: &Json) -> usize {
    let (mut weight, mut left) = (0_usize, vec![value]);
    while let Some(value) = left.pop() {
        let text = match value {
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            Json::String(text) => text.len(),
            Json::Array(items) => {
                left.extend(items);
                0
            }
            Json::Object(fields) => {
                left.extend(fields.values());
                let names = fields.keys().map(|name| NAME.saturating_add(name.len()));
                names.fold(0, usize::saturating_add)
            }
        };
        weight = weight.saturating_add(NODE).saturating_add(text);
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::{MANUAL_CAP, Manual, NODE};
    use serde_json::{Value as Json, json};

    #[test]
    fn fields_are_taken_until_they_weigh_too_much_and_the_rest_is_counted() {
        let mut fields = Manual::default();
        for field in 0..100 {
            fields.insert(format!("{field}"), "x".repeat(1024).into());
        }
        let taken = fields.map().len();
        assert!((40..48).contains(&taken) && fields.omitted() == 100 - taken as u64);
        assert!(fields.weight <= MANUAL_CAP);
        // A field in the place of another: only the difference counts.
        for _ in 0..100 {
            fields.insert("0".to_owned(), "y".repeat(1024).into());
        }
        assert_eq!(
            (fields.omitted(), &fields.map()["0"]),
            (100 - taken as u64, &json!("y".repeat(1024)))
        );
    }

    #[test]
    fn nested_values_weigh_as_much_as_they_hold() {
        let mut fields = Manual::default();
        let list = |of: Json| Json::Array(vec![of; 8]);
        fields.insert("deep".to_owned(), list(list(list(Json::Null))));
        assert!((500 * NODE..MANUAL_CAP).contains(&fields.weight) && !fields.cut());
        fields.insert("wide".to_owned(), json!({ "a": [1, 2, { "b": "x".repeat(47_000) }] }));
        assert_eq!(fields.omitted(), 1);
    }

    #[test]
    fn f085_fields_beyond_the_cap_are_left_out_and_counted() {
        let mut fields = Manual::default();
        (0..10_000).for_each(|field| fields.insert(format!("{field}"), field.into()));
        assert_eq!((fields.map().len(), fields.omitted()), (64, 10_000 - 64));
    }
}
