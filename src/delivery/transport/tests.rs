//! What the client tells of each way to fail, and what is made of that.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::{Attempted, Network, Post, client};
use crate::{
    clock::{Clock, SPEED},
    delivery::{
        outcome::{Blames, Later, Outcome, Reach},
        tls::Roots,
    },
    webhook::Webhook,
};

/// Not a token that anything is sent with but to a socket of the test.
const PATH: &str = "a-token-of-nobody/push-events";

/// One attempt, with time-outs a tenth as long.
fn attempt(url: &str) -> Attempted {
    SPEED.set(10);
    let network = Network { clock: Clock::start(), roots: Roots::default(), proxies: false };
    SPEED.set(1);
    let webhook = Webhook::parse(&format!("{url}/{PATH}"), "builder(url)").unwrap();
    if cfg!(feature = "rustls-no-provider") {
        // Another test may have done so.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
    let client = client(webhook.is_plain(), &network).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let attempted = runtime.block_on(Post { client, webhook }.attempt("{}".to_owned()));
    assert!(!attempted.why.contains("token"), "{attempted:?}");
    attempted
}

/// What an attempt comes to at a server that does this with its first connection.
fn at(server: impl FnOnce(TcpStream) + Send + 'static) -> Attempted {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || server(listener.accept().unwrap().0));
    let attempted = attempt(&url);
    serving.join().unwrap();
    attempted
}

fn reach(attempted: &Attempted) -> (Blames, Reach) {
    match attempted.outcome {
        Outcome::Later(Later { blames, reach, .. }) => (blames, reach),
        other => panic!("{other:?}: {attempted:?}"),
    }
}

/// What is done with a connection.
type Server = fn(TcpStream);

const NOT_SENT: (Blames, Reach) = (Blames::Endpoint, Reach::NotSent);
const AMBIGUOUS: (Blames, Reach) = (Blames::Title, Reach::Ambiguous);

fn reset(stream: &TcpStream) {
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap();
}

/// Reads to the end of the request, or until nobody sends any more.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.ends_with("{}") {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(read) => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
        }
    }
    text
}

#[test]
fn f001_a_refused_connection_is_not_sent() {
    let attempted = attempt("http://127.0.0.1:1");
    assert_eq!(reach(&attempted), NOT_SENT, "{attempted:?}");
    assert!(attempted.why.contains("Connection refused"), "{attempted:?}");
}

#[test]
fn f003_a_connection_that_does_not_come_about_in_time_is_not_sent() {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    // The backlog is full when a connection hangs.
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        held.push(stream);
    }
    let start = std::time::Instant::now();
    let attempted = attempt(&format!("http://{address}"));
    let took = start.elapsed().as_millis();
    assert_eq!(reach(&attempted), NOT_SENT, "{attempted:?}");
    assert_eq!(attempted.why, "no answer in time");
    assert!((300..900).contains(&took), "3 s, ten times as fast: {took} ms");
}

#[test]
fn f002_f004_f005_f023_what_ends_without_an_answer_once_connected_is_ambiguous() {
    // Whether a byte was written depends on how fast these are, and so does what is told.
    for server in [(|stream| reset(&stream)) as Server, drop] {
        let attempted = at(server);
        assert!([NOT_SENT, AMBIGUOUS].contains(&reach(&attempted)), "{attempted:?}");
    }
    let ways: [(&str, Server); 8] = [
        ("reset after the request", |mut stream| {
            read_request(&mut stream);
            reset(&stream);
        }),
        ("closed after the request", |mut stream| {
            read_request(&mut stream);
        }),
        ("reset in the middle of the head", |mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 O").unwrap();
            reset(&stream);
        }),
        ("hangs", |mut stream| {
            read_request(&mut stream);
            read_request(&mut stream);
        }),
        ("hangs in the middle of the head", |mut stream| {
            read_request(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").unwrap();
            read_request(&mut stream);
        }),
        ("garbage", |mut stream| {
            read_request(&mut stream);
            stream.write_all(b"\0\x01nonsense\r\n\r\n").unwrap();
        }),
        ("a chunk without a size", |mut stream| {
            read_request(&mut stream);
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            write!(stream, "{head}zz\r\n{{\"Ok\":true}}\r\n").unwrap();
        }),
        ("no end of 100s", |mut stream| {
            read_request(&mut stream);
            // As fast as they can be sent, hyper reads some 50 MB of them before it lets anything
            // else happen; a debug build takes 15 s for that.
            while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_ok() {
                thread::sleep(Duration::from_millis(1));
            }
        }),
    ];
    for (way, server) in ways {
        let attempted = at(server);
        assert_eq!(reach(&attempted), AMBIGUOUS, "{way}: {attempted:?}");
    }
}

#[test]
fn f004_f005_f006_an_attempt_ends_when_it_must_and_the_head_is_the_answer() {
    let drip = |mut stream: TcpStream, text: &str| {
        read_request(&mut stream);
        let every = Duration::from_millis(20);
        for byte in text.bytes().chain(std::iter::repeat(b'x')) {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(every);
        }
    };
    let took = |server: Box<dyn FnOnce(TcpStream) + Send>| {
        let start = std::time::Instant::now();
        let attempted = at(server);
        let took = start.elapsed().as_millis();
        assert!((1000..1900).contains(&took), "10 s, ten times as fast: {took} ms");
        attempted
    };
    // A byte from time to time keeps no attempt alive.
    let head = took(Box::new(move |stream| drip(stream, "HTTP/1.1 200 OK\r\nx: ")));
    assert_eq!(reach(&head), AMBIGUOUS, "{head:?}");
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let body = took(Box::new(move |mut stream| {
        read_request(&mut stream);
        stream.write_all(head.as_bytes()).unwrap();
        drip(stream, "");
    }));
    assert_eq!(body.outcome, Outcome::Accepted { verified: false });
}

#[test]
fn f024_a_compressed_answer_is_left_as_it_is() {
    // A gzip stream, of which nothing is unpacked: the head has said all.
    let attempted = at(|mut stream| {
        assert!(!read_request(&mut stream).contains("accept-encoding"));
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 26\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"\x1f\x8b\x08\0\0\0\0\0\0\x03").unwrap();
        stream.write_all(&[0; 16]).unwrap();
    });
    assert_eq!(attempted.outcome, Outcome::Accepted { verified: false });
    // Twin: the same length as plain JSON is read.
    let attempted = at(|mut stream| {
        read_request(&mut stream);
        let json = format!("{:<26}", "{\"Ok\":true}");
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 26\r\n\r\n{json}").unwrap();
    });
    assert_eq!(attempted.outcome, Outcome::Accepted { verified: true });
}
