//! The whole pipeline over real HTTP, against a server that draws a fault for each request: the
//! gate, the queue, the worker, the client and the sandbox, on clocks that run faster.
//!
//! A run is many lives of a program. In each it says of its titles, again and again, that they fail
//! or that they do not; then the faults stop. Checked at the end of each: every call is counted,
//! and nothing is lost but what the server has refused for good; all is settled in time; of no
//! title an older state came after a newer one; the server has each title as the program said last.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, thread,
    time::{Duration, Instant},
};

use tracing::Dispatch;
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    Guard, Handle, Incident, Stats,
    backoff::scramble,
    clock::SPEED,
    delivery::outcome::LONGEST_ASKED,
    sandbox::{Fault, Request, Sandbox},
};

/// Calls of the program in all, without `SPIKE_CHAOS_OPS`.
const OPS: u64 = 3_000;
/// Calls in one life.
const LIFE: u64 = 500;
/// Lives at the same time.
const ABREAST: u64 = 8;
/// So few calls for each title that Spike's own limit of 20 triggers a minute is not met, which
/// the sandbox keeps by the system's clock.
const TITLES: u64 = 120;
/// Our clocks run so many times as fast as the system's.
const FAST: u32 = 50;
/// Between two calls at most.
const LULL: Duration = Duration::from_millis(2_000);
/// A request that is applied late is so within this.
const LATEST: Duration = Duration::from_secs(55);
/// What a busy machine may add to a wait.
const SLACK: Duration = Duration::from_secs(15);

struct Life {
    seed: u64,
    drawn: u64,
    sandbox: Sandbox,
    dispatch: Dispatch,
    guard: Guard,
    handle: Handle,
    calls: u64,
    /// Of each title: whether it fails, as said last, and how often it was said.
    words: BTreeMap<String, (bool, u64)>,
}

/// What was met in a run.
#[derive(Debug, Default)]
struct Met {
    stats: Stats,
    requests: u64,
    faults: BTreeMap<String, u64>,
    /// Until all was settled after the faults, at most: without and with a wait that was asked for.
    settled: [Duration; 2],
}

/// `time` of the system's clock, as ours have it.
fn fast(time: Duration) -> Duration {
    time * FAST
}

/// `time` of our clocks, as the system's has it.
fn real(time: Duration) -> Duration {
    time / FAST
}

impl Life {
    fn new(seed: u64) -> Self {
        let sandbox = Sandbox::start().unwrap();
        SPEED.set(FAST);
        let built = crate::builder(sandbox.webhook_url())
            .service("chaos")
            .budget(1_000, 1_000)
            .queue_capacity(2 * LIFE as usize)
            .build::<Registry>();
        SPEED.set(1);
        let (layer, guard) = built.unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        let handle = guard.handle();
        let words = BTreeMap::new();
        Self { seed, drawn: 0, sandbox, dispatch, guard, handle, calls: 0, words }
    }

    /// A number below `n`.
    fn draw(&mut self, n: u64) -> u64 {
        self.drawn += 1;
        scramble(self.seed.wrapping_add(scramble(self.drawn))) % n
    }

