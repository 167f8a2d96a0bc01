//! `spike check`: the settings of the environment in words, and what is odd about them.
//!
//! Invariants: sends nothing and makes nothing; shows of a webhook its place alone, in whatever
//! variable it stands.

use std::{env::vars_os, process::ExitCode};

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{
    Failed, Screen,
    terminal::{harmless, wrap},
    write_out,
};
use crate::{
    capture::filter::{DEFAULT_FILTER, Rules},
    delivery::spool::{SpoolError, look},
    env::{self, Mode},
    error::{Error, Kind},
    webhook::Tokens,
};
use eaten::eaten;
use secrets::tokens;

mod eaten;
mod secrets;

/// The variables that the layer reads.
const KNOWN: [&str; 8] = [
    env::WEBHOOK_URL,
    env::WEBHOOK_URL_FILE,
    env::TOKEN,
    env::MODE,
    env::FILTER,
    env::SERVICE,
    env::ENVIRONMENT,
    env::SPOOL,
];

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
struct Said {
    /// Of the webhook, none of which is shown.
    tokens: Tokens,
    /// Of what is as it should be: a word, and what it is about.
    facts: Vec<(&'static str, String)>,
    wrong: Vec<String>,
    odd: Vec<String>,
}

impl Check {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let mut said =
            Said { tokens: tokens(), facts: Vec::new(), wrong: Vec::new(), odd: Vec::new() };
        filter(&mut said);
        names(&mut said);
        spool(&mut said);
        strangers(&mut said);
        paging(&mut said);
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
        let shown = |text: &str| {
            let mut text = harmless(text);
            self.tokens.scrub(&mut text, 0);
            text
        };
        for (word, text) in &self.facts {
            out.push_str(&wrap(&format!("{word:13}"), &shown(text), screen.columns));
        }
        let lists = [(&self.wrong, screen.red("wrong")), (&self.odd, screen.yellow("odd"))];
        for (list, word) in lists {
            if !list.is_empty() {
                out.push_str(&format!("\n{word}\n"));
            }
            for text in list {
                out.push_str(&wrap("  - ", &shown(text), screen.columns));
            }
        }
        if self.wrong.is_empty() && self.odd.is_empty() {
            out.push_str(&format!("\n{}\n", screen.green("nothing is wrong, nothing is odd")));
        }
        out
    }
}

/// Whether anything pages, and where it goes. Asked last, told first: what is wrong elsewhere
/// keeps a program from starting.
fn paging(said: &mut Said) {
    const NO_START: &str = "a program would not start: see below";
    let mode = said.take(env::mode()).flatten();
    let webhook = match env::webhook() {
        Ok(webhook) => webhook,
        Err(error) if mode != Some(Mode::Off) => {
            said.wrong.push(error.to_string());
            said.wrong.extend(eaten());
            None
        }
        Err(_) => None,
    };
    let place = webhook.as_ref().map(|(webhook, from)| format!("{} ({from})", webhook.place()));
    let fact = match (mode, place) {
        _ if !said.wrong.is_empty() => NO_START.to_owned(),
        (Some(Mode::Off), _) => "off (SPIKE_MODE)".to_owned(),
        (Some(Mode::DryRun), place) => {
            let place = place.unwrap_or_else(|| "no webhook".to_owned());
            format!("dry run (SPIKE_MODE): printed, not sent; to {place}")
        }
        (_, Some(place)) => format!("on, to {place}"),
        (mode, None) => {
            said.wrong.push(no_webhook());
            if mode.is_some() { NO_START } else { "off" }.to_owned()
        }
    };
    said.facts.insert(0, ("paging", fact));
    if mode == Some(Mode::Off) {
        return;
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

/// Why there is none.
fn no_webhook() -> String {
    let empty = [env::WEBHOOK_URL, env::WEBHOOK_URL_FILE, env::TOKEN];
    match empty.into_iter().find(|name| env::is_empty(name)) {
        Some(name) => format!(
            "{name} is set, but empty: a shell has put in a variable that is not set, perhaps"
        ),
        None => "there is no webhook: set SPIKE_WEBHOOK_URL, or SPIKE_WEBHOOK_URL_FILE, or \
                 SPIKE_TOKEN"
            .to_owned(),
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
    for name in [env::SERVICE, env::OTEL_SERVICE_NAME, env::ENVIRONMENT] {
        let value = env::variable(name).ok().flatten().unwrap_or_default();
        if value.contains("://") || said.tokens.are_in(&value) {
            said.odd.push(format!("{name} is the webhook, or a part of it: mixed up, perhaps"));
        }
    }
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
    let found = if said.tokens.are_in(&dir.to_string_lossy()) {
        let why = "expected a directory, found a token in its name";
        Err(SpoolError::Refused { why, source: None })
    } else {
        look(&dir)
    };
    match found {
        Ok(()) => said.fact("spool", format!("{} (SPIKE_SPOOL)", dir.display())),
        // Nor is its path shown, which may be a secret.
        Err(SpoolError::Refused { why, source }) => {
            said.fact("spool", "refused: see below");
            let error = Error::new(Kind::Spool { from: env::SPOOL, why, source });
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            said.wrong.push(format!("{error}{}", cause.unwrap_or_default()));
        }
        Err(error @ SpoolError::NoLocks(_)) => said.odd.push(error.to_string()),
    }
    if dir.is_relative() {
        said.odd.push("SPIKE_SPOOL is relative: it depends on where the program starts".to_owned());
    }
}

/// Variables that look like ours and are not.
fn strangers(said: &mut Said) {
    let mut names: Vec<String> = vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("SPIKE_") && !KNOWN.contains(&name.as_str()))
        .collect();
    // Kubernetes sets these in each container when there is a Service named spike.
    if names.iter().any(|name| name == "SPIKE_SERVICE_HOST") {
        let of_service = ["SPIKE_SERVICE_HOST", "SPIKE_SERVICE_PORT", "SPIKE_PORT"];
        names.retain(|name| !of_service.iter().any(|begin| name.starts_with(begin)));
    }
    names.sort();
    if names.is_empty() {
        return;
    }
    let are = if names.len() == 1 { "is no variable" } else { "are no variables" };
    said.odd.push(format!("{} {are} of ours, which are {}", names.join(", "), KNOWN.join(", ")));
}
