//! What nearly every test needs: a sandbox, a pipeline that pages it, and a teardown that asserts
//! what must hold in any case: the counts balance, and the token is in no output.

use std::{
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tracing::{Dispatch, level_filters::LevelFilter};
use tracing_spike::{
    Builder, Guard, Handle, Stats,
    sandbox::{Incident, Sandbox},
};
use tracing_subscriber::{Registry, fmt::MakeWriter, prelude::*};

/// Every wait in a test ends by then.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The token of every rig; CI looks for it in all that the tests print.
pub(crate) const TOKEN: &str = "Tk7spikeTestTokenQ9zX";

/// The token of a rule's webhook.
pub(crate) const OTHER_TOKEN: &str = "Rw4routeTestTokenJ6vY";

/// Whether an https webhook can be used at all.
pub(crate) const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

/// The pieces of the tokens that must be nowhere: raw, reversed, each half, base64 at each of its
/// three alignments. `.ci/run` reads them from here.
pub(crate) fn leaks(text: &str) -> Option<&'static str> {
    const FORMS: [&str; 18] = [
        "Tk7spikeTestTokenQ9zX",
        "Tk7spikeTe",
        "stTokenQ9zX",
        "Xz9QnekoTtseTekips7kT",
        "eTekips7kT",
        "Xz9QnekoTts",
        "VGs3c3Bpa2VUZXN0VG9rZW5ROXpY",
        "RrN3NwaWtlVGVzdFRva2VuUTl6W",
        "UazdzcGlrZVRlc3RUb2tlblE5el",
        "Rw4routeTestTokenJ6vY",
        "Rw4routeTe",
        "stTokenJ6vY",
        "Yv6JnekoTtseTetuor4wR",
        "seTetuor4wR",
        "Yv6JnekoTts",
        "Unc0cm91dGVUZXN0VG9rZW5KNnZZ",
        "J3NHJvdXRlVGVzdFRva2VuSjZ2W",
        "SdzRyb3V0ZVRlc3RUb2tlbko2dl",
    ];
    FORMS.into_iter().find(|form| text.contains(form))
}

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    /// Where the webhooks of rules are, if not there.
    pub(crate) others: Vec<Sandbox>,
    pub(crate) dispatch: Dispatch,
    /// All that a `fmt` layer at TRACE beside ours has written.
    pub(crate) written: Written,
    guard: Option<Guard>,
    handle: Handle,
    finished: bool,
}

/// A pipeline that pages a sandbox, with the default settings but for a budget that no test but
/// those of storms spends.
pub(crate) fn rig() -> Rig {
    rig_with(|builder| builder)
}

/// The same with other settings.
pub(crate) fn rig_with(set: impl FnOnce(Builder) -> Builder) -> Rig {
    let sandbox = Sandbox::start().unwrap();
    let builder = tracing_spike::builder(sandbox.url_for(TOKEN));
    let (spike, guard) =
        set(builder.service("it").budget(1_000, 1_000)).build::<Registry>().unwrap();
    let written = Written::default();
    let fmt = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(written.clone())
        .with_filter(LevelFilter::TRACE);
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(spike).with(fmt));
    let handle = guard.handle();
    Rig {
        sandbox,
        others: Vec::new(),
        dispatch,
        written,
        guard: Some(guard),
        handle,
        finished: false,
    }
}

impl Rig {
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs `work` with this pipeline as the thread's subscriber.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    /// Delivers everything, and fails when that can't be done.
    pub(crate) fn flush(&self) {
        let report = self.handle.flush(DEADLINE);
        assert!(report.is_complete(), "{report:?} {:?}", self.handle.stats());
    }

    /// Runs `work`, delivers, and returns all incidents that the sandbox has by then.
    pub(crate) fn paged(&self, work: impl FnOnce()) -> Vec<Incident> {
        self.run(work);
        self.flush();
        self.sandbox.incidents()
    }

    /// As `paged`, for exactly one incident.
    pub(crate) fn paged_one(&self, work: impl FnOnce()) -> Incident {
        let mut incidents = self.paged(work);
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        incidents.remove(0)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.handle.stats()
    }

    pub(crate) fn drop_guard(&mut self) {
        self.guard = None;
    }

    /// The teardown, early: nothing is in motion afterwards.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.sandboxes().for_each(Sandbox::clear_faults);
        self.guard = None;
        let stats = eventually("the counts balance", || {
            let stats = self.handle.stats();
            (stats.pending == 0 && stats.accounted() == stats.seen).then_some(stats)
        });
        assert_accepted_by(self.sandboxes(), &stats);
        self.assert_no_leak(&stats);
    }

    fn sandboxes(&self) -> impl Iterator<Item = &Sandbox> {
        std::iter::once(&self.sandbox).chain(&self.others)
    }

    fn assert_no_leak(&self, stats: &Stats) {
        let mut said = vec![show(stats), show(&self.handle)];
        said.extend(self.sandboxes().map(show));
        said.push(self.written.text());
        for request in self.sandboxes().flat_map(Sandbox::requests) {
            said.push(String::from_utf8_lossy(request.body()).into_owned());
            for (name, value) in request.headers() {
                said.push(format!("{name}: {}", String::from_utf8_lossy(value)));
            }
        }
        for text in said {
            assert_eq!(leaks(&text), None, "the token is in {text}");
        }
    }
}

/// Fails unless these are the stats of all that the sandbox has accepted.
pub(crate) fn assert_accepted(sandbox: &Sandbox, stats: &Stats) {
    assert_accepted_by(std::iter::once(sandbox), stats);
}

fn assert_accepted_by<'a>(sandboxes: impl Iterator<Item = &'a Sandbox>, stats: &Stats) {
    let requests = sandboxes.flat_map(Sandbox::requests);
    let statuses = requests.filter_map(|request| request.status());
    let accepted = statuses.filter(|status| (200..300).contains(status)).count() as u64;
    // An answer that came too late, or after the end, is known to the ledger only.
    let exact = stats.retries == 0 && stats.lost.shutdown == 0;
    let agree = if exact { stats.delivered == accepted } else { stats.delivered <= accepted };
    assert!(agree, "{stats:?}, the ledger has {accepted}");
}

impl Drop for Rig {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            self.finish();
        }
    }
}

fn show(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

/// Waits until `ready` returns something, by [`DEADLINE`].
pub(crate) fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "not by the deadline: {what}");
        std::thread::yield_now();
    }
}

/// Drops the guard, and returns the books once the worker has closed them: on a busy machine it may
/// be late, which holds up nobody.
pub(crate) fn closed(guard: Guard) -> Stats {
    let handle = guard.handle();
    drop(guard);
    eventually("the worker ends", || Some(handle.stats()).filter(|stats| stats.pending == 0))
}

/// A writer into memory that can be cloned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
