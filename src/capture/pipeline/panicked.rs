//! The entrance for panics, and what becomes of the events that a panic brings with it.
//!
//! Runs inside the panic hook, where a panic would end the process: it calls no code of the
//! program's, no closure for titles either, and takes no lock that anybody else's code runs under.
//! The spans are left out for that reason: another layer may hold them locked while it formats the
//! very value that panics.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    fmt::Write,
    panic::Location,
    sync::Arc,
    time::Duration,
};

use super::{Asked, Head, Pipeline, Tells, at};
use crate::{
    capture::{
        gate::rank,
        in_force::InForce,
        routes::Route,
        scratch::{Scratch, Taker},
        source,
        title::{self, Titles},
    },
    fields::{Fields, TEXT_CAP, Taken, Value, head},
    incident::{Captured, Detail},
    queue::Sender,
    reentry,
    stats::Count,
};

/// Most of a backtrace that is looked at, and that is sent, in bytes.
const BACKTRACE_READ: usize = 64 * 1024;
const BACKTRACE_CAP: usize = 8 * 1024;

/// What is known of all panics beforehand.
#[derive(Debug)]
pub(crate) struct Panics {
    pub(crate) rules: Arc<InForce>,
    /// What the rules say about them.
    pub(crate) route: Route,
    /// Stands for the crate where the source file does not name it.
    pub(crate) service: String,
}

/// One panic, as the hook sees it.
#[derive(Debug)]
pub(crate) struct Panicked<'a> {
    pub(crate) message: &'a str,
    /// What kind of value the message is.
    pub(crate) payload: &'static str,
    pub(crate) location: Option<&'a Location<'a>>,
    pub(crate) thread: &'a str,
}

impl Panics {
    /// The target of all panics, for rules and filters, and in the body.
    pub(crate) const TARGET: &str = "panic";

    fn endpoint(&self) -> usize {
        self.route.endpoint.unwrap_or(0)
    }

    fn page(&self) -> bool {
        !self.rules.is_off(Self::TARGET)
    }
}

impl Pipeline {
    /// Whether panics are reported here: they are wanted, paging is on, and the guard lives.
    pub(crate) fn reports_panics(&self) -> bool {
        let is_here = self.queue.as_ref().is_some_and(Sender::is_here);
        is_here && !self.is_closed() && self.settings.panics.as_ref().is_some_and(Panics::page)
    }

    /// The filter is another one: the rule for panics is in use whether or not there are any.
    pub(crate) fn mark_panics(&self) {
        if let Some(panics) = &self.settings.panics {
            panics.rules.mark(Panics::TARGET);
        }
    }

    /// Pages a panic, and counts it.
    pub(crate) fn report(&self, panicked: &Panicked<'_>) {
        let Some(panics) = &self.settings.panics else { return };
        self.counters.add(Count::Seen);
        let paged = Scratch::lend(|scratch| {
            let Scratch { message, filled, draft, spare, content, .. } = scratch;
            let taker =
                Taker { scrubber: self.scrubber(), counters: &self.counters, literals: None };
            let taken = taker.take(message, TEXT_CAP, |out| out.write_str(panicked.message));
            let mut place = String::new();
            let file = panicked.location.map_or("", Location::file);
            source::place(file, &panics.service, &mut place);
            say(message, filled);
            let parts = title::Parts {
                message: filled,
                error: "",
                target: &place,
                span: None,
                fields: &|_| {},
            };
            draft.derive(&Titles::text(), &parts, spare);
            let Route { severity, priority, .. } = panics.route;
            let endpoint = panics.endpoint();
            let (title, panic) = (draft.title(), true);
            let head = Head { title, severity, priority, endpoint, panic, ..Head::default() };
            let build = || {
                let message = (message.as_str(), taken);
                Detail::Event(captured(panicked, message, taker, &mut content.fields))
            };
            let paged = self.trigger(Asked::by_hand(head), build);
            // In a forked child, a thread of the parent's may have been there.
            if let Ok(()) | Err(Count::SuppressedRepeat) = paged
                && !self.is_forked()
            {
                let key = at(endpoint, self.key(title));
                self.causes.note_panic(message, key, self.clock.now());
            }
            paged
        });
        if let Err(count) = paged {
            self.counters.add(count);
        }
    }

