//! What a storm has folded: about how many titles, and a few of them.
//!
//! Pure but for its lock, which nobody waits for. Invariants: of fixed size ([`REGISTERS`] bytes,
//! and room for [`SAMPLE`] titles that is taken once); a title that was folded before costs no
//! lock and no allocation.

#[cfg(all(test, spike_loom))]
use crate::sync::tests::{Bug, is_seeded};
use crate::{
    capture::title::MAX_CHARS,
    incident::StormDetail,
    sync::{AtomicU8, Mutex, Ordering, lock, try_lock},
};

/// One byte each: 1 KiB, for a standard error of 1.04/√1024 = 3.3 % (Flajolet et al., HyperLogLog,
/// 2007).
const REGISTERS: usize = if cfg!(spike_loom) { 4 } else { 1_024 };
/// The bits of a key that choose the register.
const INDEX_BITS: u32 = REGISTERS.trailing_zeros();
/// Titles told with each storm incident, at most.
const SAMPLE: usize = 5;
/// Bytes of the longest title.
const TITLE_BYTES: usize = MAX_CHARS * 4;

/// What was folded since the storm incident was opened.
#[derive(Debug)]
pub(super) struct Folded {
    sketch: Box<[AtomicU8]>,
    sample: Mutex<Sample>,
}

#[derive(Debug, Default)]
struct Sample {
    titles: [String; SAMPLE],
    taken: usize,
}

impl Folded {
    pub(super) fn new() -> Self {
        let sketch = (0..REGISTERS).map(|_| AtomicU8::new(0)).collect();
        Self { sketch, sample: Mutex::default() }
    }

    pub(super) fn add(&self, key: u64, title: &str) {
        if self.note(key)
            && let Some(mut sample) = try_lock(&self.sample)
        {
            sample.add(title);
        }
    }

    /// Takes a key into the sketch; tells whether that changed it, as a known key never does.
    fn note(&self, key: u64) -> bool {
        let index = usize::try_from(key & (REGISTERS as u64).wrapping_sub(1)).unwrap_or(0);
        let Some(register) = self.sketch.get(index) else { return false };
        // The first bit that is set makes 2^rank keys likely.
        let rank = (key >> INDEX_BITS).leading_zeros().saturating_sub(INDEX_BITS).saturating_add(1);
        let rank = u8::try_from(rank).unwrap_or(u8::MAX);
        register.load(Ordering::Relaxed) < rank
            && register.fetch_max(rank, Ordering::Relaxed) < rank
    }

    /// About how many different keys were noted.
    fn estimate(&self) -> u64 {
        let (mut sum, mut empty) = (0.0, 0_u32);
        for register in &self.sketch {
            let rank = register.load(Ordering::Relaxed);
            sum += f64::exp2(-f64::from(rank));
            empty = empty.saturating_add(u32::from(rank == 0));
        }
        let m = REGISTERS as f64;
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let estimate = if raw <= 2.5 * m && empty > 0 {
            // While many registers are empty, their number tells more.
            m * (m / f64::from(empty)).ln()
        } else {
            raw
        };
        estimate.round() as u64
    }

    /// What to tell, with other titles each time.
    pub(super) fn tell(&self) -> StormDetail {
        let mut sample = lock(&self.sample);
        let taken = std::mem::take(&mut sample.taken);
        #[cfg(all(test, spike_loom))]
        if is_seeded(Bug::Torn) {
            drop(sample);
            sample = lock(&self.sample);
        }
        let sample = sample.titles.iter().take(taken).cloned().collect();
        StormDetail { titles: self.estimate(), sample }
    }

    /// The storm is over.
    pub(super) fn clear(&self) {
        for register in &self.sketch {
            register.store(0, Ordering::Relaxed);
        }
        lock(&self.sample).taken = 0;
    }
}

impl Sample {
    fn add(&mut self, title: &str) {
        if self.titles.iter().take(self.taken).any(|known| known == title) {
            return;
        }
        let Some(place) = self.titles.get_mut(self.taken) else { return };
        place.clear();
        if place.capacity() == 0 {
            place.reserve_exact(TITLE_BYTES);
        }
        place.push_str(title);
        self.taken = self.taken.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Folded, REGISTERS, SAMPLE};
    use crate::backoff::scramble;

    #[test]
    fn the_number_of_titles_is_told_within_a_tenth() {
        for seed in 0..40_u64 {
            let folded = Folded::new();
            let mut next = 1;
            for titles in [1_u64, 5, 50, 500, 2_000, 3_000, 5_000, 20_000, 100_000] {
                for title in next..=titles {
                    let key = scramble(scramble(seed) ^ title);
                    folded.add(key, "x");
                    folded.add(key, "x");
                }
                next = titles + 1;
                let (told, off) = (folded.tell().titles, titles.div_ceil(10));
                assert!(told.abs_diff(titles) <= off, "{titles} titles, told {told}, seed {seed}");
            }
        }
        assert_eq!(Folded::new().sketch.len(), REGISTERS);
    }

    #[test]
    fn a_few_titles_are_told_others_each_time() {
        let folded = Folded::new();
        for title in 0..20_u64 {
            folded.add(scramble(title), &format!("title {title}"));
        }
        let first = folded.tell().sample;
        assert_eq!((first.len(), first[0].as_str()), (SAMPLE, "title 0"));
        folded.add(scramble(0), "title 0");
        assert!(folded.tell().sample.is_empty(), "told already");
        folded.add(scramble(77), "title 77");
        assert_eq!(folded.tell().sample, ["title 77"]);
        folded.clear();
        assert_eq!(folded.tell(), super::StormDetail::default());
    }
}
