//! Where what is sent ends: a server that says yes to everything, and one that says nothing.
//!
//! Lives in the process that runs the measured ones, so that none of them pays for it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

const YES: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 12\r\n\r\n{\"Ok\": true}";

/// Answers every POST with 200.
pub(crate) fn accepting() -> SocketAddr {
    serve(|stream| {
        answer(stream).ok();
    })
}

/// Takes connections, and neither reads nor answers.
pub(crate) fn dead() -> SocketAddr {
    serve(|_stream| {
        loop {
            thread::park();
        }
    })
}

/// Takes connections, and answers on those that come once it is told to.
pub(crate) fn later(answers: &'static AtomicBool) -> SocketAddr {
    serve(|stream| {
        if answers.load(Ordering::Relaxed) {
            answer(stream).ok();
        } else {
            loop {
                thread::park();
            }
        }
    })
}

fn serve(each: impl Fn(TcpStream) + Copy + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || each(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let header = line.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        stream.write_all(YES)?;
    }
}
