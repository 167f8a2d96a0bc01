//! `spike check`: the settings of the environment in words, and what is odd about them.
//!
//! Invariants: sends nothing; shows of a webhook its place alone.

use std::{env::vars_os, path::Path, process::ExitCode};

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Failed, Screen, terminal::wrap, write_out};
use crate::{
    capture::filter::{DEFAULT_FILTER, Rules},
    env::{self, Mode},
    error::Error,
};
use eaten::eaten;

mod eaten;

/// The host of Spike's webhooks.
const SPIKE: &str = "https://hooks.spike.sh";

/// What `spike check` was asked.
#[derive(Args, Debug)]
#[command(after_help = "Ends with 1 if anything is wrong, so that a program would not page.")]
pub(super) struct Check {
    /// Ends with 1 if anything is odd, too
    #[arg(long)]
    strict: bool,
}

/// What is said, by kind.
#[derive(Default)]
struct Said {
    /// Of what is as it should be: a word, and what it is about.
    facts: Vec<(&'static str, String)>,
    wrong: Vec<String>,
    odd: Vec<String>,
}

impl Check {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let mut said = Said::default();
        paging(&mut said);
        filter(&mut said);
        names(&mut said);
        spool(&mut said);
        strangers(&mut said);
        write_out(&said.text(Screen::stdout()))?;
        let is_well = said.wrong.is_empty() && (!self.strict || said.odd.is_empty());
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Said {
    fn fact(&mut self, word: &'static str, text: impl Into<String>) {
        self.facts.push((word, text.into()));
    }

    /// The value, or what is wrong with it.
    fn take<T>(&mut self, value: Result<T, Error>) -> Option<T> {
        value.map_err(|error| self.wrong.push(error.to_string())).ok()
    }

    fn text(&self, screen: Screen) -> String {
        let mut out = String::new();
        for (word, text) in &self.facts {
            out.push_str(&wrap(&format!("{word:13}"), text, screen.columns));
        }
        let lists = [(&self.wrong, screen.red("wrong")), (&self.odd, screen.yellow("odd"))];
        for (list, word) in lists {
            if !list.is_empty() {
                out.push_str(&format!("\n{word}\n"));
            }
            for text in list {
                out.push_str(&wrap("  - ", text, screen.columns));
            }
        }
        if self.wrong.is_empty() && self.odd.is_empty() {
            out.push_str(&format!("\n{}\n", screen.green("nothing is wrong, nothing is odd")));
        }
        out
    }
}

/// Whether anything pages, and where it goes.
fn paging(said: &mut Said) {
    let mode = said.take(env::mode()).flatten();
    if mode == Some(Mode::Off) {
        return said.fact("paging", "off (SPIKE_MODE)");
    }
    let webhook = match env::webhook() {
        Ok(webhook) => webhook,
        Err(error) => {
            said.fact("paging", "a program would not start: see below");
            said.wrong.push(error.to_string());
            return said.wrong.extend(eaten());
        }
    };
    let place = webhook.as_ref().map(|(webhook, from)| format!("{} ({from})", webhook.place()));
    match (mode, place) {
        (Some(Mode::DryRun), place) => {
            let place = place.unwrap_or_else(|| "no webhook".to_owned());
            said.fact("paging", format!("dry run (SPIKE_MODE): printed, not sent; to {place}"));
        }
        (_, Some(place)) => said.fact("paging", format!("on, to {place}")),
        (mode, None) => {
            let empty = [env::WEBHOOK_URL, env::WEBHOOK_URL_FILE, env::TOKEN];
            let empty = empty.into_iter().find(|name| env::is_empty(name));
            let why = match empty {
                Some(name) => format!(
                    "{name} is set, but empty: a shell has put in a variable that is not set, \
                     perhaps"
                ),
                None => {
                    "there is no webhook: set SPIKE_WEBHOOK_URL, or SPIKE_WEBHOOK_URL_FILE, or \
                         SPIKE_TOKEN"
                        .to_owned()
                }
            };
            let mode = if mode.is_some() { "a program would not start" } else { "off" };
            said.fact("paging", mode);
            said.wrong.push(why);
        }
    }
    if let Some((webhook, _)) = webhook {
        if webhook.is_plain() {
            said.odd.push("the webhook is on this machine, a sandbox: nobody is paged".to_owned());
        } else if webhook.place() != SPIKE {
            let place = webhook.place();
            said.odd.push(format!("{place} is not Spike ({SPIKE}): is it a relay of yours?"));
        }
    }
}

/// What pages.
fn filter(said: &mut Said) {
    let Some(set) = said.take(env::variable(env::FILTER)) else { return };
    let text = set.as_deref().unwrap_or(DEFAULT_FILTER);
    let Some(rules) = said.take(Rules::parse(text, env::FILTER)) else { return };
    let (default, targets) = rules.told();
    let targets: Vec<(&str, LevelFilter)> = targets.collect();
    let from = if set.is_some() { "SPIKE_FILTER" } else { "SPIKE_FILTER is not set" };
    said.fact("what pages", format!("{} ({from})", pages(default)));
    for (target, level) in &targets {
        said.fact("", format!("{target}: {}", pages(*level)));
    }
    if default == LevelFilter::OFF && targets.iter().all(|(_, level)| *level == LevelFilter::OFF) {
        said.odd.push("SPIKE_FILTER is off for all: nothing pages".to_owned());
    }
    if default == LevelFilter::INFO {
        said.odd.push("each event at INFO pages, of whatever target: is that meant?".to_owned());
    }
    for (target, level) in &targets {
        let is_above =
            |parent: &str| target.strip_prefix(parent).is_some_and(|rest| rest.starts_with("::"));
        let parents = targets.iter().filter(|(parent, _)| is_above(parent));
        let parent = parents.max_by_key(|(parent, _)| parent.len());
        let inherited = parent.map_or(default, |(_, level)| *level);
        if inherited == *level {
            let like = parent.map_or("all others", |(parent, _)| *parent);
            said.odd
                .push(format!("the rule {target}={level} changes nothing: {like} has the same"));
        }
        said.odd.extend(never_matches(target));
    }
}

/// What a level means.
fn pages(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::OFF => "nothing; resolves go out",
        LevelFilter::WARN => "WARN and ERROR, and INFO with a spike field",
        LevelFilter::INFO => "INFO, WARN and ERROR",
        _ => "ERROR, and INFO and WARN with a spike field",
    }
}

/// Why no event of a module has this target.
fn never_matches(target: &str) -> Option<String> {
    let mended = target.replace('-', "_").replace('.', "::");
    let mended = mended.replace("::", "\0").replace([':', '\0'], "::");
    let first = target.split("::").next().unwrap_or(target);
    if first == "tracing_spike" {
        return Some(format!(
            "the rule for {target} matches nothing: what the layer logs never pages"
        ));
    }
    (mended != target).then(|| {
        format!(
            "the rule for {target} matches no module, whose path would be {mended}; only events \
             that give themselves this target"
        )
    })
}

/// How the program is called.
fn names(said: &mut Said) {
    let first = [env::SERVICE, env::OTEL_SERVICE_NAME].into_iter().find_map(|name| {
        said.take(env::variable(name)).flatten().map(|value| format!("{value} ({name})"))
    });
    said.fact("service", first.unwrap_or_else(|| "the executable's name".to_owned()));
    if let Some(environment) = said.take(env::variable(env::ENVIRONMENT)).flatten() {
        said.fact("environment", format!("{environment} ({})", env::ENVIRONMENT));
    }
    let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    if let Some(proxy) = proxy.into_iter().find(|name| std::env::var_os(name).is_some()) {
        said.fact("proxy", format!("that of {proxy}, unless NO_PROXY says otherwise"));
    }
}

/// Where is kept what is not delivered.
fn spool(said: &mut Said) {
    let Some(dir) = env::spool() else {
        return said.fact("spool", "none: what is not delivered when a program dies is lost");
    };
    said.fact("spool", format!("{} (SPIKE_SPOOL)", dir.display()));
    let is_file = |path: &Path| path.exists() && !path.is_dir();
    if dir.is_relative() {
        said.odd.push("SPIKE_SPOOL is relative: it depends on where the program starts".to_owned());
    }
    if dir.ancestors().any(is_file) {
        said.wrong.push("expected a directory in SPIKE_SPOOL, found a file".to_owned());
    }
}

/// Variables that look like ours and are not.
fn strangers(said: &mut Said) {
    let known = [
        env::WEBHOOK_URL,
        env::WEBHOOK_URL_FILE,
        env::TOKEN,
        env::MODE,
        env::FILTER,
        env::SERVICE,
        env::ENVIRONMENT,
        env::SPOOL,
    ];
    let mut names: Vec<String> = vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("SPIKE_") && !known.contains(&name.as_str()))
        .collect();
    names.sort();
    for name in names {
        said.odd.push(format!("{name} is no variable of ours, which are {}", known.join(", ")));
    }
}
