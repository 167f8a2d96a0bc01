//! What Spike's documentation leaves open, and how to find out.
//!
//! Invariant: each question counts its requests; the sandbox has a switch for each of them.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Failed, Find, Run};
use crate::{cli::post::Answer, clock::Clock};

/// Something that is not documented.
pub(super) struct Question {
    pub(super) asks: &'static str,
    pub(super) requests: u32,
    pub(super) find: Find,
}

impl Question {
    /// One that takes so many requests.
    const fn new(asks: &'static str, requests: u32, find: Find) -> Self {
        Self { asks, requests, find }
    }
}

/// What a person saw.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Yes,
    No,
}

/// Bytes of a body that is large, and that the layer would cut to 32 KiB.
const LARGE: usize = 256 << 10;
/// Triggers of a title within a minute from which on Spike limits it.
const LIMIT: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const TOO_SLOW: &str = "too slow to tell: 20 requests took more than a minute";

const NOT_ASKED: &str = "not asked: takes more than 20 requests";
const UNKNOWN: &str = "not known";

const TITLE: &str = "spike contract: ";

/// The questions that few requests answer.
pub(super) fn all() -> Vec<Question> {
    vec![
        Question::new("a resolve with nothing open", 2, resolve_with_nothing_open),
        Question::new("a token that nobody has", 2, unregistered_token),
        Question::new("a body of 256 KiB", 2, size_limit),
        Question::new("titles alike but for case and space", 4, normalised),
        Question::new("what is no incident at all", 1, dropped),
    ]
}

/// A question that takes all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Limit {
    /// What happens to the 20th trigger of a title in a minute
    Triggers,
    /// Whether resolves count among these 20
    Resolves,
}

impl Limit {
    pub(super) fn questions(self) -> Vec<Question> {
        vec![match self {
            Self::Triggers => {
                Question::new("a 20th trigger of a title in a minute", LIMIT, limiter)
            }
            Self::Resolves => Question::new("resolves, and these 20", LIMIT, limited_resolves),
        }]
    }
}

/// What a run without `--limit` does not answer.
pub(super) fn left_out() -> Vec<(&'static str, String)> {
    vec![
        ("a 20th trigger of a title in a minute", "not asked: see --limit".to_owned()),
        ("resolves, and these 20", "not asked: see --limit resolves".to_owned()),
        ("a trigger after a resolve, limited", NOT_ASKED.to_owned()),
    ]
}

fn title(rest: &str) -> String {
    format!("{TITLE}{rest}")
}

fn trigger(title: &str) -> Value {
    let message = "A person tries what Spike does with this. Nothing is wrong.";
    json!({ "title": title, "body": { "message": message } })
}

fn resolve(title: &str) -> Value {
    json!({ "title": title, "status": "resolve" })
}

fn told(answer: &Answer) -> String {
    format!("answered {answer}")
}

fn resolve_with_nothing_open(run: &mut Run<'_>) -> Result<String, Failed> {
    let title = title("never opened");
    let answer = run.sent("resolve", |post| post.send(&resolve(&title)))?;
    let question = format!("Is there an incident \"{title}\" now, open or resolved?");
    let found = match run.saw(&question)? {
        Some(Found::Yes) => "opens an incident",
        Some(Found::No) => return Ok(format!("dropped; {}", told(&answer))),
        None => UNKNOWN,
    };
    // There may be one, as long as nobody knows better.
    run.sent("resolve", |post| post.send(&resolve(&title)))?;
    Ok(format!("{found}; {}", told(&answer)))
}

/// Letters and digits that no integration has.
fn nobodys() -> String {
    let digit = |at: u32| {
        let value = u32::try_from(RandomState::new().hash_one(at) % 36).unwrap_or(0);
        char::from_digit(value, 36).unwrap_or('0')
    };
    (0..40).map(digit).collect()
}

