//! What may be a token, in whatever variable it stands, whether or not it is a webhook that parses.
//!
//! Invariant: rather one word too many is hidden than a token shown.

use std::env::var_os;

use secrecy::SecretString;

use crate::{
    env::{
        ENVIRONMENT, FILTER, MODE, OTEL_SERVICE_NAME, SERVICE, SPOOL, TOKEN, WEBHOOK_URL,
        WEBHOOK_URL_FILE, read,
    },
    webhook::Tokens,
};

/// A shorter one is none, and would be removed from ordinary words.
const SHORTEST: usize = 8;

/// Whatever might be one.
pub(super) fn tokens() -> Tokens {
    let value = |name| var_os(name).map(|value| value.to_string_lossy().into_owned());
    let mut found: Vec<&str> = Vec::new();
    let webhooks: Vec<String> = [WEBHOOK_URL, TOKEN].into_iter().filter_map(value).collect();
    let path = value(WEBHOOK_URL_FILE);
    let file = path.as_deref().and_then(|path| read(path).ok());
    // A URL in the place of another value, the path of that file included.
    let others = [WEBHOOK_URL_FILE, MODE, FILTER, SERVICE, OTEL_SERVICE_NAME, ENVIRONMENT, SPOOL];
    let others: Vec<String> =
        others.into_iter().filter_map(value).filter(|value| value.contains("://")).collect();
    // No file has been found by that name: it may be the token itself.
    let bare = path.as_deref().filter(|path| file.is_none() && !path.contains('/'));
    for text in webhooks.iter().chain(&others).chain(&file).map(String::as_str).chain(bare) {
        found.extend(candidates(text));
    }
    Tokens::new(found.into_iter().map(SecretString::from).collect())
}

/// The parts of a webhook that are not its host.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split_once("://").map_or(text, |(_, behind)| behind);
    // Without a path the host may be what was meant to be one.
    let has_host = behind.len() < text.len() && behind.trim_matches('/').contains('/');
    let host = behind.split('/').next().filter(|_| has_host);
    let user = host.and_then(|host| host.rsplit_once('@')).map(|(user, _)| user);
    let rest = host.and_then(|host| behind.strip_prefix(host)).unwrap_or(behind);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let parts =
        user.into_iter().chain([rest]).flat_map(move |text| text.split(move |c| !is_part(c)));
    // A name of ours stands for a value that was not put in.
    parts.filter(|part| {
        part.len() >= SHORTEST && *part != "push-events" && !part.starts_with("SPIKE_")
    })
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn a_token_is_found_in_what_is_no_webhook() {
        for text in [
            "https://hooks.spike.sh/S3cretT0ken/push-events",
            "\"hooks.spike.sh/S3cretT0ken/push-events\"",
            "https://S3cretT0ken@hooks.spike.sh/push-events",
            "https:///S3cretT0ken/push-events",
            "https://S3cretT0ken",
            "https://hooks.spike.sh/x?S3cretT0ken",
            "S3cretT0ken\n",
        ] {
            assert_eq!(candidates(text).collect::<Vec<_>>(), ["S3cretT0ken"], "{text}");
        }
        let none = "https://production.example/$SPIKE_TOKEN/push-events";
        assert_eq!(candidates(none).count(), 0);
    }
}
