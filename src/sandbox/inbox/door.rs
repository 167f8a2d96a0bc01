//! Who may look at the inbox and change it.
//!
//! Owns the check of `Host`, `Origin` and `Sec-Fetch-Site`. Pure. Invariant: no page of another
//! origin reads an incident or changes one. A name of its own for this machine does not help it,
//! since a `Host` must be an address or `localhost`, which no one else can point elsewhere.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// Why this request is turned away, in words. A link to the page may be on any site; what is
/// asked of the API may not come from one.
pub(super) fn refusal(headers: &HeaderMap, is_api: bool) -> Option<&'static str> {
    if !is_address(host(headers)) {
        return Some("expected an address or localhost as host, found none or a name");
    }
    let from_elsewhere = is_api && is_foreign(headers);
    from_elsewhere.then_some("expected a request of this page, found another origin")
}

/// Whether a browser sent this for a page that is not ours. What is no browser says nothing of an
/// origin.
pub(in crate::sandbox) fn is_foreign(headers: &HeaderMap) -> bool {
    let host = host(headers);
    let own = |origin: &str| origin.strip_prefix("http://") == Some(host) && is_address(host);
    let fetched = text(headers, "sec-fetch-site");
    text(headers, "origin").is_some_and(|origin| !own(origin))
        || fetched.is_some_and(|from| !matches!(from, "same-origin" | "none"))
}

fn host(headers: &HeaderMap) -> &str {
    text(headers, "host").unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("no text"))
}

/// Whether a `Host` is a literal address or `localhost`, on whatever port: behind a forwarded
/// port it is another one.
fn is_address(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let address = rest.split_once(']').map(|(address, _)| address);
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn a_host_is_an_address_and_no_name() {
        for host in ["127.0.0.1:4774", "localhost", "LOCALHOST:1", "[::1]:4774", "10.0.0.7"] {
            assert!(is_address(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:4774", "127.0.0.1.nip:80", "", "[x]"] {
            assert!(!is_address(host), "{host}");
        }
    }
}
