//! How deep and how wide the fields that a person gives may be.
//!
//! Invariant: nothing here recurses, not even to drop what is too deep.

use std::mem;

use serde_json::{Map, Value as Json};

/// Lists and maps inside of one another, at most.
pub(crate) const DEPTH: usize = 8;
/// Entries of a list or a map, at most.
pub(crate) const BREADTH: usize = 64;
/// Put in the place of what is too deep.
const CUT: &str = "...";

/// Cuts what is too deep or too wide; tells whether something was.
pub(crate) fn prune(value: &mut Json) -> bool {
    let mut cut = false;
    let mut left = vec![(value, 1_usize)];
    while let Some((value, depth)) = left.pop() {
        let nested = matches!(value, Json::Array(_) | Json::Object(_));
        if nested && depth > DEPTH {
            dismantle(mem::replace(value, CUT.into()));
            cut = true;
            continue;
        }
        let next = depth.saturating_add(1);
        match value {
            Json::Array(items) => {
                cut |= items.len() > BREADTH;
                items.drain(BREADTH.min(items.len())..).for_each(dismantle);
                left.extend(items.iter_mut().map(|item| (item, next)));
            }
            Json::Object(map) => {
                if map.len() > BREADTH {
                    cut = true;
                    narrow(map);
                }
                left.extend(map.values_mut().map(|value| (value, next)));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    cut
}

/// Keeps the first entries of a map.
fn narrow(map: &mut Map<String, Json>) {
    let mut entries = mem::take(map).into_iter();
    map.extend(entries.by_ref().take(BREADTH));
    entries.for_each(|(_, value)| dismantle(value));
}

/// Drops a value part by part: dropped as a whole, a deep one overflows the stack.
pub(crate) fn dismantle(value: Json) {
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        match value {
            Json::Array(items) => left.extend(items),
            Json::Object(map) => left.extend(map.into_iter().map(|(_, value)| value)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BREADTH, DEPTH, prune};
    use serde_json::{Value as Json, json};

    #[test]
    fn f086_what_is_nested_too_deep_or_too_wide_is_cut_without_recursion() {
        let mut chain = json!("bottom");
        for _ in 0..1_000_000 {
            chain = Json::Array(vec![chain]);
        }
        assert!(prune(&mut chain));
        let expected = (0..DEPTH).fold(json!("..."), |inner, _| Json::Array(vec![inner]));
        assert_eq!(chain, expected);
        let mut wide: Json = (0..100_000).collect();
        assert!(prune(&mut wide));
        assert_eq!(wide.as_array().unwrap().len(), BREADTH);
        let mut map: Json =
            json!({ "m": Json::Object((0..100_000).map(|n| (n.to_string(), n.into())).collect()) });
        assert!(prune(&mut map) && map["m"].as_object().unwrap().len() == BREADTH);
        // Twin: what is neither stays as it is.
        let mut fits = (1..DEPTH).fold(json!([7]), |inner, _| json!({ "a": inner }));
        let before = fits.clone();
        assert!(!prune(&mut fits) && fits == before);
    }
}
