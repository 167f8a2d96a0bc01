//! Case 105: whatever a run has accepted outlives it, wherever it is killed.
//!
//! The ledger is kept outside: by the test process, which holds the sandbox, reads the spool after
//! each kill, and knows what each run can have said.

#![expect(clippy::print_stdout, reason = "the figures")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use ledger::{Figures, Ledger};
use played::{Ends, Played};
use traced::{Tracer, untraceable};
use tracing_spike::sandbox::{Fault, Sandbox};

use crate::{
    child,
    rig::{TOKEN, eventually},
    spool::{alter, directory, files, records},
};

mod failing;
mod ledger;
mod played;
mod traced;

/// Kills in all, without `SPIKE_KILLS`: at random, and before one system call or another.
const RANDOM: u64 = 240;
/// The calls that the worker makes around the spool and the network. The first threads that make
/// any are those of a run's own start.
const CALLS: [&str; 15] = [
    "openat",
    "write",
    "fsync",
    "renameat",
    "unlink",
    "flock",
    "mkdir",
    "rmdir",
    "getdents64",
    "statx",
    "close",
    "socket",
    "connect",
    "writev",
    "recvfrom",
];
/// Spools that are killed at side by side.
const LANES: u64 = 2;
/// After so many kills, at the latest, what is left is delivered.
const DRAIN: u64 = 8;
/// A run is killed so long after its start, or after it has begun to work, at the latest.
const LATEST: Duration = Duration::from_millis(60);
/// Between two looks of a live run for dead ones, with a margin.
const LOOK: Duration = Duration::from_secs(35);
/// What is left is delivered by then, once nothing fails any more.
const DELIVERED_BY: Duration = Duration::from_secs(20);

/// What is put into a campaign for the rig to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    Nothing,
    /// A record is taken away.
    Lost,
    /// A record says something else, with the right checksum.
    Corrupt,
    /// A dead run's lock is held for ever.
    Stuck,
}

/// Numbers by chance (xorshift64*).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64 + 1))
    }
}

/// A spool, the sandbox that its runs page, and the ledger of both.
struct Lane {
    sandbox: Option<Sandbox>,
    port: u16,
    dir: PathBuf,
    ledger: Ledger,
    chance: Chance,
    planted: Planted,
    /// Keeps a lock, when that is what is planted.
    held: Option<fs::File>,
    delivered_by: Duration,
}

impl Lane {
    fn new(seed: u64, planted: Planted) -> Self {
        let sandbox = Sandbox::start().unwrap();
        let port = sandbox.port();
        drop(sandbox.url_for(TOKEN));
        let delivered_by = match planted {
            Planted::Stuck => Duration::from_secs(4),
            _ => DELIVERED_BY,
        };
        Self {
            sandbox: Some(sandbox),
            port,
            dir: directory(),
            ledger: Ledger::new(seed),
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            planted,
            held: None,
            delivered_by,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/{TOKEN}/push-events", self.port)
    }

    fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap()
    }

    /// One run that meets what it may, and is killed at any time.
    fn kill_at_random(&mut self) {
        let refused = self.draw_fault();
        let ends = match self.chance.below(3) {
            0 => Ends::WithoutGuard,
            1 => Ends::Well,
            _ => Ends::Never,
        };
        let mut run = self.start(ends);
        if self.chance.below(4) > 0 {
            run.wait_until_it_works();
        }
        thread::sleep(self.chance.up_to(LATEST));
        self.ledger.figures.kills += u64::from(run.kill());
        self.close_books();
        if refused {
            self.listen_again();
        }
    }

    /// Draws what the endpoint does; whether there is none.
    fn draw_fault(&mut self) -> bool {
        let draw = self.chance.below(10);
        let fault = match draw {
            0 | 1 => Some(Fault::Status(503)),
            2 => Some(Fault::Hang),
            3 => Some(Fault::AppliedThenReset),
            4 => Some(Fault::Slow(Duration::from_millis(15))),
            5 => Some(Fault::ResetBeforeBody),
            _ => None,
        };
        self.sandbox().clear_faults();
        if let Some(fault) = fault {
            self.sandbox().fault(fault);
        }
        if draw == 6 {
            self.ledger.read_requests(&self.sandbox.take().unwrap());
        }
        draw == 6
    }

