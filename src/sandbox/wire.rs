//! Connections that can misbehave below HTTP.
//!
//! Owns the listener and the I/O wrapper through which axum speaks: what a fault does to the
//! bytes is done here. A connection without a fault passes bytes through unchanged. Holds at
//! most 256 connections that are never read.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

use super::board::Board;
use super::fault::Fault;

/// Connections held unread; beyond, the oldest is closed.
const MAX_HELD: usize = 256;
/// Bytes in one chunk of a huge body.
const CHUNK: usize = 16 * 1024;

/// What the next bytes that HTTP wants to write turn into.
pub(super) enum Plan {
    /// The connection is reset instead.
    Reset,
    /// They go out one by one, so far apart.
    Drip(Duration),
    /// Something else goes out instead.
    Script(Script),
}

/// Bytes to send in place of what HTTP would.
pub(super) struct Script {
    bytes: Vec<u8>,
    sent: usize,
    /// Body bytes still to come, in chunks.
    chunked: u64,
    /// What comes after the last byte: silence, or the end of the connection.
    hangs: bool,
}

impl Script {
    /// These bytes, then the end of the connection.
    pub(super) fn then_close(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0, chunked: 0, hangs: false }
    }

    /// These bytes, then silence.
    pub(super) fn then_hang(bytes: Vec<u8>) -> Self {
        Self { bytes, sent: 0, chunked: 0, hangs: true }
    }

    /// A head that announces chunks, then so many bytes of body.
    pub(super) fn then_chunks(head: Vec<u8>, body: u64) -> Self {
        Self { bytes: head, sent: 0, chunked: body, hangs: false }
    }

    /// The bytes that go out next, `None` at the end.
    fn pending(&mut self) -> Option<&[u8]> {
        if self.sent >= self.bytes.len() && self.chunked > 0 {
            let size = usize::try_from(self.chunked).unwrap_or(CHUNK).min(CHUNK);
            self.chunked = self.chunked.saturating_sub(size as u64);
            self.bytes = format!("{size:x}\r\n{}\r\n", ".".repeat(size)).into_bytes();
            if self.chunked == 0 {
                self.bytes.extend_from_slice(b"0\r\n\r\n");
            }
            self.sent = 0;
        }
        self.bytes.get(self.sent..).filter(|rest| !rest.is_empty())
    }
}

/// Through this a request tells its own connection what to do.
#[derive(Clone, Default)]
pub(super) struct Line {
    plan: Arc<Mutex<Option<Plan>>>,
}

impl Line {
    /// Takes effect at the next write.
    pub(super) fn play(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
    }

    fn take(&self) -> Option<Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Connected<IncomingStream<'_, Porch>> for Line {
    fn connect_info(stream: IncomingStream<'_, Porch>) -> Self {
        stream.io().line.clone()
    }
}

/// The listener: counts connections, and turns some away.
pub(super) struct Porch {
    tcp: TcpListener,
    board: Arc<Board>,
    /// Accepted and never read, oldest first.
    held: VecDeque<TcpStream>,
}

impl Porch {
    pub(super) fn new(tcp: TcpListener, board: Arc<Board>) -> Self {
        Self { tcp, board, held: VecDeque::new() }
    }

    fn hold(&mut self, stream: TcpStream) {
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(stream);
    }
}

impl Listener for Porch {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.tcp).await;
            match self.board.connect() {
                None => return (Wire::new(stream), peer),
                Some(Fault::ResetOnAccept) => reset(stream),
                Some(_) => self.hold(stream),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A connection whose writes can be replaced.
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
    mode: Mode,
}

enum Mode {
    Plain,
    Reset,
    Drip { every: Duration, due: Pin<Box<Sleep>> },
    Script(Script),
}

impl From<Plan> for Mode {
    fn from(plan: Plan) -> Self {
        match plan {
            Plan::Reset => Self::Reset,
            Plan::Drip(every) => Self::Drip { every, due: Box::pin(tokio::time::sleep(every)) },
            Plan::Script(script) => Self::Script(script),
        }
    }
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        // Without it a drip would arrive in lumps. If it fails, the bytes still arrive.
        stream.set_nodelay(true).ok();
        Self { stream, line: Line::default(), mode: Mode::Plain }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if let Some(plan) = this.line.take() {
            this.mode = Mode::from(plan);
        }
        let stream = Pin::new(&mut this.stream);
        match &mut this.mode {
            Mode::Plain => stream.poll_write(cx, buf),
            Mode::Reset => {
                this.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Mode::Drip { every, due } => {
                if due.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                *due = Box::pin(tokio::time::sleep(*every));
                stream.poll_write(cx, buf.get(..1).unwrap_or(buf))
            }
            Mode::Script(script) => perform(script, stream, cx),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Sends what the script has; never reports success, so HTTP writes nothing of its own.
fn perform(
    script: &mut Script,
    mut stream: Pin<&mut TcpStream>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    while let Some(bytes) = script.pending() {
        match stream.as_mut().poll_write(cx, bytes) {
            Poll::Ready(Ok(sent)) => script.sent = script.sent.saturating_add(sent),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    if script.hangs {
        // Nothing wakes this write; the connection ends when the client or the sandbox goes.
        return Poll::Pending;
    }
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

/// Drops a connection with an RST.
fn reset(stream: TcpStream) {
    // If this fails the client sees a plain close instead, and the test of the fault tells.
    stream.set_zero_linger().ok();
}
