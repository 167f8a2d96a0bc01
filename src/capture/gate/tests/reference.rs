//! The gate against a naive one: each title is the list of all that has happened to it, and every
//! question is answered by reading that list from its beginning.
//!
//! Random operations, each from one seed; the two must agree on every answer.
//! `SPIKE_GATE_SEEDS` asks for more seeds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it has done")]

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    Admission, Ask, Bench, Counts, Folded, Gatekeeper, Held, Openings, Quiet, SETS, STORM, Sending,
    Status, WAYS,
};
use crate::{
    backoff::scramble,
    incident::{Severity, StormDetail},
};

const SEEDS: u64 = 5_000;
const OPERATIONS: u64 = 300;
const MINUTE: u64 = 60_000;
/// As likely as each other, as [`Night::step`] numbers them, of titles that flap.
const FLAPPING: [u64; 12] = [0, 0, 0, 0, 24, 24, 24, 28, 31, 31, 38, 38];
const FIVE_MINUTES: u64 = 5 * MINUTE;

/// One thing that happened to a title.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    what: What,
    /// Of what was admitted.
    seq: Option<u64>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// So many occurrences; the first of them was at `first`.
    Occurs { count: u64, first: u64, sent: Sent },
    /// `held`: not before then. Of a title that was `open`.
    Resolve { held: Option<u64>, quiet: bool, open: bool },
    /// One that is not sent, since the worker has the one numbered `with`; not before `held`.
    Said { held: u64, with: u64 },
    /// The worker asked about the held resolve, and it goes out.
    Out,
    /// The worker asked about it, and there is nothing to hold any more.
    Off,
    /// What was sent before a held resolve was lost, while the worker had that one, `with`; or when
    /// it had nothing any more.
    LostBefore { opening: bool, with: Option<u64> },
    /// Its occurrences were folded into the storm.
    Folded,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sent {
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
enum Fate {
    Kept,
    GivenBack,
    /// With it, the title's opening was lost.
    OpeningLost,
    Lost,
}

#[derive(Debug, Default)]
struct Title {
    past: Vec<Entry>,
    /// The newest admission, and the one before that.
    newest: Option<u64>,
    earlier: Option<u64>,
    /// What was the newest before the last held resolve, and whether it is again, since there is
    /// nothing to hold any more.
    under: Option<u64>,
    withdrawn: Option<u64>,
}

/// What the past of a title comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Now {
    open: bool,
    /// The last word was a resolve, which does not go out before then.
    held: Option<u64>,
    /// The number of the held resolve that the worker has.
    parked: Option<u64>,
    resolved: bool,
    paid: bool,
    /// Its opening was told apart from a flap, or as one.
    told: bool,
    flaps: u32,
    /// When the last resolve of the open title was, and whether it was for its being quiet.
    closed: Option<(u64, bool)>,
    worst: u8,
    opened: u64,
    sent_at: u64,
    triggers: u64,
    /// Occurrences since the last resolve, and since the last trigger.
    count: u64,
    untold: u64,
    /// What the last trigger told.
    carried: u64,
    first: Option<u64>,
    last: u64,
    /// Something was lost at the last admission: the next occurrence goes out 7 s after it.
    lost: bool,
    /// What has voided a resolve that was held back of a title that was not open any more.
    in_vain: Option<u64>,
}

impl Title {
    fn read(&self, quiet_after: u64) -> Now {
        let mut state = Now::default();
        for entry in &self.past {
            state.take(*entry, quiet_after);
        }
        state
    }

    fn admitted(&mut self, entry: Entry) {
        self.past.push(entry);
        if entry.seq.is_some() {
            (self.earlier, self.newest) = (self.newest, entry.seq);
        }
    }

    fn has_gone_wrong(&mut self, seq: u64, fate: Fate) {
        if self.newest == Some(seq) && self.withdrawn == Some(seq) {
            // An old one; what it was when it came is settled.
            return;
        }
        if self.newest == Some(seq)
            && let Some(entry) = self.past.iter_mut().rfind(|entry| entry.seq == Some(seq))
        {
            entry.fate = fate;
            if fate == Fate::GivenBack {
                self.newest = self.earlier.take();
            }
        }
    }
}

impl Now {
    fn close(&mut self, at: u64, quiet: bool) {
        let Self { flaps, sent_at, last, .. } = *self;
        let closed = Some((at, quiet));
        *self = Self { resolved: true, closed, flaps, sent_at, last, ..Self::default() };
    }