    /// Half of all requests meet one; of the rest a `Slow` of nothing is the right answer.
    fn fault(&mut self) -> Fault {
        let pick = |list: &[u16], at: u64| list[at as usize % list.len()];
        let at = self.draw(1_000);
        match self.draw(1_000) {
            0..520 => Fault::Slow(Duration::ZERO),
            520..620 => Fault::Status(500),
            620..680 => Fault::Status(pick(&[502, 503, 504], at)),
            680..710 => Fault::Status(pick(&[408, 425, 501, 505, 520, 524, 599, 700, 999], at)),
            710..735 => Fault::body(200, "application/json", "{\"Ok\":false}"),
            735..745 => Fault::Status(pick(&[400, 405, 411, 415, 422], at)),
            745..752 => Fault::redirect(pick(&[301, 302, 307, 308], at), "http://127.0.0.1:1/"),
            752..770 => Fault::Status(413),
            770..773 => Fault::Status(pick(&[401, 403, 404, 410], at)),
            773..790 => Fault::retry_after(pick(&[429, 503], at), "1"),
            790..797 => Fault::retry_after(pick(&[429, 503, 500], at), "20"),
            797..800 => Fault::retry_after(pick(&[429, 503], at), "86400"),
            800..805 => Fault::retry_after(429, "soon"),
            805..815 => Fault::Hang,
            815..825 => Fault::HangBeforeRead,
            825..835 => Fault::HangMidHead,
            835..845 => Fault::HangAfterHead,
            845..865 => Fault::Reset,
            865..885 => Fault::ResetOnAccept,
            885..900 => Fault::ResetBeforeBody,
            900..910 => Fault::Slow(real(Duration::from_secs(at / 40))),
            910..915 => Fault::Drip(Duration::from_millis(1)),
            915..925 => Fault::HugeBody(at << 10),
            925..945 => Fault::Garbage(garbage(at).to_vec()),
            945..960 => Fault::AppliedThenHang,
            960..980 => Fault::AppliedThenReset,
            _ => Fault::AppliedLate(real(LATEST) * at as u32 / 1_000),
        }
    }

    /// Says of a title that it fails or that it does not, or says again what was said.
    fn call(&mut self) {
        let title = format!("title {}", self.draw(TITLES));
        let again = self.draw(4) == 0;
        let (fails, said) = self.words.get(&title).copied().unwrap_or((false, 0));
        self.say(title, if again { fails } else { !fails }, said + 1);
    }

    fn say(&mut self, title: String, fails: bool, number: u64) {
        self.calls += 1;
        let by_event = self.draw(2) == 0;
        match (fails, by_event) {
            (true, true) => tracing::dispatcher::with_default(&self.dispatch, || {
                tracing::error!(spike.title = title, said = number, "it fails");
            }),
            (true, false) => {
                self.handle.trigger(Incident::new(&title).field("said", number)).unwrap();
            }
            (false, true) => tracing::dispatcher::with_default(&self.dispatch, || {
                tracing::info!(spike.status = "resolve", spike.title = title, "it works");
            }),
            // Too many of them wait: the state stays as it was.
            (false, false) if self.handle.resolve(&title).is_err() => return,
            (false, false) => {}
        }
        self.words.insert(title, (fails, number));
    }

    /// Lets `time` of our clocks pass.
    fn pass(&self, time: Duration) {
        thread::sleep(real(time));
    }

    fn live(mut self) -> Result<Met, String> {
        for _ in 0..4 * LIFE {
            let fault = self.fault();
            self.sandbox.fault_next(1, fault);
        }
        for _ in 0..LIFE - TITLES / 2 {
            self.call();
            let lull = LULL * self.draw(1_000) as u32 / 1_000;
            self.pass(lull);
        }
        // At the end much is pending.
        (0..TITLES / 2).for_each(|_| self.call());
        self.sandbox.clear_faults();
        let (stopped, begun) = (self.sandbox.requests(), Instant::now());
        let last = stopped.last().map_or(Duration::ZERO, Request::at);
        let recent = |request: &&Request| request.at() + real(LONGEST_ASKED) >= last;
        let asked = stopped.iter().filter(recent).any(asks);
        // As a program does at its end; what is held back to wait for a quiet time is not.
        drop(self.handle.flush(Duration::from_secs(1)));
        let limit = Duration::from_secs(if asked { 330 } else { 90 });
        let settled = self.settles(begun, limit + SLACK)?;
        let stats = self.balances()?;
        self.is_in_order()?;
        // What comes late has come, and what followed it was said once more.
        self.pass(2 * LATEST + SLACK);
        self.is_as_said(&self.refused())?;
        // Said again, it is so of those, too, that were lost.
        for (title, (fails, said)) in self.words.clone() {
            self.say(title, fails, said + 1);
        }
        drop(self.handle.flush(Duration::from_secs(1)));
        self.settles(Instant::now(), Duration::from_secs(90) + SLACK)?;
        self.is_as_said(&BTreeSet::new())?;
        self.balances()?;
        self.would_be_found()?;
        let mut met = Met { stats, requests: stopped.len() as u64, ..Met::default() };
        met.settled[usize::from(asked)] = settled;
        for request in &stopped {
            let name = request.fault().map_or("none".to_owned(), name);
            *met.faults.entry(name).or_default() += 1;
        }
        drop(self.guard);
        Ok(met)
    }