    /// What has no endpoint for a while gets it back at the same port.
    fn listen_again(&mut self) {
        let sandbox = eventually("the port is free", || Sandbox::start_on(self.port).ok());
        drop(sandbox.url_for(TOKEN));
        self.ledger.begin_anew();
        self.sandbox = Some(sandbox);
    }

    /// A run that is killed before its `nth` call of this kind; whether it came that far.
    fn kill_before(&mut self, call: &str, nth: u64) -> bool {
        self.leave_something();
        if self.chance.below(3) == 0 {
            self.sandbox().fault(Fault::Status(503));
        }
        let mut run = self.start(Ends::Traced);
        run.wait_until_it_works();
        let tracer = Tracer::attach(run.id(), call, &format!("signal=KILL:when={nth}"));
        run.go();
        let was_killed = run.was_killed();
        tracer.end();
        self.ledger.figures.kills += u64::from(was_killed);
        self.close_books();
        was_killed
    }

    /// Sees to it that a dead run has left something.
    fn leave_something(&mut self) {
        self.sandbox().fault(Fault::Status(503));
        if records(&self.dir) == 0 {
            let run = self.start(Ends::Never);
            eventually("something is in the spool", || (records(&self.dir) > 0).then_some(()));
            self.ledger.figures.kills += u64::from(run.kill());
            self.close_books();
        }
        self.sandbox().clear_faults();
    }

    fn start(&mut self, ends: Ends) -> Played {
        let run = self.ledger.next_run();
        Played::start(&self.dir, &self.url(), &run, ends)
    }

    /// Nothing runs: takes down what there is.
    fn close_books(&mut self) {
        if let Some(sandbox) = &self.sandbox {
            self.ledger.read_requests(sandbox);
        }
        self.ledger.read_spool(&self.dir);
        self.plant();
    }

    fn plant(&mut self) {
        if self.planted == Planted::Nothing {
            return;
        }
        let record = || self.ledger.undelivered(&self.dir);
        match self.planted {
            Planted::Nothing => {}
            Planted::Lost => {
                if let Some(path) = record() {
                    fs::remove_file(path).unwrap();
                    self.planted = Planted::Nothing;
                }
            }
            Planted::Corrupt => {
                if let Some(path) = record() {
                    alter(&path, |record| record["body"]["fields"]["code"] = "z".into());
                    self.planted = Planted::Nothing;
                }
            }
            Planted::Stuck => {
                if let Some(path) = record() {
                    let lock = path.parent().unwrap().with_extension("lock");
                    let lock = fs::File::options().write(true).open(lock).unwrap();
                    lock.try_lock().unwrap();
                    self.held = Some(lock);
                    self.planted = Planted::Nothing;
                }
            }
        }
    }

    /// Runs that nobody kills and nothing fails, until nothing is left.
    fn drain(&mut self) {
        self.sandbox().clear_faults();
        let deadline = Instant::now() + self.delivered_by;
        let mut run = self.start(Ends::Waits);
        // Its own directory and lock are there as long as it is.
        let left = || files(&self.dir).len().max(1) + folders(&self.dir).max(1) - 2;
        while left() > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        self.ledger.figures.stuck += left() as u64;
        run.end();
        self.close_books();
    }

    fn end(mut self) -> Figures {
        self.drain();
        fs::remove_dir_all(&self.dir).ok();
        self.ledger.settle()
    }
}

trait Named {
    fn ends_with_json(&self) -> bool;
}

impl Named for PathBuf {
    fn ends_with_json(&self) -> bool {
        self.extension().is_some_and(|end| end == "json")
    }
}

fn folders(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).into_iter().flatten();
    entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
}