    fn take(&mut self, Entry { at, what, fate, seq }: Entry, quiet_after: u64) {
        match what {
            What::Occurs { count, first, sent } => {
                self.count += count;
                self.untold += count;
                self.first.get_or_insert(first);
                self.last = at;
                // Whatever comes of it, it is not over.
                self.void(fate == Fate::GivenBack || matches!(sent, Sent::No), seq);
                let untold = self.untold;
                match sent {
                    Sent::No => {}
                    Sent::Opening { .. } if fate == Fate::GivenBack => self.paid = true,
                    _ if fate == Fate::GivenBack => {}
                    _ => self.goes_out(at, sent, quiet_after),
                }
                match fate {
                    Fate::Kept | Fate::GivenBack => {}
                    Fate::OpeningLost => {
                        (self.open, self.resolved, self.lost) = (false, false, true);
                        self.untold = self.count;
                    }
                    Fate::Lost => (self.lost, self.untold) = (true, untold),
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
                    (self.held, self.parked, self.resolved) = (held, seq, true);
                }
                Fate::Kept if open => self.close(at, quiet),
                Fate::Kept => {
                    (self.resolved, self.count, self.untold) = (true, 0, 0);
                    (self.first, self.lost, self.parked) = (None, false, None);
                }
            },
            What::Out => match fate {
                Fate::Kept => self.close(at, false),
                Fate::GivenBack | Fate::Lost | Fate::OpeningLost => self.loses_resolve(fate),
            },
            What::Off => self.parked = None,
            What::LostBefore { with, .. } if with.is_some() && with != self.parked => {}
            What::LostBefore { opening, .. } if self.held.is_some() => {
                self.lost |= opening;
                self.untold = if opening { self.count } else { self.untold + self.carried };
            }
            What::LostBefore { opening: true, .. } => {
                (self.open, self.resolved, self.lost) = (false, false, true);
                self.untold = self.count;
            }
            What::LostBefore { opening: false, .. } => {
                (self.lost, self.untold) = (true, self.untold + self.carried);
            }
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
            self.carried = self.untold;
            (self.sent_at, self.untold, self.lost) = (at, 0, false);
            self.triggers += 1;
        }
    }

    /// When the next repeat is due by the clock alone; `every` already has its jitter.
    fn due(&self, every: u64) -> u64 {
        if self.lost {
            return self.sent_at + 7_000;
        }
        let early = [30_000, 120_000].map(|after| self.opened + after);
        let early = early.into_iter().find(|due| *due > self.sent_at);
        let regular = self.sent_at + every;
        early.map_or(regular, |early| early.min(regular)).max(self.sent_at + 7_000)
    }
}

/// A burst, then a rate: what is left, and when that was.
#[derive(Clone, Copy, Debug)]
struct Purse {
    left: i128,
    at: u64,
    burst: i128,
    each: i128,
}

impl Purse {
    fn new(burst: u32, per_minute: u32) -> Self {
        let each = i128::from(MINUTE / u64::from(per_minute));
        let burst = i128::from(burst.max(1)) * each;
        Self { left: burst, at: 0, burst, each }
    }

    fn pays(&mut self, now: u64) -> bool {
        let left = (self.left + i128::from(now) - i128::from(self.at)).min(self.burst);
        if left < self.each {
            return false;
        }
        (self.left, self.at) = (left - self.each, now);
        true
    }
}

#[derive(Debug)]
struct Naive {
    titles: HashMap<u64, Title>,
    purses: [Purse; 2],
    repeats: Vec<u64>,
    every: u64,
    resolve_after: Option<u64>,
    seq: u64,
}

/// What the reference says, in the gate's words.
type Answer = Admission;

impl Naive {
    fn quiet_after(&self) -> u64 {
        self.resolve_after.unwrap_or(0)
    }

    fn now(&self, key: u64) -> Now {
        let title = self.titles.get(&key.max(1));
        title.map_or(Now::default(), |title| title.read(self.quiet_after()))
    }

    fn put(&mut self, key: u64, at: u64, what: What, admitted: bool) -> u64 {
        let (key, seq) = (key.max(1), self.seq);
        self.seq += u64::from(admitted);
        let entry = Entry { at, what, seq: admitted.then_some(seq), fate: Fate::Kept };
        self.titles.entry(key).or_default().admitted(entry);
        seq
    }

