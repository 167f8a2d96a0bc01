//! `spike contract`: a person with a real account finds out what Spike's documentation leaves open.
//!
//! Invariants: no more than [`MOST`] requests; what it opens it resolves; the token is in nothing
//! that it prints.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;

use super::{
    Failed, Screen,
    post::{Answer, Post},
    terminal::{fit, wrap},
    write_out,
};
use questions::{Found, Limit};

mod questions;

/// Requests of a run, at most.
const MOST: u32 = 20;

/// What `spike contract` was asked.
#[derive(Args, Debug)]
pub(super) struct Contract {
    /// Finds out about the limit of 20 in a minute instead, which takes all 20 requests
    #[arg(long, value_name = "OF", num_args = 0..=1, default_missing_value = "triggers")]
    limit: Option<Limit>,

    /// Begins without asking
    #[arg(long)]
    yes: bool,
}

/// A run: who sends, who asks, and how many requests are left.
struct Run<'a> {
    post: &'a Post,
    screen: Screen,
    left: u32,
}

impl Contract {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let (post, screen) = (Post::from_env()?, Screen::stdout());
        let questions = self.limit.map_or_else(questions::all, Limit::questions);
        let requests = questions.iter().fold(0, |sum: u32, one| sum.saturating_add(one.requests));
        let resolves = match self.limit {
            None => "and resolves them",
            Some(Limit::Triggers) => "one of which stays open",
            Some(Limit::Resolves) => "one of which may stay open",
        };
        let about = format!(
            "This sends {requests} requests to {} ({}), to find out what Spike's documentation \
             leaves open. It opens incidents whose titles begin with \"spike contract\", which \
             page whoever is on call, {resolves}. Use an integration of its own, and keep its \
             incidents in view.",
            post.place(),
            post.from
        );
        write_out(&wrap("", &about, screen.columns))?;
        if !self.yes && !agrees(&ask("Begin? [y/N] ")?) {
            return Err(Failed::new("nothing was sent", ExitCode::FAILURE));
        }
        let mut run = Run { post: &post, screen, left: MOST };
        let mut answers = Vec::new();
        for (at, question) in questions.iter().enumerate() {
            let title = format!("{}. {}", at.saturating_add(1), question.asks);
            write_out(&format!("\n{}", wrap("", &screen.bold(&title), screen.columns)))?;
            answers.push((question.asks, (question.find)(&mut run)?));
        }
        if self.limit.is_none() {
            answers.extend(questions::left_out());
        }
        write_out(&table(&answers, screen))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Run<'_> {
    /// Sends one request and shows what came back.
    fn sent(&mut self, what: &str, send: impl FnOnce(&Post) -> Answer) -> Result<Answer, Failed> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| Failed::usage("more requests than were announced; this is a bug"))?;
        let answer = send(self.post);
        write_out(&wrap("   ", &format!("{what}: {answer}"), self.screen.columns))?;
        Ok(answer)
    }

    /// Asks what a person saw; `None` when they don't know.
    fn saw(&self, question: &str) -> Result<Option<Found>, Failed> {
        let text =
            wrap("   ", &format!("{question} [y/n, Enter: don't know]"), self.screen.columns);
        write_out(&text)?;
        Ok(match ask("   > ")?.trim() {
            "y" | "Y" | "yes" => Some(Found::Yes),
            "n" | "N" | "no" => Some(Found::No),
            _ => None,
        })
    }
}

fn agrees(word: &str) -> bool {
    matches!(word.trim(), "y" | "Y" | "yes")
}

/// A line of stdin; its end is an answer, too.
fn ask(prompt: &str) -> Result<String, Failed> {
    write_out(prompt)?;
    io::stdout().flush().ok();
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    // A terminal shows what was typed, and its end of line.
    if read.is_err() || !line.ends_with('\n') || !io::stdin().is_terminal() {
        write_out("\n")?;
    }
    Ok(line)
}

/// What was found, for whoever keeps the contract.
fn table(answers: &[(&str, String)], screen: Screen) -> String {
    let mut out = format!("\n{}\n", screen.bold("What was found"));
    let widths = answers.iter().map(|(asks, _)| asks.chars().count());
    let left = widths.max().unwrap_or(0).saturating_add(2).min(screen.columns / 2);
    for (asks, answer) in answers {
        let asks = fit(asks, left.saturating_sub(2));
        let first = format!("{asks:left$}");
        out.push_str(&wrap(&first, answer, screen.columns));
    }
    out
}

/// Finds the answer.
type Find = fn(&mut Run<'_>) -> Result<String, Failed>;
