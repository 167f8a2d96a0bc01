//! What reads the texts and bytes of others, each with what must hold whatever they are: for a
//! fuzzer, and for random inputs in the tests.
//!
//! Invariant: an oracle tells of what does not hold and never panics itself, so that whatever
//! panics is the parser. It gets its parser, so that a wrong one can be given to it.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::{
    capture::{
        filter::Rules,
        redact::{Redaction, Scrubber},
        title,
    },
    delivery::{
        outcome::{Answer, Blames, Later, Outcome, of_answer},
        spool::Record,
    },
    error::Error,
    webhook::{Tokens, Webhook},
};

/// Whether the parser took an input for one of its own, or what did not hold.
pub type Told = Result<bool, String>;

/// A parser and its oracle.
pub type Parser = fn(&[u8]) -> Told;

/// All of them, with their names.
pub const PARSERS: [(&str, Parser); 7] = [
    ("filter", |bytes| filter(bytes, |text| Rules::parse(text, "fuzz"))),
    ("ok", |bytes| ok(bytes, of_answer)),
    ("record", |bytes| record(bytes, |bytes| Record::decode(bytes).ok())),
    ("redact", |bytes| {
        redact(bytes, |scrubber, text, from, cap| scrubber.scrub(text, from, cap).redacted)
    }),
    ("retry_after", |bytes| retry_after(bytes, of_answer)),
    ("title", |bytes| title(bytes, title::derive)),
    ("webhook", |bytes| {
        webhook(bytes, |text| Webhook::parse(text, "fuzz"), |webhook| format!("{webhook:?}"))
    }),
];

/// The token that no redacted text may have.
const TOKEN: &str = "Tk7spikeTestTokenQ9zX";
/// A word of this many characters with a digit in it may be a secret; no error of ours has one.
const SECRET: usize = 13;
/// The longest error, in characters.
const ERROR: usize = 400;
/// What no title has, whoever wrote it.
const UNCLEAN: [&str; 14] = [
    "<",
    ">",
    "`",
    "{{",
    "}}",
    "{%",
    "%}",
    "://",
    "  ",
    "@here",
    "@channel",
    "@everyone",
    "\u{202e}",
    "\u{200b}",
];

/// Filter directives.
fn filter(bytes: &[u8], parse: impl Fn(&str) -> Result<Rules, Error>) -> Told {
    let text = String::from_utf8_lossy(bytes);
    let rules = match parse(&text) {
        Ok(rules) => rules,
        Err(error) => return is_discreet(&error, &text),
    };
    let said = rules.unmatched();
    let directives = text.split(',').filter(|directive| directive.contains('='));
    holds(directives.count() == said.len(), || format!("rules: {said:?}"))?;
    let again = parse(&said.join(",")).map(|rules| rules.unmatched());
    let same = said.is_empty() || again.as_ref().is_ok_and(|again| *again == said);
    holds(same, || format!("as it says itself: {again:?}, and not {said:?}"))?;
    for rule in &said {
        let (target, level) = rule.rsplit_once('=').unwrap_or_default();
        holds(rules.is_off(target) == (level == "off"), || format!("not as in {rule}"))?;
    }
    holds(rules.unmatched().is_empty(), || format!("{:?} matches nothing", rules.unmatched()))?;
    Ok(true)
}

