//! How the layer makes an event's title.
//!
//! Invariant: a trigger and its resolve get it in the same way.

use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use super::SpikeLayer;
use crate::{
    capture::{
        event::is_content,
        scratch::Scratch,
        span as span_fields,
        title::{self, TitleParts},
    },
    fields::TEXT_CAP,
};

/// Most of a target that a title is made of, in bytes, from its end.
pub(crate) const TITLE_TARGET_CAP: usize = 1024;

impl SpikeLayer {
    /// Makes the title, that of a trigger and that of a resolve; tells whether the event has given
    /// none itself.
    pub(super) fn write_title<S>(
        &self,
        event: &Event<'_>,
        meta: &Metadata<'_>,
        ctx: &Context<'_, S>,
        is_silent: bool,
        scratch: &mut Scratch,
    ) -> bool
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if scratch.draft.give(&scratch.controls.title) {
            return false;
        }
        match scratch.recall.title() {
            Some((kind, place, key)) => scratch.draft.recall(kind, place, key),
            None => self.make_title(event, meta, ctx, is_silent, scratch),
        }
        if !self.group_by.is_empty() {
            let Scratch { groups, draft, .. } = scratch;
            span_fields::find(event, ctx, self.taker(), &self.group_by, groups);
            draft.append_groups(&self.group_by, groups);
        }
        true
    }

    /// Makes a title that is not known, but for the fields that join the key.
    fn make_title<S>(
        &self,
        event: &Event<'_>,
        meta: &Metadata<'_>,
        ctx: &Context<'_, S>,
        is_silent: bool,
        scratch: &mut Scratch,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Scratch { message, error, holes, error_holes, filled, draft, spare, recall, .. } =
            scratch;
        // Only what has no message is named after its error and its span.
        let is_custom = self.titles.is_custom();
        let span = if is_silent || is_custom { ctx.event_span(event) } else { None };
        let span = span.map(|span| span.name());
        let names = |visit: &mut dyn FnMut(&str)| {
            let names = meta.fields().iter().map(|field| field.name());
            names.filter(|name| is_content(name)).for_each(visit);
        };
        let target = tail(meta.target(), TITLE_TARGET_CAP);
        // That of a `log` record is made while the program runs; any other is a constant.
        let constant = event.metadata().target();
        let is_constant = std::ptr::eq(meta.target(), constant);
        let redacted = self.redacted_target(is_constant.then_some(constant), target);
        // Whichever of the two the title is made of.
        let (text, holes) = if is_silent { (&*error, error_holes) } else { (&*message, holes) };
        let is_filled = !holes.is_empty() && title::fill(text, holes, filled);
        let text = if is_filled { filled.as_str() } else { text.as_str() };
        let parts = title::Parts {
            message: if is_silent { "" } else { text },
            error: if is_silent { text } else { "" },
            target: redacted.as_deref().unwrap_or(target),
            span: span.filter(|_| is_silent),
            fields: &names,
        };
        draft.derive(&self.titles, &parts, spare);
        if is_custom {
            let (title, raw) = draft.custom();
            let parts = TitleParts {
                title,
                message,
                error: Some(error.as_str()).filter(|error| !error.is_empty()),
                target: parts.target,
                level: *meta.level(),
                span,
                file: meta.file(),
                line: meta.line(),
            };
            if self.taker().take_title(raw, TEXT_CAP, |out| self.titles.call(&parts, out)) {
                draft.take_custom();
            }
        }
        if !is_silent {
            draft.note_key(self.pipeline.key(draft.kind()));
            // Later, nothing is to be allocated.
            recall.reserve();
        }
    }

    /// A target that holds a secret, without it. `constant`: all of it, if it is one.
    fn redacted_target(&self, constant: Option<&'static str>, target: &str) -> Option<String> {
        let scrubber = self.pipeline.scrubber();
        let look = || scrubber.is_clean(target);
        let clean = match constant {
            Some(constant) => self.clean.is(constant, look),
            None => look(),
        };
        if clean {
            return None;
        }
        let mut text = target.to_owned();
        scrubber.scrub_all(&mut text);
        Some(text)
    }
}

/// The longest tail of `text` of at most `cap` bytes that begins between two characters.
pub(crate) fn tail(text: &str, cap: usize) -> &str {
    let start = text.len().saturating_sub(cap);
    let start = (start..=text.len()).find(|start| text.is_char_boundary(*start));
    text.get(start.unwrap_or(0)..).unwrap_or(text)
}
