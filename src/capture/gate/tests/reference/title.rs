//! One title of the naive gate: the list of all that has happened to it, and what that comes to.

use super::{super::Counts, FIVE_MINUTES};

/// One thing that happened to a title.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    at: u64,
    what: What,
    /// Of what was admitted.
    pub(super) seq: Option<u64>,
    pub(super) fate: Fate,
    /// Of a trigger that was lost: how much was told before it.
    told: u64,
    /// Its fate is not heard of until that admission has come to nothing, too.
    unheard: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// So many occurrences; the first of them was at `first`.
    Occurs { count: u64, first: u64, sent: Sent },
    /// `held`: not before then. Of a title that was `open`.
    Resolve { held: Option<u64>, quiet: bool, open: bool },
    /// One that is not sent, since the worker has the one numbered `with`; not before `held`.
    Said { held: u64, with: u64 },
    /// The worker asked about a held resolve, and nothing is left of what came after it.
    TakenUp,
    /// The worker asked about the held resolve, and it goes out.
    Out,
    /// The worker asked about it, and there is nothing to hold any more.
    Off,
    /// What was sent before a held resolve was lost, while the worker had that one, `with`; or when
    /// it had nothing any more. So much was told before that.
    LostBefore { opening: bool, told: u64, with: Option<u64> },
    /// Its occurrences were folded into the storm.
    Folded,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sent {
    /// Counted and nothing else.
    No,
    /// It opens the title.
    Opening {
        rank: u8,
    },
    Trigger {
        rank: u8,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Kept,
    GivenBack,
    /// With it, the title's opening was lost.
    OpeningLost,
    Lost,
}

#[derive(Debug, Default)]
pub(super) struct Title {
    pub(super) past: Vec<Entry>,
    /// The newest admission, and the one before that.
    pub(super) newest: Option<u64>,
    pub(super) earlier: Option<u64>,
    pub(super) under: Option<Under>,
    /// What is under is the newest again, since the resolve was withdrawn.
    is_back: bool,
}

/// What was sent before the last resolve that was held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Under {
    pub(super) seq: u64,
    /// How much was told before.
    told: u64,
    /// That resolve.
    resolve: u64,
}

/// What the past of a title comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Now {
    pub(super) open: bool,
    /// The last word was a resolve, which does not go out before then.
    pub(super) held: Option<u64>,
    /// The number of the held resolve that the worker has.
    pub(super) parked: Option<u64>,
    /// Whether it was open, and lost, before that one.
    unparked: (bool, bool),
    pub(super) resolved: bool,
    pub(super) paid: bool,
    /// Its opening was told apart from a flap, or as one.
    pub(super) told: bool,
    pub(super) flaps: u32,
    /// When the last resolve of the open title was, and whether it was for its being quiet.
    pub(super) closed: Option<(u64, bool)>,
    pub(super) worst: u8,
    pub(super) opened: u64,
    pub(super) sent_at: u64,
    pub(super) triggers: u64,
    /// Occurrences since the last resolve, and since the last trigger.
    pub(super) count: u64,
    pub(super) untold: u64,
    pub(super) first: Option<u64>,
    pub(super) last: u64,
    /// Something was lost at the last admission: the next occurrence goes out 7 s after it.
    pub(super) lost: bool,
    /// What has voided a resolve that was held back of a title that was not open any more.
    pub(super) in_vain: Option<u64>,
}

impl Title {
    pub(super) fn read(&self, quiet_after: u64) -> Now {
        self.read_to(self.past.len(), None, quiet_after)
    }

    /// The first so many entries, as if that admission had come to nothing.
    fn read_to(&self, end: usize, gone: Option<u64>, quiet_after: u64) -> Now {
        let mut state = Now::default();
        for entry in &self.past[..end] {
            let unheard = entry.unheard.filter(|_| entry.unheard != gone);
            state.take(Entry { unheard, ..*entry }, quiet_after);
        }
        state
    }

    /// Where an admission is.
    fn place(&self, seq: u64) -> Option<usize> {
        let is_it = |entry: &Entry| {
            entry.seq == Some(seq) && !matches!(entry.what, What::Out | What::Folded)
        };
        self.past.iter().rposition(is_it)
    }

    /// As it was before an admission, had all been heard of that came to nothing before.
    fn before(&self, seq: u64, quiet_after: u64) -> Now {
        let place = self.place(seq).unwrap_or(0);
        self.read_to(place, Some(seq), quiet_after)
    }

    /// How much was told before an admission by what has not come to nothing, since the last
    /// resolve.
    fn told_before(&self, seq: u64, quiet_after: u64) -> u64 {
        let Now { count, untold, .. } = self.before(seq, quiet_after);
        let kept = self.read_to(self.place(seq).unwrap_or(0), None, quiet_after);
        // When it is that resolve that has come to nothing, all of this was before it.
        if count == kept.count { count - untold } else { 0 }
    }

