//! The switches for what nobody outside Spike knows.
//!
//! Owns the list of assumptions and their defaults. Each default is the side on which a client
//! is safe: what works with the defaults also works with the kinder answer.

/// What Spike's public documentation leaves open, a switch each; set them with
/// [`Sandbox::assume`](super::Sandbox::assume).
///
/// More switches may come, so end with `..Unknowns::default()`:
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tracing_spike::sandbox::{Sandbox, Unknowns};
///
/// let sandbox = Sandbox::start()?;
/// sandbox.assume(Unknowns { resolve_with_nothing_open_opens: true, ..Unknowns::default() });
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknowns {
    /// "What a bad token answers": the status for a token that this sandbox never gave out
    /// with `webhook_url()` or `url_for()`, say 401, 403 or 404.
    ///
    /// Default `None`: every token of a valid shape is good.
    pub unregistered_token: Option<u16>,

    /// "Whether 429 and `Retry-After` ever come": a limited title answers 429, with the
    /// seconds that are left as `Retry-After`.
    ///
    /// Default `false`: 200, "dropped payloads get 200 too".
    pub limiter_answers_429: bool,

    /// "A resolve with nothing open: dropped, or (a third party's bug report of 2020) opens a
    /// new incident."
    ///
    /// Default `false`: dropped.
    pub resolve_with_nothing_open_opens: bool,

    /// "Whether resolves count towards 20 in 60 s"; then they are also dropped while the
    /// title is limited.
    ///
    /// Default `false`: they do not count, and are never dropped.
    pub resolves_count_towards_limit: bool,

    /// "Whether a trigger after a resolve is lost while the title is rate-limited": `false`
    /// lets a resolve lift the limit of its title.
    ///
    /// Default `true`: lost.
    pub limit_outlives_resolve: bool,

    /// "Whether `{"Ok": false}` comes with 200": it does for what is dropped.
    ///
    /// Default `false`: `{"Ok":true}`.
    pub dropped_answers_ok_false: bool,

    /// "Size limits": a longer body in bytes answers 413.
    ///
    /// Default `None`: no limit but the sandbox's own of 4 MiB.
    pub size_limit: Option<usize>,

    /// "Whether titles are normalised": titles that differ only in case, or in white space at
    /// either end, are one title.
    ///
    /// Default `false`: a title is its exact text.
    pub titles_are_normalised: bool,
}

impl Default for Unknowns {
    fn default() -> Self {
        Self {
            unregistered_token: None,
            limiter_answers_429: false,
            resolve_with_nothing_open_opens: false,
            resolves_count_towards_limit: false,
            limit_outlives_resolve: true,
            dropped_answers_ok_false: false,
            size_limit: None,
            titles_are_normalised: false,
        }
    }
}
