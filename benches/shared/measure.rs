//! How the figures are got: a region that callgrind counts, an allocator that counts, a histogram
//! of latencies, and the process's peak of memory.
//!
//! Invariant: nothing here allocates while it measures.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// What callgrind is told to collect in: only what a thread does inside this is counted, so that
/// start-up, warm-up and the threads of a contender are not.
#[inline(never)]
// SAFETY: no other symbol has this name.
#[unsafe(export_name = "peers_region")]
pub(crate) fn region(work: &mut dyn FnMut()) {
    work();
    // Else the call above is a jump, and callgrind never sees the end of this.
    black_box(());
}

// === The heap ===

/// The system's allocator; counts what this thread takes while [`allocations`] runs anywhere.
pub(crate) struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);

thread_local! {
    static TAKEN: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    if COUNTS.load(Ordering::Relaxed) {
        // A thread that ends has no thread-locals any more.
        let add = |taken: &Cell<(u64, u64)>| {
            let (times, sum) = taken.get();
            taken.set((times + 1, sum + bytes as u64));
        };
        TAKEN.try_with(add).ok();
    }
}

// SAFETY: all is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// How often this thread asked the heap for memory while `work` ran, and for how many bytes.
pub(crate) fn allocations(work: &mut dyn FnMut()) -> (u64, u64) {
    COUNTS.store(true, Ordering::Relaxed);
    let before = TAKEN.get();
    work();
    let after = TAKEN.get();
    COUNTS.store(false, Ordering::Relaxed);
    (after.0 - before.0, after.1 - before.1)
}

/// How long `work` takes, in nanoseconds.
pub(crate) fn timed(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    region(work);
    start.elapsed().as_nanos() as f64
}

/// The most memory that this process had resident so far, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The peak begins anew, at what is resident now.
pub(crate) fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

// === Latencies ===

/// Steps of each doubling: a value is told to within 3 %.
const STEPS: usize = 32;

/// How many latencies there were of each length, in nanoseconds.
pub(crate) struct Histogram {
    counts: Box<[u64]>,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; STEPS * 64].into() }
    }

    pub(crate) fn add(&mut self, nanos: u64) {
        self.counts[place(nanos)] += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// The latency that this share of all did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let all: u64 = self.counts.iter().sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return value(place);
            }
        }
        0
    }
}

fn place(nanos: u64) -> usize {
    let shift = (64 - nanos.leading_zeros()).saturating_sub(6);
    STEPS * shift as usize + (nanos >> shift) as usize
}

/// The least that is counted in this place.
fn value(place: usize) -> u64 {
    let shift = (place / STEPS).saturating_sub(1);
    ((place - STEPS * shift) as u64) << shift
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
