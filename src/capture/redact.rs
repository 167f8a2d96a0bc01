//! What must not leave the process in a text: here, our own token, by exact match.
//!
//! Invariant: scrubbing comes before cutting, so no cut leaves half a token behind. Never
//! allocates when there is nothing to remove.

use secrecy::SecretString;

use crate::webhook;

/// Removes the token it knows from texts.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    token: Option<SecretString>,
}

impl Scrubber {
    pub(crate) fn new(token: Option<SecretString>) -> Self {
        Self { token }
    }

    /// Replaces the token wherever it stands in `text` from byte `from` on; tells whether it did.
    pub(crate) fn scrub(&self, text: &mut String, from: usize) -> bool {
        self.token.as_ref().is_some_and(|token| webhook::scrub(token, text, from))
    }
}

#[cfg(test)]
mod tests {
    use super::Scrubber;

    #[test]
    fn f094_our_own_token_is_removed_wherever_it_stands() {
        let scrubber = Scrubber::new(Some("abcdEFGH1234".into()));
        let mut text = "posting to /abcdEFGH1234/push-events, abcdEFGH1234abcdEFGH1234".to_owned();
        scrubber.scrub(&mut text, 0);
        assert_eq!(text, "posting to /REDACTED/push-events, REDACTEDREDACTED");
        let mut text = "abcdEFGH123 is not it".to_owned();
        scrubber.scrub(&mut text, 0);
        assert_eq!(text, "abcdEFGH123 is not it");
    }
}
