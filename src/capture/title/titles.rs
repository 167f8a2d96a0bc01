//! What a program may change about titles: [`Titles`], and what its closure gets to see.
//!
//! Invariant: keeps no state between two events, so a trigger and its resolve get one title.

use std::{
    fmt,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

use tracing::Level;

use super::{Parts, Spare, append_place, scan, write_text};

/// What stands between a problem and its details, for [`Titles::short`].
const DETAILS: &str = ": ";

/// A program's own way to write a title. A panic in it is caught where it is called.
type Custom = dyn Fn(&TitleParts<'_>, &mut dyn fmt::Write) -> fmt::Result
    + Send
    + Sync
    + UnwindSafe
    + RefUnwindSafe;

/// How titles are made, for [`Builder::titles`](crate::Builder::titles). Default:
/// [`Titles::text`].
///
/// The title is the key at Spike: events with one title are one incident. Whatever is set here, an
/// event's `spike.title` wins, and a trigger and its resolve get their title from the same rules.
///
/// ```
/// use tracing_spike::title::Titles;
/// let (spike, _guard) = tracing_spike::from_env()
///     .titles(Titles::text().short().custom(|parts, out| write!(out, "{} [eu]", parts.title)))
///     .build::<tracing_subscriber::Registry>()?;
/// # drop(spike);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "titles do nothing until they are given to `Builder::titles`"]
pub struct Titles {
    literals: bool,
    short: bool,
    custom: Option<Arc<Custom>>,
}

/// What is known of an event when [`Titles::custom`] is asked for its title.
///
/// ```
/// use tracing_spike::title::{TitleParts, Titles};
/// fn by_span(parts: &TitleParts<'_>, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
///     match parts.span {
///         Some(span) => write!(out, "{} ({span})", parts.title),
///         None => out.write_str(parts.title),
///     }
/// }
/// let titles = Titles::text().custom(by_span);
/// # drop(titles);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TitleParts<'a> {
    /// The title that the event has without the closure, its place included; at most
    /// [`MAX_CHARS`](super::MAX_CHARS) characters. What
    /// [`group_by`](crate::Builder::group_by) appends is not in it: that comes behind whatever
    /// the closure writes.
    pub title: &'a str,
    /// The message as it was, values included; at most 2 KiB. Empty if there is none.
    pub message: &'a str,
    /// The error with its sources, `a: b: c`, from the field `error`, `err` or `e`, or any other
    /// that holds a `dyn Error`; at most 2 KiB.
    pub error: Option<&'a str>,
    /// The target: the module's path, or what the event or `log` record says. Of one longer than
    /// 1 KiB the end.
    pub target: &'a str,
    /// The level: ERROR, WARN or INFO.
    pub level: Level,
    /// The name of the innermost span.
    pub span: Option<&'a str>,
    /// The source file. It moves with a refactoring: a title that it is in does, too.
    pub file: Option<&'a str>,
    /// The line in it. It moves with every edit above it, and so does a title that it is in.
    pub line: Option<u32>,
}

impl Titles {
    /// Titles by rules of text alone: `{message} in {target}`, with everything variable as `#`; as
    /// [`derive`](super::derive()) makes them. The default.
    ///
    /// ```
    /// # use tracing_spike::title::Titles;
    /// let builder = tracing_spike::from_env().titles(Titles::text());
    /// # drop(builder);
    /// ```
    pub fn text() -> Self {
        Self::default()
    }

    /// Titles made of what stands in the source: what the program put into a message becomes `#`,
    /// however it looks. `failed to load plan gold for ann` becomes `failed to load plan # for #`
    /// where text alone can't tell a name from a word; on the first event, without learning.
    /// Otherwise as [`Titles::text`], whose rules then read what is left: errors keep their kind,
    /// and names of variants, texts of errors and `&'static str` are in the source, too.
    ///
    /// A literal is told by its address: it lies in the program's read-only memory. Linux says
    /// where that is (`/proc/self/maps`, read once by
    /// [`Builder::build`](crate::Builder::build)); on other platforms, and where that file can't
    /// be read, the titles are those of [`Titles::text`], and a line on stderr says so. What was
    /// formatted before it was logged (`error!("{text}")`) is read by the rules of text, and so is
    /// a value of several words that may be an error's.
    ///
    /// Not the default, since [`derive`](super::derive()) and programs on other platforms
    /// can't make these titles. Set it for all programs that page through one webhook, or for none.
    ///
    /// ```
    /// # use tracing_spike::title::Titles;
    /// let builder = tracing_spike::from_env().titles(Titles::literals());
    /// # drop(builder);
    /// ```
    pub fn literals() -> Self {
        Self { literals: true, ..Self::default() }
    }

    /// Cuts the text at its first `: `, so that what follows, an error's text most often, does not
    /// join the key: `card payment failed: timeout in shop` becomes `card payment failed in shop`.
    /// For those who want one incident for each call site; by default the whole text joins it. The
    /// place stays, and so does what [`group_by`](crate::Builder::group_by) appends.
    ///
    /// ```
    /// # use tracing_spike::title::Titles;
    /// let builder = tracing_spike::from_env().titles(Titles::text().short());
    /// # drop(builder);
    /// ```
    pub fn short(mut self) -> Self {
        self.short = true;
        self
    }

    /// Lets `write` write the title. It is cleaned, and cut and marked with a hash beyond
    /// [`MAX_CHARS`](super::MAX_CHARS) characters (200), as `spike.title` is; beyond 2 KiB the
    /// writer returns an error, and what was written by then counts.
    ///
    /// The event keeps the title it has without the closure when that panics (the panic ends here,
    /// and is counted in [`Stats::panicked_titles`](crate::Stats::panicked_titles)), returns an
    /// error of its own, or writes nothing that can be seen.
    ///
    /// The closure runs on the thread of the event, for repeats and resolves, too; so it should be
    /// quick, and say the same whenever the problem is the same. It may log: what it logs does not
    /// page. Of several closures the last one counts.
    ///
    /// ```
    /// # use tracing_spike::title::Titles;
    /// let titles = Titles::text().custom(|parts, out| match parts.error {
    ///     Some(error) if error.contains("connection refused") => out.write_str("a peer is down"),
    ///     _ => out.write_str(parts.title),
    /// });
    /// let builder = tracing_spike::from_env().titles(titles);
    /// # drop(builder);
    /// ```
    pub fn custom<F>(mut self, write: F) -> Self
    where
        F: Fn(&TitleParts<'_>, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
    {
        let write = AssertUnwindSafe(write);
        self.custom = Some(Arc::new(move |parts, out| {
            // As a whole, since a part of it would be captured without its promise.
            let write = &write;
            (write.0)(parts, out)
        }));
        self
    }

    /// Whether literals are to be told from values.
    pub(crate) fn wants_literals(&self) -> bool {
        self.literals
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.custom.is_some()
    }

    /// Calls the program's closure, if there is one.
    pub(crate) fn call(&self, parts: &TitleParts<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        self.custom.as_ref().map_or(Ok(()), |write| write(parts, out))
    }

    /// Writes the title into `out`, which is cleared first; returns where its place begins.
    pub(super) fn write(&self, parts: &Parts<'_>, out: &mut String, spare: &mut Spare) -> usize {
        let span = write_text(parts, out, spare);
        if self.short
            && let Some((text, _)) = out.split_once(DETAILS)
        {
            let kept = text.trim_end_matches(scan::is_tail).len();
            if kept > 0 {
                out.truncate(kept);
            }
        }
        append_place(parts.target, span, out)
    }
}

impl fmt::Debug for Titles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.literals { "Titles::literals()" } else { "Titles::text()" })?;
        if self.short {
            f.write_str(".short()")?;
        }
        if self.is_custom() {
            f.write_str(".custom(..)")?;
        }
        Ok(())
    }
}