    /// What a held resolve tells when it goes out.
    pub(super) fn told_by(&self, seq: u64, quiet_after: u64) -> Counts {
        let since = self
            .place(seq)
            .map_or(0, |place| self.past[place..].iter().map(Entry::occurrences).sum());
        let Now { count, untold, .. } = self.before(seq, quiet_after);
        Counts { count: count + since, since_last: untold + since }
    }

    pub(super) fn put(&mut self, entry: Entry) {
        self.past.push(entry);
        if entry.seq.is_some() {
            (self.earlier, self.newest) = (self.newest, entry.seq);
        }
    }

    /// That resolve begins to be held back.
    pub(super) fn goes_under(&mut self, resolve: u64, quiet_after: u64) {
        self.is_back = self.newest.is_some_and(|seq| self.is_back(seq));
        let told = |seq| self.told_before(seq, quiet_after);
        self.under = self.newest.map(|seq| Under { seq, told: told(seq), resolve });
    }

    pub(super) fn take_up(&mut self, seq: u64, at: u64) {
        // What came before it and was not heard of never will be.
        for entry in self.past.iter_mut().filter(|entry| entry.unheard == Some(seq)) {
            entry.unheard = Some(0);
        }
        self.past.push(Entry::new(at, What::TakenUp, Some(seq)));
        (self.newest, self.earlier, self.is_back) = (Some(seq), None, false);
    }

    pub(super) fn withdraw(&mut self) {
        (self.newest, self.earlier) = (self.under.map(|under| under.seq), None);
        self.is_back = true;
    }

    fn is_back(&self, seq: u64) -> bool {
        self.is_back && self.under.is_some_and(|under| under.seq == seq)
    }

    /// What was lost of it is told by [`loses_before`](Title::loses_before).
    fn is_under(&self, seq: u64) -> bool {
        self.under.is_some_and(|under| under.seq == seq && self.newest == Some(under.resolve))
    }

    /// Something came of an admission. Of all but the newest two, that changes nothing.
    pub(super) fn goes_wrong(&mut self, seq: u64, fate: Fate, quiet_after: u64) {
        let is_newest = self.newest == Some(seq);
        let is_known = is_newest || self.earlier == Some(seq);
        let is_told = self.is_back(seq) || fate != Fate::GivenBack && self.is_under(seq);
        if !is_known || is_told {
            return;
        }
        let told = self.told_before(seq, quiet_after);
        let unheard = self.newest.filter(|_| !is_newest);
        let Some(entry) = self.past.iter_mut().rfind(|entry| entry.seq == Some(seq)) else {
            return;
        };
        (entry.fate, entry.told, entry.unheard) = (fate, told, unheard);
        let is_trigger = matches!(entry.what, What::Occurs { .. });
        if fate == Fate::GivenBack || !is_trigger {
            // The title is again as it was before, of which more may have been lost.
            for entry in self.past.iter_mut().filter(|entry| entry.unheard == Some(seq)) {
                entry.unheard = unheard;
            }
        }
        if fate == Fate::GivenBack {
            let earlier = self.earlier.take();
            self.newest = if is_newest { earlier } else { self.newest };
        }
    }

    /// An admission was lost; whether there is a resolve after it that is held back, or was.
    pub(super) fn loses_before(
        &mut self,
        seq: u64,
        opening: bool,
        at: u64,
        quiet_after: u64,
    ) -> bool {
        let Some(under) = self.under.filter(|under| under.seq == seq) else { return false };
        let mut places = vec![(self.past.len(), None)];
        let admissions = [self.newest, self.earlier].into_iter().flatten();
        places.extend(admissions.filter_map(|seq| Some((self.place(seq)?, Some(seq)))));
        let mut lost = Vec::new();
        for (place, unheard) in places {
            let is_right_after = match unheard {
                None => self.newest == Some(seq),
                Some(_) => unheard == self.newest && self.earlier == Some(seq),
            };
            let is_right_after = self.is_back && is_right_after || unheard == Some(under.resolve);
            let Now { open, parked, .. } = self.read_to(place, unheard, quiet_after);
            let is_after = open && unheard.is_none_or(|seq| seq > under.resolve);
            let with = parked.filter(|_| is_after);
            if with.is_some() || is_right_after {
                let what = What::LostBefore { opening, told: under.told, with };
                lost.push((place, Entry { unheard, ..Entry::new(at, what, None) }));
            }
        }
        let is_before = !lost.is_empty();
        lost.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        lost.into_iter().for_each(|(place, entry)| self.past.insert(place, entry));
        is_before
    }
}

impl Entry {
    pub(super) fn new(at: u64, what: What, seq: Option<u64>) -> Self {
        Self { at, what, seq, fate: Fate::Kept, told: 0, unheard: None }
    }

    fn occurrences(&self) -> u64 {
        if let What::Occurs { count, .. } = self.what { count } else { 0 }
    }
}

impl Now {
    fn close(&mut self, at: u64, quiet: bool) {
        let Self { flaps, sent_at, last, .. } = *self;
        let closed = Some((at, quiet));
        *self = Self { resolved: true, closed, flaps, sent_at, last, ..Self::default() };
    }

