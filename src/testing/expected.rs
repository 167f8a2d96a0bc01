//! What a test expects of the pages of one title, and what it is told when it is not so.
//!
//! Pure: it looks at pages and near misses, and makes a text.

use std::fmt::{self, Write};

use humantime::format_duration;
use serde_json::Value as Json;
use strsim::sorensen_dice;

use super::{notebook::Miss, page::Page};
use crate::{
    capture::title,
    incident::{Priority, Severity},
    witness::times,
};

/// Lines of each list that a failed assertion shows.
const LINES: usize = 8;
/// So near two titles are when one may be meant by the other.
const NEAR: f64 = 0.5;

/// The conditions of [`assert_paged!`](crate::assert_paged) and
/// [`assert_not_paged!`](crate::assert_not_paged): each method is one, and is written as a call
/// behind the title. What none is given of is not looked at.
///
/// `severity`, `priority`, `body` and `endpoint` are about one page or repeat: all of them have to
/// be true of the same one. `times`, `repeats`, `resolved` and `open` are about all that has become
/// of the title, and for `assert_paged!` alone; `occurred` is for `assert_not_paged!`.
///
/// ```
/// use std::time::Duration;
/// use tracing_spike::{Priority, Severity, assert_not_paged, assert_paged, testing::Spike};
///
/// let spike = Spike::new(|builder| builder.severity(Severity::Sev2).priority(Priority::P1))?;
/// let _inside = spike.enter();
/// for _ in 0..2 {
///     tracing::error!(order = 4711, "card payment failed");
///     spike.advance(Duration::from_secs(60));
/// }
/// assert_paged!(
///     spike,
///     "card payment failed",
///     severity(Severity::Sev2),
///     priority(Priority::P1),
///     body("fields.order", 4711),
///     endpoint("default"),
///     times(1),
///     repeats(1),
///     open(),
/// );
/// tracing::info!(spike.status = "resolve", "card payment failed");
/// assert_paged!(spike, "card payment failed", resolved());
///
/// tracing::warn!("cache is cold");
/// assert_not_paged!(spike, "cache is cold", occurred());
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "conditions are for assert_paged! and assert_not_paged!"]
pub struct Expected {
    title: String,
    /// The title that an event with such a message has; `None`: nothing of the text is in it.
    derived: Option<String>,
    severity: Option<Severity>,
    priority: Option<Priority>,
    body: Vec<(String, Json)>,
    endpoint: Option<String>,
    times: Option<usize>,
    repeats: Option<usize>,
    open: Option<bool>,
    occurred: bool,
}

/// All that a test has seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    pub(super) pages: &'a [Page],
    pub(super) misses: &'a [Miss],
    /// What a person is told of paging itself: of fields that mean nothing, say.
    pub(super) said: &'a [String],
}

impl Expected {
    /// Of titles in which this text occurs; what varies may be written as it was logged
    /// (`user 4711 is gone`) or as in a title (`user # is gone`).
    #[doc(hidden)]
    pub fn title(text: &str) -> Self {
        let derived = title::derive(text, "");
        // `#` alone is in most titles, and of what says nothing it makes `error`.
        let says = |text: &str| text.chars().any(char::is_alphabetic);
        let derived = Some(derived).filter(|derived| says(text) && says(derived));
        Self { title: text.to_owned(), derived, ..Self::default() }
    }

