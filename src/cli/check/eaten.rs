//! What a shell, a file or a person has done to a webhook on its way.
//!
//! Invariant: says what it looks like, never what it is.

use std::env;

use crate::env::{TOKEN, WEBHOOK_URL, WEBHOOK_URL_FILE, read};

/// What has happened to the variables that hold a webhook, a sentence each.
pub(super) fn eaten() -> Vec<String> {
    let value = |name| env::var(name).ok().and_then(|value| guess(name, &value));
    let file = env::var(WEBHOOK_URL_FILE).ok().and_then(|path| read(&path).ok());
    // White space at its end is taken off.
    let file = file.and_then(|text| guess(WEBHOOK_URL_FILE, text.trim_ascii_end()));
    [WEBHOOK_URL, TOKEN].into_iter().filter_map(value).chain(file).collect()
}

fn guess(name: &str, value: &str) -> Option<String> {
    let text = value.trim();
    let quote = |c| text.starts_with(c) || text.ends_with(c);
    let why = if text.contains('$') {
        "has a $ in it: a variable was not put in, since it stood in single quotes, or no shell \
         has seen it"
    } else if text.contains("{token}") || text.contains("%7Btoken%7D") {
        "has {token} in it: put your token in its place"
    } else if text.contains('<') || text.contains('>') {
        "has < or > in it: put your token in the place of both and what is between"
    } else if name != TOKEN && text.contains("//push-events") {
        "has no token: a shell has put in a variable that is not set"
    } else if quote('"') || quote('\'') {
        "has quotes around it: in a file they are part of the value"
    } else if value != text {
        "has white space around it"
    } else if name == TOKEN && text.contains('/') {
        "is a URL, or a part of one: SPIKE_TOKEN is the token alone, SPIKE_WEBHOOK_URL the whole"
    } else if name != TOKEN && !text.contains('/') {
        "is no URL: SPIKE_TOKEN is for the token alone"
    } else {
        return None;
    };
    Some(format!("{name} {why}"))
}

#[cfg(test)]
mod tests {
    use super::{TOKEN, WEBHOOK_URL, guess};

    #[test]
    fn what_a_shell_has_eaten_is_told_and_never_shown() {
        for (name, value, said) in [
            (WEBHOOK_URL, "https://hooks.spike.sh/$S3cretT0ken/push-events", "has a $ in it"),
            (WEBHOOK_URL, "https://hooks.spike.sh/{token}/push-events", "has {token} in it"),
            (WEBHOOK_URL, "https://hooks.spike.sh//push-events", "has no token"),
            (WEBHOOK_URL, "\"https://hooks.spike.sh/S3cretT0ken/push-events\"", "has quotes"),
            (WEBHOOK_URL, "https://hooks.spike.sh/S3cretT0ken/push-events\n", "has white space"),
            (WEBHOOK_URL, "S3cretT0ken", "is no URL"),
            (TOKEN, "https://hooks.spike.sh/S3cretT0ken/push-events", "is a URL"),
            (TOKEN, "<S3cretT0ken>", "has < or >"),
        ] {
            let found = guess(name, value).unwrap();
            assert!(found.starts_with(&format!("{name} {said}")), "{found}");
            assert!(!found.contains("S3cret"), "{found}");
        }
        assert_eq!(guess(WEBHOOK_URL, "https://hooks.spike.sh/S3cretT0ken/push-events"), None);
        assert_eq!(guess(TOKEN, "S3cretT0ken"), None);
    }
}
