//! What was asked for and did not page, and why: the near misses that a failed assertion shows.
//!
//! Invariants: nothing of the program's formatting unwinds from here; what is kept is bounded,
//! however much did not page.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, layer::Context};

use super::subscriber::Shared;
use crate::{
    capture::{filter::unknown_fields, title, why::Why},
    contain::contained,
    lock::lock,
    reentry,
    stats::Count,
    witness::{Witness, reason},
};

/// Different titles, each with a reason, that are kept.
const MISSES: usize = 500;
/// Different sentences that are kept.
const SAID: usize = 100;
/// Most of a message that is kept, in bytes.
const MESSAGE: usize = 512;
/// Why a title is folded.
const FOLDED: &str = "its call site has opened 5 titles in 10 min";

/// What did not page.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    misses: Mutex<Vec<Miss>>,
    /// Of fields that mean nothing.
    said: Mutex<Vec<String>>,
}

/// A title that did not page, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) title: String,
    pub(super) why: String,
    pub(super) count: u64,
}

impl Notebook {
    pub(super) fn misses(&self) -> Vec<Miss> {
        lock(&self.misses).clone()
    }

    pub(super) fn said(&self) -> Vec<String> {
        lock(&self.said).clone()
    }

    fn say(&self, sentence: String) {
        let mut said = lock(&self.said);
        if said.len() < SAID && !said.contains(&sentence) {
            said.push(sentence);
        }
    }

    fn note(&self, title: String, why: String) {
        let mut misses = lock(&self.misses);
        // What becomes of the title that it was folded into is nothing of its own.
        if misses.iter().any(|miss| miss.title == title && miss.why.starts_with(FOLDED)) {
            return;
        }
        let has_room = misses.len() < MISSES;
        match misses.iter_mut().find(|miss| miss.title == title && miss.why == why) {
            Some(miss) => miss.count = miss.count.saturating_add(1),
            None if has_room => misses.push(Miss { title, why, count: 1 }),
            None => {}
        }
    }
}

impl Witness for Notebook {
    fn stopped(&self, title: &str, why: Count) -> bool {
        self.note(title.to_owned(), reason(why).to_owned());
        false
    }

    fn resolve_stopped(&self, title: &str, _why: Count) {
        self.note(title.to_owned(), "resolved, but it was not open".to_owned());
    }

    fn folded(&self, title: &str, into: &str) {
        let why = format!("{FOLDED}: it is in {into:?}");
        self.note(title.to_owned(), why);
    }
}

/// Sees the events that the layer does not take.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) notebook: Arc<Notebook>,
    pub(super) why: Why,
    /// Takes the secrets out of what is told.
    pub(super) layer: Shared,
}

impl<S: Subscriber> Layer<S> for Observer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let Some(_inside) = reentry::enter() else { return };
        contained(|| {
            let normalized = event.normalized_metadata();
            let meta = normalized.as_ref().unwrap_or_else(|| event.metadata());
            unknown_fields(meta).for_each(|sentence| self.notebook.say(sentence));
            let mut seen = Seen::default();
            event.record(&mut seen);
            self.layer.0.scrub(&mut seen.message);
            self.layer.0.scrub(&mut seen.status);
            let off = || seen.why_not(*meta.level());
            if let Some(why) = self.why.why_not(meta).or_else(off) {
                self.notebook.note(title::derive(&seen.message, meta.target()), why);
            }
        });
    }
}

/// What an event says, and what it wants.
#[derive(Debug, Default)]
struct Seen {
    message: String,
    quiet: bool,
    status: String,
}

impl Seen {
    /// Why it does not page, though by its level or a field it might.
    fn why_not(&self, level: Level) -> Option<String> {
        if self.quiet {
            return Some("spike = false".to_owned());
        }
        let is_known = ["", "resolve", "trigger"].contains(&self.status.as_str());
        (!is_known && level != Level::ERROR)
            .then(|| format!("spike.status is {:?}, expected \"resolve\"", self.status))
    }

    fn take(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let out = match field.name() {
            "message" => &mut self.message,
            "spike.status" => &mut self.status,
            // What has no message is called by its error.
            "error" | "err" | "e" if self.message.is_empty() => &mut self.message,
            _ => return,
        };
        out.clear();
        write!(Short(out), "{value}").ok();
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.take(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.quiet |= field.name() == "spike" && !value;
    }
}

/// Writes until there is enough.
struct Short<'a>(&'a mut String);

impl Write for Short<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() > MESSAGE {
            return Err(fmt::Error);
        }
        self.0.push_str(crate::fields::head(text, MESSAGE));
        Ok(())
    }
}
