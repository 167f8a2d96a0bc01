//! `spike forecast`: what logs would have paged.
//!
//! Invariant: sends nothing, and holds no more than a bounded part of what it reads.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::{Failed, Screen, complain, duration, terminal::count, write_out};
use crate::{
    builder, env,
    rule::{Rule, Threshold},
};
use reading::Reading;

mod advice;
mod chart;
mod clock;
mod input;
mod json;
mod line;
mod machine;
mod names;
mod program;
mod progress;
mod reading;
mod replay;
mod report;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod time;
mod wrapping;

/// What it would take to page, where `Rule::after` is weighed.
const WEIGHED: Threshold = Threshold { n: 5, within: Duration::from_secs(60) };

/// What it is for, and how it ends.
const EXAMPLES: &str = "\
Examples:
  spike forecast app.log*
  kubectl logs deploy/shop | spike forecast -
  spike forecast app.log --filter error,noisy=off --max-pages-per-day 5

It reads what tracing-subscriber's fmt prints: JSON best, flattened or not; also \
text, with or without colour. What it can't know it says at the end.

Ends with 1 if a day has more pages than --max-pages-per-day, and with 2 if there \
is no log to read, or too many errors that can't be read to tell.";

/// What `spike forecast` was asked.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Forecast {
    /// Logs, gzip too; `-` is stdin. Several are put in the order of their times
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,

    /// What pages, as SPIKE_FILTER has it: error,billing=warn,noisy=off
    #[arg(long, value_name = "RULES")]
    filter: Option<String>,

    /// Fields that join the title, as Builder::group_by has them
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    group_by: Vec<String>,

    /// TARGET=N/TIME: it takes N occurrences within TIME to page, as Rule::after has it
    #[arg(long, value_name = "RULE", value_parser = after)]
    after: Vec<Rule>,

    /// What has not occurred for so long is resolved, as Builder::resolve_after has it
    #[arg(long, value_name = "TIME", value_parser = duration)]
    resolve_after: Option<Duration>,

    /// New titles at once, and then a minute, as Builder::budget has them
    #[arg(long, value_name = "N,N", value_parser = budget, default_value = "10,2")]
    budget: (u32, u32),

    /// Name of the program, for the title of a storm
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// Ends with 1 if any day (UTC) has more pages
    #[arg(long, value_name = "N")]
    max_pages_per_day: Option<u64>,

    /// Prints JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Forecast {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let reading = self.reading()?;
        let screen = Screen::stdout();
        let found = reading.found();
        if found.is_pretty() {
            let why = "this is what fmt's pretty() prints, which is not read; expected JSON, or \
                       text without pretty()";
            return Err(Failed::new(why, ExitCode::from(2)));
        }
        let text = if self.json { machine::json(&found) } else { report::text(&found, screen) };
        write_out(&text)?;
        if !found.has_events() {
            return Err(Failed::new("no line of this is an event of tracing", ExitCode::from(2)));
        }
        self.judge(&found)
    }

    fn reading(&self) -> Result<Reading, Failed> {
        let decided =
            || self.builder()?.decided().map_err(|error| Failed::usage(error.to_string()));
        let mut places: Vec<_> = self.logs.iter().map(|path| input::Place::of(path)).collect();
        let unsorted = input::in_order(&mut places);
        let mut reading = Reading::new(decided()?, decided()?, WEIGHED);
        reading.unsorted(unsorted);
        reading.filter = match &self.filter {
            Some(filter) => Some(format!("{filter} (--filter)")),
            None => variable(env::FILTER)?.map(|filter| format!("{filter} (SPIKE_FILTER)")),
        };
        let mut progress = progress::Progress::new(&places);
        for place in &places {
            reading.read(place, &mut progress)?;
        }
        progress.end();
        reading.end();
        Ok(reading)
    }

    /// The settings, as a program would have them.
    fn builder(&self) -> Result<builder::Builder, Failed> {
        let (at_once, per_minute) = self.budget;
        let mut builder =
            builder::from_env().group_by(self.group_by.iter().cloned()).budget(at_once, per_minute);
        let is_named = variable(env::SERVICE)?.or(variable(env::OTEL_SERVICE_NAME)?).is_some();
        let unnamed = (!is_named).then_some("your service");
        if let Some(service) = self.service.as_deref().or(unnamed) {
            builder = builder.service(service);
        }
        if let Some(filter) = &self.filter {
            builder = builder.filter(filter);
        }
        if let Some(quiet) = self.resolve_after {
            builder = builder.resolve_after(quiet);
        }
        Ok(self.after.iter().cloned().fold(builder, builder::Builder::rule))
    }

    /// Whether there are few enough pages; when not, stderr says so.
    fn judge(&self, found: &reading::Found<'_>) -> Result<ExitCode, Failed> {
        let Some(most) = self.max_pages_per_day else { return Ok(ExitCode::SUCCESS) };
        let (day, pages) = found.tally.worst_day().unwrap_or_default();
        if pages <= most && found.is_blind() {
            let lines = count(found.lines.unread_errors, "line");
            let why = format!("can't tell: {lines} that name an error could not be read");
            return Err(Failed::new(why, ExitCode::from(2)));
        }
        if pages <= most {
            return Ok(ExitCode::SUCCESS);
        }
        let day = time::Date::of(day.saturating_mul(time::DAY)).day();
        let pages = count(pages, "page");
        complain(&format!("{pages} on {day}, expected {most} a day at most"));
        Ok(ExitCode::FAILURE)
    }
}

/// A variable of the layer.
fn variable(name: &'static str) -> Result<Option<String>, Failed> {
    env::variable(name).map_err(|error| Failed::usage(error.to_string()))
}

fn budget(text: &str) -> Result<(u32, u32), String> {
    let both = text.split_once(',').and_then(|(at_once, per_minute)| {
        Some((at_once.trim().parse().ok()?, per_minute.trim().parse().ok()?))
    });
    both.ok_or_else(|| "expected two numbers, such as 10,2".to_owned())
}

/// `shop::cache=5/60s`.
fn after(text: &str) -> Result<Rule, String> {
    let parts = text.rsplit_once('=').and_then(|(target, rest)| {
        let (n, within) = rest.split_once('/')?;
        Some((target, n.trim().parse().ok()?, duration(within.trim()).ok()?))
    });
    let (target, n, within) =
        parts.ok_or_else(|| "expected TARGET=N/TIME, such as shop::cache=5/60s".to_owned())?;
    Ok(Rule::target(target).after(n, within))
}