    /// The jitter is the gate's, and is a tenth at most.
    fn jittered(&self, key: u64, triggers: u64) -> u64 {
        let every = self.every * (900 + scramble(key ^ triggers) % 201) / 1_000;
        assert!((self.every * 9 / 10..=self.every * 11 / 10).contains(&every));
        every
    }

    fn admit(&mut self, ask: Ask, now: u64) -> Answer {
        let Ask { key, rank, meant, before } = Ask { key: ask.key.max(1), ..ask };
        let (count, first) = match before {
            Some((earlier, first)) => (earlier + 1, ms(first)),
            None => (1, now),
        };
        let state = self.now(key);
        let occurs = |sent| What::Occurs { count, first, sent };
        let sent = if state.lost && state.held.is_some() {
            // It is over, and there is nothing that it could keep open.
            Sent::Opening { rank }
        } else if !state.open {
            if state.lost && now < state.due(0) && rank <= state.worst {
                Sent::No
            } else if state.paid || key == STORM || self.purses[usize::from(meant)].pays(now) {
                Sent::Opening { rank }
            } else {
                return Admission::Storm;
            }
        } else if rank > state.worst {
            Sent::Trigger { rank }
        } else if now >= state.due(self.jittered(key, state.triggers)) && self.may_repeat(now) {
            self.repeats.push(now);
            Sent::Trigger { rank }
        } else {
            Sent::No
        };
        let seq = self.put(key, now, occurs(sent), sent != Sent::No);
        let status = match sent {
            Sent::No => return Admission::Repeat,
            Sent::Opening { .. } => Status::Trigger { opening: true },
            Sent::Trigger { rank } => Status::Trigger { opening: rank > state.worst },
        };
        let first = Duration::from_millis(state.first.unwrap_or(first));
        let (all, since_last) = (state.count + count, state.untold + count);
        Admission::Send(Sending { seq, status, count: all, since_last, first })
    }

    fn may_repeat(&self, now: u64) -> bool {
        self.repeats.iter().filter(|at| **at + MINUTE >= now).count() < 30
    }

    fn resolve(&mut self, key: u64, now: u64) -> Answer {
        let state = self.now(key);
        if state.held.is_some() || state.resolved && !state.open {
            return Admission::Repeat;
        }
        let calm = state.last + FIVE_MINUTES;
        let held = (state.open && state.flaps >= 2 && now < calm).then_some(calm);
        if let (Some(held), Some(with)) = (held, state.parked) {
            self.put(key, now, What::Said { held, with }, false);
            return Admission::Repeat;
        }
        if held.is_some() {
            let title = self.titles.entry(key.max(1)).or_default();
            title.under = title.newest;
        }
        let not_before = Duration::from_millis(held.unwrap_or(0));
        Admission::Send(self.closes(key, now, state, (held, false), not_before))
    }

    fn closes(
        &mut self,
        key: u64,
        now: u64,
        state: Now,
        (held, quiet): (Option<u64>, bool),
        not_before: Duration,
    ) -> Sending {
        let seq = self.put(key, now, What::Resolve { held, quiet, open: state.open }, true);
        Sending {
            seq,
            status: Status::Resolve { first: !state.resolved, not_before },
            count: state.count,
            since_last: state.untold,
            first: Duration::from_millis(state.first.unwrap_or(now)),
        }
    }

    fn quiet(&mut self, key: u64, now: u64) -> Quiet {
        let state = self.now(key);
        if let (Some(_), Some(held)) = (self.resolve_after.filter(|_| state.open), state.held) {
            return Quiet::Until(Duration::from_millis(held.max(now + 100)));
        }
        let Some(after) = self.resolve_after.filter(|_| state.open && state.held.is_none()) else {
            return Quiet::Never;
        };
        let doubled = (after << state.flaps.min(6)).min(after.max(24 * 60 * MINUTE));
        let at = (state.last + doubled).max(state.opened + FIVE_MINUTES);
        if now < at {
            return Quiet::Until(Duration::from_millis(at));
        }
        Quiet::Resolved(self.closes(key, now, state, (None, true), Duration::ZERO))
    }

