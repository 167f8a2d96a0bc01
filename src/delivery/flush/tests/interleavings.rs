//! A flush, a shutdown, and threads that page meanwhile, under every interleaving.
//!
//! The channels are models that keep what tokio promises: a reserved slot counts against the
//! capacity until what was sent through it is received; what is closed gives no more slots, and
//! those that are out can still be used; the receiver is woken by what is sent, and by a slot that
//! is given up only when the channel is closed and that was the last one. What waits for what is
//! the crate's own.

use std::{sync::Arc, time::Duration};

use loom::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use super::super::{Flushes, Seen};
use crate::{
    queue::{Asker, FlushReport},
    sync::tests::{Bug, holds, is_seeded, lock},
};

/// Where a report arrives.
type Reply = Arc<(Mutex<Option<FlushReport>>, Condvar)>;

enum Message {
    Flush { mark: u64, asker: Asker<Reply> },
    Shutdown { asker: Asker<Reply> },
    Look,
}

#[derive(Default)]
struct Channels {
    /// Slots that are reserved and not sent.
    reserved: usize,
    sent: Vec<u64>,
    control: Vec<Message>,
    closed: bool,
    /// The worker has ended.
    gone: bool,
}

#[derive(Default)]
struct Shared {
    channels: Mutex<Channels>,
    woken: Condvar,
    newest: AtomicU64,
    delivered: Mutex<Vec<u64>>,
    lost: Mutex<Vec<u64>>,
}

enum Woke {
    Control(Message),
    Finished,
    Arrived,
}

impl Shared {
    /// As the gate numbers what it admits.
    fn admit(&self) -> u64 {
        self.newest.fetch_add(1, SeqCst) + 1
    }

    fn reserve(&self) -> bool {
        let mut channels = lock(&self.channels);
        channels.reserved += usize::from(!channels.closed);
        !channels.closed
    }

    fn send(&self, op: u64) {
        if is_seeded(Bug::TooEarly) {
            self.woken.notify_one();
        }
        let mut channels = lock(&self.channels);
        channels.reserved -= 1;
        if channels.gone {
            lock(&self.lost).push(op);
        } else {
            channels.sent.push(op);
        }
        drop(channels);
        if !is_seeded(Bug::TooEarly) {
            self.woken.notify_one();
        }
    }

    /// A slot that is not used after all.
    fn give_up(&self) {
        let mut channels = lock(&self.channels);
        channels.reserved -= 1;
        let is_last = channels.closed && channels.reserved + channels.sent.len() == 0;
        drop(channels);
        if is_last {
            self.woken.notify_one();
        }
        if !is_seeded(Bug::Unchecked) {
            self.control(Message::Look);
        }
    }

    fn control(&self, message: Message) -> bool {
        let mut channels = lock(&self.channels);
        let is_heard = !channels.gone;
        channels.control.push(message);
        drop(channels);
        self.woken.notify_one();
        is_heard
    }

    fn ask(&self, holds: usize, message: impl FnOnce(Asker<Reply>) -> Message) -> FlushReport {
        let reply = Reply::default();
        let holds = if is_seeded(Bug::ReadTwice) { 0 } else { holds };
        let asker = Asker { deadline: Duration::MAX, reply: Arc::clone(&reply), holds };
        assert!(self.control(message(asker)), "the worker is there");
        let mut report = lock(&reply.0);
        loop {
            match report.take() {
                Some(report) => return report,
                None => report = reply.1.wait(report).unwrap(),
            }
        }
    }

    fn flush(&self, holds: usize) -> FlushReport {
        let mark = self.newest.load(SeqCst);
        self.ask(holds, |asker| Message::Flush { mark, asker })
    }

    fn shutdown(&self) -> FlushReport {
        self.ask(0, |asker| Message::Shutdown { asker })
    }

    fn slots(&self) -> usize {
        let channels = lock(&self.channels);
        let reserved = if is_seeded(Bug::Torn) { 0 } else { channels.reserved };
        reserved + channels.sent.len()
    }

    /// As the worker's `select!`, with its order.
    fn wait(&self, attempting: bool) -> Woke {
        let mut channels = lock(&self.channels);
        loop {
            if !channels.control.is_empty() {
                return Woke::Control(channels.control.remove(0));
            }
            if attempting {
                return Woke::Finished;
            }
            let is_idle = channels.closed && channels.reserved == 0;
            if !channels.sent.is_empty() || is_idle {
                return Woke::Arrived;
            }
            channels = self.woken.wait(channels).unwrap();
        }
    }

