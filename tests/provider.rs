//! A rustls provider that is missing, in a process of its own: nothing here can take back that one
//! was installed.

#![cfg(all(feature = "rustls-no-provider", not(any(feature = "rustls", feature = "native-tls"))))]

use tracing_subscriber::Registry;

#[test]
fn f064_a_provider_that_is_missing_is_an_error_and_no_panic() {
    let build = |place: &str| {
        let url = format!("{place}/0123456789ab/push-events");
        tracing_spike::builder(url).build::<Registry>().map(drop)
    };
    // Of http, too: the client is made for both.
    let places = ["https://relay.example", "http://127.0.0.1:1"];
    for place in places {
        let error = build(place).unwrap_err();
        let said = error.to_string();
        assert!(error.is_config() && said.contains("install_default() before"), "{said}");
    }
    rustls::crypto::ring::default_provider().install_default().unwrap();
    places.into_iter().for_each(|place| build(place).unwrap());
}
