//! Links in a body: URLs with the names of values in braces, checked before the first incident.
//!
//! Pure. Invariants: a value is no more of a link than a value, whatever is in it, and never its
//! host; what is not whole is no link; an error shows no URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Links of a builder, at most.
pub(crate) const LINKS: usize = 8;
/// Characters of a link's name, at most.
const NAME: usize = 32;
/// Bytes of a template, of a value in it, and of a link.
const TEMPLATE: usize = 512;
const VALUE: usize = 256;
const LINK: usize = 1024;

/// The values that a body has one of.
const VALUES: [&str; 14] = [
    "environment",
    "first",
    "first_ms",
    "host",
    "last",
    "last_ms",
    "level",
    "location",
    "service",
    "span_id",
    "target",
    "title",
    "trace_id",
    "version",
];
/// Those that have no value without the other layer.
const TRACES: [&str; 2] = ["trace_id", "span_id"];
/// What else is one: the fields of the event and of its spans.
const FIELDS: [&str; 2] = ["fields.", "span.fields."];

/// What stays as it is in a value.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with names in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(String),
}

/// What is wrong with a template or a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLink {
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Template {
    /// `shown` shows what was found of a text that may be anything.
    pub(crate) fn parse(text: &str, shown: fn(&str) -> String) -> Result<Self, BadLink> {
        let fail = |expected: &str, found: String| BadLink { expected: expected.to_owned(), found };
        if text.len() > TEMPLATE {
            return Err(fail("a URL of 512 bytes at most", format!("{} bytes", text.len())));
        }
        let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
        else {
            return Err(fail("an https or http URL", "another text".to_owned()));
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains(['{', '}']) {
            return Err(fail("placeholders behind the host", "one in it".to_owned()));
        }
        // A URL parser would take what comes next for it.
        if host.is_empty() {
            return Err(fail("a host behind the two slashes", "none".to_owned()));
        }
        let pieces = pieces(text, shown)?;
        let example = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Value(_) => "x",
        });
        let example = example.collect::<String>();
        let odd = |c: char| c.is_whitespace() || c.is_control();
        match reqwest::Url::parse(&example) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Err(fail("a URL without a user or a password", "one with".to_owned()))
            }
            Ok(_) if !text.contains(odd) => Ok(Self(pieces)),
            _ => Err(fail("a URL", "what can't be read as one".to_owned())),
        }
    }

    /// What is in it beside values.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Value(_) => None,
        })
    }

    /// The link, if all its values are there and it is not too long.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut link = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => link.push_str(text),
                Piece::Value(name) => {
                    // A browser takes the dots for a way up, however they are written.
                    let no_value = |value: &String| matches!(value.as_str(), "" | "." | "..");
                    let value = value(name).filter(|value| !no_value(value))?;
                    let value = crate::fields::head(&value, VALUE);
                    link.extend(utf8_percent_encode(value, &ESCAPED));
                }
            }
        }
        (link.len() <= LINK).then_some(link)
    }
}

fn pieces(text: &str, shown: fn(&str) -> String) -> Result<Vec<Piece>, BadLink> {
    let at = |rest: &str| {
        let before = text.len().saturating_sub(rest.len());
        text.get(..before).map_or(0, |before| before.chars().count()).saturating_add(1)
    };
    let lone = |rest: &str| BadLink {
        expected: "each { with its }, and %7B and %7D for braces of the URL itself".to_owned(),
        found: format!("one alone at character {}", at(rest)),
    };
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once('{') {
        if before.contains('}') {
            return Err(lone(rest.trim_start_matches(|c| c != '}')));
        }
        let here = rest.trim_start_matches(|c| c != '{');
        let (name, behind) = behind.split_once('}').ok_or_else(|| lone(here))?;
        if !is_known(name) {
            let found = format!("{} at character {}", shown(name), at(here));
            return Err(BadLink { expected: known(), found });
        }
        if !cfg!(feature = "opentelemetry") && TRACES.contains(&name) {
            let expected = "the feature opentelemetry for trace_id and span_id".to_owned();
            return Err(BadLink { expected, found: "none".to_owned() });
        }
        pieces.extend([Piece::Text(before.to_owned()), Piece::Value(name.to_owned())]);
        rest = behind;
    }
    if rest.contains('}') {
        return Err(lone(rest.trim_start_matches(|c| c != '}')));
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

fn is_known(name: &str) -> bool {
    let field = FIELDS.iter().find_map(|fields| name.strip_prefix(fields));
    let plain = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
    VALUES.contains(&name)
        || field.is_some_and(|field| !field.is_empty() && field.chars().all(plain))
}

fn known() -> String {
    let fields = FIELDS.map(|fields| format!("{fields}…"));
    format!("a placeholder of {}, {}", VALUES.join(", "), fields.join(" and "))
}

/// What is wrong with the name of a link, if anything is: it is a key of the body.
pub(crate) fn bad_name(name: &str, shown: fn(&str) -> String) -> Option<BadLink> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_good = (1..=NAME).contains(&name.len()) && name.chars().all(plain);
    let expected = "a name of 1 to 32 of a to z, 0 to 9 and _";
    (!is_good).then(|| BadLink { expected: expected.to_owned(), found: shown(name) })
}

#[cfg(test)]
mod tests;
