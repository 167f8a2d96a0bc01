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

/// Half of the least time between two looks of most collectors.
const EVERY: Duration = Duration::from_secs(5);

/// The figures of all pipelines of the process together, by name and reason.
static SUMS: Mutex<BTreeMap<(&str, Option<&str>), u64>> = Mutex::new(BTreeMap::new());

/// What this pipeline has told.
pub(super) struct Told {
    books: Weak<dyn Books>,
    figures: Vec<Figure>,
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
        if ends {
            figures.iter_mut().filter(|one| one.is_gauge()).for_each(|gauge| gauge.value = 0);
        }
        for figure in self.add(figures) {
            // Somebody else's code.
            contained(|| record(figure));
        }
    }

    /// Adds what is new to the sums, and returns them.
    fn add(&mut self, figures: Vec<Figure>) -> Vec<Figure> {
        let mut sums = lock(&SUMS);
        let mut told = self.figures.iter().map(|figure| figure.value);
        let sum = |figure: &Figure| {
            let sum = sums.entry((figure.name, figure.reason)).or_default();
            // A gauge may have become less.
            *sum = sum.wrapping_add(figure.value).wrapping_sub(told.next().unwrap_or(0));
            Figure { value: *sum, ..*figure }
        };
        let summed = figures.iter().map(sum).collect();
        self.figures = figures;
        summed
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

fn record(figure: Figure) {
    let Figure { name, words, reason, value } = figure;
    match reason {
        Some(reason) => {
            describe_counter!(name, words);
            counter!(name, "reason" => reason).absolute(value);
        }
        None if figure.is_gauge() => {
            describe_gauge!(name, words);
            // They are small.
            gauge!(name).set(u32::try_from(value).unwrap_or(u32::MAX));
        }
        None => {
            describe_counter!(name, words);
            counter!(name).absolute(value);
        }
    }
}
