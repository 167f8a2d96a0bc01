//! Who may look at the inbox and change it.
//!
//! Owns the check of `Host`, `Origin` and `Sec-Fetch-Site`. Pure. Invariant: no page of another
//! origin reads an incident or changes one. A name of its own for this machine does not help it,
//! since a `Host` must be an address or `localhost`, which no one else can point elsewhere.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, header};

/// Why this request is turned away, in words; what is asked of the API must not come from
/// another site at all.
pub(super) fn refusal(headers: &HeaderMap, is_api: bool) -> Option<String> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("no text"));
    let Some(host) = text(header::HOST.as_str()).filter(|host| is_address(host)) else {
        let found = if headers.contains_key(header::HOST) { "a name" } else { "none" };
        return Some(format!("expected an address or localhost as host, found {found}"));
    };
    if !is_api {
        return None;
    }
    let own = |origin: &str| origin.strip_prefix("http://") == Some(host);
    if text(header::ORIGIN.as_str()).is_some_and(|origin| !own(origin)) {
        return Some("expected a request of this page, found another origin".to_owned());
    }
    let fetched = text("sec-fetch-site");
    if fetched.is_some_and(|from| !matches!(from, "same-origin" | "none")) {
        return Some("expected a request of this page, found another site".to_owned());
    }
    None
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