    /// What is checked would be found if it were wrong.
    fn would_be_found(&mut self) -> Result<(), String> {
        self.calls += 1;
        let counts = self.balances();
        self.calls -= 1;
        let Some(mut word) = self.words.first_entry() else { return Ok(()) };
        word.get_mut().0 ^= true;
        match (counts, self.is_as_said(&BTreeSet::new())) {
            (Err(_), Err(_)) => Ok(()),
            wrong => Err(format!("a wrong count or a wrong word was not found: {wrong:?}")),
        }
    }

    fn settles(&self, begun: Instant, limit: Duration) -> Result<Duration, String> {
        loop {
            let took = fast(begun.elapsed());
            let stats = self.handle.stats();
            if stats.pending == 0 {
                return Ok(took);
            }
            if took > limit {
                return Err(format!("not settled after {took:?}: {stats:?}"));
            }
            self.pass(Duration::from_millis(250));
        }
    }

    fn balances(&self) -> Result<Stats, String> {
        let stats = self.handle.stats();
        let Stats { ref lost, .. } = stats;
        let requests = self.sandbox.requests();
        let count = |of: &dyn Fn(&Request) -> bool| {
            requests.iter().filter(|request| of(request)).count() as u64
        };
        let status = |wanted: fn(u16) -> bool| {
            count(&|request: &Request| request.status().is_some_and(wanted))
        };
        let accepted = status(|status| (200..300).contains(&status));
        let poison = count(&|request| request.status() == Some(500) || fails(request));
        let holds = [
            ("all calls are seen", stats.seen == self.calls),
            ("all are accounted for", stats.accounted() == stats.seen),
            ("what is delivered was accepted", stats.delivered + stats.asserted <= accepted),
            (
                "rejected",
                lost.rejected <= status(|s| matches!(s, 400 | 405 | 411 | 413 | 415 | 422)),
            ),
            ("redirected", lost.redirect <= status(|status| (300..400).contains(&status))),
            ("poison", lost.poison <= poison / 8),
            ("nothing else is lost", lost.expired + lost.shutdown + stats.refused.full == 0),
        ];
        match holds.iter().find(|(_, holds)| !holds) {
            None => Ok(stats),
            Some((what, _)) => {
                Err(format!("{what}: {} calls, {accepted} accepted: {stats:?}", self.calls))
            }
        }
    }

    /// Of no title an older trigger comes after a newer one.
    fn is_in_order(&self) -> Result<(), String> {
        let mut newest: BTreeMap<String, u64> = BTreeMap::new();
        for request in self.sandbox.requests() {
            let (Some(title), Some(payload)) = (request.title(), request.json()) else { continue };
            let Some(said) = payload["body"]["fields"]["said"].as_u64() else { continue };
            let known = newest.entry(title.to_owned()).or_default();
            if said < *known {
                return Err(format!("{title}: word {said} came after word {known}"));
            }
            *known = said;
        }
        Ok(())
    }

    /// The titles of which something was refused for good.
    fn refused(&self) -> BTreeSet<String> {
        let is_final = |status| matches!(status, 300..400 | 400 | 405 | 411 | 413 | 415 | 422);
        let requests = self.sandbox.requests();
        let mut poison: BTreeMap<String, u32> = BTreeMap::new();
        let mut refused = BTreeSet::new();
        for request in requests {
            let Some(title) = request.title() else { continue };
            if request.status().is_some_and(is_final) {
                refused.insert(title.to_owned());
            }
            if request.status() == Some(500) || fails(&request) {
                *poison.entry(title.to_owned()).or_default() += 1;
            }
        }
        refused.extend(poison.into_iter().filter(|(_, n)| *n >= 8).map(|(title, _)| title));
        refused
    }