/// The body of a 2xx.
fn ok(bytes: &[u8], read: impl Fn(&Answer<'_>) -> Outcome) -> Told {
    let answer = Answer { body: bytes, ..answer(200) };
    let text = String::from_utf8_lossy(bytes);
    let says = |word| text.trim().starts_with('{') && text.contains(word);
    match read(&answer) {
        Outcome::Accepted { verified: false } => Ok(false),
        Outcome::Accepted { verified: true } if says("true") => Ok(true),
        Outcome::Later(Later { blames: Blames::Poison, asked: None, .. }) if says("false") => {
            Ok(true)
        }
        outcome => Err(format!("{outcome:?}")),
    }
}

/// A file of the spool: as it is, and as JSON under a header that is true of it.
fn record(bytes: &[u8], decode: impl Fn(&[u8]) -> Option<Record>) -> Told {
    let (checksum, length) = (crc32fast::hash(bytes), bytes.len());
    let mut headed = format!("tracing-spike spool 1 {checksum:08x} {length}\n").into_bytes();
    headed.extend_from_slice(bytes);
    let mut read = false;
    for bytes in [bytes, headed.as_slice()] {
        if let Some(record) = decode(bytes) {
            let again = decode(&record.encode());
            let same = again.clone().map(whole) == Some(whole(record.clone()));
            holds(same, || format!("{record:?} is written as {again:?}"))?;
            read = true;
        }
    }
    Ok(read)
}

/// A record without fractions, which JSON may read as their neighbours.
fn whole(mut record: Record) -> Record {
    fn visit(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_f64() => *value = Value::Null,
            Value::Array(items) => items.iter_mut().for_each(visit),
            Value::Object(fields) => fields.values_mut().for_each(visit),
            _ => {}
        }
    }
    record.body.values_mut().for_each(visit);
    record
}

/// A text with secrets, and the same as the fields of an event if it is JSON.
fn redact(bytes: &[u8], scrub: impl Fn(&Scrubber, &mut String, usize, usize) -> u32) -> Told {
    let scrubber = Scrubber::new(Tokens::new(vec![TOKEN.into()]), Redaction::On, &[]);
    let text = String::from_utf8_lossy(bytes);
    let mut clean = text.clone().into_owned();
    let redacted = scrub(&scrubber, &mut clean, 0, usize::MAX);
    holds(!clean.contains(TOKEN), || "our token is left".to_owned())?;
    holds((redacted > 0) == (clean != text), || format!("{redacted} redacted: {clean:?}"))?;
    let mut again = clean.clone();
    let more = scrub(&scrubber, &mut again, 0, usize::MAX);
    holds((more, &again) == (0, &clean), || format!("{clean:?} becomes {again:?}"))?;
    // Cut anywhere, it is cut between two characters, and what is left is the same.
    for cap in [text.len() / 2, text.len().saturating_sub(3)] {
        let mut cut = text.clone().into_owned();
        scrub(&scrubber, &mut cut, 0, cap);
        let whole = cap.saturating_add(256) <= text.len() || clean.starts_with(&cut);
        holds(whole && cut.len() <= cap, || format!("cut to {cap} bytes: {cut:?}"))?;
    }
    // What stands before is left alone.
    let mut behind = format!("é{TOKEN}{text}");
    let from = behind.len().saturating_sub(text.len());
    scrub(&scrubber, &mut behind, from, usize::MAX);
    holds(behind.get(from..) == Some(&clean), || format!("behind others: {behind:?}"))?;
    if let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(&text) {
        scrubber.scrub_fields(&mut fields);
        let mut again = fields.clone();
        scrubber.scrub_fields(&mut again);
        holds(again == fields, || format!("{fields:?} becomes {again:?}"))?;
        let said = Value::Object(fields).to_string();
        holds(!said.contains(TOKEN), || "our token is left in a field".to_owned())?;
    }
    Ok(redacted > 0)
}

