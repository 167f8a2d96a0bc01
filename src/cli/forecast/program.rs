//! The layer without its layer: what `SpikeLayer` reads off an event, read off a line of a log.
//!
//! The filter, the titles and the rules are the layer's own. Invariant: decides nothing that the
//! pipeline decides.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    line::{Event, Value},
    names::{self, Names},
};
use crate::{
    capture::{
        content::Content,
        event::{Deciding, is_content},
        filter::{Concern, Rules},
        layer::{
            Wish,
            titling::{TITLE_TARGET_CAP, tail},
            wish,
        },
        pipeline::Site,
        routes::{Route, Routes},
        scratch::{Scratch, Taker},
        title::{self, Titles},
    },
    stats::Count,
};

/// What a program has set, as far as it is about events.
pub(super) struct Program {
    pub(super) rules: Rules,
    pub(super) routes: Routes,
    pub(super) titles: Titles,
    names: Names,
    group_by: Vec<String>,
}

/// What an event asks for; its title is in the scratch.
pub(super) struct Made {
    pub(super) wish: Wish,
    pub(super) route: Route,
    /// The event has given no title itself.
    pub(super) is_derived: bool,
}

impl Program {
    pub(super) fn new(rules: Rules, routes: Routes, titles: Titles, group_by: Vec<String>) -> Self {
        Self { rules, routes, titles, names: Names::with(&group_by), group_by }
    }

    /// Whether an event like this concerns the layer at all.
    pub(super) fn concern(&self, event: &Event<'_>) -> Concern {
        let Some(level) = event.level else { return Concern::No };
        let has = |wanted: fn(&str) -> bool| event.fields.iter().any(|(name, _)| wanted(name));
        let fields = if has(|name| name == "spike.status") {
            names::WITH_STATUS
        } else if has(|name| name == "spike" || name.starts_with("spike.")) {
            names::WITH_SPIKE
        } else {
            names::WITHOUT
        };
        let target = event.target.as_ref();
        self.rules.is_off(target);
        self.rules.concern(&names::metadata(target, level, fields))
    }

    /// Reads an event, and makes its title.
    pub(super) fn make(
        &self,
        event: &Event<'_>,
        concern: Concern,
        taker: Taker<'_>,
        scratch: &mut Scratch,
    ) -> Result<Made, Count> {
        let Some(level) = event.level else { return Err(Count::IgnoredUnwanted) };
        let is_silent = self.decide(event, taker, scratch);
        let wish = wish(concern, level, &scratch.controls)?;
        let is_derived = !scratch.draft.give(&scratch.controls.title);
        if is_derived {
            self.derive(event, is_silent, taker, scratch);
        }
        Ok(Made { wish, route: self.routes.find(&event.target), is_derived })
    }

    /// Reads what decides; tells whether the message says nothing.
    fn decide(&self, event: &Event<'_>, taker: Taker<'_>, scratch: &mut Scratch) -> bool {
        let has_message = event.fields.iter().any(|(name, _)| name == "message");
        let read = |scratch: &mut Scratch, wants_error| {
            let group_by = self.group_by.as_slice();
            let mut deciding = Deciding { scratch, taker, wants_error, group_by };
            self.names.record(&event.fields, &mut deciding);
        };
        scratch.recall.begin(None);
        read(scratch, !has_message);
        let Scratch { message, filled, spare, .. } = &mut *scratch;
        let is_silent = title::says_nothing(message, filled, spare);
        if has_message && is_silent {
            read(scratch, true);
        }
        is_silent
    }

    fn derive(&self, event: &Event<'_>, is_silent: bool, taker: Taker<'_>, scratch: &mut Scratch) {
        let Scratch { message, error, draft, spare, .. } = &mut *scratch;
        let target = tail(&event.target, TITLE_TARGET_CAP);
        let scrubber = taker.scrubber;
        let redacted = (!scrubber.is_clean(target)).then(|| {
            let mut text = target.to_owned();
            scrubber.scrub_all(&mut text);
            text
        });
        let fields = |visit: &mut dyn FnMut(&str)| {
            let names = event.fields.iter().map(|(name, _)| name.as_ref());
            names.filter(|name| is_content(name)).for_each(visit);
        };
        let parts = title::Parts {
            message: if is_silent { "" } else { message },
            error: if is_silent { error } else { "" },
            target: redacted.as_deref().unwrap_or(target),
            span: event.spans.last().map(|span| span.name.as_ref()).filter(|_| is_silent),
            fields: &fields,
        };
        draft.derive(&self.titles, &parts, spare);
        if !self.group_by.is_empty() {
            for span in event.spans.iter().rev() {
                self.find_groups(&span.fields, taker, scratch);
            }
            let Scratch { groups, draft, .. } = scratch;
            draft.append_groups(&self.group_by, groups);
        }
    }

    /// Takes from a span what joins the key and was not found further in.
    fn find_groups(
        &self,
        fields: &[(Cow<'_, str>, Value<'_>)],
        taker: Taker<'_>,
        scratch: &mut Scratch,
    ) {
        let missing = |name: &str, scratch: &Scratch| {
            let mut groups = self.group_by.iter().zip(&scratch.groups);
            groups.any(|(group, found)| group == name && !found.found)
        };
        for field in fields.iter().filter(|(name, _)| *name != "message") {
            if missing(&field.0, scratch) {
                let group_by = self.group_by.as_slice();
                let mut deciding = Deciding { scratch, taker, wants_error: false, group_by };
                self.names.record(std::slice::from_ref(field), &mut deciding);
            }
        }
    }

    /// Hashes the error and the root span, which a log tells apart by its name and fields only.
    pub(super) fn failure(&self, event: &Event<'_>, taker: Taker<'_>, seed: u64) -> Option<u64> {
        let root = event.spans.first()?;
        let mut state = DefaultHasher::new();
        (seed, &root.name).hash(&mut state);
        for (name, value) in &root.fields {
            (name, format!("{value:?}")).hash(&mut state);
        }
        let mut content = Content::default();
        content.read_from(taker, |visitor| self.names.record(&event.fields, visitor));
        content.own()?.hash(&mut state);
        Some(state.finish())
    }
}

/// Where the event comes from, if its line tells.
pub(super) fn site<'a>(event: &'a Event<'_>) -> Option<Site<'a>> {
    Some(Site::Record { file: event.file.as_deref()?, line: event.line? })
}
