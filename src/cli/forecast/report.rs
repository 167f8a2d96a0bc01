//! The report for people.
//!
//! Invariant: no line is wider than the screen, and what came from the log moves no cursor.

use std::fmt::Write;

use super::{
    super::terminal::{Screen, count, fit, number, wrap},
    advice::{self, How},
    chart,
    reading::Found,
    tally::Title,
    time::{DAY, Date, SECOND, weekday},
};

/// Titles that are shown.
const NOISIEST: usize = 8;
const STORMS: usize = 3;

/// All of it.
pub(super) fn text(found: &Found<'_>, screen: Screen) -> String {
    let mut out = Report { found, screen, out: String::new() };
    out.head();
    out.sums();
    out.when();
    out.noisiest();
    out.storms();
    out.loose();
    out.quieter();
    out.odd();
    out.out
}

struct Report<'a> {
    found: &'a Found<'a>,
    screen: Screen,
    out: String,
}

impl Report<'_> {
    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn section(&mut self, title: &str, beside: &str) {
        let room = self.screen.columns.saturating_sub(title.chars().count());
        let beside = if beside.is_empty() { String::new() } else { format!("  {beside}") };
        let beside = self.screen.dim(&fit(&beside, room));
        let title = self.screen.bold(title);
        self.line("");
        self.line(&format!("{title}{beside}"));
    }

    fn wrapped(&mut self, first: &str, text: &str) {
        self.out.push_str(&wrap(first, text, self.screen.columns));
    }

    fn head(&mut self) {
        let names = self.found.names.join(", ");
        let lines = &self.found.lines;
        let mut about = format!("{} ({})", names, count(lines.all, "line"));
        if let Some((first, last)) = self.found.clock.span {
            let length = last.saturating_sub(first);
            let moment = |at: i64| format!("{} {}", Date::of(at).day(), Date::of(at).clock());
            write!(about, ", {} to {} UTC, {}", moment(first), moment(last), span(length)).ok();
        }
        self.wrapped("", &format!("What would have paged, had these logs been live: {about}"));
        if let Some(filter) = self.found.filter {
            self.wrapped("Filter: ", &super::super::terminal::harmless(filter));
        }
    }

    fn sums(&mut self) {
        let tally = self.found.tally;
        let days = self.found.clock.span.map_or(0, |(first, last)| last.saturating_sub(first));
        let mut rate = String::new();
        if let Some((day, pages)) = tally.worst_day()
            && days >= DAY
        {
            let whole = u64::try_from(days.saturating_add(DAY / 2).div_euclid(DAY)).unwrap_or(1);
            let tenths = tally.pages.saturating_mul(10).checked_div(whole).unwrap_or(0);
            let at = day.saturating_mul(DAY);
            let day = format!("{} {}", weekday(at), Date::of(at).day());
            write!(
                rate,
                "{}.{} a day; the worst, {day}, has {}",
                tenths / 10,
                tenths % 10,
                number(pages)
            )
            .ok();
        }
        self.line("");
        let stats = &self.found.stats;
        let suppressed = &stats.suppressed;
        let rows = [
            (tally.pages, "page", rate.as_str()),
            (tally.repeats, "repeat", "told on an incident that is open, pages nobody"),
            (tally.resolves, "resolve", ""),
            (suppressed.repeat, "event", "counted on an incident that is open, not sent"),
            (suppressed.storm, "event", "counted on a storm incident, not sent"),
            (suppressed.same_cause, "event", "of a failure that has paged under another title"),
            (suppressed.threshold, "event", "too few for a rule's after()"),
            (
                suppressed.cancelled,
                "event",
                "over before it was sent, or replaced by a newer state",
            ),
            (stats.ignored.field, "event", "said spike = false, or is off"),
            (stats.ignored.bad_status, "event", "with a mistyped spike.status, not sent"),
        ];
        for (at, (n, what, beside)) in rows.into_iter().enumerate() {
            if n == 0 && at > 0 {
                continue;
            }
            let number = format!("{:>11}", number(n));
            let number = if at == 0 { self.screen.bold(&number) } else { number };
            let plural = if n == 1 { "" } else { "s" };
            let what = format!("{what}{plural}");
            let room = self.screen.columns.saturating_sub(24);
            let beside = self.screen.dim(&fit(beside, room));
            self.line(format!("{number} {what:<10}{beside}").trim_end());
        }
    }

    fn when(&mut self) {
        let Some(span) = self.found.clock.span.filter(|_| self.found.tally.pages > 0) else {
            return;
        };
        self.section("When it pages", &format!("UTC; {}", chart::legend(self.found.tally, span)));
        for line in chart::chart(self.found.tally, span, self.screen) {
            self.line(&line);
        }
    }

    fn noisiest(&mut self) {
        let mut titles: Vec<&Title> =
            self.found.tally.titles.values().filter(|title| title.pages > 0).collect();
        if titles.is_empty() {
            return;
        }
        titles.sort_by(|one, other| {
            other.weight().cmp(&one.weight()).then_with(|| one.title.cmp(&other.title))
        });
        let all = titles.len() as u64;
        let beside = if all > NOISIEST as u64 {
            format!("{} of {}, with the first message of each", NOISIEST, number(all))
        } else {
            "with the first message of each".to_owned()
        };
        self.section("The noisiest titles", &beside);
        let head = self.screen.dim("  pages     events  title");
        self.line(&head);
        let room = self.screen.columns.saturating_sub(20);
        for title in titles.into_iter().take(NOISIEST) {
            let (pages, events) = (number(title.pages), number(title.occurrences()));
            let name = fit(&title.title, room);
            self.line(&format!("{pages:>7} {events:>10}  {name}"));
            if title.sample != title.text() && !title.sample.is_empty() {
                let sample = self.screen.dim(&fit(&title.sample, room));
                self.line(&format!("{:20}{sample}", ""));
            }
        }
    }

    fn storms(&mut self) {
        let tally = self.found.tally;
        if tally.storms.is_empty() {
            return;
        }
        self.section("Storms", "new titles beyond the budget, folded into one incident");
        for storm in tally.storms.iter().take(STORMS) {
            let date = Date::of(storm.at);
            let (events, titles) = (count(storm.events, "event"), count(storm.titles, "title"));
            let about = format!("{events} of about {titles}");
            let about = format!("  {} {}  {about}", date.day(), date.clock());
            self.line(&fit(&about, self.screen.columns));
            for title in &storm.sample {
                let title = self.screen.dim(&fit(title, self.screen.columns.saturating_sub(20)));
                self.line(&format!("{:20}{title}", ""));
            }
        }
        let more = tally.storms.len().saturating_sub(STORMS) as u64;
        if more > 0 {
            self.line(&format!("  and {} more", count(more, "storm")));
        }
    }

    fn loose(&mut self) {
        let loose = advice::loose(self.found.tally);
        if loose.is_empty() {
            return;
        }
        self.section("Titles that would not group", "one problem each, under many titles");
        for one in &loose {
            let sure =
                if one.is_sure { "from one line of the source" } else { "alike but for …" };
            let pattern = fit(&one.pattern, self.screen.columns.saturating_sub(2));
            self.line(&format!("  {pattern}"));
            let about =
                format!("{}, {}, {}:", count(one.titles, "title"), count(one.pages, "page"), sure);
            let about = fit(&about, self.screen.columns.saturating_sub(6));
            let room = self.screen.columns.saturating_sub(6);
            let about = self.screen.dim(&about);
            self.line(&format!("      {}", about));
            for sample in &one.sample {
                let sample = self.screen.dim(&fit(sample, room.saturating_sub(2)));
                self.line(&format!("        {sample}"));
            }
        }
        self.wrapped(
            "  ",
            "To group them, move what differs out of the message and into a field, \
             error!(plan, \"plan is gone\"), or give the event a spike.title.",
        );
    }

    fn quieter(&mut self) {
        let rules = advice::quieter(self.found.tally);
        if rules.is_empty() {
            return;
        }
        let pages = count(self.found.tally.pages, "page");
        self.section("What would quieten it", &format!("about how many of {pages} it would leave"));
        let room = self.screen.columns.saturating_sub(13);
        for rule in rules {
            let (n, within) = (self.found.after.n, self.found.after.within.as_secs());
            let target = &rule.target;
            let text = match rule.rule {
                How::Off => format!("{target}=off in the filter"),
                How::After => {
                    format!("Rule::target(\"{target}\").after({n}, Duration::from_secs({within}))")
                }
            };
            self.line(&format!("{:>11}  {}", number(rule.left), fit(&text, room)));
        }
    }

    /// What a person should know before they believe it.
    fn odd(&mut self) {
        let said = odd(self.found);
        if said.is_empty() {
            return;
        }
        self.section("About these logs", "");
        for said in said {
            self.wrapped("  - ", &super::super::terminal::harmless(&said));
        }
    }
}

