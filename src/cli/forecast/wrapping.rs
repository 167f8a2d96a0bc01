//! What containers put around a line.
//!
//! Invariant: what is not surely put around it stays.

use std::borrow::Cow;

use memchr::memchr;
use serde_json::Value;

/// Bytes within which the name of a container ends.
const NAME: usize = 64;

/// The line as the program has printed it.
pub(super) fn inside(line: &[u8]) -> Cow<'_, [u8]> {
    match line.first() {
        Some(b'{') if line.starts_with(b"{\"log\":\"") => {
            json_file(line).map_or(Cow::Borrowed(line), Cow::Owned)
        }
        Some(first) if first.is_ascii_alphabetic() => Cow::Borrowed(composed(line).unwrap_or(line)),
        _ => Cow::Borrowed(line),
    }
}

/// `{"log":"…\n","stream":"stdout","time":"…"}`, as Docker keeps it.
fn json_file(line: &[u8]) -> Option<Vec<u8>> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    entry.get("stream")?;
    let log = entry.get("log")?.as_str()?;
    Some(log.trim_end_matches(['\r', '\n']).as_bytes().to_vec())
}

/// `web-1  | …`, as `docker compose` prints it.
fn composed(line: &[u8]) -> Option<&[u8]> {
    let bar = memchr(b'|', line.get(..line.len().min(NAME))?)?;
    let (name, rest) = line.split_at_checked(bar)?;
    let name = name.strip_suffix(b" ")?.trim_ascii_end();
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let rest = rest.strip_prefix(b"|").filter(|_| name.iter().all(part))?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}
