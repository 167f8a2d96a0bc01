//! The fields of spans, kept compactly with each span until an event needs them.
//!
//! Invariants: a span without fields costs nothing; a user's `Debug` never runs while a span's
//! extensions are locked; a span that is missing what we stored, because the layer was added
//! late, has no fields and is no reason to panic. Like an event's, its texts may hold secrets.

use std::{
    error::Error,
    fmt::{self, Write},
};

use kept::{Item, Kept};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use crate::{
    capture::{
        event::{is_control, records_plain_values, take_field, write_chain},
        scratch::{Capped, Scratch, Taker},
        title::Group,
    },
    fields::{Fields, Value},
};

pub(crate) mod kept;

/// Spans of one event at most, counted from the leaf.
pub(crate) const SPAN_CAP: usize = 32;
/// Bytes of a value that joins the key that are looked at: more than a title keeps, since what is
/// invisible goes.
pub(crate) const GROUP_CAP: usize = 512;

/// Keeps fields of a span: those it was given when it was made, or later. `record` records them.
pub(crate) fn keep<S>(
    id: &span::Id,
    ctx: &Context<'_, S>,
    taker: Taker<'_>,
    record: impl FnOnce(&mut dyn Visit),
) where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = ctx.span(id) else { return };
    let mut keeping = Keeping { kept: Kept::new(span.metadata()), taker };
    record(&mut keeping);
    if keeping.kept.is_empty() {
        return;
    }
    let mut extensions = span.extensions_mut();
    match extensions.get_mut::<Kept>() {
        Some(kept) => kept.merge(keeping.kept),
        None => extensions.insert(keeping.kept),
    }
}

/// Appends an event's spans, of which this is the innermost, and their fields, leaf first; tells
/// whether there were more, and which is the outermost.
pub(crate) fn append<S>(
    innermost: Option<SpanRef<'_, S>>,
    fields: &mut Fields,
) -> (bool, Option<span::Id>)
where
    S: for<'a> LookupSpan<'a>,
{
    let (mut left, mut cut, mut root) = (SPAN_CAP, false, None);
    let mut next = innermost;
    while let Some(span) = next {
        root = Some(span.id());
        match left.checked_sub(1) {
            Some(less) => {
                left = less;
                fields.push_span(span.name());
                if let Some(kept) = span.extensions().get::<Kept>() {
                    kept.append_to(fields);
                }
            }
            None => cut = true,
        }
        next = span.parent();
    }
    (cut, root)
}

/// Looks for what the event itself has not: the value of each of `names` in the innermost span
/// that has it.
pub(crate) fn find<S>(
    event: &Event<'_>,
    ctx: &Context<'_, S>,
    taker: Taker<'_>,
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
        let Some(kept) = extensions.get::<Kept>() else { continue };
        for (name, group) in names.iter().zip(&mut *groups).filter(|(_, group)| !group.found) {
            if let Some((name, item)) = kept.iter().find(|(of, _)| of == name) {
                group.found = true;
                missing = missing.saturating_sub(1);
                take_field(taker, name, &mut group.text, GROUP_CAP, |out| show(item, out));
            }
        }
    }
}

/// Writes a value as `Display` does.
fn show(item: Item<'_>, out: &mut Capped<'_>) -> fmt::Result {
    match item {
        Item::Plain(Value::Bool(value)) => write!(out, "{value}"),
        Item::Plain(Value::I64(value)) => write!(out, "{value}"),
        Item::Plain(Value::U64(value)) => write!(out, "{value}"),
        Item::Plain(Value::F64(value)) => write!(out, "{value}"),
        Item::Plain(Value::Text { .. } | Value::Span | Value::Kept { .. }) => Ok(()),
        Item::Text(text) => out.write_str(text),
    }
}

/// Takes what is content of a span.
struct Keeping<'a> {
    kept: Kept,
    taker: Taker<'a>,
}

impl Keeping<'_> {
    fn plain(&mut self, field: &Field, value: Value) {
        if !is_control(field.name()) {
            self.kept.push(field.index(), Item::Plain(value));
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        if is_control(field.name()) {
            return;
        }
        Scratch::lend(|scratch| {
            self.taker.take_raw(&mut scratch.error, write);
            self.kept.push(field.index(), Item::Text(&scratch.error));
        });
    }
}

impl Visit for Keeping<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if !is_control(field.name()) {
            self.kept.push(field.index(), Item::Text(Taker::head_of(value)));
        }
    }

    records_plain_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, |out| write_chain(value, out));
    }
}
