//! `spike test`: one page to the configured webhook, and what became of it.
//!
//! Invariant: what it has opened it resolves, whatever happens in between but a signal.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failed, Screen,
    post::{Answer, Post},
    terminal::{harmless, wrap},
    write_out,
};
use crate::{
    capture::title::verbatim,
    env::{self, Mode},
};

/// What `spike test` was asked.
#[derive(Args, Debug)]
pub(super) struct TestPage {
    /// What the page is called
    #[arg(long, value_name = "TITLE", default_value = "test page, nothing is wrong")]
    title: String,
}

impl TestPage {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let mut title = String::new();
        verbatim(&self.title, &mut title);
        if title.is_empty() {
            return Err(Failed::usage("expected a title that can be seen, found none"));
        }
        let (post, screen) = (Post::from_env()?, Screen::stdout());
        let mode = env::mode().map_err(|error| Failed::usage(error.to_string()))?;
        if let Some(mode) = mode.filter(|mode| *mode != Mode::Live) {
            let mode = if mode == Mode::Off { "off" } else { "dry-run" };
            let line = format!(
                "SPIKE_MODE is {mode}, so a program would send nothing; this test is sent all the \
                 same."
            );
            write_out(&wrap("", &line, screen.columns))?;
        }
        let to = format!("To {} ({}): \"{}\"", post.place(), post.from, harmless(&title));
        write_out(&wrap("", &to, screen.columns))?;
        let triggered = post.send(&payload(&title, None));
        tell("trigger", &triggered, screen)?;
        let is_accepted = triggered.is_accepted();
        if triggered.may_have_opened() {
            let line = "It may have been opened all the same, so it is resolved.";
            write_out(&wrap("  ", line, screen.columns))?;
        } else if !is_accepted {
            return Ok(ExitCode::FAILURE);
        }
        if is_accepted && io::stdin().is_terminal() && screen.is_for_people() {
            wait(screen)?;
        }
        let resolved = post.send(&payload(&title, Some("resolve")));
        tell("resolve", &resolved, screen)?;
        Ok(if is_accepted && resolved.is_accepted() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn payload(title: &str, status: Option<&str>) -> Value {
    let host = hostname::get().map(|host| host.to_string_lossy().into_owned());
    let mut payload = json!({
        "title": title,
        "body": {
            "message": "A person tries with `spike test` whether paging works. Nothing is wrong.",
            "source": { "service": "spike test", "host": host.unwrap_or_default() },
            "schema": 1,
        },
    });
    if let (Some(status), Some(payload)) = (status, payload.as_object_mut()) {
        payload.insert("status".to_owned(), status.into());
    }
    payload
}

/// The answer, and what it means.
fn tell(what: &str, answer: &Answer, screen: Screen) -> Result<(), Failed> {
    let is_accepted = answer.is_accepted();
    let word = if is_accepted { screen.green("accepted") } else { screen.red("not accepted") };
    let mut text = format!("{what}: {word}\n");
    text.push_str(&wrap("  ", &answer.to_string(), screen.columns));
    if !is_accepted {
        text.push_str(&wrap("  ", answer.meaning(), screen.columns));
    }
    write_out(&text)
}

/// A resolve at once might come before anybody is called.
fn wait(screen: Screen) -> Result<(), Failed> {
    let line = "Spike says no more than that. Look whether you are paged, then press Enter: it is \
                resolved.";
    write_out(&wrap("", line, screen.columns))?;
    io::stdout().flush().ok();
    io::stdin().read_line(&mut String::new()).ok();
    Ok(())
}
