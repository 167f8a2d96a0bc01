//! Which callsites and events concern us: the rules, and the per-layer filter made of them.
//!
//! Invariants: spans at INFO and above are always ours, whatever the rules say, so that no title
//! and no body depends on another layer's settings; DEBUG and TRACE never are. The longest
//! matching target wins, and a target matches whole path segments only.

use std::{
    collections::btree_map::Entry,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::{Level, Metadata, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

use crate::{
    capture::{event::is_control, in_force::InForce, routes::Routes, targets::ByTarget},
    error::{Error, Kind, shown},
    problem::{Problem, ProblemKind},
    queue::{Control, Sender},
    rule,
};

/// What pages when nothing is said.
pub(crate) const DEFAULT_FILTER: &str = "error";

/// The event fields that are ours.
const KNOWN: [&str; 5] =
    ["spike", "spike.title", "spike.severity", "spike.priority", "spike.status"];

/// Target and level rules.
#[derive(Debug)]
pub(crate) struct Rules {
    default: LevelFilter,
    targets: ByTarget<TargetRule>,
    /// What does not page is recorded for what does.
    records: bool,
}

#[derive(Debug)]
struct TargetRule {
    level: LevelFilter,
    matched: AtomicBool,
}

/// Whether an event concerns us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concern {
    /// Pages by level, unless a `spike` field says otherwise.
    Level = 0,
    /// Has a `spike` field, whose value decides.
    Field = 1,
    /// Does not page, and is recorded for what does.
    Told = 2,
    No = 3,
    /// Its target is off: only a resolve goes through.
    ResolveOnly = 4,
}

impl Rules {
    /// Parses `error,billing=warn,noisy=off`. `from` names the setting in errors.
    pub(crate) fn parse(text: &str, from: &'static str) -> Result<Self, Error> {
        let fail = |at: usize, problem: String| Error::new(Kind::Filter { from, at, problem });
        let mut default = None;
        let mut targets = ByTarget::default();
        let mut start = 0_usize;
        for part in text.split(',') {
            let blanks = part.chars().take_while(|c| c.is_whitespace()).count();
            let at = start.saturating_add(blanks).saturating_add(1);
            start = start.saturating_add(part.chars().count()).saturating_add(1);
            let directive = part.trim();
            let (target, word) = match directive.split_once('=') {
                None => (None, directive),
                Some((target, word)) => (Some(target.trim_end()), word.trim_start()),
            };
            if let Some(problem) = target.and_then(bad_target) {
                return Err(fail(at, problem));
            }
            let behind = directive.chars().count().saturating_sub(word.chars().count());
            let level = level(word).ok_or_else(|| {
                fail(at.saturating_add(behind), bad_level(word, target.is_some()))
            })?;
            match target {
                None if default.is_some() => {
                    return Err(fail(at, "a second level without a target".to_owned()));
                }
                None => default = Some(level),
                Some(target) => match targets.entry(target.to_owned()) {
                    Entry::Vacant(entry) => {
                        entry.insert(TargetRule { level, matched: AtomicBool::new(false) });
                    }
                    Entry::Occupied(_) => {
                        return Err(fail(at, format!("target {} a second time", shown(target))));
                    }
                },
            }
        }
        let default = default.unwrap_or(LevelFilter::ERROR);
        Ok(Self { default, targets, records: false })
    }

    /// The same, that want to see what does not page, too, but for targets that are off.
    pub(crate) fn recording(self) -> Self {
        Self { records: true, ..self }
    }

    pub(crate) fn are_recording(&self) -> bool {
        self.records
    }

    fn find(&self, target: &str) -> Option<&TargetRule> {
        self.targets.matching(target).next()
    }

    /// Whether an event like this concerns us. Same answer for the same metadata, always.
    pub(crate) fn concern(&self, meta: &Metadata<'_>) -> Concern {
        if *meta.level() > Level::INFO {
            return Concern::No;
        }
        let level = self.find(meta.target()).map_or(self.default, |rule| rule.level);
        let has_spike = || meta.fields().iter().any(|field| is_control(field.name()));
        if level == LevelFilter::OFF {
            match meta.fields().field("spike.status") {
                Some(_) => Concern::ResolveOnly,
                None => Concern::No,
            }
        } else if *meta.level() <= level {
            Concern::Level
        } else if has_spike() {
            Concern::Field
        } else if self.records {
            Concern::Told
        } else {
            Concern::No
        }
    }

    /// The rule for this target, as the filter has it, and the level from which on it wants events.
    pub(crate) fn rule_of(&self, target: &str) -> (String, LevelFilter) {
        let word = |level: LevelFilter| level.to_string().to_ascii_lowercase();
        match self.targets.named(target).next() {
            Some((target, rule)) => (format!("{target}={}", word(rule.level)), rule.level),
            None => (word(self.default), self.default),
        }
    }

    /// Whether nothing of this target pages. Marks its rule as one in use.
    pub(crate) fn is_off(&self, target: &str) -> bool {
        self.mark(target);
        self.find(target).map_or(self.default, |rule| rule.level) == LevelFilter::OFF
    }

    /// What pages of targets that no rule names, and each rule, by name.
    #[cfg(feature = "cli")]
    pub(crate) fn told(&self) -> (LevelFilter, impl Iterator<Item = (&str, LevelFilter)>) {
        let targets = self.targets.iter().map(|(target, rule)| (target, rule.level));
        (self.default, targets)
    }

    /// The mildest level that pages by itself, for whatever target.
    #[cfg(feature = "cli")]
    pub(crate) fn mildest(&self) -> LevelFilter {
        let levels = self.targets.iter().map(|(_, rule)| rule.level);
        levels.fold(self.default, |mildest, level| mildest.max(level))
    }

    /// Remembers that the rule for this target is in use.
    pub(crate) fn mark(&self, target: &str) {
        if let Some(rule) = self.find(target)
            && !rule.matched.load(Ordering::Relaxed)
        {
            rule.matched.store(true, Ordering::Relaxed);
        }
    }

    /// The rules that have matched no callsite or `log` target so far.
    pub(crate) fn unmatched(&self) -> Vec<String> {
        self.targets
            .iter()
            .filter(|(_, rule)| !rule.matched.load(Ordering::Relaxed))
            .map(|(target, rule)| format!("{target}={}", rule.level))
            .collect()
    }
}

fn level(word: &str) -> Option<LevelFilter> {
    [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO]
        .into_iter()
        .find(|level| level.to_string().eq_ignore_ascii_case(word))
}

fn bad_level(word: &str, has_target: bool) -> String {
    let expected = "expected off, error, warn or info";
    if word.eq_ignore_ascii_case("debug") || word.eq_ignore_ascii_case("trace") {
        return format!("{expected}, found {}: debug and trace never page", shown(word));
    }
    if !has_target && bad_target(word).is_none() {
        return format!("{expected}, or target=level, found {}", shown(word));
    }
    format!("{expected}, found {}", shown(word))
}

fn bad_target(target: &str) -> Option<String> {
    if target.is_empty() {
        return Some("expected a target before \"=\", found nothing".to_owned());
    }
    let found = rule::bad_target(target)?;
    Some(format!("expected a target such as billing::cards, found {found}"))
}

/// Whether it is the callsite of all `log` records of a level, or a record made from one.
fn is_log(meta: &Metadata<'_>) -> bool {
    meta.fields().field("log.target").is_some()
}

/// The per-layer filter: the rules, or nothing at all when paging is off.
#[derive(Clone, Debug)]
pub(crate) struct RulesFilter {
    rules: Option<Arc<InForce>>,
    routes: Arc<Routes>,
    worker: Option<Sender>,
}

impl RulesFilter {
    pub(crate) fn new(rules: Arc<InForce>, routes: Arc<Routes>, worker: Sender) -> Self {
        Self { rules: Some(rules), routes, worker: Some(worker) }
    }

    pub(crate) fn off() -> Self {
        Self { rules: None, routes: Arc::default(), worker: None }
    }

    /// Remembers that the rules for this target are in use.
    fn mark(&self, target: &str) {
        if let Some(rules) = &self.rules {
            rules.mark(target);
            self.routes.mark(target);
        }
    }

    fn concern(&self, meta: &Metadata<'_>) -> Concern {
        match &self.rules {
            Some(_) if meta.is_span() && *meta.level() <= Level::INFO => Concern::Level,
            Some(rules) if !meta.is_span() => rules.concern(meta),
            Some(_) | None => Concern::No,
        }
    }

    /// Tells a person of a `spike.` field that we don't know: a typo would page wrongly for ever.
    fn report_unknown_fields(&self, meta: &Metadata<'_>) {
        let Some(worker) = &self.worker else { return };
        for sentence in unknown_fields(meta) {
            worker.control(Control::Say(Problem::new(ProblemKind::Field, sentence)));
        }
    }

    /// The same, that tells nobody.
    #[cfg(feature = "testing")]
    pub(crate) fn silent(self) -> Self {
        Self { worker: None, ..self }
    }
}

/// What a person is told of the `spike.` fields of an event that we don't know.
pub(crate) fn unknown_fields(meta: &Metadata<'_>) -> impl Iterator<Item = String> {
    let names = meta.fields().iter().map(|field| field.name());
    let unknown = names.filter(|name| name.starts_with("spike.") && !KNOWN.contains(name));
    unknown.map(|name| {
        let known = KNOWN.join(", ");
        let (file, line) = (meta.file().unwrap_or("?"), meta.line().unwrap_or(0));
        format!("unknown event field {name} at {file}:{line}; the fields are {known}")
    })
}

impl<S> Filter<S> for RulesFilter {
    fn enabled(&self, meta: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        if let Some(concern) = self.rules.as_ref().and_then(|rules| rules.known(meta)) {
            return concern != Concern::No;
        }
        // A `log` record has no callsite of its own, so this is where its target is first seen.
        if is_log(meta) {
            self.mark(meta.target());
        }
        // Neither event nor span is the question of an `enabled!`, which no event follows. A "no"
        // would stay behind on this thread and be taken for the answer about the event whose
        // argument asked (tracing#2519). We are asked only when another layer may want it.
        let is_question = !meta.is_event() && !meta.is_span();
        is_question || self.concern(meta) != Concern::No
    }

    /// `sometimes` and not `always` for what we want: with `always`, `enabled` is not called for
    /// the event, and the answer that an `enabled!` or `log_enabled!` before it has left behind on
    /// this thread for this filter is taken for the event's own (tracing#2519). The page would be
    /// lost.
    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        self.mark(meta.target());
        if meta.is_event() {
            self.report_unknown_fields(meta);
        }
        let concern = self.concern(meta);
        // Of what is below, the level says enough, and there may be very many.
        let has_answer =
            *meta.level() <= Level::INFO && (meta.is_event() || meta.is_span()) && !is_log(meta);
        if let Some(rules) = self.rules.as_ref().filter(|_| has_answer) {
            rules.note(meta, concern);
        }
        if concern == Concern::No { Interest::never() } else { Interest::sometimes() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.rules.is_some() { LevelFilter::INFO } else { LevelFilter::OFF })
    }
}

#[cfg(test)]
mod tests;