    fn take(&mut self, entry: Entry, quiet_after: u64) {
        let Entry { at, what, seq, told, .. } = entry;
        let fate = entry.unheard.map_or(entry.fate, |_| Fate::Kept);
        match what {
            What::Occurs { count, first, sent } => {
                self.count += count;
                self.untold += count;
                self.first.get_or_insert(first);
                self.last = at;
                // Whatever comes of it, it is not over.
                self.void(fate == Fate::GivenBack || matches!(sent, Sent::No), seq);
                match sent {
                    Sent::No => {}
                    Sent::Opening { .. } if fate == Fate::GivenBack => self.paid = true,
                    _ if fate == Fate::GivenBack => {}
                    _ => self.goes_out(at, sent, quiet_after),
                }
                if let Fate::OpeningLost | Fate::Lost = fate {
                    self.loses_trigger(fate == Fate::OpeningLost, told);
                }
            }
            // It comes to nothing with the one that the worker was to have.
            What::Said { held, with } => {
                if self.parked == Some(with) {
                    (self.held, self.resolved) = (Some(held), true);
                }
            }
            What::Resolve { held, quiet, open } => match fate {
                Fate::GivenBack => {}
                Fate::Lost | Fate::OpeningLost => self.loses_resolve(fate),
                Fate::Kept if held.is_some() => {
                    self.unparked = (self.open, self.lost);
                    (self.held, self.parked, self.resolved) = (held, seq, true);
                }
                Fate::Kept if open => self.close(at, quiet),
                Fate::Kept => {
                    (self.resolved, self.count, self.untold) = (true, 0, 0);
                    (self.first, self.lost, self.parked) = (None, false, None);
                }
            },
            What::TakenUp if fate == Fate::Kept => self.unparked = (self.open, self.lost),
            What::Out if fate == Fate::Kept => self.close(at, false),
            What::TakenUp => self.loses_resolve(fate),
            What::Out => {
                (self.open, self.lost) = self.unparked;
                self.loses_resolve(fate);
            }
            What::Off => self.parked = None,
            What::LostBefore { with, .. } if with.is_some() && with != self.parked => {}
            What::LostBefore { .. } if entry.unheard.is_some() => {}
            What::LostBefore { opening, told, with } if with.is_some() && self.held.is_some() => {
                self.lost |= opening;
                self.untold = if opening { self.count } else { self.count - told };
            }
            What::LostBefore { opening, told, .. } => self.loses_trigger(opening, told),
            What::Folded => {
                // It was not given back.
                self.resolved |= seq.is_some() && seq == self.in_vain;
                (self.open, self.paid, self.told) = (false, false, false);
                (self.held, self.parked) = (None, None);
                (self.worst, self.count, self.untold, self.first) = (0, 0, 0, None);
                self.lost = false;
            }
        }
    }

    fn loses_trigger(&mut self, opening: bool, told: u64) {
        self.lost = true;
        if opening {
            (self.open, self.resolved, self.untold) = (false, false, self.count);
        } else {
            self.untold = self.count - told;
        }
    }

    /// What was held back is not, any more. `seq` came to nothing, if it does so.
    fn void(&mut self, comes_to_nothing: bool, seq: Option<u64>) {
        let is_held = self.held.take().is_some();
        if is_held && self.lost && comes_to_nothing {
            self.in_vain = seq.filter(|_| self.resolved);
            (self.open, self.resolved) = (false, false);
        }
    }

    fn loses_resolve(&mut self, fate: Fate) {
        (self.held, self.parked, self.resolved) = (None, None, false);
        if fate == Fate::OpeningLost {
            (self.open, self.untold, self.lost) = (false, self.count, false);
        }
    }

    fn goes_out(&mut self, at: u64, sent: Sent, quiet_after: u64) {
        // It takes the place of what the worker has.
        (self.parked, self.in_vain) = (None, None);
        if let Sent::Opening { .. } = sent {
            if !self.told {
                let again = self.closed.is_some_and(|(closed, quiet)| {
                    let soon = if quiet { quiet_after.max(FIVE_MINUTES) } else { FIVE_MINUTES };
                    at.saturating_sub(closed) < soon
                });
                self.flaps = if again { self.flaps + 1 } else { 0 };
            }
            (self.open, self.paid, self.told, self.opened) = (true, true, true, at);
            (self.worst, self.triggers) = (0, 0);
        }
        if let Sent::Opening { rank } | Sent::Trigger { rank } = sent {
            self.worst = self.worst.max(rank);
            (self.sent_at, self.untold, self.lost) = (at, 0, false);
            self.triggers += 1;
        }
    }

    /// When the next repeat is due by the clock alone; `every` already has its jitter.
    pub(super) fn due(&self, every: u64) -> u64 {
        if self.lost {
            return self.sent_at + 7_000;
        }
        let early = [30_000, 120_000].map(|after| self.opened + after);
        let early = early.into_iter().find(|due| *due > self.sent_at);
        let regular = self.sent_at + every;
        early.map_or(regular, |early| early.min(regular)).max(self.sent_at + 7_000)
    }
}