/// So many kills at random, in lanes side by side.
fn campaign(kills: u64, seed: u64, planted: Planted) -> Figures {
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                scope.spawn(move || {
                    let planted = if lane == 0 { planted } else { Planted::Nothing };
                    let mut lane = Lane::new(seed + lane, planted);
                    while lane.ledger.figures.kills < kills.div_ceil(LANES) {
                        lane.kill_at_random();
                        if lane.chance.below(DRAIN) == 0 {
                            lane.drain();
                        }
                    }
                    lane.end()
                })
            })
            .collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).fold(Figures::default(), Figures::and)
    })
}

fn asked() -> Option<u64> {
    env::var("SPIKE_KILLS").ok().map(|kills| kills.parse().unwrap())
}

#[test]
fn f105_what_was_accepted_is_delivered_wherever_it_was_killed() {
    const TEST: &str = played::TEST;
    if child::is_child(TEST) {
        return played::play();
    }
    let seed = std::process::id().into();
    let figures = campaign(asked().unwrap_or(RANDOM), seed, Planted::Nothing);
    println!("kills at random (seed {seed}): {figures}");
    figures.assert_clean();
    assert!(figures.accepted > figures.kills / 4, "hardly anything was accepted: {figures}");
    assert!(figures.from_spool > figures.kills / 8, "hardly anything was left: {figures}");
}

#[test]
fn f105_what_was_accepted_is_delivered_whatever_call_it_was_killed_at() {
    if let Some(why) = untraceable() {
        assert!(env::var_os("CI").is_none(), "CI must trace what is killed: {why}");
        println!("not run: kills at system calls: {why}");
        return;
    }
    let mut lane = Lane::new(99, Planted::Nothing);
    let mut reached = Vec::new();
    for call in CALLS {
        let (mut nth, mut step) = (1, 1);
        while lane.kill_before(call, nth) {
            // All of them, or ever fewer.
            (nth, step) = if asked().is_some() { (nth + 1, 1) } else { (nth + step, nth) };
            if lane.chance.below(DRAIN) == 0 {
                lane.drain();
            }
        }
        reached.push(format!("{call} < {nth}"));
    }
    let figures = lane.end();
    println!("kills at calls: {figures}");
    println!("calls: {}", reached.join(", "));
    figures.assert_clean();
    assert!(figures.kills > CALLS.len() as u64, "hardly any call was met: {reached:?}");
}

#[test]
fn f108_a_live_process_delivers_what_a_killed_one_leaves() {
    let mut lane = Lane::new(55, Planted::Nothing);
    let mut live = lane.start(Ends::Waits);
    live.wait_until_it_works();
    lane.sandbox().fault(Fault::Status(503));
    let killed = lane.start(Ends::Never);
    eventually("something is in the spool", || (records(&lane.dir) > 0).then_some(()));
    assert!(killed.kill());
    lane.close_books();
    lane.sandbox().clear_faults();
    let start = Instant::now();
    while records(&lane.dir) > 0 {
        assert!(start.elapsed() < LOOK, "nobody took it over");
        thread::sleep(Duration::from_millis(20));
    }
    println!("taken over and delivered {:?} after the kill", start.elapsed());
    live.end();
    let figures = lane.end();
    figures.assert_clean();
    assert!(figures.from_spool > 0 && figures.duplicates == 0, "{figures}");
}

#[test]
fn f105_the_rig_notices_what_is_lost_falsified_or_stuck() {
    let clean = |figures: &Figures| (figures.lost, figures.corrupt, figures.stuck);
    let lost = campaign(30, 1, Planted::Lost);
    assert!(lost.lost == 1 && lost.corrupt == 0 && lost.stuck == 0, "{lost}");
    let corrupt = campaign(30, 2, Planted::Corrupt);
    assert!(corrupt.corrupt > 0, "{corrupt}");
    let stuck = campaign(30, 3, Planted::Stuck);
    assert!(stuck.stuck > 0 && stuck.lost > 0, "{stuck}");
    println!("planted: {:?} {:?} {:?}", clean(&lost), clean(&corrupt), clean(&stuck));
}
