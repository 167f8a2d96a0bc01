//! One line on stderr that says how far a long log is read.
//!
//! Invariant: only where a person sees it, and gone when the report begins.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use super::{super::terminal::number, input::Place};
use crate::clock::Clock;

/// Nobody needs to see how far a short log is.
const PATIENCE: Duration = Duration::from_millis(300);
const EVERY: Duration = Duration::from_millis(100);

/// Columns of the bar.
const BAR: u64 = 20;

pub(super) struct Progress {
    clock: Clock,
    /// When to show it next; `None`: nobody looks.
    next: Option<Duration>,
    /// Bytes of all files, if they are known, and of those that are read.
    size: Option<u64>,
    done: u64,
}

impl Progress {
    pub(super) fn new(places: &[Place]) -> Self {
        let sizes: Option<Vec<u64>> = places.iter().map(Place::size).collect();
        Self {
            clock: Clock::start(),
            next: io::stderr().is_terminal().then_some(PATIENCE),
            size: sizes
                .map(|sizes| sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size))),
            done: 0,
        }
    }

    /// So much of the file at hand is read, and so many lines of all.
    pub(super) fn show(&mut self, read: u64, lines: u64) {
        let now = self.clock.now();
        let Some(next) = &mut self.next else { return };
        if now < *next {
            return;
        }
        *next = now.saturating_add(EVERY);
        let speed = u128::from(lines).checked_div(now.as_millis()).unwrap_or(0);
        let speed = u64::try_from(speed).unwrap_or(u64::MAX).saturating_mul(1_000);
        let read = self.done.saturating_add(read);
        let bar = match self.size {
            Some(size) if size > 0 => {
                let share =
                    |of: u64| read.saturating_mul(of).checked_div(size).unwrap_or(of).min(of);
                let (filled, percent) = (share(BAR), share(100));
                let bar = |n: u64, c: &str| c.repeat(usize::try_from(n).unwrap_or(0));
                let rest = bar(BAR.saturating_sub(filled), "░");
                format!("{}{rest} {percent:3} %  ", bar(filled, "█"))
            }
            _ => String::new(),
        };
        let (lines, speed) = (number(lines), number(speed));
        write!(io::stderr(), "\r\x1b[2K{bar}{lines} lines, {speed} a second").ok();
    }

    /// A file is read.
    pub(super) fn add(&mut self, read: u64) {
        self.done = self.done.saturating_add(read);
    }

    pub(super) fn end(self) {
        if self.next.is_some_and(|next| next > PATIENCE) {
            write!(io::stderr(), "\r\x1b[2K").ok();
        }
    }
}