/// A `Retry-After` and, behind a line feed, a `Date`.
fn retry_after(bytes: &[u8], read: impl Fn(&Answer<'_>) -> Outcome) -> Told {
    let text = String::from_utf8_lossy(bytes);
    let (asks, date) = text.split_once('\n').unwrap_or((&text, ""));
    let answer = Answer {
        retry_after: Some(asks),
        date: Some(date).filter(|d| !d.is_empty()),
        ..answer(429)
    };
    let Outcome::Later(Later { asked: Some(asked), .. }) = read(&answer) else {
        return Err("not to be tried again".to_owned());
    };
    let asks = asks.trim();
    let is_number = !asks.is_empty() && asks.bytes().all(|byte| byte.is_ascii_digit());
    let right = if is_number {
        let seconds = asks.parse::<u128>().unwrap_or(u128::MAX).clamp(1, 300);
        u128::from(asked.as_secs()) == seconds
    } else if asks.contains(':') {
        (1..=300).contains(&asked.as_secs())
    } else {
        asked.as_secs() == 60
    };
    let in_bounds = asked >= Duration::from_secs(1) && asked <= Duration::from_secs(300);
    holds(right && in_bounds, || format!("{asked:?}"))?;
    Ok(asked.as_secs() != 60)
}

/// A message and, behind a line feed, its target.
fn title(bytes: &[u8], derive: impl Fn(&str, &str) -> String) -> Told {
    let text = String::from_utf8_lossy(bytes);
    let (message, target) = text.rsplit_once('\n').unwrap_or((&text, "shop::orders"));
    let title = derive(message, target);
    holds(title == derive(message, target), || "not the same again".to_owned())?;
    holds(!title.is_empty(), || "empty".to_owned())?;
    let mut given = String::new();
    title::verbatim(&text, &mut given);
    for title in [&title, &given] {
        let long = title.chars().count() > title::MAX_CHARS;
        let small = title.to_ascii_lowercase();
        let unclean = UNCLEAN.iter().any(|mark| small.contains(mark))
            || title.contains(char::is_control)
            || title.trim() != title;
        holds(!long && !unclean, || format!("{title:?}"))?;
        let mut again = String::new();
        title::verbatim(title, &mut again);
        holds(again == **title, || format!("{title:?} becomes {again:?}"))?;
    }
    Ok(title.contains('#'))
}

/// A webhook's URL.
fn webhook(
    bytes: &[u8],
    parse: impl Fn(&str) -> Result<Webhook, Error>,
    shown: impl Fn(&Webhook) -> String,
) -> Told {
    let text = String::from_utf8_lossy(bytes);
    let webhook = match parse(&text) {
        Ok(webhook) => webhook,
        Err(error) => return is_discreet(&error, &text),
    };
    let token = webhook.token().expose_secret();
    holds(webhook.expose_url() == text, || "another URL".to_owned())?;
    holds(text.ends_with(&format!("/{token}/push-events")), || "another token".to_owned())?;
    holds((8..=128).contains(&token.len()), || "a short or long token".to_owned())?;
    // Of a host that is named like it, too.
    let place = webhook.place().to_ascii_lowercase();
    let hides = place.contains(&token.to_ascii_lowercase()) || !shown(&webhook).contains(token);
    holds(hides, || "the token is shown".to_owned())?;
    if !webhook.place().starts_with("https://") {
        let host = webhook.place().strip_prefix("http://").unwrap_or_default();
        let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((host, _)) => host,
            None => host.split(':').next().unwrap_or_default(),
        };
        let loopback = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        holds(loopback && webhook.is_plain(), || webhook.place().to_owned())?;
    }
    Ok(true)
}

/// An error is short, and quotes nothing that may be a secret.
fn is_discreet(error: &Error, text: &str) -> Told {
    let said = format!("{error} {error:?}");
    holds(error.to_string().chars().count() <= ERROR, || format!("a long error: {said}"))?;
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut secrets =
        words.filter(|word| word.len() >= SECRET && word.contains(|c: char| c.is_ascii_digit()));
    holds(!secrets.any(|secret| said.contains(secret)), || format!("quoted: {said}"))?;
    Ok(false)
}

fn answer(status: u16) -> Answer<'static> {
    let local = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1_800_000_000));
    let local = local.unwrap_or(SystemTime::UNIX_EPOCH);
    Answer { status, retry_after: None, date: None, body: b"", local }
}

fn holds(what: bool, or: impl FnOnce() -> String) -> Result<(), String> {
    if what { Ok(()) } else { Err(or()) }
}

#[cfg(test)]
mod tests;
