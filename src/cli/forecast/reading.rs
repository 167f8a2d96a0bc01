//! From lines to the tally: which lines matter, in which order, and what is odd about them.
//!
//! Invariants: a line that is skipped unread could not have paged: it names no level that pages,
//! and no `spike` field; it counts as an event only if it reads as one, or names a level.

use std::{io, process::ExitCode, time::Duration};

use memchr::memmem::Finder;
use tracing::level_filters::LevelFilter;

use super::{
    super::Failed,
    clock::LogTime,
    input::{Input, Piece, Place},
    line::{Event, Line},
    program::Program,
    progress::Progress,
    replay::Replay,
    tally::{Counting, CountingAfter, Tally},
    wrapping::inside,
};
use crate::{
    builder::Decided,
    capture::{filter::Concern, scratch::Scratch},
    rule::Threshold,
    stats::Stats,
};

/// Bytes of a message that goes on in further lines: more than a title is made of.
const MESSAGE: usize = 8 << 10;

/// Lines that could not page and are read all the same, to see what they are; of the others, the
/// bytes in which a level is looked for.
const SAMPLE: usize = 1_000;
const HEAD: usize = 128;

/// Names of unknown fields that are told.
const UNKNOWN: usize = 3;

/// Lines by what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    pub(super) all: u64,
    /// Events, whether or not they were looked at.
    pub(super) events: u64,
    /// Neither JSON nor with a level: of a stack trace, say.
    pub(super) foreign: u64,
    /// They begin as JSON and are none.
    pub(super) broken: u64,
    pub(super) too_long: u64,
    /// Those of all these that name an error.
    pub(super) unread_errors: u64,
    /// Events as `pretty()` prints them.
    pub(super) pretty: u64,
    /// Events of which it was guessed where the message ends.
    pub(super) guessed: u64,
    /// What a panic prints.
    pub(super) panics: u64,
    /// Events that page, of which file and line are not known.
    pub(super) without_site: u64,
    /// `spike.` fields that are none.
    pub(super) unknown_fields: Vec<String>,
    /// Files that ended early.
    pub(super) cut_off: Vec<String>,
    /// Files that do not tell their place among the others.
    pub(super) unsorted: Vec<String>,
}

/// A log while it is read.
pub(super) struct Reading {
    program: Program,
    replay: Replay,
    after: Replay,
    clock: LogTime,
    tally: Tally,
    lines: Lines,
    names: Vec<String>,
    words: Vec<Finder<'static>>,
    panic: Finder<'static>,
    json: Finder<'static>,
    levels: [Finder<'static>; 4],
    errors: [Finder<'static>; 4],
    sampled: usize,
    /// The filter and where it comes from, if it is not the default.
    pub(super) filter: Option<String>,
    /// A text of which more may follow; empty if there is none.
    open: String,
    /// The newest line that was not looked at, for the time of the last.
    last: Vec<u8>,
}

/// What a line is, before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Broken,
    /// Of a stack trace, or of a message that began before.
    Foreign,
}

/// What was found.
pub(super) struct Found<'a> {
    pub(super) tally: &'a Tally,
    pub(super) clock: &'a LogTime,
    pub(super) lines: &'a Lines,
    pub(super) stats: Stats,
    pub(super) names: &'a [String],
    pub(super) after: Threshold,
    pub(super) filter: Option<&'a str>,
}

impl Found<'_> {
    pub(super) fn has_events(&self) -> bool {
        self.lines.events > 0
    }

    /// Whether so many of all errors could not be read that their number says little.
    pub(super) fn is_blind(&self) -> bool {
        self.is_notable(self.lines.unread_errors)
    }

    pub(super) fn is_pretty(&self) -> bool {
        self.is_notable(self.lines.pretty)
    }

    fn is_notable(&self, n: u64) -> bool {
        n > 0 && n.saturating_mul(10) >= n.saturating_add(self.tally.events)
    }
}

impl Reading {
    /// `after` is weighed against what was decided.
    pub(super) fn new(decided: Decided, weighed: Decided, after: Threshold) -> Self {
        let Decided { rules, routes, settings, titles, group_by, .. } = decided;
        let mildest = rules.mildest();
        let levels = [("WARN", LevelFilter::WARN), ("INFO", LevelFilter::INFO)];
        let levels = levels.into_iter().filter(|(_, level)| *level <= mildest);
        let words = ["ERROR", "spike"].into_iter().chain(levels.map(|(word, _)| word));
        Self {
            program: Program::new(rules, routes, titles, group_by),
            replay: Replay::new(settings, None),
            after: Replay::new(weighed.settings, Some(after)),
            clock: LogTime::default(),
            tally: Tally::new(),
            lines: Lines::default(),
            names: Vec::new(),
            words: words.map(Finder::new).collect(),
            panic: Finder::new(" panicked at "),
            json: Finder::new("\"level\":\""),
            levels: ["INFO", "DEBUG", "TRACE", "WARN"].map(Finder::new),
            errors: ["ERROR", "\"level\":\"error\"", "\"level\": \"error\"", "level=error"]
                .map(Finder::new),
            sampled: 0,
            filter: None,
            open: String::new(),
            last: Vec::new(),
        }
    }

