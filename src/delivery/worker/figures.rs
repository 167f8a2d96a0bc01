//! What is told to the `metrics` facade, with the feature of that name: each figure of the stats.
//!
//! Invariants: it is told by the worker alone, every [`EVERY`] and at the end; a program with
//! several pipelines sees their sums; a recorder that is installed later is told all, too. No lock
//! is held while the recorder is called.

use std::{
    collections::BTreeMap,
    sync::{Mutex, Weak},
    time::Duration,
};

use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::Worker;
use crate::{
    contain::contained,
    lock::lock,
    stats::figures::{Books, Figure, figures},
};

/// Well below the time between two looks of most collectors.
const EVERY: Duration = Duration::from_secs(5);

/// Those of all pipelines of the process together.
static SUMS: Mutex<BTreeMap<Figure, u64>> = Mutex::new(BTreeMap::new());

/// What this pipeline has told.
pub(super) struct Told {
    books: Weak<dyn Books>,
    figures: Vec<(Figure, u64)>,
    next: Duration,
}

impl Told {
    pub(super) fn nothing(books: Weak<dyn Books>) -> Self {
        Self { books, figures: Vec::new(), next: Duration::ZERO }
    }

    /// Tells how it is now, or how it was at the end.
    fn tell(&mut self, ends: bool) {
        let mut figures = match self.books.upgrade() {
            Some(books) => figures(&books.stats()),
            None => self.figures.clone(),
        };
        for (figure, value) in &mut figures {
            if ends && figure.is_gauge {
                *value = 0;
            }
        }
        for (figure, sum) in self.add(figures) {
            // Somebody else's code.
            contained(|| record(figure, sum));
        }
    }

    /// Adds what is new to the sums, and returns them.
    fn add(&mut self, figures: Vec<(Figure, u64)>) -> BTreeMap<Figure, u64> {
        let mut sums = lock(&SUMS);
        for (figure, value) in std::mem::take(&mut self.figures) {
            let sum = sums.entry(figure).or_default();
            *sum = sum.wrapping_sub(value);
        }
        for (figure, value) in &figures {
            let sum = sums.entry(figure.clone()).or_default();
            *sum = sum.wrapping_add(*value);
        }
        self.figures = figures;
        sums.clone()
    }
}

impl Worker {
    /// Tells the figures, if it is time; when it will be.
    pub(super) fn tell_figures(&mut self, now: Duration) -> Option<Duration> {
        let told = self.told.as_mut()?;
        if now >= told.next {
            told.next = now.saturating_add(EVERY);
            told.tell(false);
        }
        Some(told.next)
    }

    /// Tells them for the last time.
    pub(super) fn tell_last_figures(&mut self) {
        if let Some(mut told) = self.told.take() {
            told.tell(true);
        }
    }
}

fn record(figure: Figure, sum: u64) {
    let Figure { name, reason, words, is_gauge } = figure;
    if is_gauge {
        describe_gauge!(name.clone(), words);
        // They are small.
        return gauge!(name).set(u32::try_from(sum).unwrap_or(u32::MAX));
    }
    describe_counter!(name.clone(), words);
    match reason {
        Some(reason) => counter!(name, "reason" => reason).absolute(sum),
        None => counter!(name).absolute(sum),
    }
}
