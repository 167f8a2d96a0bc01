//! The one line at start: on, dry run or off, and why. Said when nothing can fail any more.

use std::{
    io::{self, Write},
    sync::Once,
};

use crate::env::{self, Mode};

/// What the line is made of.
pub(super) struct Start {
    pub(super) mode: Mode,
    /// The default webhook's place, and where it came from.
    pub(super) webhook: Option<(String, &'static str)>,
    /// The targets of the rules with webhooks other than that one.
    pub(super) routed: Vec<String>,
    pub(super) service: String,
    pub(super) from_env: bool,
    /// The mode is that of `SPIKE_MODE`.
    pub(super) by_variable: bool,
    /// What is not delivered is kept on disk, too.
    pub(super) has_spool: bool,
    /// Literals can't be told from values here, though the program wants that.
    pub(super) without_literals: bool,
}

impl Start {
    /// Off is said once in a process.
    pub(super) fn say(self) {
        static OFF: Once = Once::new();
        if self.without_literals {
            let line = "expected /proc/self/maps for Titles::literals(), found none that tells; \
                        titles are made as by Titles::text()";
            print(line);
        }
        match self.mode {
            Mode::Off => OFF.call_once(|| print(&self.line())),
            Mode::Live | Mode::DryRun => print(&self.line()),
        }
    }

    fn line(&self) -> String {
        let Start { mode, webhook, routed, service, by_variable, .. } = self;
        let routes = match routed.as_slice() {
            [] => String::new(),
            targets => format!("; rules with webhooks of their own: {}", targets.join(", ")),
        };
        match mode {
            Mode::Live => {
                let (place, from) = webhook.clone().unwrap_or_default();
                let spool = if self.has_spool { ", with a spool" } else { "" };
                format!("paging on, to {place} ({from}), as {service}{spool}{routes}")
            }
            Mode::DryRun => {
                let why = if *by_variable { " (SPIKE_MODE)" } else { "" };
                format!("dry run{why}, incidents are printed here, not sent{routes}")
            }
            Mode::Off => format!("paging off: {}", self.why_off()),
        }
    }

    fn why_off(&self) -> String {
        let empty = [env::WEBHOOK_URL, env::WEBHOOK_URL_FILE, env::TOKEN]
            .into_iter()
            .find(|name| self.from_env && env::is_empty(name));
        match empty {
            _ if self.by_variable => "SPIKE_MODE is off".to_owned(),
            _ if !self.from_env => "the program says so".to_owned(),
            Some(name) => format!("{name} is set, but empty"),
            None if !self.routed.is_empty() => {
                "rules have webhooks, but there is none for the rest; set SPIKE_WEBHOOK_URL to page"
                    .to_owned()
            }
            None => "no webhook; set SPIKE_WEBHOOK_URL to page".to_owned(),
        }
    }
}

fn print(line: &str) {
    // Not eprintln!, which panics when stderr is closed.
    writeln!(io::stderr(), "tracing-spike: {line}").ok();
}
