//! The fields of spans, kept compactly with each span until an event needs them.
//!
//! Invariants: a span without fields costs nothing; a user's `Debug` never runs while a span's
//! extensions are locked; a span that is missing what we stored, because the layer was added
//! late, has no fields and is no reason to panic.

use std::fmt::Write;

use tracing::{Event, Subscriber, span};
use tracing_subscriber::{
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use crate::{
    capture::{
        event::Capturing,
        scratch::{Scratch, Taker},
        title::Group,
    },
    fields::{Fields, Value},
};

/// Spans of one event at most, counted from the leaf.
pub(crate) const SPAN_CAP: usize = 32;

/// What a span's extensions hold of ours.
#[derive(Debug)]
struct SpanFields(Fields);

/// Keeps fields of a span: those it was given when it was made, or later. `record` records them.
pub(crate) fn keep<S>(
    id: &span::Id,
    ctx: &Context<'_, S>,
    taker: Taker<'_>,
    record: impl FnOnce(&mut Capturing<'_>),
) where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id) else { return };
    Scratch::lend(|scratch| {
        record(&mut Capturing { fields: &mut scratch.fields, taker, error: None });
        add(&span, &scratch.fields);
    });
}

fn add<S>(span: &SpanRef<'_, S>, fields: &Fields)
where
    S: for<'a> LookupSpan<'a>,
{
    if fields.is_empty() {
        return;
    }
    let mut extensions = span.extensions_mut();
    match extensions.get_mut::<SpanFields>() {
        Some(SpanFields(kept)) => kept.merge(fields),
        None => extensions.insert(SpanFields(fields.clone())),
    }
}

/// Appends the event's spans and their fields, leaf first; tells whether there were more.
pub(crate) fn append<S>(event: &Event<'_>, ctx: &Context<'_, S>, fields: &mut Fields) -> bool
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut spans = ctx.event_scope(event).into_iter().flatten();
    for span in spans.by_ref().take(SPAN_CAP) {
        fields.push_span(span.name());
        if let Some(SpanFields(kept)) = span.extensions().get::<SpanFields>() {
            fields.extend(kept);
        }
    }
    spans.next().is_some()
}

/// Looks for what the event itself has not: the value of each of `names` in the innermost span
/// that has it.
pub(crate) fn find<S>(
    event: &Event<'_>,
    ctx: &Context<'_, S>,
    names: &[String],
    groups: &mut [Group],
) where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let mut missing = names.iter().zip(&*groups).filter(|(_, group)| !group.found).count();
    for span in ctx.event_scope(event).into_iter().flatten() {
        if missing == 0 {
            return;
        }
        let extensions = span.extensions();
        let Some(SpanFields(kept)) = extensions.get::<SpanFields>() else { continue };
        for (name, group) in names.iter().zip(&mut *groups).filter(|(_, group)| !group.found) {
            if let Some(field) = kept.iter().find(|field| field.name == name) {
                group.found = true;
                missing = missing.saturating_sub(1);
                show(kept, field.value, &mut group.text);
            }
        }
    }
}

/// Appends a value as `Display` writes it.
fn show(fields: &Fields, value: Value, out: &mut String) {
    match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::I64(value) => write!(out, "{value}"),
        Value::U64(value) => write!(out, "{value}"),
        Value::F64(value) => write!(out, "{value}"),
        Value::Text { .. } | Value::Span => out.write_str(fields.text(value)),
    }
    // Writing to a string does not fail.
    .ok();
}
