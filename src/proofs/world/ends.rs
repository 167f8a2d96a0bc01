//! How a world ends, and what has to hold then: all is settled, or the process has died.

use std::{mem, time::Duration};

use super::{ACCEPTED, Outbox, Request, SETTLES, STORM, Status, Title, World};

impl World {
    pub(in crate::proofs) fn is_balanced(&self) -> Result<(), String> {
        let stats = self.stats();
        match stats.accounted() == stats.seen {
            true => Ok(()),
            false => Err(format!("{} seen, {} accounted for", stats.seen, stats.accounted())),
        }
    }

    /// Nothing is on its way, to the outbox or to Spike.
    pub(in crate::proofs) fn is_at_rest(&self) -> bool {
        self.triggers.is_empty()
            && self.resolves.is_empty()
            && self.flight.is_none()
            && self.late.is_empty()
            && self.outbox.pending() == 0
    }

    /// Nothing fails any more: all that is on its way is delivered. Tells how long that took; late
    /// requests and assertions take longer.
    pub(in crate::proofs) fn settle(&mut self) -> Result<Duration, String> {
        let (start, end) = (self.now, self.now + SETTLES);
        let mut took = None;
        loop {
            while self.can_arrive(true) || self.can_arrive(false) {
                let resolve = self.can_arrive(true);
                self.arrive(resolve);
            }
            if self.flight.is_none() {
                let wait = self.begin()?;
                let is_empty = self.triggers.is_empty() && self.resolves.is_empty();
                if took.is_none() && is_empty && self.outbox.pending() == 0 {
                    took = Some(self.now - start);
                }
                if self.can_arrive(true) || self.can_arrive(false) {
                    // What was too old has made room.
                    continue;
                }
                if self.flight.is_none() {
                    let late = self.late.iter().map(|(_, until)| *until);
                    let Some(next) = late.chain(wait).min() else { break };
                    if next > end {
                        break;
                    }
                    self.go_to(next);
                    continue;
                }
            }
            self.end(ACCEPTED);
        }
        self.go_to(end);
        self.is_balanced()?;
        if !self.is_at_rest() {
            println!("{:#?}", self.outbox);
            return Err(format!(
                "{} pending when all has long been accepted",
                self.stats().pending
            ));
        }
        took.ok_or("it was never settled".to_owned())
    }

    /// Should the process die now: what the spool has, told to Spike, leaves each title as the
    /// program said last. Tells whether there was something that could be looked at.
    pub(in crate::proofs) fn outlives(&self) -> Result<bool, String> {
        if !self.triggers.is_empty() || !self.resolves.is_empty() {
            // Nobody has taken that over yet.
            return Ok(false);
        }
        let words: Vec<_> = self.outbox.last_words().map(|(op, _)| (op.key, op.status)).collect();
        for (at, title) in self.titles.iter().take(self.size.titles).enumerate() {
            let word = words.iter().find(|(key, _)| *key == title.key).map(|(_, status)| *status);
            let is_late = self.late.iter().any(|(request, _)| request.title == at);
            // A resolve that is held back is not decided yet.
            let is_held = self.outbox.holds_back(title.key);
            let Some(said) = title.word.filter(|_| !title.lost && !is_held) else { continue };
            let is_open = match word {
                Some(Status::Trigger { .. }) => true,
                Some(Status::Resolve { .. }) => false,
                None if is_late => continue,
                None => title.is_open,
            };
            if is_open != said {
                return Err(format!("title {at} would be left otherwise than the program said"));
            }
        }
        Ok(!words.is_empty())
    }

    /// At rest: Spike has each title as the program said last, unless that was lost.
    pub(in crate::proofs) fn is_as_said(&self) -> Result<(), String> {
        self.is_balanced()?;
        for (at, title) in self.titles.iter().take(self.size.titles).enumerate() {
            let word = title.word.filter(|_| !title.lost);
            if word.is_some_and(|word| word != title.is_open) {
                let was = if title.is_open { "open" } else { "resolved" };
                return Err(format!(
                    "title {at} is {was} at Spike, and the program said otherwise"
                ));
            }
        }
        Ok(())
    }

    /// What was lost is said once more, now that nothing fails.
    pub(in crate::proofs) fn say_again(&mut self) -> Result<(), String> {
        for _ in 0..self.size.titles.max(2) {
            let lost = |title: &Title| title.lost && title.word.is_some();
            let lost: Vec<usize> =
                (0..self.size.titles).filter(|at| lost(&self.titles[*at])).collect();
            if lost.is_empty() {
                return Ok(());
            }
            for title in lost {
                if !self.titles[title].lost {
                    continue;
                }
                match self.titles[title].word {
                    Some(true) => self.trigger(title, None, true),
                    _ => self.resolve(title),
                }
                self.settle()?;
            }
        }
        // The gate may know that there is nothing to say.
        let is_wrong = |title: &Title| title.lost && title.word != Some(title.is_open);
        match self.titles.iter().take(self.size.titles).any(is_wrong) {
            true => Err("lost again, though nothing fails".to_owned()),
            false => Ok(()),
        }
    }

    /// How Spike has the titles after a crash.
    pub(in crate::proofs) fn after<const N: usize>(&self, applied: u32) -> [bool; N] {
        let mut open = std::array::from_fn(|at| self.titles[at].is_open);
        let late = self.late.iter().map(|(request, _)| request);
        for (at, request) in late.chain(&self.flight).enumerate() {
            if applied >> at & 1 == 1 && request.title < N {
                open[request.title] = request.is_trigger;
            }
        }
        open
    }

    /// The process dies, and another begins. Of its requests, those in `applied` arrive.
    pub(in crate::proofs) fn crash(&mut self, base: u64, applied: u32) {
        let late = mem::take(&mut self.late).into_iter().map(|(request, _)| request);
        let requests: Vec<Request> = late.chain(self.flight.take()).collect();
        for (at, request) in requests.into_iter().enumerate() {
            if applied >> at & 1 == 1 {
                self.apply(request);
            }
        }
        self.triggers.clear();
        self.resolves.clear();
        self.outbox = Outbox::with_bug(self.size.limits, self.size.bug);
        self.relay.forget();
        for (at, title) in self.titles.iter_mut().take(self.size.titles).enumerate() {
            *title = Title { key: base + at as u64, is_open: title.is_open, ..Title::default() };
        }
        self.relay.gate.resolve(STORM, self.now);
    }
}