/// What is odd, a sentence each.
pub(super) fn odd(found: &Found<'_>) -> Vec<String> {
    let (lines, clock, tally) = (found.lines, found.clock, found.tally);
    let mut said = Vec::new();
    let mut say = |n: u64, one: &str, what: &str| {
        if n > 0 {
            said.push(format!("{} {what}", count(n, one)));
        }
    };
    say(lines.unread_errors, "line", "name an error and could not be read: they are not counted");
    say(lines.broken, "line", "begin as JSON and are none: cut off, or mixed with others");
    say(lines.foreign, "line", "are no events: stack traces, or what another program printed");
    say(lines.too_long, "line", "are longer than 4 MiB and were skipped");
    say(clock.untimed, "event", "have no time, and were taken to be as old as the one before");
    say(clock.swapped, "event", "stand behind newer ones, and were taken to be as old as those");
    say(
        clock.set_back,
        "time",
        "the log goes back by more than a minute: another run, or a clock that was set",
    );
    say(clock.outliers, "event", "have a time years ahead of the others, which was not believed");
    say(lines.panics, "panic", "were printed; each pages as `panic: …`, which is not counted here");
    say(
        lines.guessed,
        "event",
        "are text, where it is a guess what is message and what is field; JSON tells",
    );
    if lines.without_site > 0 && tally.pages > 0 {
        said.push(
            "The log does not tell file and line, so it is not foreseen what would be folded into \
             \"more kinds of: …\". With with_file(true) and with_line_number(true) it does."
                .to_owned(),
        );
    }
    if tally.dropped > 0 {
        said.push(format!(
            "There were too many titles to keep: {} that seldom occurred are in the sums only.",
            number(tally.dropped)
        ));
    }
    if tally.resolves == 0 && tally.pages > 0 {
        said.push(
            "Nothing resolves an incident in these logs, so each title pages once and stays open. \
             --resolve-after 1h shows how often it pages when it is resolved once it is quiet."
                .to_owned(),
        );
    }
    for name in &lines.cut_off {
        said.push(format!("{name} ends early; what it has was read."));
    }
    for name in &lines.unsorted {
        said.push(format!(
            "{name} tells no time at its beginning, and was read where it is named."
        ));
    }
    for name in &lines.unknown_fields {
        said.push(format!("The field {name} is none of ours: a typo, perhaps."));
    }
    for rule in &found.stats.unmatched_rules {
        said.push(format!("The filter's {rule} has matched no event that was looked at."));
    }
    said
}

/// `6.9 days`, `3 h 20 min`, `12 s`.
fn span(length: i64) -> String {
    let seconds = u64::try_from(length / SECOND).unwrap_or(0);
    if length >= 2 * DAY {
        let tenths = seconds.saturating_mul(10) / 86_400;
        return format!("{}.{} days", tenths / 10, tenths % 10);
    }
    let units = [(86_400, "day"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let parts = units.into_iter().filter_map(|(unit, word)| {
        let n = left.checked_div(unit)?;
        left = left.checked_rem(unit)?;
        (n > 0).then(|| format!("{n} {word}"))
    });
    let text = parts.take(2).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "0 s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::{DAY, SECOND, span};

    #[test]
    fn a_length_is_for_people() {
        let lengths = [0, 12, 500, 12_000, 86_400 + 2_700].map(|seconds| span(seconds * SECOND));
        assert_eq!(lengths, ["0 s", "12 s", "8 min 20 s", "3 h 20 min", "1 day 45 min"]);
        assert_eq!(span(69 * DAY / 10), "6.9 days");
    }
}
