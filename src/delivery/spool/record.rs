//! A record of the spool: what a run has to say of one title, as bytes and back.
//!
//! One header line (`tracing-spike spool 1 <crc32> <length>`), then one JSON object, the body last
//! in it, so that the rest can be read without. Invariants:
//! decides only, does no I/O; bytes that are not exactly what [`Record::encode`] made are no
//! record, and no bytes make it panic; a time reads as one from 1970 to 9999.

use std::{
    str,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};

use crate::incident::{Priority, Severity};

/// What a file of the spool begins with.
const MAGIC: &str = "tracing-spike spool ";
/// The version of the format.
const VERSION: u32 = 1;
/// The longest header that is looked at, its line feed included.
const LONGEST_HEADER: usize = 64;
/// Levels of nesting that a value of the body may have: a parser reads 128 of a whole record.
const LEVELS: usize = 100;
/// The end of 9999, in milliseconds: later times can't be written as text.
const LATEST: u64 = 253_402_300_799_999;
/// What the body follows. In a text it would have a backslash.
const BODY: &str = ",\"body\":";

/// What a run still has to say of one title.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// [`Webhook::id`](crate::webhook::Webhook::id) of where it goes.
    pub(crate) endpoint: u32,
    /// Scheme, host and port of where it goes, for people.
    pub(crate) place: String,
    pub(crate) title: String,
    pub(crate) says: Says,
    /// It was accepted, and is to be sent once more.
    pub(crate) again: bool,
    pub(crate) panic: bool,
    pub(crate) storm: bool,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) count: u64,
    pub(crate) since_last: u64,
    /// Times are kept in whole milliseconds.
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
    /// When it was admitted.
    pub(crate) accepted: SystemTime,
    /// The body as it would be sent; what is nested too deeply in it is kept as text.
    pub(crate) body: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Trigger { opening: bool },
    Resolve,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// It does not begin as a record does.
    Header,
    /// A later version of this crate wrote it.
    Newer(u32),
    /// Its end is missing, or there is more after it.
    Length,
    Checksum,
    Json,
    /// A field that is missing or has a value of another kind.
    Field(&'static str),
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut map = Map::new();
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("endpoint", format!("{:08x}", self.endpoint).into());
        put("place", self.place.as_str().into());
        put("title", self.title.as_str().into());
        put("says", self.says.as_str().into());
        put("again", self.again.into());
        put("panic", self.panic.into());
        put("storm", self.storm.into());
        put("severity", self.severity.map(Severity::as_str).into());
        put("priority", self.priority.map(Priority::as_str).into());
        put("count", self.count.into());
        put("since_last", self.since_last.into());
        put("first", millis(self.first).into());
        put("last", millis(self.last).into());
        put("accepted", millis(self.accepted).into());
        let body = self.body.iter().map(|(name, value)| (name.clone(), shallow(value, LEVELS)));
        let (head, body) = (Value::Object(map).to_string(), Value::Object(body.collect()));
        let json = format!("{}{BODY}{body}}}", head.strip_suffix('}').unwrap_or(&head));
        let (checksum, length) = (crc32fast::hash(json.as_bytes()), json.len());
        format!("{MAGIC}{VERSION} {checksum:08x} {length}\n{json}").into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Bad> {
        let json = checked(bytes)?;
        let Ok(Value::Object(mut map)) = serde_json::from_slice(json) else {
            return Err(Bad::Json);
        };
        let Some(Value::Object(body)) = map.remove("body") else {
            return Err(Bad::Field("body"));
        };
        Self::of(&map, body)
    }

    /// As [`decode`](Record::decode), but without the body, which takes most of the time and of
    /// the memory, and may be no JSON.
    pub(crate) fn decode_head(bytes: &[u8]) -> Result<Self, Bad> {
        let json = checked(bytes)?;
        let end = json.windows(BODY.len()).position(|window| window == BODY.as_bytes());
        let head = end.and_then(|end| json.get(..end)).map(|head| [head, b"}"].concat());
        let head = head.and_then(|head| serde_json::from_slice(&head).ok());
        match head.map(|map| Self::of(&map, Map::new())) {
            Some(Ok(record)) => Ok(record),
            // Somebody has changed the order.
            _ => Self::decode(bytes).map(|record| Self { body: Map::new(), ..record }),
        }
    }

    fn of(map: &Map<String, Value>, body: Map<String, Value>) -> Result<Self, Bad> {
        let fields = Fields(map);
        Ok(Self {
            endpoint: fields
                .get("endpoint", |value| u32::from_str_radix(value.as_str()?, 16).ok())?,
            place: fields.text("place")?,
            title: fields.text("title")?,
            says: fields.get("says", |value| Says::parse(value.as_str()?))?,
            again: fields.get("again", Value::as_bool)?,
            panic: fields.get("panic", Value::as_bool)?,
            storm: fields.get("storm", Value::as_bool)?,
            severity: fields.word("severity")?,
            priority: fields.word("priority")?,
            count: fields.get("count", Value::as_u64)?,
            since_last: fields.get("since_last", Value::as_u64)?,
            first: fields.time("first")?,
            last: fields.time("last")?,
            accepted: fields.time("accepted")?,
            body,
        })
    }
}

