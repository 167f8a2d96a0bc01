//! What a program may say: secrets, and data that is long, deep, hidden or hostile.

use std::{error::Error as _, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tracing::{Dispatch, dispatcher::with_default, error, error_span, info};
use tracing_spike::{
    Builder, Incident,
    sandbox::{self, Sandbox},
    title::Titles,
};
use tracing_subscriber::{Registry, prelude::*};

use crate::rig::{DEADLINE, Rig, TOKEN, rig, rig_with};

/// Longest body, in bytes, as documented.
const BODY: usize = 32 * 1024;

/// A secret that no rule of shape knows.
const WORD: &str = "plain-Hunter-two";

/// Fails if any request of the rig holds `secret`.
fn assert_unsent(rig: &Rig, secret: &str) {
    for request in rig.sandbox.requests() {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        assert!(!body.contains(secret), "{secret} is in {body}");
    }
}

fn trigger(rig: &Rig, incident: Incident) -> Value {
    rig.handle().trigger(incident).unwrap();
    rig.flush();
    rig.sandbox.incidents().last().unwrap().body().clone()
}

/// The titles, in the order in which they came.
fn titles(rig: &Rig) -> Vec<String> {
    rig.sandbox.requests().iter().filter_map(|request| request.title().map(str::to_owned)).collect()
}

// === secrets ===

#[test]
fn f091_a_secret_is_redacted_wherever_it_stands() {
    let rig = rig();
    let key = "ghp_Fake0123456789Fake0123456789Fake0123";
    rig.run(|| {
        let _request = error_span!("request", url = %format!("https://u:{WORD}@x/"), key).entered();
        error!(
            password = WORD,
            nested = %format!("{{\"client_secret\":\"{WORD}\"}}"),
            debug = ?Some(key),
            pin = 1234,
            auth = true,
            tokens_used = 7,
            "login with password={WORD} failed"
        );
        let refused = std::io::Error::other(format!("token: {key} is expired"));
        error!(spike = true, error = &refused as &dyn std::error::Error, "could not log in");
        error!(spike.title = %format!("key {key} is refused"), "x");
        error!(target: "shop of ghp_Fake0123456789Fake0123456789Fake0123", "the target");
    });
    rig.flush();
    assert_unsent(&rig, WORD);
    assert_unsent(&rig, key);
    let incidents = rig.sandbox.incidents();
    let find = |part: &str| incidents.iter().find(|i| i.title().contains(part)).unwrap();
    let login = find("login with password");
    assert_eq!(login.body()["message"], "login with password=[redacted] failed");
    let expected = json!({
        "password": "[redacted]", "nested": "{\"client_secret\":\"[redacted]\"}",
        "debug": "Some(\"[redacted]\")", "pin": "[redacted]", "auth": true, "tokens_used": 7,
    });
    assert_eq!(login.body()["fields"], expected);
    assert_eq!(login.body()["span"]["fields"]["url"], "https://u:[redacted]@x/");
    assert_eq!(login.body()["notes"]["redacted"], 7);
    assert_eq!(find("could not log in").body()["error"]["message"], "token: [redacted] is expired");
}

#[test]
fn f091_a_title_does_not_move_with_a_secret() {
    let rig = rig();
    rig.run(|| {
        for secret in ["hunter2", "correct horse", "Zr8!kk2", "x", "a,b", "\u{fc}ber"] {
            error!("login with password={secret:?} failed");
            error!("could not reach postgres://app:{}@db/shop", secret.replace(' ', ""));
        }
    });
    rig.flush();
    let mut titles: Vec<String> =
        rig.sandbox.incidents().iter().map(|incident| incident.title().to_owned()).collect();
    titles.sort();
    assert_eq!(titles.len(), 2, "{titles:?}");
    // The twin: they say what has happened.
    assert!(titles[1].starts_with("login with password="), "{titles:?}");
}

#[test]
fn f091_what_a_program_pages_by_hand_is_redacted_and_resolves() {
    let rig = rig();
    let title = format!("login with password={WORD} failed");
    let incident = Incident::new(&title)
        .field("credentials", json!({ "user": "ann-7", "retries": 3 }))
        .field(
            "request",
            json!({ "headers": [{ "X-Api-Key": WORD }], "ok": true, "size": 12345678 }),
        )
        .field("log", format!("Cookie: sid={WORD}"))
        .field("pin", 4711)
        .field("by_token", json!({ "ghp_Fake0123456789Fake0123456789Fake0123": 1 }));
    let body = trigger(&rig, incident);
    let expected = json!({
        "credentials": { "user": "[redacted]", "retries": 3 },
        "request": { "headers": [{ "X-Api-Key": "[redacted]" }], "ok": true, "size": 12_345_678 },
        "log": "Cookie: [redacted]",
        "pin": "[redacted]",
        "by_token": { "[redacted]": 1 },
    });
    assert_eq!(body["fields"], expected);
    assert_eq!(body["notes"]["redacted"], 5);
    rig.handle().resolve(&title).unwrap();
    rig.flush();
    let titles = titles(&rig);
    assert_eq!(titles[0], titles[1]);
    assert_unsent(&rig, WORD);
}

#[test]
fn f091_names_can_be_added_or_all_but_some_hidden_or_redaction_switched_off() {
    let work = || {
        let _span = error_span!("request", tenant = "acme", order = 7).entered();
        error!(iban = WORD, x_patient_id = 12, order_id = 4711, secret = WORD, "api_key={WORD}");
    };
    let fields = |set: fn(Builder) -> Builder| {
        let incident = rig_with(set).paged_one(work);
        let body = incident.body();
        (body["fields"].clone(), body["span"]["fields"].clone(), body["message"].clone())
    };
    let (own, of_span, message) = fields(|builder| builder.redact(["IBAN"]).redact(["patient-id"]));
    let hidden = "[redacted]";
    assert_eq!(
        own,
        json!({ "iban": hidden, "x_patient_id": hidden, "order_id": 4711, "secret": hidden })
    );
    assert_eq!(
        (of_span, message),
        (json!({ "tenant": "acme", "order": 7 }), json!("api_key=[redacted]"))
    );
    let (own, of_span, message) = fields(|builder| builder.redact_all_but(["order_id", "tenant"]));
    assert_eq!(
        own,
        json!({ "iban": hidden, "x_patient_id": hidden, "order_id": 4711, "secret": hidden })
    );
    assert_eq!(of_span, json!({ "tenant": "acme", "order": hidden }));
    assert_eq!(message, "api_key=[redacted]");
    let (own, _, message) = fields(Builder::redact_off);
    assert_eq!(own, json!({ "iban": WORD, "x_patient_id": 12, "order_id": 4711, "secret": WORD }));
    assert_eq!(message, format!("api_key={WORD}"));
}

#[test]
fn f091_settings_of_redaction_are_checked() {
    let said = |set: &dyn Fn(Builder) -> Builder| {
        let built = set(tracing_spike::builder("http://127.0.0.1:1/abcdefgh1234/push-events"));
        let error = built.build::<Registry>().map(drop).unwrap_err();
        assert!(error.is_config() && error.source().is_none(), "{error:?}");
        error.to_string()
    };
    let many = |count: usize| (0..count).map(|n| format!("name{n}")).collect::<Vec<_>>();
    let table: [(&dyn Fn(Builder) -> Builder, &str); 6] = [
        (&|builder| builder.redact(["id"]), "redact: expected names of 3 to 40"),
        (&|builder| builder.redact(["schlüssel"]), "redact: expected names of 3 to 40"),
        (&|builder| builder.redact(many(65)), "redact: expected 64 names at most, found 65"),
        (&|builder| builder.redact_all_but([""]), "redact_all_but: expected names of fields"),
        (&|builder| builder.redact_all_but(many(129)), "redact_all_but: expected 128 fields"),
        (
            &|builder| builder.redact_all_but(["order"]).group_by(["tenant"]),
            "redact_all_but: expected what group_by names among its fields, found no \"tenant\"",
        ),
    ];
    for (set, expected) in table {
        let said = said(set);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn f094_our_own_token_is_removed_even_when_redaction_is_off() {
    let rig = rig_with(Builder::redact_off);
    // That the token is in no request is asserted at the end of every test.
    let title = format!("posting to /{TOKEN}/push-events failed");
    let body = trigger(&rig, Incident::new(&title).field("hook", TOKEN));
    assert_eq!(body["message"], "posting to /REDACTED/push-events failed");
    assert_eq!(body["fields"]["hook"], "REDACTED");
    rig.handle().resolve(&title).unwrap();
    rig.flush();
    let titles = titles(&rig);
    assert_eq!(titles[0], titles[1]);
}

// === long, deep, many ===

#[test]
fn f083_a_title_of_any_length_and_kind_is_the_same_for_its_resolve() {
    let rig = rig();
    let long = "word ".repeat(250_000);
    let exact = "é".repeat(200);
    let over = format!("{exact}é");
    let family = "👩\u{200d}👩\u{200d}👧".repeat(60);
    let marks = format!("e{}", "\u{301}".repeat(5_000));
    let given = ["x", " \t x \n ", &long, &exact, &over, &family, &marks, "a\u{301}"];
    for title in given {
        rig.run(|| error!(spike.title = title, "x"));
        rig.flush();
        rig.run(|| info!(spike.status = "resolve", spike.title = title, "x"));
        rig.flush();
    }
    let titles = titles(&rig);
    assert_eq!(titles.len(), 2 * given.len());
    for pair in titles.chunks(2) {
        assert_eq!(pair[0], pair[1]);
        assert!((1..=200).contains(&pair[0].chars().count()), "{pair:?}");
    }
    // One that is too long keeps its beginning, and its own hash.
    let cut = &titles[8];
    assert!(cut.starts_with("ééé") && *cut != titles[6], "{cut}");
}

#[test]
fn f083_a_title_is_never_empty_and_holds_no_line_number() {
    let rig = rig();
    rig.run(|| {
        for nothing in ["", " ", "\n\t", "\u{200b}\u{202e}"] {
            error!(spike.title = nothing, order = 7, "{nothing}");
        }
        error!(order = 7);
        error!("");
    });
    rig.flush();
    for incident in rig.sandbox.incidents() {
        let title = incident.title();
        assert!(title.starts_with("error") && title.ends_with("in it::data"), "{title:?}");
        assert!(!title.contains(".rs") && !title.contains(|c: char| c.is_ascii_digit()), "{title}");
    }
    assert!(rig.handle().trigger(Incident::new(" \u{200b}")).is_err());
}

#[test]
fn f084_a_mebibyte_is_cut_in_little_time_and_a_hundred_of_them_too() {
    // No rig: its `fmt` layer would write all of it.
    let sandbox = Sandbox::start().unwrap();
    let (spike, guard) = tracing_spike::builder(sandbox.url_for(TOKEN)).build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(spike));
    let (message, field) = ("m".repeat(1 << 20), "f".repeat(100 << 20));
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
    };
    let times = with_default(&dispatch, || {
        error!("warms this thread up");
        let took = |_| {
            let start = now();
            error!(spike = true, field = field.as_str(), also = message.as_str(), "{message}");
            now().saturating_sub(start)
        };
        (0..5).map(took).collect::<Vec<_>>()
    });
    assert!(guard.handle().flush(DEADLINE).is_complete());
    for request in sandbox.requests() {
        assert!(request.body().len() <= BODY, "{}", request.body().len());
    }
    let incidents = sandbox.incidents();
    let cut = |incident: &sandbox::Incident| incident.body()["notes"]["cut"].clone();
    assert!(incidents.iter().any(|incident| cut(incident) == "message, field, also"));
    let slowest = times.iter().max().unwrap();
    assert!(*slowest <= Duration::from_millis(5), "{times:?}");
}

#[test]
fn f085_fields_beyond_the_cap_odd_names_and_duplicates_are_no_trouble() {
    let rig = rig();
    let mut incident = Incident::new("too many fields");
    for field in 0..10_000 {
        incident = incident.field(format!("field {field}"), field);
    }
    let body = trigger(&rig, incident);
    assert_eq!(body["fields"].as_object().unwrap().len(), 64);
    assert_eq!(body["notes"]["omitted_fields"], 10_000 - 64);
    let twice = Incident::new("twice").field("a", 1).field("a", 2).field("", 3).field("a.b", 4);
    assert_eq!(trigger(&rig, twice)["fields"], json!({ "a": 2, "_": 3, "a_b": 4 }));
    let raw = rig.paged(|| error!(r#type = "raw", http.status = 500, "odd names"));
    let raw = raw.iter().find(|incident| incident.title().starts_with("odd")).unwrap();
    assert_eq!(raw.body()["fields"], json!({ "type": "raw", "http_status": 500 }));
}

#[test]
fn f086_what_is_nested_is_cut_at_eight_levels_and_sixty_four_entries() {
    let rig = rig();
    let mut deep = json!("bottom");
    for _ in 0..10_000 {
        deep = Value::Array(vec![deep]);
    }
    let wide: Value = (0..100_000).collect();
    let map: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("{n:06}"), n.into())).collect();
    let text = "{\"a\":".repeat(100);
    let incident = Incident::new("nested")
        .field("deep", deep)
        .field("wide", wide)
        .field("map", map)
        .field("text", text.as_str());
    let body = trigger(&rig, incident);
    let kept = (0..8).fold(json!("..."), |inner, _| json!([inner]));
    assert_eq!(body["fields"]["deep"], kept);
    assert_eq!(body["fields"]["wide"].as_array().unwrap().len(), 64);
    assert_eq!(body["fields"]["map"].as_object().unwrap().len(), 64);
    // JSON inside of a text is a text.
    assert_eq!(body["fields"]["text"], text);
    assert_eq!(body["notes"]["cut"], "what is nested deeper than 8 or wider than 64");
    // Twin: what fits has no note.
    let fits = Incident::new("fits").field("a", json!({ "b": [{ "c": [1, 2, 3] }] }));
    assert_eq!(trigger(&rig, fits).get("notes"), None);
}

// === hidden and hostile ===

#[test]
fn f087_what_nobody_sees_is_in_no_title_and_replaced_in_the_body() {
    let hidden = [
        '\0',
        '\u{7}',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{2028}',
        '\u{2029}',
        '\u{202e}',
        '\u{2066}',
        '\u{200b}',
        '\u{200f}',
        '\u{feff}',
        '\u{e0041}',
    ];
    let rig = rig();
    let text: String =
        hidden.iter().flat_map(|c| ['a', *c]).chain("b\r\n\u{fffd}".chars()).collect();
    let bytes = String::from_utf8_lossy(b"\xff\xfe\xed\xa0\x80").into_owned();
    rig.run(|| error!(text, ansi = "\u{1b}[31mred\u{1b}[0m", bytes, "one {text} two"));
    let manual = Incident::new(format!("by hand {text}")).field(&text, json!([{ "x": text }]));
    rig.handle().trigger(manual).unwrap();
    rig.flush();
    assert_eq!(rig.sandbox.requests().len(), 2);
    for request in rig.sandbox.requests() {
        let raw = String::from_utf8(request.body().to_vec()).unwrap();
        assert!(!raw.contains(hidden), "{raw}");
        // Nor does a reader of the JSON get one.
        let mut left = vec![request.json().unwrap()];
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => assert!(!text.contains(hidden), "{text:?}"),
                Value::Array(items) => left.extend(items),
                Value::Object(map) => {
                    assert!(map.keys().all(|name| !name.contains(hidden)), "{map:?}");
                    left.extend(map.into_iter().map(|(_, value)| value));
                }
                _ => {}
            }
        }
        assert!(!request.title().unwrap().contains(char::is_control), "{raw}");
    }
    let body = rig.sandbox.incidents().into_iter().find(|i| i.title().starts_with("one")).unwrap();
    assert_eq!(body.body()["fields"]["ansi"], "\u{fffd}[31mred\u{fffd}[0m");
    assert!(body.body()["message"].as_str().unwrap().contains("b\r\n"));
}

