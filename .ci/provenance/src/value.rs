//! Values as real programs have them, built at run time from the data: nothing here is known to
//! the compiler, so no value can end up among the literals.
//!
//! A value is `[tag, …]`, as `typed.py` writes it.

use std::fmt::{self, Debug, Display};
use std::hint::black_box;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::types;

/// What both traits print. `dyn`, so that a callsite is compiled once; the pieces that reach the
/// writer are those of the value itself.
pub(crate) trait Show {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

pub(crate) struct Value(Box<dyn Show>);

/// A type with both traits.
struct Both<T>(T);

/// A type that prints the same either way: a newtype of an id, or one with `Display` alone.
pub(crate) struct Displayed<T>(pub(crate) T);

/// A type with `Debug` alone.
pub(crate) struct Debugged<T>(pub(crate) T);

/// What `{addr:#?}` and the like print: the value brings its own format.
struct Formatted<F>(F);

// === impl Show ===

impl<T: Display + Debug> Show for Both<T> {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl<T: Display> Show for Displayed<T> {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<T: Debug> Show for Debugged<T> {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> Show for Formatted<F> {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display(f)
    }
}

impl Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug(f)
    }
}

// === types with a `Debug` or `Display` of their own ===

struct Set(Vec<Value>);

impl Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

struct Map(Vec<(Value, Value)>);

impl Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(k, v)| (k, v))).finish()
    }
}

/// A tuple of whatever length.
struct Tuple(Vec<Value>);

impl Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => ().fmt(f),
            values => {
                let mut tuple = f.debug_tuple("");
                for value in values {
                    tuple.field(value);
                }
                tuple.finish()
            }
        }
    }
}

/// A libp2p address: the names of the protocols are literals there.
struct Multiaddr(String);

impl Display for Multiaddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split('/').skip(1) {
            f.write_str("/")?;
            match part {
                "ip4" => f.write_str("ip4")?,
                "ip6" => f.write_str("ip6")?,
                "tcp" => f.write_str("tcp")?,
                "udp" => f.write_str("udp")?,
                "p2p" => f.write_str("p2p")?,
                value => write!(f, "{value}")?,
            }
        }
        Ok(())
    }
}

/// An error and what was being done, as `{:#}` of an `anyhow::Error` with a literal context.
struct Context(&'static str, Value);

impl Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        write!(f, ": {}", self.1)
    }
}

// === from the data ===

impl Value {
    pub(crate) fn new(show: impl Show + 'static) -> Self {
        Self(Box::new(show))
    }

    /// The value that the data describes.
    pub(crate) fn read(json: &Json) -> Self {
        let parts = json.as_array().expect("an array");
        let tag = parts[0].as_str().expect("a tag");
        let second = parts.get(1).unwrap_or(&Json::Null);
        if let Some(text) = second.as_str() {
            return of_text(tag, black_box(text));
        }
        let number = || usize::try_from(second.as_u64().expect("a number")).expect("a usize");
        match tag {
            "lit" => Self::new(Both(types::LITERALS[black_box(number())])),
            "name" => Self::new(Displayed(types::NAMES[black_box(number())])),
            "unit" => Self::new(Debugged(types::UNITS[black_box(number())])),
            "shape" => types::shape(number(), values(&parts[2])),
            "pattern" => types::pattern(number(), values(&parts[2])),
            "context" => {
                Self::new(Displayed(Context(types::LITERALS[number()], Self::read(&parts[2]))))
            }
            "displayed" => Self::new(Displayed(Self::read(second))),
            "vec" => Self::new(Debugged(values(second))),
            "set" => Self::new(Debugged(Set(values(second)))),
            "tuple" => Self::new(Debugged(Tuple(values(second)))),
            "map" => Self::new(Debugged(Map(pairs(second)))),
            "some" => Self::new(Debugged(Some(Self::read(second)))),
            "none" => Self::new(Debugged(None::<Value>)),
            "kind" => Self::new(Both(io::Error::from(io::ErrorKind::UnexpectedEof))),
            "custom" => {
                Self::new(Both(io::Error::new(io::ErrorKind::TimedOut, "operation timed out")))
            }
            "overflow" => Self::new(Both(black_box("300").parse::<u8>().expect_err("too large"))),
            _ => of_text(tag, ""),
        }
    }
}

