//! The gate, as an outbox knows it, with an ear on what it is told of losses.
//!
//! Invariant: what it is told and what it answers are the gate's own.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    capture::gate::Gate,
    incident::{Folded, Gatekeeper, Held, Quiet, SoFar, Storm},
};

/// The gate, with an ear on what it is told of losses.
#[derive(Debug)]
pub(in crate::proofs) struct Relay {
    pub(in crate::proofs) gate: Arc<Gate>,
    /// Keys, numbers, and what was lost.
    lost: Mutex<Vec<(u64, u64, Loss)>>,
    /// Titles that were resolved since they were quiet, with the number of that.
    quiet: Mutex<Vec<(u64, u64)>>,
    /// What it said of resolves that were held back: off, and out.
    pub(in crate::proofs) asked: Mutex<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    GivenBack,
    /// It was held back, and the title was triggered since.
    Withdrawn,
    /// The title is as it was before.
    OfRepeat,
    /// It can't be relied on to be.
    Whole,
}

impl Relay {
    pub(super) fn new(gate: &Arc<Gate>) -> Self {
        let gate = Arc::clone(gate);
        let (lost, quiet, asked) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { gate, lost, quiet, asked }
    }

    pub(in crate::proofs) fn forget(&self) {
        self.lost.lock().unwrap().clear();
    }

    /// What was lost since this was asked last.
    pub(super) fn take_lost(&self) -> Vec<(u64, u64, Loss)> {
        mem::take(&mut *self.lost.lock().unwrap())
    }

    /// What was resolved since, as it was quiet.
    pub(super) fn take_quiet(&self) -> Vec<(u64, u64)> {
        mem::take(&mut *self.quiet.lock().unwrap())
    }

    fn note(&self, key: u64, seq: u64, loss: Loss) {
        self.lost.lock().unwrap().push((key, seq, loss));
    }
}

impl Gatekeeper for Relay {
    fn give_back(&self, key: u64, seq: u64) {
        self.note(key, seq, Loss::GivenBack);
        self.gate.give_back(key, seq);
    }

    fn reopen(&self, key: u64, seq: u64, opening: bool) {
        self.note(key, seq, if opening { Loss::Whole } else { Loss::OfRepeat });
        self.gate.reopen(key, seq, opening);
    }

    fn fold(&self, key: u64, seq: u64, folded: Folded<'_>, now: Duration) -> Option<Storm> {
        self.note(key, seq, Loss::Whole);
        self.gate.fold(key, seq, folded, now)
    }

    fn held(&self, key: u64, seq: u64, now: Duration, hurried: bool) -> Held {
        let held = self.gate.held(key, seq, now, hurried);
        let mut asked = self.asked.lock().unwrap();
        match held {
            Held::Off => {
                asked.0 += 1;
                self.note(key, seq, Loss::Withdrawn);
            }
            Held::Out(_) => asked.1 += 1,
            Held::Until(_) => {}
        }
        held
    }

    fn so_far(&self, key: u64, seq: u64) -> Option<SoFar> {
        self.gate.so_far(key, seq)
    }

    fn quiet(&self, key: u64, now: Duration) -> Quiet {
        let quiet = self.gate.quiet(key, now);
        if let Quiet::Resolved(sending) = quiet {
            self.quiet.lock().unwrap().push((key, sending.seq));
        }
        quiet
    }
}