    fn held(&mut self, key: u64, seq: u64, now: u64, hurried: bool) -> Held {
        let state = self.now(key);
        let Some(title) = self.titles.get_mut(&key) else { return Held::Out(None) };
        if title.newest > Some(seq) {
            return Held::Until(Duration::from_millis(now + 100));
        }
        if title.newest < Some(seq) {
            // What came after it was given back, or the title was forgotten since.
            if !state.open {
                return Held::Out(None);
            }
            title.newest = Some(seq);
        }
        let (what, answer) = match state.held {
            None => (What::Off, Held::Off),
            Some(until) if now < until && !hurried => {
                return Held::Until(Duration::from_millis(until));
            }
            Some(_) => {
                let counts = Counts { count: state.count, since_last: state.untold };
                (What::Out, Held::Out(Some(counts)))
            }
        };
        if what == What::Off {
            (title.newest, title.withdrawn) = (title.under, title.under);
        }
        let seq = (what == What::Out).then_some(seq);
        title.past.push(Entry { at: now, what, seq, fate: Fate::Kept });
        answer
    }

    fn fold(&mut self, key: u64, seq: u64, folded: Folded<'_>, now: u64) -> Option<Sending> {
        let mut count = folded.count;
        let quiet_after = self.quiet_after();
        if let Some(title) = self.titles.get_mut(&key).filter(|title| title.newest == Some(seq)) {
            count = title.read(quiet_after).count;
            let known = (title.newest, title.earlier);
            title.has_gone_wrong(seq, Fate::GivenBack);
            (title.newest, title.earlier) = known;
            title.past.push(Entry {
                at: now,
                what: What::Folded,
                seq: Some(seq),
                fate: Fate::Kept,
            });
        }
        let before = (count > 1).then(|| (count - 1, Duration::from_millis(now)));
        let rank = super::super::rank(folded.severity);
        match self.admit(Ask { key: STORM, rank, meant: false, before }, now) {
            Admission::Send(sending) => Some(sending),
            _ => None,
        }
    }
}

fn ms(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap()
}