    /// The worker's loop, around its own accounting.
    fn work(&self) {
        let (mut flushes, mut outbox, mut attempt, mut ends) =
            (Flushes::<Reply>::new(), Vec::new(), false, None);
        loop {
            for op in std::mem::take(&mut lock(&self.channels).sent) {
                flushes.receive();
                outbox.push(op);
            }
            attempt = attempt || !outbox.is_empty();
            let ends_now = ends.is_some_and(|holds| outbox.is_empty() && self.slots() <= holds);
            let slots = self.slots();
            let delivered = lock(&self.delivered).len() as u64;
            let seen = Seen { slots, delivered, lost: lock(&self.lost).len() as u64 };
            let held_since = |mark| outbox.iter().filter(|op| **op <= mark).count();
            for (reply, report) in flushes.answers(Duration::ZERO, ends_now, seen, held_since) {
                *lock(&reply.0) = Some(report);
                reply.1.notify_one();
            }
            if ends_now {
                let mut channels = lock(&self.channels);
                channels.gone = true;
                lock(&self.lost).append(&mut channels.sent);
                return;
            }
            match self.wait(attempt) {
                Woke::Control(Message::Flush { mark, asker }) => {
                    flushes.begin(mark, asker, Seen { slots: self.slots(), ..seen });
                }
                Woke::Control(Message::Shutdown { asker }) => {
                    lock(&self.channels).closed = true;
                    ends = Some(asker.holds);
                    flushes.begin(u64::MAX, asker, Seen { slots: self.slots(), ..seen });
                }
                Woke::Control(Message::Look) | Woke::Arrived => {}
                Woke::Finished => {
                    lock(&self.delivered).push(outbox.remove(0));
                    attempt = false;
                }
            }
        }
    }

    fn is_delivered(&self, op: u64) -> bool {
        lock(&self.delivered).contains(&op)
    }
}

/// What the other thread does with the slot that it gets.
#[derive(Clone, Copy, PartialEq)]
enum Other {
    Sends,
    GivesUp,
}

/// The worker, a thread that pages, and `this`, which is given whether the other one has a slot;
/// then a shutdown, after which everything is somewhere.
fn run(other: Other, this: fn(&Shared, &dyn Fn() -> bool)) {
    let shared = Arc::new(Shared::default());
    let has_slot = Arc::new(AtomicBool::new(false));
    let (theirs, working) = (Arc::clone(&shared), Arc::clone(&shared));
    let flag = Arc::clone(&has_slot);
    let worker = thread::spawn(move || working.work());
    let thread = thread::spawn(move || {
        let op = theirs.admit();
        if !theirs.reserve() {
            return None;
        }
        flag.store(true, SeqCst);
        match other {
            Other::Sends => theirs.send(op),
            Other::GivesUp => theirs.give_up(),
        }
        (other == Other::Sends).then_some(op)
    });
    this(&shared, &|| has_slot.load(SeqCst));
    let had_slot = has_slot.load(SeqCst);
    let report = shared.shutdown();
    assert_eq!(report.pending, 0);
    let delivered_by_then = lock(&shared.delivered).clone();
    let op = thread.join().unwrap();
    worker.join().unwrap();
    if let Some(op) = op {
        assert!(delivered_by_then.contains(&op) || !had_slot, "it had a slot before the shutdown");
        assert!(shared.is_delivered(op) != lock(&shared.lost).contains(&op), "in one place");
    }
}

#[test]
fn interleavings_of_a_flush_and_a_thread_that_pages() {
    // With a seed: who sends wakes the worker first; what is being built is not counted.
    holds("a flush and a thread that pages", 2, &[Bug::TooEarly, Bug::Torn], || {
        run(Other::Sends, |shared, others| {
            let op = shared.admit();
            assert!(shared.reserve());
            shared.send(op);
            let others = others();
            let report = shared.flush(0);
            assert_eq!(report.pending, 0);
            assert!(shared.is_delivered(op), "sent before");
            // The other's number is 1 or 2, and it is the one that is not ours.
            assert!(shared.is_delivered(3 - op) || !others, "it had a slot before");
        });
    });
}

#[test]
fn interleavings_of_a_flush_inside_the_building_of_an_event() {
    // With a seed: it waits for itself.
    holds("a flush inside the building of an event", 2, &[Bug::ReadTwice], || {
        run(Other::Sends, |shared, others| {
            let op = shared.admit();
            assert!(shared.reserve());
            let others = others();
            assert_eq!(shared.flush(1).pending, 0);
            assert!(shared.is_delivered(3 - op) || !others, "it had a slot before");
            shared.send(op);
            assert_eq!(shared.flush(0).pending, 0);
            assert!(shared.is_delivered(op));
        });
    });
}

#[test]
fn interleavings_of_a_flush_and_a_slot_that_is_given_up() {
    // With a seed: nobody tells the worker.
    holds("a flush and a slot that is given up", 2, &[Bug::Unchecked], || {
        run(Other::GivesUp, |shared, _| assert_eq!(shared.flush(0).pending, 0));
    });
}
