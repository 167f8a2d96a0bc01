//! The dry run: what is printed in the place of what would be sent, for a person at a terminal, or
//! as JSON for whatever reads a pipe.
//!
//! Pure: it makes texts. Invariant: what is printed is what would be sent, with no character in it
//! that a terminal would obey.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::{
    delivery::dry::tally::{Stopped, Tally},
    incident::{Detail, Op, Status},
    stats::Count,
    witness::{Explain, reason, times},
};

pub(crate) mod tally;

/// Widest name of a value of the body beside which the value is written in a column.
const NAMES: usize = 28;

/// What of a body is told first.
const FIRST: [&str; 4] = ["message", "error", "fields", "span"];
/// What of a body is told last, and in a line each.
const IN_A_LINE: [&str; 2] = ["occurrences", "source"];

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A line that says what it is, and JSON.
    Plain,
    /// For a person at a terminal.
    Terminal,
    /// The same, in colour.
    Color,
}

/// What a dry run is printed by.
#[derive(Clone, Debug)]
pub(crate) struct Dry {
    pub(crate) look: Look,
    pub(crate) explain: Arc<dyn Explain>,
    /// What does not go out.
    pub(crate) tally: Arc<Tally>,
}

/// What a payload does not tell of its op.
#[derive(Debug)]
pub(crate) struct About {
    kind: Kind,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Repeat,
    Resolve,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Page => "PAGE",
            Kind::Repeat => "REPEAT",
            Kind::Resolve => "RESOLVE",
        }
    }

    /// Its colour on a terminal: red, yellow, green.
    fn color(self) -> &'static str {
        match self {
            Kind::Page => "31",
            Kind::Repeat => "33",
            Kind::Resolve => "32",
        }
    }
}

impl Dry {
    /// What is told of an op beside its payload.
    pub(crate) fn about(&self, op: &Op) -> About {
        let kind = match op.status {
            Status::Trigger { opening: true } => Kind::Page,
            Status::Trigger { opening: false } => Kind::Repeat,
            Status::Resolve { .. } => Kind::Resolve,
        };
        let why = match &op.detail {
            _ if op.panic => "a panic".to_owned(),
            Detail::Event(_) if kind == Kind::Resolve => "its field spike.status".to_owned(),
            // Of which nothing may be shown; the worker makes an event of it first.
            Detail::Raw(_) => "an event".to_owned(),
            Detail::Event(event) => {
                let target = event.fields.text(event.target);
                self.explain.why(event.level, target, event.callsite)
            }
            Detail::Manual(_) => "by hand, with a Handle".to_owned(),
            Detail::Storm(_) => "more new titles than the budget pays for".to_owned(),
            Detail::Quiet => "it has not occurred for as long as resolve_after says".to_owned(),
            Detail::Stored(_) => "an earlier run has left it".to_owned(),
        };
        About { kind, why }
    }

    /// What is printed of a payload; `place`: where it would go, when there are several.
    pub(crate) fn page(&self, payload: &Json, about: &About, place: Option<&str>) -> String {
        if self.look == Look::Plain {
            let title = payload.get("title").unwrap_or(&Json::Null);
            let verb = if about.kind == Kind::Resolve { "resolve" } else { "trigger" };
            let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
            return format!(
                "tracing-spike: dry run, would {verb} {title}{place} with\n{payload:#}\n"
            );
        }
        let text = |name| payload.get(name).and_then(Json::as_str);
        let body = payload.get("body");
        let grave: Vec<&str> = ["severity", "priority"].into_iter().filter_map(text).collect();
        let located = body.and_then(|body| body.get("location")).and_then(Json::as_str);
        let why = match located {
            Some(place) if about.kind != Kind::Resolve => format!("{} ({place})", about.why),
            _ => about.why.clone(),
        };
        let mut out = String::new();
        let bar = self.paint(about.kind.color(), "▌");
        let head = self.paint(&format!("1;{}", about.kind.color()), about.kind.word());
        // Nobody gets an SMS of what was open already, or is over.
        let named = if about.kind == Kind::Page { "sms" } else { "title" };
        let width = named.len().max("body".len());
        let mut line = |name: &str, text: &str| {
            let name = self.paint("2", &format!("{name:<width$}"));
            let indent = format!("\n{bar} {:width$}  ", "");
            out.push_str(&format!("{bar} {name}  {}\n", text.replace('\n', &indent)));
        };
        line(named, &self.paint("1", &tame(text("title").unwrap_or_default())));
        line("why", &tame(&why));
        place.into_iter().for_each(|place| line("to", place));
        if let Some(body) = body {
            line("body", &self.tree(body));
        }
        format!("{bar} {head}  {}\n{out}", grave.join(" ")).replace("  \n", "\n")
    }