    /// Whether what would open its title comes of a panic that pages, or has just paged: it is
    /// from the hook that ran before ours, or it tells what the panic said. Not if it is meant, is
    /// graver, or goes elsewhere.
    pub(super) fn follows_panic(&self, head: Head<'_>, tells: Tells<'_>, now: Duration) -> bool {
        let Some(panics) = &self.settings.panics else { return false };
        let is_led = || {
            let graver = self.panics_rank() < rank(head.severity);
            !head.meant && !graver && head.endpoint == panics.endpoint()
        };
        let is_told = |text: &str| self.causes.follows_panic(text, head.title, now);
        (reentry::is_in_hook() && is_led() && panics.page())
            || (self.causes.has_panic(now) && is_led() && tells(&is_told))
    }

    fn panics_rank(&self) -> u8 {
        let severity = self.settings.panics.as_ref().and_then(|panics| panics.route.severity);
        rank(severity.or(self.settings.severity))
    }
}

/// `panic: {message}`, as a title is made of it. What the standard library puts between backticks
/// at the beginning of its own messages is no value.
fn say(message: &str, out: &mut String) {
    out.clear();
    out.push_str("panic: ");
    let is_std = message.starts_with("called `") || message.starts_with("assertion `");
    let ends = [": ", "\n"].iter().filter_map(|end| message.find(end)).min();
    let fixed = if is_std { ends.unwrap_or(message.len()) } else { 0 };
    let (fixed, rest) = message.split_at_checked(fixed).unwrap_or(("", message));
    out.extend(fixed.chars().filter(|c| *c != '`'));
    out.push_str(rest);
}

/// What goes into the body.
fn captured(
    panicked: &Panicked<'_>,
    (message, message_taken): (&str, Taken),
    taker: Taker<'_>,
    fields: &mut Fields,
) -> Captured {
    let Panicked { payload, location, thread, .. } = panicked;
    let mut push = |name, text: &str, taken: Taken| {
        fields.push_text(name, |out| {
            out.push_str(text);
            taken
        });
    };
    push("payload", payload, Taken::default());
    let mut backtrace = String::new();
    if let Some(taken) = write_backtrace(taker, &mut backtrace) {
        push("backtrace", &backtrace, taken);
    }
    let mut keep = |text: &str, taken: Taken| {
        fields.text_value(|out| {
            out.push_str(text);
            taken
        })
    };
    let message = keep(message, message_taken);
    let target = keep(Panics::TARGET, Taken::default());
    let thread = keep(thread, Taken::default());
    let file: Option<Value> = location.map(|location| {
        fields.text_value(|out| {
            let (file, line, column) = (location.file(), location.line(), location.column());
            write!(out, "{file}:{line}:{column}").is_err()
        })
    });
    Captured {
        level: tracing::Level::ERROR,
        callsite: None,
        message,
        target,
        thread,
        file,
        line: None,
        error: None,
        chain: None,
        error_span: None,
        fields: Fields::clone(fields),
        spans_cut: false,
        notes: Fields::default(),
        trail: Vec::new(),
        trail_cut: false,
        trace: None,
        runbook: None,
    }
}

/// Writes the backtrace from where the panic began, if the environment asks for one; tells what was
/// done to it.
fn write_backtrace(taker: Taker<'_>, out: &mut String) -> Option<Taken> {
    let backtrace = Backtrace::capture();
    if backtrace.status() != BacktraceStatus::Captured {
        return None;
    }
    let mut whole = String::new();
    let mut taken = taker.take(&mut whole, BACKTRACE_READ, |out| write!(out, "{backtrace}"));
    let frames = frames(&whole);
    let kept = head(frames, BACKTRACE_CAP);
    taken.cut |= kept.len() < frames.len();
    out.push_str(kept);
    Some(taken)
}

/// The frames of the program, as the standard library marks them: without those of the hooks and
/// those below `main`, or below a thread's own function.
fn frames(text: &str) -> &str {
    let line = |text: &str| text.find('\n').map_or(text.len(), |end| end.saturating_add(1));
    let mut frames = text;
    if let Some((_, rest)) = text.split_once("__rust_end_short_backtrace") {
        frames = rest.get(line(rest)..).unwrap_or("");
        if frames.trim_start().starts_with("at ") {
            frames = frames.get(line(frames)..).unwrap_or("");
        }
    }
    let below = frames.find("__rust_begin_short_backtrace").and_then(|at| frames.get(..at));
    let end = below.map(|above| above.rfind('\n').unwrap_or(0));
    end.and_then(|end| frames.get(..end)).unwrap_or(frames).trim_end()
}