    pub(super) fn found(&self) -> Found<'_> {
        Found {
            tally: &self.tally,
            clock: &self.clock,
            lines: &self.lines,
            stats: self.replay.stats(self.program.rules.unmatched()),
            names: &self.names,
            after: super::WEIGHED,
            filter: self.filter.as_deref(),
        }
    }

    /// Notes what does not tell its place among the others.
    pub(super) fn unsorted(&mut self, names: Vec<String>) {
        self.lines.unsorted = names;
    }

    pub(super) fn read(&mut self, place: &Place, progress: &mut Progress) -> Result<(), Failed> {
        let name = place.name();
        let failed = |error: io::Error| {
            let why = format!("expected a log that can be read at {name}, found: {error}");
            Failed::new(why, ExitCode::from(2))
        };
        let mut input = place.open().map_err(failed)?;
        let before = self.lines.all;
        loop {
            match input.next() {
                Ok(Some(Piece::Line(line))) => self.line(&inside(line)),
                Ok(Some(Piece::TooLong)) => {
                    self.lines.all = self.lines.all.saturating_add(1);
                    self.lines.too_long = self.lines.too_long.saturating_add(1);
                }
                Ok(None) => break,
                // What was read of it counts.
                Err(_) if self.lines.all > before => {
                    self.lines.cut_off.push(name.clone());
                    break;
                }
                Err(error) => return Err(failed(error)),
            }
            progress.see(&input, self.lines.all);
        }
        progress.file_ends(&input);
        self.finish_text();
        self.see_last();
        self.names.push(name);
        Ok(())
    }

    /// The program is over, too.
    pub(super) fn end(&mut self) {
        let Self { replay, after, clock, tally, .. } = self;
        replay.end(&mut Counting { tally, clock, event: None });
        after.end(&mut CountingAfter { tally });
    }

    fn line(&mut self, line: &[u8]) {
        self.lines.all = self.lines.all.saturating_add(1);
        let kind = self.kind(line);
        if kind == Kind::Foreign && self.goes_on(line) {
            return;
        }
        self.finish_text();
        if self.words.iter().any(|word| word.find(line).is_some()) {
            self.last.clear();
            let text = String::from_utf8_lossy(line);
            return match kind {
                Kind::Text => self.open.push_str(&text),
                Kind::Json | Kind::Broken | Kind::Foreign => self.event(&text),
            };
        }
        let kind = self.shown(kind, line);
        let lines = &mut self.lines;
        let count = match kind {
            Kind::Json | Kind::Text => &mut lines.events,
            Kind::Broken => &mut lines.broken,
            Kind::Foreign => &mut lines.foreign,
        };
        *count = count.saturating_add(1);
        match kind {
            Kind::Foreign | Kind::Broken => self.unread(line),
            Kind::Json | Kind::Text => {
                if self.clock.span.is_none() {
                    self.see(line);
                }
                self.last.clear();
                self.last.extend_from_slice(line.get(..line.len().min(4_096)).unwrap_or(line));
            }
        }
    }

    /// What a line is that need not be read, of what its ends say that it is.
    fn shown(&mut self, kind: Kind, line: &[u8]) -> Kind {
        if !matches!(kind, Kind::Json | Kind::Text) {
            return kind;
        }
        let head = line.get(..line.len().min(HEAD)).unwrap_or(line);
        if self.sampled >= SAMPLE && self.levels.iter().any(|level| level.find(head).is_some()) {
            return kind;
        }
        self.sampled = self.sampled.saturating_add(1);
        match Event::read(&String::from_utf8_lossy(line)) {
            Line::Event(_) => kind,
            Line::Broken => Kind::Broken,
            Line::Foreign => Kind::Foreign,
        }
    }

    /// A line that is no event.
    fn unread(&mut self, line: &[u8]) {
        let is_panic = self.panic.find(line).is_some();
        self.lines.panics = self.lines.panics.saturating_add(u64::from(is_panic));
        let is_error = self.errors.iter().any(|error| error.find(line).is_some());
        self.lines.unread_errors = self.lines.unread_errors.saturating_add(u64::from(is_error));
    }

    /// What a line is, as far as its ends tell.
    fn kind(&self, line: &[u8]) -> Kind {
        match (line.first(), line.last()) {
            (Some(b'{'), Some(b'}')) => return Kind::Json,
            (Some(b'{'), _) => return Kind::Broken,
            (Some(b'\x1b' | b'[' | b'0'..=b'9'), _) => return Kind::Text,
            // Behind a prefix, as containers have it.
            (_, Some(b'}')) if self.json.find(line).is_some() => return Kind::Json,
            _ => {}
        }
        let line = line.trim_ascii_start();
        let levels: [&[u8]; 5] = [b"ERROR ", b"WARN ", b"INFO ", b"DEBUG ", b"TRACE "];
        let is_level = levels.iter().any(|level| line.starts_with(level));
        if is_level || line.starts_with(b"20") || line.starts_with(b"\x1b[2m20") {
            Kind::Text
        } else {
            Kind::Foreign
        }
    }

    /// A message of text may go on in the next lines.
    fn goes_on(&mut self, line: &[u8]) -> bool {
        let goes_on = !self.open.is_empty() && self.panic.find(line).is_none();
        if goes_on && self.open.starts_with("  ") && is_place(line) {
            self.lines.pretty = self.lines.pretty.saturating_add(1);
        }
        if goes_on && self.open.len() < MESSAGE {
            self.open.push('\n');
            self.open.push_str(&String::from_utf8_lossy(line));
        }
        goes_on
    }

    /// The message of text has come to its end.
    fn finish_text(&mut self) {
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            self.event(&text);
            self.open = text;
            self.open.clear();
        }
    }

    /// A log begins and ends with lines that matter to its length only.
    fn see(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if let Line::Event(Event { time: Some(time), .. }) = Event::read(&text) {
            self.clock.see(time);
        }
    }

    fn see_last(&mut self) {
        let last = std::mem::take(&mut self.last);
        if !last.is_empty() {
            self.see(&last);
        }
    }

    /// A line that may page.
    fn event(&mut self, text: &str) {
        let lines = &mut self.lines;
        let event = match Event::read(text) {
            Line::Event(event) => event,
            Line::Broken => {
                lines.broken = lines.broken.saturating_add(1);
                return self.unread(text.as_bytes());
            }
            Line::Foreign => {
                lines.foreign = lines.foreign.saturating_add(1);
                return self.unread(text.as_bytes());
            }
        };
        lines.events = lines.events.saturating_add(1);
        let concern = self.program.concern(&event);
        if concern == Concern::No {
            event.time.into_iter().for_each(|time| self.clock.see(time));
            return;
        }
        lines.guessed = lines.guessed.saturating_add(u64::from(event.is_guess));
        lines.without_site = lines.without_site.saturating_add(u64::from(event.site() == 0));
        note_unknown(&event, &mut lines.unknown_fields);
        let now = self.clock.at(event.time);
        self.take(&event, concern, now);
    }

    fn take(&mut self, event: &Event<'_>, concern: Concern, now: Duration) {
        let Self { program, replay, after, clock, tally, .. } = self;
        let at = clock.wall(now);
        replay.advance(now, &mut Counting { tally, clock, event: None });
        after.advance(now, &mut CountingAfter { tally });
        Scratch::lend(|scratch| {
            let made = match program.make(event, concern, replay.taker(), scratch) {
                Ok(made) => made,
                Err(why) => return replay.ignore(why),
            };
            let what = (&*program, event);
            let mut counting = Counting { tally, clock, event: Some((event, at)) };
            replay.take(what, &made, scratch, &mut counting);
            after.take(what, &made, scratch, &mut CountingAfter { tally });
        });
    }
}

/// `    at src/main.rs:12`, as `pretty()` puts it below an event.
fn is_place(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"    ") else { return false };
    let text = String::from_utf8_lossy(rest).replace("\x1b[2m", "").replace("\x1b[0m", "");
    text.strip_prefix("at ").is_some_and(|place| place.contains(".rs:"))
}

/// Fields that are a typo, most likely.
fn note_unknown(event: &Event<'_>, unknown: &mut Vec<String>) {
    for (name, _) in &event.fields {
        let is_unknown = name.starts_with("spike.") && !super::names::is_known(name);
        if is_unknown && unknown.len() < UNKNOWN && !unknown.iter().any(|known| known == name) {
            unknown.push(name.as_ref().to_owned());
        }
    }
}

impl Progress {
    /// A line was read.
    fn see(&mut self, input: &Input, lines: u64) {
        // Looked at once in a while: it costs more than a line.
        if lines & 0xfff == 0 {
            self.show(input.read.get(), lines);
        }
    }

    fn file_ends(&mut self, input: &Input) {
        self.add(input.read.get());
    }
}
