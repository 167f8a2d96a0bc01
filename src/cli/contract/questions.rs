//! What Spike's documentation leaves open, and how to find out.
//!
//! Invariant: each question counts its requests; the sandbox has a switch for each of them.

use std::hash::{BuildHasher, RandomState};

use serde_json::{Value, json};

use super::{Failed, Find, Run};
use crate::cli::post::Answer;

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

/// The question that takes all requests.
pub(super) fn limit() -> Vec<Question> {
    vec![Question::new("a 20th trigger of a title in a minute", LIMIT, limiter)]
}

/// What a run without `--limit` does not answer.
pub(super) fn left_out() -> Vec<(&'static str, String)> {
    vec![
        ("a 20th trigger of a title in a minute", "not asked: see --limit".to_owned()),
        ("resolves, and these 20", NOT_ASKED.to_owned()),
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
        Some(Found::Yes) => {
            run.sent("resolve", |post| post.send(&resolve(&title)))?;
            "opens an incident"
        }
        Some(Found::No) => "dropped",
        None => UNKNOWN,
    };
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
    if answer.is_accepted() {
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
    let mut last = None;
    for n in 1..=LIMIT {
        let answer = run.sent(&format!("trigger {n}"), |post| post.send(&trigger(&title)))?;
        last = Some(answer);
    }
    let Some(last) = last else { return Ok(UNKNOWN.to_owned()) };
    let question = "How many repeats has the incident: fewer than 19?";
    let found = match run.saw(question)? {
        Some(Found::Yes) => "dropped",
        Some(Found::No) => "taken",
        None => UNKNOWN,
    };
    Ok(format!("{found}; {}. The incident is open: resolve it at Spike", told(&last)))
}
