//! What may not be in a body as it is: characters that nobody sees, and that hide, reorder or end
//! lines for who reads it. JSON's escapes would give each of them back.
//!
//! Invariant: what is left are visible characters, white space and line ends; nothing recurses.

use serde_json::{Map, Value as Json};

/// Put in the place of such a character.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Replaces such characters in all texts and names of a body.
pub(super) fn make_visible(body: &mut Map<String, Json>) {
    let mut left: Vec<&mut Json> = Vec::new();
    names(body);
    left.extend(body.values_mut());
    while let Some(value) = left.pop() {
        match value {
            Json::String(text) => {
                if let Some(visible) = visible(text) {
                    *text = visible;
                }
            }
            Json::Array(items) => left.extend(items),
            Json::Object(map) => {
                names(map);
                left.extend(map.values_mut());
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

fn names(map: &mut Map<String, Json>) {
    if map.keys().all(|name| visible(name).is_none()) {
        return;
    }
    let old = std::mem::take(map);
    map.extend(old.into_iter().map(|(name, value)| (visible(&name).unwrap_or(name), value)));
}

/// The text without such characters; `None` if it has none.
fn visible(text: &str) -> Option<String> {
    let tame = |byte: u8| (b' '..0x7f).contains(&byte) || matches!(byte, b'\t' | b'\n' | b'\r');
    if text.bytes().all(tame) {
        return None;
    }
    let (mut found, mut out, mut before) = (false, String::with_capacity(text.len()), ' ');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}');
        // Emoji and scripts other than ours need them, between their own.
        let joined = joins && !before.is_ascii() && chars.peek().is_some_and(|c| !c.is_ascii());
        let hidden = is_hidden(c) || (joins && !joined);
        out.push(if hidden { REPLACEMENT } else { c });
        (found, before) = (found || hidden, c);
    }
    found.then_some(out)
}

fn is_hidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        // Soft hyphen, bidi marks, zero-width space, line and paragraph separators, bidi
        // embeddings and isolates, word joiner and invisible operators, annotations, tags.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn f087_what_nobody_sees_is_replaced_and_all_else_stays() {
        let stays =
            ["", "plain", "a\tb\r\nc", "naïve 漢字 \u{fffd}", "👩\u{200d}👧 می\u{200c}خواهم"];
        for text in stays {
            assert_eq!(visible(text), None, "{text:?}");
        }
        let goes =
            "\0 \u{1b} \u{7f} \u{85} \u{9b} \u{2028} \u{202e} \u{2066} \u{200b} \u{feff} \u{e0041}";
        for c in goes.split(' ') {
            assert_eq!(visible(&format!("a{c}é")).as_deref(), Some("a\u{fffd}é"), "{c:?}");
        }
        assert_eq!(visible("a\u{200d}é").as_deref(), Some("a\u{fffd}é"));
    }
}