    /// What is printed of what did not go out; nothing if there is nothing.
    pub(crate) fn stopped(&self, stopped: &Stopped) -> String {
        let line = |(title, why, count): &(String, Count, u64)| {
            let title = Json::from(title.as_str());
            self.short(&format!("did not page {title}{}: {}", times(*count), reason(*why)))
        };
        let mut out: String = stopped.titles.iter().map(line).collect();
        if stopped.more > 0 {
            out.push_str(&self.short(&format!("did not page {} of other titles", stopped.more)));
        }
        if stopped.cancelled > 0 {
            let line = format!(
                "did not page {} that were over, or had changed, before they were sent",
                stopped.cancelled
            );
            out.push_str(&self.short(&line));
        }
        out
    }

    /// A line that is no page.
    fn short(&self, text: &str) -> String {
        match self.look {
            Look::Plain => format!("tracing-spike: dry run, {text}\n"),
            Look::Terminal | Look::Color => format!("{}\n", self.paint("2", &format!("▌ {text}"))),
        }
    }

    /// The values of a body, each with the path by which an alert rule at Spike finds it, what is
    /// the same each time in a line, and last.
    fn tree(&self, body: &Json) -> String {
        let mut leaves = Vec::new();
        for name in FIRST {
            body.get(name).into_iter().for_each(|value| flatten(value, name.into(), &mut leaves));
        }
        for (name, value) in body.as_object().into_iter().flatten() {
            if !FIRST.iter().chain(&IN_A_LINE).chain(&["schema"]).any(|other| other == name) {
                flatten(value, tame(name), &mut leaves);
            }
        }
        for name in IN_A_LINE {
            let mut parts = Vec::new();
            body.get(name).into_iter().for_each(|value| flatten(value, String::new(), &mut parts));
            let parts: Vec<_> = parts.iter().map(|(name, text)| format!("{name} {text}")).collect();
            if !parts.is_empty() {
                leaves.push((name.to_owned(), parts.join(", ")));
            }
        }
        let width = leaves.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
        let width = width.min(NAMES);
        let line = |(path, text): (String, String)| {
            let path = self.paint("2", &format!("{path:<width$}"));
            let indent = format!("\n{}", " ".repeat(width.saturating_add(2)));
            format!("{path}  {}", text.replace('\n', &indent))
        };
        leaves.into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.look {
            Look::Color => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Look::Plain | Look::Terminal => text.to_owned(),
        }
    }
}

/// The leaves of a tree with their paths, lists of texts in a line each, other lists as JSON.
fn flatten(value: &Json, path: String, leaves: &mut Vec<(String, String)>) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                let name = tame(name);
                let below = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(value, below, leaves);
            }
        }
        Json::String(text) => leaves.push((path, tame(text))),
        Json::Array(items) if !items.is_empty() && items.iter().all(Json::is_string) => {
            let lines = items.iter().filter_map(Json::as_str).map(tame);
            leaves.push((path, lines.collect::<Vec<_>>().join("\n")));
        }
        other => leaves.push((path, other.to_string())),
    }
}

/// A text without the characters that a terminal obeys; the ends of lines stay.
fn tame(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && c != '\n';
    text.trim_end().replace('\t', "    ").replace("\r\n", "\n").replace(obeyed, " ")
}

#[cfg(test)]
mod tests;
