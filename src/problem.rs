//! What a person should know of paging itself: [`Problem`], on its way to stderr and to
//! [`Builder::on_problem`](crate::Builder::on_problem).
//!
//! Invariant: no text of a problem holds a token, a URL or a value of an event.

use std::fmt;

/// Something about paging that a person should know: the endpoint refuses, the spool can't be
/// written, incidents were lost. Printed on stderr, and given to
/// [`Builder::on_problem`](crate::Builder::on_problem). Its `Display` is one sentence without a
/// secret.
///
/// ```
/// fn tell(problem: &tracing_spike::Problem) {
///     if problem.kind() == tracing_spike::ProblemKind::Refused {
///         eprintln!("nobody will be paged: {problem}");
///     }
/// }
/// let builder = tracing_spike::from_env().on_problem(tell);
/// # drop(builder);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    text: String,
}

/// What a [`Problem`] is about.
///
/// ```
/// use tracing_spike::{Problem, ProblemKind};
/// fn tell(problem: &Problem) {
///     match problem.kind() {
///         ProblemKind::Recovered => println!("{problem}"),
///         _ => eprintln!("{problem}"),
///     }
/// }
/// let builder = tracing_spike::from_env().on_problem(tell);
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A webhook is refused (401, 403, 404 or 410): the token is wrong, perhaps. Incidents are
    /// kept. Told when it begins and hourly while it lasts.
    Refused,
    /// An endpoint failed three times in a row. Incidents are kept. Told when it begins and hourly
    /// while it lasts.
    Failing,
    /// What was refused or failing accepts again.
    Recovered,
    /// Incidents were given up or not taken. At most once a minute.
    Lost,
    /// The spool can't be written or read.
    Spool,
    /// Our own code panicked; the worker was started again, or waits before it is.
    Worker,
    /// An event has a `spike` field that means nothing. Told once for each callsite.
    Field,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// What it is about.
    ///
    /// ```
    /// # fn look(problem: &tracing_spike::Problem) {
    /// let is_lost = problem.kind() == tracing_spike::ProblemKind::Lost;
    /// # drop(is_lost);
    /// # }
    /// ```
    #[must_use]
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