    /// The server has each title but `these` as the program said last.
    fn is_as_said(&self, these: &BTreeSet<String>) -> Result<(), String> {
        let open: BTreeSet<_> =
            self.sandbox.open().iter().map(|incident| incident.title().to_owned()).collect();
        for (title, (fails, said)) in &self.words {
            if open.contains(title) != *fails && !these.contains(title) {
                let story: Vec<_> = self.sandbox.requests();
                let story: Vec<_> = story
                    .iter()
                    .filter(|request| request.title() == Some(title))
                    .map(|one| (one.at(), one.is_resolve(), one.fault().cloned(), one.effect()))
                    .collect();
                let stats = self.handle.stats();
                return Err(format!("{title}, {said}: fails: {fails}: {story:#?}\n{stats:?}"));
            }
        }
        Ok(())
    }
}

fn garbage(at: u64) -> &'static [u8] {
    let all: [&[u8]; 8] = [
        b"",
        b"\0\x01\xff",
        b"HTTP/0.9 fine",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    all[at as usize % all.len()]
}

/// Whether the answer was `"Ok": false`.
fn fails(request: &Request) -> bool {
    matches!(request.fault(), Some(Fault::StatusWith { status: 200, .. }))
}

/// Whether the answer asks for a wait, or refuses the webhook.
fn asks(request: &Request) -> bool {
    match request.fault() {
        Some(Fault::Status(status)) => matches!(status, 401 | 403 | 404 | 410),
        Some(Fault::StatusWith { headers, .. }) => {
            headers.iter().any(|(name, value)| name == "retry-after" && value == "86400")
        }
        _ => false,
    }
}

fn name(fault: &Fault) -> String {
    match fault {
        Fault::Slow(Duration::ZERO) => "none".to_owned(),
        Fault::Status(status) | Fault::StatusWith { status, .. } => format!("status {status}"),
        other => {
            let text = format!("{other:?}");
            text.split('(').next().unwrap_or_default().to_owned()
        }
    }
}

fn asked(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

fn life(seed: u64) -> Result<Met, String> {
    Life::new(seed).live().map_err(|wrong| format!("seed {seed}: {wrong}"))
}

#[test]
fn f034_whatever_each_request_meets_counts_balance_order_holds_and_all_settles() {
    let started = Instant::now();
    let lives = asked("SPIKE_CHAOS_OPS").unwrap_or(OPS).div_ceil(LIFE);
    let share = |first: u64| move || (first..lives).step_by(ABREAST as usize).map(life).collect();
    let running: Vec<thread::JoinHandle<Vec<Result<Met, String>>>> =
        (0..ABREAST).map(|first| thread::spawn(share(first))).collect();
    let mut sum = Met::default();
    for met in running.into_iter().flat_map(|thread| thread.join().unwrap()) {
        let met = met.unwrap_or_else(|wrong| panic!("{wrong}"));
        sum.requests += met.requests;
        sum.stats.delivered += met.stats.delivered;
        sum.stats.retries += met.stats.retries;
        sum.stats.asserted += met.stats.asserted;
        met.faults.into_iter().for_each(|(name, n)| *sum.faults.entry(name).or_default() += n);
        for (most, settled) in sum.settled.iter_mut().zip(met.settled) {
            *most = settled.max(*most);
        }
    }
    let Stats { delivered, retries, asserted, .. } = sum.stats;
    let [without, with] = sum.settled.map(|settled| settled.as_secs());
    println!(
        "{} calls in {lives} lives, {} requests before the faults stopped, {:.0} s; {delivered} \
         delivered, {retries} retries, {asserted} asserted; settled after {without} s at most, and \
         {with} s where a wait was asked for; met: {:#?}",
        lives * LIFE,
        sum.requests,
        started.elapsed().as_secs_f64(),
        sum.faults,
    );
    assert!(retries > 0 && asserted > 0 && sum.faults.len() > 20, "{:?}", sum.faults);
}