    /// It paged with this severity.
    ///
    /// ```
    /// use tracing_spike::{Severity, assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(spike.severity = "sev1", "import failed");
    /// assert_paged!(spike, "import failed", severity(Severity::Sev1));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// It paged with this priority.
    ///
    /// ```
    /// use tracing_spike::{Priority, assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(spike.priority = "p2", "import failed");
    /// assert_paged!(spike, "import failed", priority(Priority::P2));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Its body has this value there: `fields.order`, or `/fields/order` as a JSON pointer. May be
    /// given more than once.
    ///
    /// ```
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!(rows = 17, "import failed");
    /// assert_paged!(spike, "import failed", body("fields.rows", 17), body("level", "ERROR"));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn body(mut self, path: &str, value: impl Into<Json>) -> Self {
        self.body.push((path.to_owned(), value.into()));
        self
    }

    /// It goes to a webhook in whose [description](Page::endpoint) this text occurs: `default`, or
    /// `rule billing`.
    ///
    /// ```
    /// use tracing_spike::{Rule, assert_paged, testing::Spike};
    ///
    /// let other = "https://hooks.spike.sh/0123456789abcdef/push-events";
    /// let spike = Spike::new(|builder| builder.rule(Rule::target("jobs").webhook(other)))?;
    /// let _inside = spike.enter();
    /// tracing::error!(target: "jobs", "import failed");
    /// assert_paged!(spike, "import failed", endpoint("rule jobs"));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn endpoint(mut self, name: &str) -> Self {
        self.endpoint = Some(name.to_owned());
        self
    }

    /// So many incidents were opened; repeats don't count.
    ///
    /// ```
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// for _ in 0..3 {
    ///     tracing::error!("import failed");
    /// }
    /// assert_paged!(spike, "import failed", times(1));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// So many repeats went out.
    ///
    /// ```
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// spike.advance(std::time::Duration::from_secs(60));
    /// tracing::error!("import failed");
    /// assert_paged!(spike, "import failed", times(1), repeats(1));
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn repeats(mut self, repeats: usize) -> Self {
        self.repeats = Some(repeats);
        self
    }

    /// None of its incidents is open any more.
    ///
    /// ```
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// tracing::info!(spike.status = "resolve", "import failed");
    /// assert_paged!(spike, "import failed", resolved());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn resolved(mut self) -> Self {
        self.open = Some(false);
        self
    }

    /// One of its incidents is open.
    ///
    /// ```
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// assert_paged!(spike, "import failed", open());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn open(mut self) -> Self {
        self.open = Some(true);
        self
    }

    /// For `assert_not_paged!`: something with this title did occur, and either did not page or not
    /// with the other conditions. Without it, code that was never reached passes.
    ///
    /// ```
    /// use tracing_spike::{assert_not_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// tracing::warn!("import is slow");
    /// assert_not_paged!(spike, "import is slow", occurred());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn occurred(mut self) -> Self {
        self.occurred = true;
        self
    }

    /// `Err` says why it is not so.
    pub(super) fn paged(&self, seen: Seen<'_>) -> Result<(), String> {
        let titled: Vec<&Page> = self.titled(seen.pages).collect();
        let pages: Vec<&Page> = titled.iter().copied().filter(|page| !page.is_resolve()).collect();
        if pages.is_empty() {
            return Err(format!(
                "expected a page {:?}, found none\n{}",
                self.title,
                self.all(seen)
            ));
        }
        let mut out = String::new();
        if !pages.iter().any(|page| self.fits(page)) {
            line(&mut out, format_args!("{:?} paged, but not as expected:", self.title));
            let mut differ: Vec<_> =
                pages.iter().map(|page| (shown(page), self.differences(page))).collect();
            differ.sort_by_key(|(_, differences)| differences.len());
            for (page, differences) in differ.into_iter().take(LINES) {
                line(&mut out, format_args!("  {page}"));
                for (what, expected, found) in differences {
                    line(&mut out, format_args!("    {what}: expected {expected}, found {found}"));
                }
            }
            return Err(out);
        }
        let mut expect = |expected: String, found: &str| {
            line(
                &mut out,
                format_args!("{:?} paged, expected {expected}, found {found}", self.title),
            );
        };
        let count = |is_repeat| pages.iter().filter(|page| page.is_repeat() == is_repeat).count();
        for (name, expected, found) in
            [("times", self.times, count(false)), ("repeats", self.repeats, count(true))]
        {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                expect(format!("{name}({expected})"), &found.to_string());
            }
        }
        let is_open = titled.iter().any(|page| is_open(seen.pages, page));
        match self.open {
            Some(true) if !is_open => expect("open()".to_owned(), "it resolved"),
            Some(false) if is_open => expect("resolved()".to_owned(), "it open"),
            _ => {}
        }
        if out.is_empty() { Ok(()) } else { Err(format!("{out}{}", self.all(seen))) }
    }

    /// `Err` says what paged.
    pub(super) fn not_paged(&self, seen: Seen<'_>) -> Result<(), String> {
        if self.times.is_some() || self.repeats.is_some() || self.open.is_some() {
            let text = "times(), repeats(), open() and resolved() are conditions of \
                        assert_paged!, not of assert_not_paged!";
            return Err(text.to_owned());
        }
        let paged = |page: &&Page| !page.is_resolve() && self.fits(page);
        let found: Vec<&Page> = self.titled(seen.pages).filter(paged).collect();
        if !found.is_empty() {
            let title = if self.title.is_empty() { "anything".into() } else { self.quoted() };
            let mut out = format!("expected no page of {title}, found {}\n", found.len());
            for page in found.iter().take(LINES) {
                line(&mut out, format_args!("  {}", shown(page)));
            }
            return Err(out);
        }
        let missed = || seen.misses.iter().any(|miss| self.is_title(&miss.title));
        if self.occurred && !missed() && self.titled(seen.pages).next().is_none() {
            let title = self.quoted();
            let all = self.all(seen);
            return Err(format!("{title} did not page, but nothing like it occurred\n{all}"));
        }
        Ok(())
    }

    fn quoted(&self) -> String {
        format!("{:?}", self.title)
    }

    fn is_title(&self, title: &str) -> bool {
        let is_derived = |derived: &String| title.contains(derived);
        title.contains(&self.title) || self.derived.as_ref().is_some_and(is_derived)
    }

    fn titled<'a>(&'a self, pages: &'a [Page]) -> impl Iterator<Item = &'a Page> {
        pages.iter().filter(|page| self.is_title(page.title()))
    }

    fn fits(&self, page: &Page) -> bool {
        self.differences(page).is_empty()
    }

    /// What a page should be and is not: what, expected and found.
    fn differences(&self, page: &Page) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        let none = || "none".to_owned();
        let mut compare = |what: &str, expected: Option<&str>, is: Option<&str>| {
            if let Some(expected) = expected.filter(|expected| Some(*expected) != is) {
                let is = is.map_or_else(none, str::to_owned);
                found.push((what.to_owned(), expected.to_owned(), is));
            }
        };
        let severity = page.severity().map(Severity::as_str);
        compare("severity", self.severity.map(Severity::as_str), severity);
        let priority = page.priority().map(Priority::as_str);
        compare("priority", self.priority.map(Priority::as_str), priority);
        let elsewhere = self.endpoint.as_deref().filter(|name| !page.endpoint().contains(*name));
        compare("endpoint", elsewhere, Some(page.endpoint()));
        for (path, expected) in &self.body {
            let is = page.find(path);
            if is != Ok(expected) {
                let is = is.map_or_else(|none| none, Json::to_string);
                found.push((format!("body {path}"), expected.to_string(), is));
            }
        }
        found
    }

    /// All that was seen, what is nearest to the title first.
    fn all(&self, Seen { pages, misses, said }: Seen<'_>) -> String {
        if pages.is_empty() && misses.is_empty() {
            return "no event was seen at all: call the code behind `let _inside = spike.enter();`, \
                    and give its own threads and tasks `spike.dispatch()`\n"
                .to_owned();
        }
        let mut out = String::new();
        let paged = pages.iter().map(|page| (page.title(), shown(page))).collect();
        self.list("what paged", paged, &mut out);
        let missed = misses.iter().map(|Miss { title, why, count }| {
            (title.as_str(), format!("{title}{}: {why}", times(*count)))
        });
        self.list("what did not", missed.collect(), &mut out);
        if !said.is_empty() {
            line(&mut out, format_args!("what it says of that:"));
            said.iter().for_each(|text| line(&mut out, format_args!("  {text}")));
        }
        let titles = pages.iter().map(Page::title);
        let titles = titles.chain(misses.iter().map(|miss| miss.title.as_str()));
        let nearest =
            titles.max_by(|one, other| self.nearness(one).total_cmp(&self.nearness(other)));
        match nearest {
            Some(title) if !self.is_title(title) && self.nearness(title) >= NEAR => {
                line(&mut out, format_args!("nearest to {:?}: {title:?}", self.title));
            }
            _ => {}
        }
        out
    }

    fn list(&self, name: &str, mut lines: Vec<(&str, String)>, out: &mut String) {
        if lines.is_empty() {
            return;
        }
        // In the order in which it happened, unless only a part is shown.
        if lines.len() > LINES {
            lines.sort_by(|(one, _), (other, _)| {
                self.nearness(other).total_cmp(&self.nearness(one))
            });
        }
        let more = lines.len().saturating_sub(LINES);
        line(out, format_args!("{name}:"));
        for (_, text) in lines.iter().take(LINES) {
            line(out, format_args!("  {text}"));
        }
        if more > 0 {
            line(out, format_args!("  and {more} more"));
        }
    }

    /// How near a title is to what is expected, with its place and without; 1 at most.
    fn nearness(&self, title: &str) -> f64 {
        if self.is_title(title) {
            return 1.0;
        }
        let bare = title.split(" in ").next().unwrap_or(title);
        sorensen_dice(&self.title, title).max(sorensen_dice(&self.title, bare))
    }
}

/// Whether the incident of this page is open after all of them.
fn is_open(pages: &[Page], of: &Page) -> bool {
    let same = |page: &&Page| page.title() == of.title() && page.endpoint() == of.endpoint();
    pages.iter().rfind(same).is_some_and(|last| !last.is_resolve())
}

/// One page in a line.
fn shown(page: &Page) -> String {
    let verb = match (page.is_resolve(), page.is_repeat()) {
        (true, _) => "resolved",
        (_, true) => "repeated",
        _ => "paged",
    };
    let mut out = format!("{}: {verb} at {}", page.title(), format_duration(page.at()));
    for word in [page.severity().map(Severity::as_str), page.priority().map(Priority::as_str)] {
        word.into_iter().for_each(|word| {
            write!(out, ", {word}").ok();
        });
    }
    out
}

/// Appends a line.
fn line(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).ok();
    out.push('\n');
}