#[test]
fn f088_markup_templates_and_links_are_harmless_in_a_title() {
    let rig = rig();
    let table = [
        "<!channel> disk is full",
        "<@U1> disk is full",
        "@everyone and @here: disk is full",
        "**disk** `is` <b>full</b>",
        "{{handlebars}} {% tag %} disk is full",
        "disk is full: see https://spike.example/login and http://10.0.0.1/x",
        "<script>alert(1)</script> disk is full",
    ];
    for text in table {
        rig.run(|| {
            error!(spike.title = text, "x");
            error!("{text}");
        });
        rig.handle().trigger(Incident::new(format!("by hand: {text}"))).unwrap();
    }
    rig.flush();
    let titles = titles(&rig);
    assert!(titles.len() >= 2 * table.len(), "{titles:?}");
    for title in titles {
        for bad in ["<", ">", "@everyone", "@here", "`", "{{", "}}", "{%", "://"] {
            assert!(!title.contains(bad), "{bad} is in {title}");
        }
    }
}

#[test]
fn f089_numbers_of_any_size_are_valid_json() {
    let rig = rig();
    let incident = rig.paged_one(|| {
        error!(
            nan = f64::NAN,
            inf = f64::NEG_INFINITY,
            zero = -0.0,
            large = i128::MIN,
            larger = u128::MAX,
            yes = true,
            took = ?Duration::MAX,
            "numbers"
        );
    });
    let expected = json!({
        "nan": "NaN", "inf": "-inf", "zero": -0.0,
        "large": i128::MIN.to_string(), "larger": u128::MAX.to_string(), "yes": true,
        "took": format!("{:?}", Duration::MAX),
    });
    assert_eq!(incident.body()["fields"], expected);
}

