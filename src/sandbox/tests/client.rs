//! A client on a raw socket.
//!
//! Owns what a test needs to see of HTTP. Every read has a deadline, and nothing is hidden: no
//! retry, no pool, no redirect.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::SOON;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Reply {
    /// Reads one answer, by its `content-length`.
    pub(super) fn read(stream: &mut TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_default().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut reply = Self { status, headers, body: String::new() };
        let length = reply.header("content-length").unwrap_or("0").parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `host:port` and the path of a URL.
fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

pub(super) fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(split(url).0).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Sends a request and reads nothing.
pub(super) fn send(stream: &mut TcpStream, url: &str, method: &str, path: &str, body: &str) {
    let (host, length) = (split(url).0, body.len());
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
}

/// Sends a webhook request over a new connection and reads nothing.
pub(super) fn sent(url: &str, json: &str) -> TcpStream {
    let mut stream = connect(url);
    send(&mut stream, url, "POST", split(url).1, json);
    stream
}

/// A webhook request over a kept connection.
pub(super) fn post_on(stream: &mut TcpStream, url: &str, json: &str) -> Reply {
    send(stream, url, "POST", split(url).1, json);
    Reply::read(stream)
}

/// A webhook request over a connection of its own.
pub(super) fn post(url: &str, json: &str) -> Reply {
    Reply::read(&mut sent(url, json))
}

/// Any request over a connection of its own.
pub(super) fn request(url: &str, method: &str, path: &str, body: &str) -> Reply {
    let mut stream = connect(url);
    send(&mut stream, url, method, path, body);
    Reply::read(&mut stream)
}

/// A request that brings headers of its own, `host` included, over a connection of its own.
pub(super) fn request_as(url: &str, method: &str, path: &str, headers: &str) -> Reply {
    let mut stream = connect(url);
    write!(stream, "{method} {path} HTTP/1.1\r\n{headers}content-length: 0\r\n\r\n").unwrap();
    Reply::read(&mut stream)
}

pub(super) fn get(url: &str) -> Reply {
    request(url, "GET", split(url).1, "")
}

/// A trigger of this title.
pub(super) fn title(title: &str) -> String {
    serde_json::json!({ "title": title }).to_string()
}

/// Everything until the end of the connection.
pub(super) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}
