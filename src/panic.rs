//! The panic hook: calls the one before, reports to every live pipeline that wants panics, and
//! waits for the delivery when the process is about to end.
//!
//! Invariants: a panic in here would abort the process, so nothing in here can panic, and no code
//! of the program's runs but the hook before; what waits does so for 2 s a minute in all.

use std::{
    panic::{self, PanicHookInfo},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    capture::pipeline::Panicked,
    clock::Clock,
    guard::{GRACE, Live, Shared},
    lock::lock,
    reentry,
};

/// What the standard library says when a panic comes to where nothing can unwind. It follows
/// another panic, which was reported, and ends the process.
const LAST_WORDS: [&str; 2] =
    ["panic in a function that cannot unwind", "panic in a destructor during cleanup"];

/// Installs the hook, once in a process.
pub(crate) fn install() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    // Of a thread that panics, changing the hook would be one panic more.
    if thread::panicking() || INSTALLED.swap(true, Ordering::AcqRel) {
        return;
    }
    let (clock, previous) = (Clock::start(), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        reentry::run_hook(|| previous(info));
        report(info, &clock);
    }));
}

fn report(info: &PanicHookInfo<'_>, clock: &Clock) {
    // On our own threads, and inside our code (where a field's `Debug` panics), it is caught.
    let Some(inside) = reentry::enter() else { return };
    let mut live = Live::here().pipelines();
    live.retain(|shared| shared.pipeline().reports_panics());
    if live.is_empty() {
        return;
    }
    let (message, payload) = message(info);
    let thread = thread::current();
    let is_last = LAST_WORDS.contains(&message);
    let thread = thread.name();
    if !is_last {
        let panicked = Panicked {
            message,
            payload,
            location: info.location(),
            thread: thread.unwrap_or("unnamed"),
        };
        live.iter().for_each(|shared| shared.pipeline().report(&panicked));
    }
    // What waits holds no slot.
    drop(inside);
    if is_last || cfg!(panic = "abort") || thread == Some("main") {
        wait(&live, clock);
    }
}

/// What it says, and what kind of value that is.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> (&'a str, &'static str) {
    let payload = info.payload();
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (text, "&str")
    } else if let Some(text) = payload.downcast_ref::<String>() {
        (text, "String")
    } else {
        ("<payload of another type>", "another type")
    }
}

/// Waits until everything pending is delivered, as long as there is time for that.
fn wait(live: &[Arc<Shared>], clock: &Clock) {
    let waits = &Live::here().waits;
    let Some(left) = lock(waits).begin(clock.now()) else { return };
    let timeout = left.saturating_sub(GRACE);
    let waiting: Vec<_> = live.iter().filter_map(|shared| shared.begin_flush(timeout)).collect();
    for waiting in waiting {
        drop(waiting.finish());
    }
    lock(waits).end(clock.now());
}