#[test]
fn f090_only_the_events_own_control_fields_have_an_effect() {
    let rig = rig();
    rig.run(|| {
        let _span = error_span!(
            "request",
            spike.status = "resolve",
            spike.severity = "sev1",
            spike.title = "forged",
            spike = false,
            status = "resolve"
        )
        .entered();
        error!(
            title = "forged",
            body = "forged",
            status = "resolve",
            severity = "sev1",
            priority = "p1",
            token = "a token",
            "status: \"resolve\", {}",
            "\",\"status\":\"resolve\""
        );
        error!(spike.severity = "catastrophic", "an unknown severity");
    });
    let manual =
        Incident::new("by hand").field("status", "resolve").field("spike.status", "resolve");
    rig.handle().trigger(manual).unwrap();
    rig.flush();
    let requests = rig.sandbox.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    for request in &requests {
        let payload = request.json().unwrap();
        let names: Vec<_> = payload.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["body", "title"], "{payload}");
        assert_ne!(payload["title"], "forged");
    }
    // The twin: the event's own have one.
    rig.run(|| error!(spike.title = "meant", spike.severity = "sev1", "x"));
    rig.flush();
    rig.run(|| info!(spike.title = "meant", spike.status = "resolve", "x"));
    rig.flush();
    let all = rig.sandbox.requests();
    let own: Vec<_> = all.iter().filter(|r| r.title() == Some("meant")).collect();
    assert_eq!(own[0].json().unwrap()["severity"], "sev1");
    assert_eq!(own[1].json().unwrap()["status"], "resolve");
}

