//! What must not leave the process in a text: here, our own tokens, by exact match.
//!
//! Invariant: scrubbing comes before cutting, so no cut leaves half a token behind. Never
//! allocates when there is nothing to remove.

use crate::webhook::Tokens;

/// Removes the tokens it knows from texts.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    tokens: Tokens,
}

impl Scrubber {
    pub(crate) fn new(tokens: Tokens) -> Self {
        Self { tokens }
    }

    /// Replaces the tokens wherever they stand in `text` from byte `from` on; tells whether there
    /// were any.
    pub(crate) fn scrub(&self, text: &mut String, from: usize) -> bool {
        self.tokens.scrub(text, from)
    }
}

#[cfg(test)]
mod tests {
    use super::Scrubber;
    use crate::webhook::Tokens;

    #[test]
    fn f094_our_own_tokens_are_removed_wherever_they_stand() {
        let tokens = ["abcdEFGH1234", "abcdEFGH", "12345678"].map(Into::into);
        let scrubber = Scrubber::new(Tokens::new(tokens.to_vec()));
        let mut text = "posting to /abcdEFGH1234/push-events, abcdEFGH1234abcdEFGH1234".to_owned();
        assert!(scrubber.scrub(&mut text, 0));
        assert_eq!(text, "posting to /REDACTED/push-events, REDACTEDREDACTED");
        let mut text = "abcdEFGH, 12345678, abcdEFGH".to_owned();
        assert!(scrubber.scrub(&mut text, 1));
        assert_eq!(text, "abcdEFGH, REDACTED, REDACTED");
        let mut text = "abcdEFG123 1234567 is not it".to_owned();
        assert!(!scrubber.scrub(&mut text, 0));
        assert_eq!(text, "abcdEFG123 1234567 is not it");
    }
}
