//! Reading all that is content of an event: a second pass over its fields, and its spans.
//!
//! Invariants: it is done once, and not for an event that is a repeat; its texts may hold secrets.

use std::{
    error::Error,
    fmt::{self, Write},
};

use tracing::{
    Event,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::{
    capture::{
        event::{
            is_content, is_control, is_error_name, records_plain_values, write_chain, write_sources,
        },
        report,
        scratch::{Capped, Taker},
        span as span_fields,
    },
    fields::{Fields, TEXT_CAP, Value, head},
    incident::RawError,
};

/// What an event tells, but for its message.
#[derive(Debug, Default)]
pub(crate) struct Content {
    is_read: bool,
    /// The event's fields, then each span's, leaf first; and the texts of `error`.
    pub(crate) fields: Fields,
    /// The event's error: the first that has such a type or such a name.
    pub(crate) error: Option<RawError>,
    /// Its own text could be had.
    has_own: bool,
    /// Where it is written, and the path of the spans that it was made in.
    text: String,
    path: String,
    /// There were more spans than are in `fields`.
    pub(crate) spans_cut: bool,
    /// The outermost of them.
    pub(crate) root: Option<span::Id>,
}

impl Content {
    pub(crate) fn clear(&mut self) {
        let Self { is_read, fields, error, has_own, text, path, spans_cut, root } = self;
        fields.clear();
        text.clear();
        path.clear();
        (*is_read, *error, *has_own, *spans_cut, *root) = (false, None, false, false, None);
    }

    /// Reads the event and the spans around it, unless that was done.
    pub(crate) fn read<'a, S>(
        &mut self,
        event: &Event<'_>,
        innermost: impl FnOnce() -> Option<SpanRef<'a, S>>,
        taker: Taker<'_>,
    ) where
        S: for<'l> LookupSpan<'l> + 'a,
    {
        if !self.is_read {
            self.is_read = true;
            event.record(&mut Capturing { content: self, taker });
            (self.spans_cut, self.root) = span_fields::append(innermost(), &mut self.fields);
        }
    }

    /// Reads what `record` shows.
    #[cfg(feature = "cli")]
    pub(crate) fn read_from(&mut self, taker: Taker<'_>, record: impl FnOnce(&mut dyn Visit)) {
        record(&mut Capturing { content: self, taker });
    }

    /// What two events have in common when one has caused the other: the error's text without its
    /// sources, as `%error` has none. `None`: there is no error, or its text could not be had.
    pub(crate) fn own(&self) -> Option<&str> {
        let RawError { own, .. } = self.error.filter(|_| self.has_own)?;
        Some(head(self.fields.text(own), TEXT_CAP))
    }

    /// The error's text with its sources; empty without an error.
    pub(crate) fn chain(&self) -> &str {
        self.error.map_or("", |RawError { whole, .. }| self.fields.text(whole))
    }
}

/// The pass over the fields.
struct Capturing<'a> {
    content: &'a mut Content,
    taker: Taker<'a>,
}

impl Capturing<'_> {
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let (name, taker) = (field.name(), self.taker);
        if is_error_name(name) && self.content.error.is_none() {
            self.error(name, write, None);
        } else if is_content(name) {
            self.content.fields.push_text(name, |out| {
                taker.take_raw(out, write);
                false
            });
        }
    }

    /// Takes the event's error; its own text, and behind that its sources'.
    fn error(
        &mut self,
        name: &'static str,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
        error: Option<&(dyn Error + 'static)>,
    ) {
        let Self { content, taker } = self;
        let Content { fields, error: taken, has_own, text, path, .. } = &mut **content;
        *has_own = !taker.take_raw(text, write);
        let own = report::flatten(text, Some(path)).unwrap_or(text.len());
        if let Some(error) = error.filter(|_| *has_own) {
            taker.take_behind(text, |out| write_sources(error, 0, out, path));
        }
        let mut keep = |text: &str| {
            fields.text_value(|out| {
                out.push_str(text);
                false
            })
        };
        let whole = keep(text);
        let span = (!path.is_empty()).then(|| keep(path));
        *taken = Some(RawError { name, own: Fields::head_of(whole, own), whole, span });
    }

    fn plain(&mut self, field: &Field, value: Value) {
        if is_content(field.name()) {
            self.content.fields.push(field.name(), value);
        }
    }
}

impl Visit for Capturing<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |out| out.write_str(value));
    }

    // A number or a flag is no error, whatever its name: it tells of no failure that another event
    // could have caused.

    records_plain_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let name = field.name();
        if self.content.error.is_none() && !is_control(name) {
            self.error(name, |out| write!(out, "{value}"), Some(value));
        } else {
            self.text(field, |out| write_chain(value, out));
        }
    }
}