/// A seed's random numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scramble(self.0) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What the seeds have come across, so that a search that finds nothing is noticed.
#[derive(Debug, Default)]
struct Seen(HashMap<&'static str, u64>);

impl Seen {
    fn note(&mut self, answer: Answer) {
        let word = match answer {
            Admission::Repeat => "counted",
            Admission::Storm => "over budget",
            Admission::Send(sending) => match sending.status {
                Status::Trigger { opening: true } => "opening or escalation",
                Status::Trigger { opening: false } => "repeat",
                Status::Resolve { first: true, .. } => "first resolve",
                Status::Resolve { not_before: Duration::ZERO, .. } => "resolve",
                Status::Resolve { .. } => "held resolve",
            },
        };
        self.word(word);
    }

    fn word(&mut self, word: &'static str) {
        *self.0.entry(word).or_default() += 1;
    }
}

struct Night {
    seed: u64,
    operation: u64,
    /// Of the title at hand.
    key: u64,
    gate: Bench,
    naive: Naive,
    /// Time goes by slowly, so that much happens at once.
    hasty: bool,
    /// Titles are resolved again and again.
    flaps: bool,
    dice: Dice,
    keys: Vec<u64>,
    /// How many of them the gate knows.
    known: usize,
    now: u64,
    /// What was admitted: its title's key, and what went out.
    admitted: Vec<(u64, Sending)>,
    /// The resolves that a worker holds back: their titles' keys, and their numbers.
    parked: Vec<(u64, u64)>,
    /// Those of which it has asked. They are not given back any more.
    asked: HashSet<u64>,
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(scramble(seed));
        let (hasty, flaps) = (dice.below(4) == 0, dice.below(3) == 0);
        let burst = if flaps { u32::MAX } else { dice.one(&[1, 2, 5, 10, u32::MAX]) };
        let per_minute = dice.one(&[1, 2, 7, 60, 60_000]);
        let every = dice.one(&[0, 1_000, MINUTE, FIVE_MINUTES, FIVE_MINUTES]);
        let resolve_after = dice.one(&[None, Some(MINUTE), Some(10 * MINUTE), Some(180 * MINUTE)]);
        // A few titles, or so many that repeats of all titles are too many.
        let titles = if flaps { 1 } else { dice.one(&[1, 2, 6, 40]) };
        let mut keys: Vec<_> = (1..=titles).map(|title| scramble(scramble(seed) ^ title)).collect();
        if dice.below(4) == 0 {
            // More titles than a set of the table has room for.
            keys = (1..=WAYS as u64 + 3).map(|title| (title << 7) | 5).collect();
        } else if dice.below(4) == 0 {
            keys.extend([0, STORM]);
        }
        let gate = Bench::with(|settings| {
            settings.budget = Openings { burst, per_minute };
            settings.repeat_every = Duration::from_millis(every);
            settings.resolve_after = resolve_after.map(Duration::from_millis);
        });
        let purses = [Purse::new(burst, per_minute); 2];
        let (titles, repeats) = (HashMap::new(), Vec::new());
        let naive = Naive { titles, purses, repeats, every, resolve_after, seq: 1 };
        let (operation, key, known, now, admitted) = (0, 0, 0, 0, Vec::new());
        let (parked, asked) = (Vec::new(), HashSet::new());
        Self {
            seed,
            operation,
            key,
            gate,
            naive,
            hasty,
            flaps,
            dice,
            keys,
            known,
            now,
            admitted,
            parked,
            asked,
        }
    }

    fn step(&mut self, seen: &mut Seen) {
        let step = match self.dice.below(20) {
            _ if self.hasty => self.dice.below(1_000),
            0..19 if self.flaps => self.dice.below(6_000),
            0..8 => self.dice.below(3),
            8..14 => self.dice.below(5_000),
            14..17 => 1_000 * self.dice.below(60),
            17..19 => 1_000 * self.dice.below(400),
            _ => MINUTE * self.dice.below(600),
        };
        // Between threads, time may go back a little.
        let back = if self.dice.below(10) == 0 { self.dice.below(4) } else { 0 };
        self.now = (self.now + step).saturating_sub(back);
        let key = self.dice.one(&self.keys);
        self.key = key.max(1);
        let operation = if self.flaps { self.dice.one(&FLAPPING) } else { self.dice.below(44) };
        match operation {
            0..24 => self.occurs(key, seen),
            24..28 => self.resolves(key, seen),
            28..31 => self.goes_quiet(key, seen),
            31..38 => self.goes_wrong(seen),
            38..42 => self.asks(seen),
            _ => assert_eq!(self.gate.is_open(key), self.naive.now(key).open, "is_open"),
        }
        if self.naive.titles.len() > self.known {
            self.forgets(seen);
            self.known = self.naive.titles.len();
        }
    }

    /// The table is bounded: when there was no room, a title least worth keeping is forgotten.
    fn forgets(&mut self, seen: &mut Seen) {
        let kept = |key: &u64| self.gate.set(*key).unwrap().find(*key).is_some();
        let known: Vec<u64> = self.naive.titles.keys().copied().collect();
        let forgotten: Vec<u64> = known.iter().copied().filter(|key| !kept(key)).collect();
        let [key] = forgotten[..] else { return assert!(forgotten.is_empty(), "{forgotten:x?}") };
        let worth = |key: u64| {
            let Now { open, resolved, sent_at, .. } = self.naive.now(key);
            (open, resolved, sent_at)
        };
        let others = known.into_iter().filter(|other| *other != key && *other != self.key);
        let others: Vec<u64> =
            others.filter(|other| other % SETS as u64 == key % SETS as u64).collect();
        assert_eq!(others.len() + 1, WAYS, "there was room");
        let least = others.iter().map(|other| worth(*other)).min();
        assert!(Some(worth(key)) <= least, "{key:x} was worth {:?}, others {least:?}", worth(key));
        self.naive.titles.remove(&key);
        seen.word("forgotten");
    }

    fn occurs(&mut self, key: u64, seen: &mut Seen) {
        let rank = self.dice.one(&[0, 0, 0, 0, 0, 1, 2, 3]);
        let before = (self.dice.below(8) == 0).then(|| {
            let first = self.now.saturating_sub(self.dice.below(5_000));
            (1 + self.dice.below(9), Duration::from_millis(first))
        });
        let ask = Ask { key, rank, meant: self.dice.below(4) == 0, before };
        let at = Duration::from_millis(self.now);
        let repeats = &self.naive.repeats;
        if repeats.iter().rev().take(30).filter(|t| **t + MINUTE >= self.now).count() == 30 {
            seen.word("repeats used up");
        }
        let answer = if self.dice.below(3) == 0 {
            let state = self.naive.now(key);
            let expected = (state.open || state.lost).then(|| self.naive.admit(ask, self.now));
            assert_eq!(self.gate.0.admit_open(ask, at), expected, "admit_open");
            match expected {
                Some(answer) => answer,
                None => return,
            }
        } else {
            let answer = self.gate.0.admit(ask, at);
            assert_eq!(answer, self.naive.admit(ask, self.now), "admit");
            answer
        };
        seen.note(answer);
        self.follow(key, answer);
        if answer == Admission::Storm {
            let answer = self.gate.storm(key, "title", rank, at);
            let ask = Ask { key: STORM, rank, meant: false, before: None };
            assert_eq!(answer, self.naive.admit(ask, self.now), "storm");
            self.follow(STORM, answer);
        }
    }

    fn resolves(&mut self, key: u64, seen: &mut Seen) {
        let key = if self.dice.below(6) == 0 { STORM } else { key };
        let answer = self.gate.resolve(key, Duration::from_millis(self.now));
        assert_eq!(answer, self.naive.resolve(key, self.now), "resolve");
        seen.note(answer);
        if key == STORM && matches!(answer, Admission::Send(_)) && !self.naive.now(key).open {
            assert_eq!(self.gate.storm_detail(), StormDetail::default(), "a new storm");
        }
        self.follow(key, answer);
    }

    fn goes_quiet(&mut self, key: u64, seen: &mut Seen) {
        let key = if self.dice.below(6) == 0 { STORM } else { key };
        let answer = self.gate.quiet(key, Duration::from_millis(self.now));
        assert_eq!(answer, self.naive.quiet(key, self.now), "quiet");
        if let Quiet::Resolved(sending) = answer {
            seen.word("quiet resolve");
            self.follow(key, Admission::Send(sending));
        }
    }

    /// The worker asks about a resolve that it holds back.
    fn asks(&mut self, seen: &mut Seen) {
        if self.parked.is_empty() {
            return;
        }
        let back = self.dice.below(3 * self.parked.len() as u64).min(3);
        let place = (self.parked.len() - 1).saturating_sub(back as usize);
        let ((key, seq), hurried) = (self.parked[place], self.dice.below(3) == 0);
        self.key = key;
        let title = self.naive.titles.get(&key);
        let newest = title.map(|title| title.newest);
        let came = |entry: &Entry| entry.seq > Some(seq) && entry.fate != Fate::GivenBack;
        if newest <= Some(Some(seq)) && title.is_some_and(|title| title.past.iter().any(came)) {
            // Something else has taken its place.
            self.parked.remove(place);
            return;
        }
        let answer = self.gate.held(key, seq, Duration::from_millis(self.now), hurried);
        assert_eq!(answer, self.naive.held(key, seq, self.now, hurried), "held");
        self.asked.insert(seq);
        // What takes its place comes soon, unless it is given back.
        let is_overtaken = newest > Some(Some(seq)) && self.dice.below(4) == 0;
        if answer == Held::Off {
            let under = self.naive.titles.get(&key).and_then(|title| title.under);
            self.asked.extend(under);
        }
        if is_overtaken || !matches!(answer, Held::Until(_)) {
            self.parked.remove(place);
        }
        if key == STORM && matches!(answer, Held::Out(Some(_))) {
            assert_eq!(self.gate.storm_detail(), StormDetail::default(), "a new storm");
        }
        seen.word(match answer {
            Held::Until(_) if newest > Some(Some(seq)) => "held: overtaken",
            _ if newest.is_some_and(|newest| newest < Some(seq)) => "held: newest again",
            Held::Until(_) => "held: until",
            Held::Off => "held: off",
            Held::Out(_) if hurried => "held: out, hurried",
            Held::Out(_) => "held: out",
        });
    }

    fn goes_wrong(&mut self, seen: &mut Seen) {
        if self.admitted.is_empty() {
            return;
        }
        if self.flaps && self.dice.below(3) == 0 {
            return self.finds_no_room(seen);
        }
        // Mostly one of the newest: of the others, nothing must come.
        let back = self.dice.below(3 * self.admitted.len() as u64).min(3);
        let place = (self.admitted.len() - 1).saturating_sub(back as usize);
        let (key, sending) = self.admitted.remove(place);
        self.key = key;
        let opening = sending.status == Status::Trigger { opening: true };
        let title = self.naive.titles.get(&key);
        let is_newest = title.is_some_and(|title| title.newest == Some(sending.seq));
        let is_asked = self.asked.contains(&sending.seq);
        match self.dice.below(3) {
            0 if !is_asked => {
                self.gate.give_back(key, sending.seq);
                self.wrong(key, sending.seq, Fate::GivenBack);
                seen.word(if is_newest { "given back" } else { "given back, old" });
            }
            0 | 1 => {
                // A trigger that was still waiting can become one that opens; of a resolve, nobody
                // may know whether it was applied.
                let repeats = sending.status == Status::Trigger { opening: false };
                let opening = opening || !repeats && self.dice.below(2) == 0;
                self.gate.reopen(key, sending.seq, opening);
                let fate = if opening { Fate::OpeningLost } else { Fate::Lost };
                let is_before = self.wrong(key, sending.seq, fate);
                seen.word(match (is_before, is_newest) {
                    (true, _) => "lost, before a held resolve",
                    (_, true) => "lost",
                    _ => "lost, old",
                });
            }
            _ if opening && key != STORM => {
                let severity = self.dice.one(&[None, Some(Severity::Sev3), Some(Severity::Sev1)]);
                let folded = Folded { title: "title", severity, count: sending.count };
                let at = Duration::from_millis(self.now);
                let storm = self.gate.fold(key, sending.seq, folded, at).map(|storm| storm.sending);
                let expected = self.naive.fold(key, sending.seq, folded, self.now);
                assert_eq!(storm, expected, "fold");
                seen.word(if is_newest { "folded" } else { "folded, old" });
                if let Some(sending) = storm {
                    self.follow(STORM, Admission::Send(sending));
                }
            }
            _ => {}
        }
    }

    /// The newest two triggers come to nothing, first the newer one.
    fn finds_no_room(&mut self, seen: &mut Seen) {
        for _ in 0..2 {
            let newest = self.admitted.iter().rposition(|(_, sending)| {
                matches!(sending.status, Status::Trigger { .. })
                    && !self.asked.contains(&sending.seq)
            });
            let Some(place) = newest else { return };
            let (key, Sending { seq, .. }) = self.admitted.remove(place);
            self.key = key;
            self.gate.give_back(key, seq);
            self.wrong(key, seq, Fate::GivenBack);
            seen.word("found no room");
        }
    }

    /// Tells whether something was sent since, that is held back or was.
    fn wrong(&mut self, key: u64, seq: u64, fate: Fate) -> bool {
        self.parked.retain(|(_, parked)| *parked != seq);
        let Now { open, parked, .. } = self.naive.now(key);
        let Some(title) = self.naive.titles.get_mut(&key) else { return false };
        title.has_gone_wrong(seq, fate);
        let is_under = open && parked.is_some() && title.under == Some(seq);
        let is_newest = title.newest == Some(seq) && title.withdrawn == Some(seq);
        let is_before = fate != Fate::GivenBack && (is_under || is_newest);
        if is_before {
            let what = What::LostBefore { opening: fate == Fate::OpeningLost, with: parked };
            title.past.push(Entry { at: self.now, what, seq: None, fate: Fate::Kept });
        }
        is_before
    }

    fn follow(&mut self, key: u64, answer: Answer) {
        if let Admission::Send(sending) = answer {
            self.admitted.push((key.max(1), sending));
            if matches!(sending.status, Status::Resolve { not_before, .. } if !not_before.is_zero())
            {
                self.parked.push((key.max(1), sending.seq));
            }
            assert_eq!(self.gate.newest(), sending.seq, "numbers go up");
        }
    }
}

/// The seed, and what it came to, should the night not end well.
impl Drop for Night {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, operation {}, at {} ms", self.seed, self.operation, self.now);
            for key in [self.key, STORM] {
                let past = self.naive.titles.get(&key).map_or(&[][..], |title| &title.past);
                for entry in past.iter().rev().take(8).rev() {
                    eprintln!("{key:x}: {entry:?}");
                }
            }
        }
    }
}

#[test]
fn the_gate_decides_as_one_that_remembers_everything() {
    let seeds = std::env::var("SPIKE_GATE_SEEDS").ok().map_or(SEEDS, |n| n.parse().unwrap());
    let mut seen = Seen::default();
    for seed in 0..seeds {
        let mut night = Night::new(seed);
        for operation in 0..OPERATIONS {
            night.operation = operation;
            night.step(&mut seen);
        }
    }
    let mut seen: Vec<_> = seen.0.into_iter().collect();
    seen.sort_unstable();
    println!("{seeds} seeds, {OPERATIONS} operations each: {seen:?}");
    assert_eq!(seen.len(), 24, "{seen:?}");
    assert!(seen.iter().all(|(_, times)| *times >= 50), "{seen:?}");
}