fn unregistered_token(run: &mut Run<'_>) -> Result<String, Failed> {
    let (title, token) = (title("a token that nobody has"), nobodys());
    let answer = run.sent("trigger", |post| post.send_with(&token, &trigger(&title)))?;
    if answer.is_accepted() || answer.may_have_opened() {
        run.sent("resolve", |post| post.send_with(&token, &resolve(&title)))?;
    }
    Ok(told(&answer))
}

fn size_limit(run: &mut Run<'_>) -> Result<String, Failed> {
    let title = title("large body");
    let mut payload = trigger(&title);
    if let Some(body) = payload.get_mut("body").and_then(Value::as_object_mut) {
        body.insert("padding".to_owned(), "x".repeat(LARGE).into());
    }
    let answer = run.sent("trigger", |post| post.send(&payload))?;
    if answer.may_have_opened() {
        run.sent("resolve", |post| post.send(&resolve(&title)))?;
    }
    if !answer.is_accepted() {
        return Ok(told(&answer));
    }
    let found = match run.saw(&format!("Is there an incident \"{title}\"?"))? {
        Some(Found::Yes) => "taken",
        Some(Found::No) => "dropped",
        None => UNKNOWN,
    };
    run.sent("resolve", |post| post.send(&resolve(&title)))?;
    Ok(format!("{found}; {}", told(&answer)))
}

fn normalised(run: &mut Run<'_>) -> Result<String, Failed> {
    let titles = [title("one title or two"), format!(" {} ", title("One Title or Two"))];
    for title in &titles {
        run.sent("trigger", |post| post.send(&trigger(title)))?;
    }
    let question = "Are these two incidents? (\"one title or two\", and \"One Title or Two\" with \
                    spaces around)";
    let saw = run.saw(question)?;
    let found = match saw {
        Some(Found::Yes) => "two titles: taken as they are",
        Some(Found::No) => "one title: normalised",
        None => UNKNOWN,
    };
    // A second resolve of one title might open it anew.
    let open = if saw == Some(Found::No) { 1 } else { titles.len() };
    for title in titles.iter().take(open) {
        run.sent("resolve", |post| post.send(&resolve(title)))?;
    }
    Ok(found.to_owned())
}

fn dropped(run: &mut Run<'_>) -> Result<String, Failed> {
    let answer = run.sent("a list in the place of an object", |post| post.send_raw("[]"))?;
    Ok(told(&answer))
}

fn limiter(run: &mut Run<'_>) -> Result<String, Failed> {
    let title = title("twenty in a minute");
    let clock = Clock::start();
    let mut last = None;
    for n in 1..=LIMIT {
        let answer = run.sent(&format!("trigger {n}"), |post| post.send(&trigger(&title)))?;
        last = Some(answer);
    }
    let took = clock.now();
    let Some(last) = last else { return Ok(UNKNOWN.to_owned()) };
    let found = if took > MINUTE {
        TOO_SLOW
    } else {
        match run.saw("How many repeats has the incident: fewer than 19?")? {
            Some(Found::Yes) => "dropped",
            Some(Found::No) => "taken",
            None => UNKNOWN,
        }
    };
    Ok(format!("{found}; {}. The incident is open: resolve it at Spike", told(&last)))
}

/// The 20th request of a title is a resolve: if they count, it is lost.
fn limited_resolves(run: &mut Run<'_>) -> Result<String, Failed> {
    let title = title("ten times opened and resolved");
    let clock = Clock::start();
    let mut last = None;
    for n in 1..=LIMIT / 2 {
        run.sent(&format!("trigger {n}"), |post| post.send(&trigger(&title)))?;
        last = Some(run.sent(&format!("resolve {n}"), |post| post.send(&resolve(&title)))?);
    }
    let took = clock.now();
    let Some(last) = last else { return Ok(UNKNOWN.to_owned()) };
    let found = if took > MINUTE {
        TOO_SLOW
    } else {
        match run.saw(&format!("Is an incident \"{title}\" open now?"))? {
            Some(Found::Yes) => "they count, and are lost with the rest",
            Some(Found::No) => "they don't count, or are not lost",
            None => UNKNOWN,
        }
    };
    Ok(format!("{found}; {}. If an incident is open, resolve it at Spike", told(&last)))
}