impl Says {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trigger { opening: true } => "open",
            Self::Trigger { opening: false } => "repeat",
            Self::Resolve => "resolve",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Trigger { opening: true }, Self::Trigger { opening: false }, Self::Resolve]
            .into_iter()
            .find(|says| says.as_str() == word)
    }
}

/// A value with its levels beyond `levels` as text.
fn shallow(value: &Value, levels: usize) -> Value {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => value.to_string().into(),
        (Value::Array(items), Some(levels)) => {
            items.iter().map(|item| shallow(item, levels)).collect()
        }
        (Value::Object(fields), Some(levels)) => {
            let shallow = |(name, value): (&String, _)| (name.clone(), shallow(value, levels));
            Value::Object(fields.iter().map(shallow).collect())
        }
        _ => value.clone(),
    }
}

/// The JSON of a record whose header fits it.
fn checked(bytes: &[u8]) -> Result<&[u8], Bad> {
    let end = bytes.iter().take(LONGEST_HEADER).position(|byte| *byte == b'\n');
    let (header, rest) = end.and_then(|end| bytes.split_at_checked(end)).ok_or(Bad::Header)?;
    let json = rest.strip_prefix(b"\n").ok_or(Bad::Header)?;
    let header = str::from_utf8(header).map_err(|_| Bad::Header)?;
    let words = header.strip_prefix(MAGIC).ok_or(Bad::Header)?;
    let (version, words) = words.split_once(' ').unwrap_or((words, ""));
    match number(version) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(Bad::Newer(newer)),
        _ => return Err(Bad::Header),
    }
    let (checksum, length) = words.split_once(' ').ok_or(Bad::Header)?;
    let length: usize = number(length).ok_or(Bad::Header)?;
    if json.len() != length {
        return Err(Bad::Length);
    }
    if checksum != format!("{:08x}", crc32fast::hash(json)) {
        return Err(Bad::Checksum);
    }
    Ok(json)
}

/// A number as it is printed: digits only, none too many.
fn number<T: str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

/// Whole milliseconds since 1970.
fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(LATEST).min(LATEST)
}

/// What a record says beside its body.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get<T>(&self, name: &'static str, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, Bad> {
        self.0.get(name).and_then(read).ok_or(Bad::Field(name))
    }

    fn text(&self, name: &'static str) -> Result<String, Bad> {
        self.get(name, |value| value.as_str().map(str::to_owned))
    }

    fn word<T: str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Bad> {
        self.get(name, |value| match value {
            Value::Null => Some(None),
            value => value.as_str()?.parse().ok().map(Some),
        })
    }

    fn time(&self, name: &'static str) -> Result<SystemTime, Bad> {
        self.get(name, |value| {
            let since = Duration::from_millis(value.as_u64()?.min(LATEST));
            SystemTime::UNIX_EPOCH.checked_add(since)
        })
    }
}
