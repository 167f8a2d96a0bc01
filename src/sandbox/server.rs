//! The server: a thread of its own that speaks HTTP.
//!
//! Owns the thread, the runtime in it and the way from a request to an answer or a fault.
//! Binds before it returns, so readiness needs no polling. Stopping never takes longer than a
//! second, whatever hangs, and may be done inside an async context: the runtime is dropped on
//! its own thread. Decides nothing about incidents (`model.rs`).

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use super::board::{Arrival, Board};
use super::fault::Fault;
use super::inbox;
use super::ledger::Head;
use super::model::{Answer, Effect};
use super::payload::Payload;
use super::play::{play, response};
use super::random_token;
use super::wire::{Line, Porch};

/// Bytes of a request body that are read at most.
const MAX_BODY: usize = 4 << 20;
/// How long the start may take; it takes microseconds.
const START_DEADLINE: Duration = Duration::from_secs(5);
/// How long dropping waits for the thread to end.
const STOP_DEADLINE: Duration = Duration::from_millis(900);

/// A running server; stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    /// Disconnects when the thread has dropped all it had.
    ended: Mutex<Receiver<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// What each request gets to see.
pub(super) struct Site {
    pub(super) board: Arc<Board>,
    pub(super) address: SocketAddr,
    pub(super) webhook_url: String,
    /// Tells this run of a sandbox from another on the same port.
    pub(super) run: String,
}

impl Server {
    /// Listens there, on any free port if it is 0.
    pub(super) fn start(address: SocketAddr, token: &str, board: Arc<Board>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).map_err(|error| explain(&error, address))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let site =
            Site { board, address, webhook_url: webhook_url(address, token), run: random_token() };
        let (stop, stopped) = oneshot::channel();
        let (ready, readiness) = channel();
        let (end, ended) = channel();
        let thread =
            std::thread::Builder::new().name("spike-sandbox".to_owned()).spawn(move || {
                // Named first, so dropped last: everything is gone when it disconnects.
                let _end = end;
                match prepare(listener, &site.board) {
                    Ok((runtime, porch)) => {
                        if ready.send(Ok(())).is_ok() {
                            runtime.block_on(serve(porch, site, stopped));
                        }
                        runtime.shutdown_background();
                    }
                    // Nobody waits for the reason any more if this fails.
                    Err(error) => drop(ready.send(Err(error))),
                }
            })?;
        let server =
            Self { address, stop: Some(stop), ended: Mutex::new(ended), thread: Some(thread) };
        match readiness.recv_timeout(START_DEADLINE) {
            Ok(result) => result.map(|()| server),
            Err(_) => Err(io::Error::other("expected the sandbox to start within 5 s")),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has stopped already.
            stop.send(()).ok();
        }
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let disconnected =
            matches!(ended.recv_timeout(STOP_DEADLINE), Err(RecvTimeoutError::Disconnected));
        // Joined only when it has nothing left to do. Otherwise it is let go: it ends by itself
        // at its next await.
        if disconnected && let Some(thread) = self.thread.take() {
            // The panic hook has said why, if it panicked.
            thread.join().ok();
        }
    }
}

/// The URL that a client is given.
pub(super) fn webhook_url(address: SocketAddr, token: &str) -> String {
    format!("http://{}/{token}/push-events", reachable(address))
}

/// Where a program on this machine finds what listens there.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn explain(error: &io::Error, address: SocketAddr) -> io::Error {
    let found = match error.kind() {
        io::ErrorKind::AddrInUse => "the port in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "that this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied => "that this user may not listen there".to_owned(),
        _ => error.to_string(),
    };
    let text = format!(
        "cannot start the sandbox: expected to listen on {address}, found {found}; \
         choose another port, or 0 for any"
    );
    io::Error::new(error.kind(), text)
}

fn prepare(listener: TcpListener, board: &Arc<Board>) -> io::Result<(Runtime, Porch)> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let entered = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    drop(entered);
    Ok((runtime, Porch::new(listener, Arc::clone(board))))
}

async fn serve(porch: Porch, site: Site, stopped: oneshot::Receiver<()>) {
    let router = Router::new()
        // A program that was given the page's URL instead of the webhook's shows up in the ledger.
        .route("/", inbox::page().fallback(receive))
        .merge(inbox::routes())
        .fallback(receive)
        .with_state(Arc::new(site));
    let service = router.into_make_service_with_connect_info::<Line>();
    let serving = axum::serve(porch, service).into_future();
    tokio::select! {
        biased;
        // An error means that the sandbox is gone, which is the same.
        _ = stopped => {}
        // Ends never; the listener retries by itself.
        _ = serving => {}
    }
}

async fn receive(
    State(site): State<Arc<Site>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let path = parts.uri.path_and_query().map_or("*", |path| path.as_str()).to_owned();
    let head = Head { method: parts.method.as_str().to_owned(), path, headers };
    if inbox::door::is_foreign(&parts.headers) {
        let reason = "a web page sent it";
        site.board.enter(blank(head), Some(403), Effect::Rejected(reason));
        return response(&Answer::rejected(403, reason));
    }
    if let Some(fault) = site.board.fault_at_head(&head) {
        return play(fault, &line, Answer::NOT_APPLIED).await;
    }
    let mut draft = Draft { board: Arc::clone(&site.board), arrival: Some(blank(head)) };
    let whole = draft.read(body).await;
    let Some(mut arrival) = draft.arrival.take() else {
        return response(&Answer::NOT_APPLIED);
    };
    if whole == Whole::TooLong {
        site.board.enter(arrival, Some(413), Effect::Rejected("the body is over 4 MiB"));
        return response(&Answer::rejected(413, "the body is over 4 MiB"));
    }
    arrival.payload = Payload::parse(&arrival.body);
    answer(&site.board, arrival, &line).await
}

async fn answer(board: &Arc<Board>, arrival: Arrival, line: &Line) -> Response {
    let held = arrival.clone();
    let verdict = board.judge(arrival);
    match verdict.fault {
        None => response(&verdict.answer),
        Some(Fault::AppliedLate(delay)) => {
            let board = Arc::clone(board);
            // A task of its own, so that it is applied even if the client goes away.
            let late = tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                board.apply_late(verdict.number, &held)
            });
            response(&late.await.unwrap_or(verdict.answer))
        }
        Some(fault) => play(fault, line, verdict.answer).await,
    }
}

fn blank(head: Head) -> Arrival {
    Arrival { head, body: Vec::new(), payload: Err("the body was not read") }
}

/// How the reading of a body ended.
#[derive(PartialEq, Eq)]
enum Whole {
    Yes,
    TooLong,
}

/// A request that is being read. Dropped before its end (the client went away), it is entered
/// in the ledger with as much as came.
struct Draft {
    board: Arc<Board>,
    arrival: Option<Arrival>,
}

impl Draft {
    /// Reads the body. If it breaks off there is nobody to answer, so this never returns then:
    /// the connection is dropped, and the draft with it.
    async fn read(&mut self, mut body: Body) -> Whole {
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(frame) = frame else {
                self.give_up();
                return pending().await;
            };
            let (Ok(data), Some(arrival)) = (frame.into_data(), &mut self.arrival) else {
                continue;
            };
            if arrival.body.len().saturating_add(data.len()) > MAX_BODY {
                return Whole::TooLong;
            }
            arrival.body.extend_from_slice(&data);
        }
        Whole::Yes
    }

    fn give_up(&mut self) {
        if let Some(arrival) = self.arrival.take() {
            self.board.enter(arrival, None, Effect::Rejected("the request broke off"));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.give_up();
    }
}
