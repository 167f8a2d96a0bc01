use super::Webhook;

#[test]
fn what_spike_hands_out_and_the_sandbox_are_accepted() {
    let table = [
        ("https://hooks.spike.sh/abcd1234EFGH/push-events", "https://hooks.spike.sh", false),
        ("https://relay.example:8443/a_b-cdefgh/push-events", "https://relay.example:8443", false),
        ("https://127.0.0.1:4000/abcd1234/push-events", "https://127.0.0.1:4000", false),
        ("http://127.0.0.1:4000/abcd1234/push-events", "http://127.0.0.1:4000", true),
        ("http://127.8.9.1/abcd1234/push-events", "http://127.8.9.1", true),
        ("http://[::1]:4000/abcd1234/push-events", "http://[::1]:4000", true),
    ];
    for (url, place, plain) in table {
        let webhook = Webhook::parse(url, "builder(url)").unwrap();
        assert_eq!((webhook.place(), webhook.is_plain()), (place, plain));
    }
}

#[test]
fn f028_f029_what_could_leak_or_be_misread_is_rejected_without_its_value() {
    let token = "S3cretT0kenS3cret";
    let urls = [
        format!("http://hooks.spike.sh/{token}/push-events"),
        format!("https://user:{token}@hooks.spike.sh/{token}/push-events"),
        format!("https://hooks.spike.sh/{token}/push-events?x={token}"),
        format!("https://hooks.spike.sh/{token}/push-events#x"),
        format!("https://hooks.spike.sh/{token}/../push-events"),
        format!("https://hooks.spike.sh/{token}%2f/push-events"),
        format!("https://hooks.spike.sh/{token}\r\n/push-events"),
        format!("https://hooks.spike.sh/{token}\0/push-events"),
        format!("https://hooks.spike.sh/{token}é/push-events"),
        format!(" https://hooks.spike.sh/{token}/push-events"),
        format!("https://hooks.spike.sh/{token}/push-events/"),
        format!("https://hooks.spike.sh/{token}/push-events/{token}"),
        format!("https://hooks.spike.sh/{token}"),
        format!("https://hooks.spike.sh//{token}/push-events"),
        format!("https://hooks.spike.sh\\{token}/push-events"),
        format!("https:///{token}/push-events"),
        format!("https://[::1/{token}/push-events"),
        format!("ftp://hooks.spike.sh/{token}/push-events"),
        format!("hooks.spike.sh/{token}/push-events"),
        format!("http://localhost:4000/{token}/push-events"),
        format!("http://127.0.0.1.example/{token}/push-events"),
        format!("http://10.0.0.1/{token}/push-events"),
        format!("https://hooks.spike.sh/{}/push-events", token.repeat(8)),
        "https://hooks.spike.sh/S3cret/push-events".to_owned(),
        String::new(),
    ];
    for url in urls {
        let error = Webhook::parse(&url, "SPIKE_WEBHOOK_URL").unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("S3cret"), "{url}: {said}");
        assert!(said.contains("SPIKE_WEBHOOK_URL") && error.is_config(), "{url}: {said}");
    }
}

#[test]
fn f029_localhost_is_answered_with_what_to_write() {
    let url = "http://localhost:4000/abcd1234/push-events";
    let error = Webhook::parse(url, "builder(url)").unwrap_err();
    assert!(error.to_string().contains("write 127.0.0.1"), "{error}");
}

#[test]
fn a_bare_token_becomes_spikes_webhook_and_a_url_in_its_place_is_refused() {
    let webhook = Webhook::with_token("abcd1234EFGH", "SPIKE_TOKEN").unwrap();
    assert_eq!(webhook.expose_url(), "https://hooks.spike.sh/abcd1234EFGH/push-events");
    for token in ["https://hooks.spike.sh/abcd1234/push-events", "../../x", "a/b", ""] {
        assert!(Webhook::with_token(token, "SPIKE_TOKEN").unwrap_err().is_config());
    }
}

#[test]
fn debug_shows_the_place_and_no_secret() {
    let url = "https://hooks.spike.sh/abcd1234EFGH/push-events";
    let shown = format!("{:?}", Webhook::parse(url, "builder(url)").unwrap());
    assert!(shown.contains("hooks.spike.sh") && !shown.contains("abcd1234"), "{shown}");
}