fn values(json: &Json) -> Vec<Value> {
    json.as_array().expect("values").iter().map(Value::read).collect()
}

fn pairs(json: &Json) -> Vec<(Value, Value)> {
    let pairs = json.as_array().expect("pairs").iter();
    pairs.map(|pair| (Value::read(&pair[0]), Value::read(&pair[1]))).collect()
}

fn of_text(tag: &str, text: &str) -> Value {
    match tag {
        "str" => Value::new(Both(text.to_owned())),
        "bare" => Value::new(Displayed(text.to_owned())),
        "int" => integer(text),
        "hex" => {
            let n = u64::from_str_radix(text, 16).expect("hexadecimal");
            Value::new(Formatted(move |f: &mut fmt::Formatter<'_>| write!(f, "{n:X}")))
        }
        "x8" => {
            let n = u32::from_str_radix(&text[2..], 16).expect("hexadecimal");
            Value::new(Formatted(move |f: &mut fmt::Formatter<'_>| write!(f, "{n:#010x}")))
        }
        "float" => float(text),
        "bool" => Value::new(Both(text.parse::<bool>().expect("a bool"))),
        "char" => Value::new(Both(text.chars().next().expect("a char"))),
        "dur" => duration(text),
        "time" => time(text),
        "sock" => or_text(text.parse::<SocketAddr>().ok(), text),
        "ip" => or_text(text.parse::<IpAddr>().ok(), text),
        "path" => {
            let path = PathBuf::from(text);
            Value::new(Path(path))
        }
        "ptr" => {
            let address = usize::from_str_radix(&text[2..], 16).expect("an address");
            let pointer = std::ptr::without_provenance::<u8>(address);
            Value::new(Formatted(move |f: &mut fmt::Formatter<'_>| write!(f, "{pointer:p}")))
        }
        "os" => Value::new(Both(io::Error::from_raw_os_error(text.parse().expect("a code")))),
        "json" => json_error(text),
        "maddr" => Value::new(Displayed(Multiaddr(text.to_owned()))),
        "utf8" => {
            let mut bytes = vec![b'a'; text.parse().expect("an index")];
            bytes.extend([0xff, b'a']);
            Value::new(Both(std::str::from_utf8(&black_box(bytes)).expect_err("not UTF-8")))
        }
        "fill" => {
            let mut nothing = black_box(&[][..]);
            Value::new(Both(nothing.read_exact(&mut [0]).expect_err("an end")))
        }
        "tryint" => Value::new(Both(u8::try_from(black_box(300_u32)).expect_err("too large"))),
        "send" => {
            let (sender, receiver) = mpsc::channel();
            drop(receiver);
            Value::new(Both(sender.send(()).expect_err("closed")))
        }
        _ => panic!("no value is called {tag}"),
    }
}

/// The value if it prints as this text, else a `String`.
fn or_text<T: Display + Debug + 'static>(value: Option<T>, text: &str) -> Value {
    match value {
        Some(value) if value.to_string() == text => Value::new(Both(value)),
        _ => Value::new(Displayed(text.to_owned())),
    }
}

fn integer(text: &str) -> Value {
    if let Ok(n) = text.parse::<u64>() {
        Value::new(Both(n))
    } else if let Ok(n) = text.parse::<i64>() {
        Value::new(Both(n))
    } else {
        Value::new(Both(text.parse::<i128>().expect("an integer")))
    }
}

fn float(text: &str) -> Value {
    let x: f64 = text.parse().expect("a float");
    if x.to_string() == text {
        Value::new(Both(x))
    } else if format!("{x:?}") == text {
        Value::new(Debugged(x))
    } else if format!("{x:e}") == text {
        Value::new(Formatted(move |f: &mut fmt::Formatter<'_>| write!(f, "{x:e}")))
    } else {
        let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        Value::new(Formatted(move |f: &mut fmt::Formatter<'_>| write!(f, "{x:.digits$}")))
    }
}

fn duration(text: &str) -> Value {
    let unit = text.find(|c: char| c.is_alphabetic()).expect("a unit");
    let nanos = match &text[unit..] {
        "s" => 1e9,
        "ms" => 1e6,
        "µs" => 1e3,
        _ => 1.0,
    };
    let count: f64 = text[..unit].parse().expect("a number");
    let duration = Duration::from_nanos((count * nanos).round() as u64);
    let printed = format!("{duration:?}");
    if printed == text {
        return Value::new(Debugged(duration));
    }
    // With as many digits as a `{:.6?}` leaves.
    let digits = text[..unit].split_once('.').map_or(0, |(_, digits)| digits.len());
    if format!("{duration:.digits$?}") == text {
        let print = move |f: &mut fmt::Formatter<'_>| write!(f, "{duration:.digits$?}");
        return Value::new(Formatted(print));
    }
    Value::new(Displayed(text.to_owned()))
}

/// `chrono` where it prints so by itself, else what `to_rfc3339` and its like return.
fn time(text: &str) -> Value {
    let as_rfc3339 = text.replace(" UTC", "Z").replacen(' ', "T", 1);
    if let Ok(time) = as_rfc3339.parse::<chrono::DateTime<chrono::FixedOffset>>() {
        let utc = time.to_utc();
        if utc.to_string() == text {
            return Value::new(Displayed(utc));
        } else if format!("{utc:?}") == text {
            return Value::new(Debugged(utc));
        } else if format!("{time:?}") == text {
            return Value::new(Debugged(time));
        }
    }
    Value::new(Displayed(text.to_owned()))
}

/// The error of `serde_json` that prints as this.
fn json_error(text: &str) -> Value {
    let (message, line, column) = match text.strip_prefix("Error(") {
        Some(debugged) => {
            let (quoted, rest) = debugged.rsplit_once(", line: ").expect("a line");
            let (line, column) = rest.split_once(", column: ").expect("a column");
            let message = serde_json::from_str::<String>(quoted).expect("a string");
            (message, line.to_owned(), column.trim_end_matches(')').to_owned())
        }
        None => {
            let (message, rest) = text.rsplit_once(" at line ").expect("a line");
            let (line, column) = rest.split_once(" column ").expect("a column");
            (message.to_owned(), line.to_owned(), column.to_owned())
        }
    };
    let prints =
        |error: &serde_json::Error| error.to_string() == text || format!("{error:?}") == text;
    let wrong = match message.as_str() {
        "EOF while parsing an object" => "{",
        "expected value" => "x",
        "trailing characters" => "1 1",
        "key must be a string" => "{1",
        _ => "",
    };
    if !wrong.is_empty() {
        let rows = line.parse::<usize>().expect("a line").saturating_sub(1);
        let columns: usize = column.parse().expect("a column");
        for back in 0..=wrong.len() {
            let input = "\n".repeat(rows) + &" ".repeat(columns.saturating_sub(back)) + wrong;
            match serde_json::from_str::<Json>(&input) {
                Err(error) if prints(&error) => return Value::new(Both(error)),
                _ => {}
            }
        }
    }
    let whole = format!("{message} at line {line} column {column}");
    let error = <serde_json::Error as serde::de::Error>::custom(whole);
    if prints(&error) {
        return Value::new(Both(error));
    }
    Value::new(Displayed(text.to_owned()))
}

struct Path(PathBuf);

impl Show for Path {
    fn display(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0.display(), f)
    }
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}