#[test]
fn f096_titles_are_one_but_for_what_cleaning_takes_away_and_nothing_else() {
    let rig = rig();
    let opens = |one: &str, other: &str| {
        let before = rig.sandbox.incidents().len();
        rig.run(|| {
            error!(spike.title = one, "x");
            error!(spike.title = other, "x");
        });
        rig.flush();
        rig.sandbox.incidents().len() - before
    };
    // White space at the ends and in a row, control, zero-width and bidi characters, colours.
    let same = [
        ("disk one is full", "disk one is full "),
        ("disk two is full", "\tdisk  two\n is full"),
        ("disk three is full", "disk\u{a0}three is\u{2028}full"),
        ("disk four is full", "disk fo\u{200b}ur is full\u{7}\0"),
        ("disk five is full", "\u{1b}[31mdisk five\u{1b}[0m is \u{202e}full"),
    ];
    for (one, other) in same {
        assert_eq!(opens(one, other), 1, "{one:?} {other:?}");
    }
    // Case, and the form in which Unicode has composed a letter: they look alike, and are two.
    let different = [
        ("disk six is full", "Disk six is full"),
        ("caf\u{e9} is closed", "cafe\u{301} is closed"),
        ("ﬁle is gone", "file is gone"),
        ("disk seven is full", "disk seven is full."),
    ];
    for (one, other) in different {
        assert_eq!(opens(one, other), 2, "{one:?} {other:?}");
    }
}

#[test]
fn f091_what_a_thread_remembers_of_one_pipeline_is_not_told_to_another() {
    let open = rig_with(|builder| builder.group_by(["tenant"]));
    let closed = rig_with(|builder| builder.redact(["shelf"]));
    let short = rig_with(|builder| builder.titles(Titles::text().short()));
    let title = |rig: &Rig, said: &str| {
        let incident = rig.paged_one(|| {
            // Word for word as before, and again.
            for tenant in ["acme", "acme"] {
                error!(tenant, "import stopped: shelf={said}");
            }
        });
        (incident.title().to_owned(), incident.body()["message"].as_str().unwrap().to_owned())
    };
    for _ in 0..2 {
        let (titled, message) = title(&open, "amber");
        assert_eq!(titled, "import stopped: shelf=# in it::data (tenant acme)");
        assert_eq!(message, "import stopped: shelf=amber");
        let (titled, message) = title(&closed, "amber");
        assert_eq!(titled, "import stopped: shelf=# in it::data");
        assert_eq!(message, "import stopped: shelf=[redacted]");
        let (titled, message) = title(&short, "amber");
        assert_eq!(titled, "import stopped in it::data");
        assert_eq!(message, "import stopped: shelf=amber");
    }
}
