//! What is printed on stderr, and when: one line a minute at most, and one when paging ends.
//!
//! Pure: time is an argument. Invariant: what is held back is told in the next line, the first few
//! in full and the rest by number.

use std::time::Duration;

/// Between two lines.
pub(crate) const EVERY: Duration = Duration::from_secs(60);
/// Sentences of a line at most.
const MOST: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// When the last line was printed.
    printed: Option<Duration>,
    held: Vec<String>,
    /// Sentences beyond those.
    more: usize,
}

impl Lines {
    /// A sentence is to be printed. One that waits already is not said twice.
    pub(crate) fn add(&mut self, sentence: String) {
        if self.held.contains(&sentence) {
            return;
        }
        if self.held.len() < MOST {
            self.held.push(sentence);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// The line that is to be printed now.
    pub(crate) fn take(&mut self, now: Duration) -> Option<String> {
        if self.wake()? > now {
            return None;
        }
        self.printed = Some(now);
        self.rest()
    }

    /// When there is a line to print.
    pub(crate) fn wake(&self) -> Option<Duration> {
        let at = self.printed.map_or(Duration::ZERO, |printed| printed.saturating_add(EVERY));
        (!self.held.is_empty()).then_some(at)
    }

    /// What is held back, whenever that is: nothing comes after it.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let mut line = std::mem::take(&mut self.held).join("; ");
        let more = std::mem::take(&mut self.more);
        if more > 0 {
            line.push_str(&format!("; and {more} more"));
        }
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERY, Lines, MOST};
    use std::time::Duration;

    #[test]
    fn there_is_one_line_a_minute_and_it_tells_all_that_came() {
        let (mut lines, at) = (Lines::default(), Duration::from_secs(7));
        assert_eq!((lines.wake(), lines.take(at)), (None, None));
        lines.add("one".into());
        assert_eq!(lines.take(at), Some("one".into()), "the first at once");
        for sentence in ["two", "three", "two"] {
            lines.add(sentence.into());
        }
        assert_eq!((lines.take(at), lines.wake()), (None, Some(at + EVERY)));
        assert_eq!(lines.take(at + EVERY), Some("two; three".into()));
        for number in 0..MOST + 5 {
            lines.add(number.to_string());
        }
        let line = lines.rest().unwrap();
        assert!(line.starts_with("0; 1; ") && line.ends_with("; 7; and 5 more"), "{line}");
        assert_eq!((lines.rest(), lines.wake()), (None, None));
    }
}
