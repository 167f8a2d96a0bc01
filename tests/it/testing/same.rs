//! What the kit says is what Spike is told: the same events, to the kit and to the sandbox.

use serde_json::Value as Json;
use tracing_spike::sandbox::Sandbox;
use tracing_subscriber::Registry;

use super::*;

/// What a payload says, but for when and from which thread of which process.
fn told(mut payload: Json) -> Json {
    let times = ["first", "last"];
    let of_process = ["thread", "host", "pid"];
    for (part, names) in [("occurrences", &times[..]), ("source", &of_process)] {
        for name in names {
            payload["body"][part][name].take();
        }
    }
    payload
}

/// A bad day, with all that can become of an event; `settled` returns when what is pending is sent.
fn day(handle: &Handle, settled: &dyn Fn()) {
    let span = tracing::info_span!("request", tenant = "acme").entered();
    for order in 0..3 {
        error!(order, password = "hunter2", "card of order {order} declined");
    }
    settled();
    warn!("cache is cold");
    warn!(target: "billing", "invoice is late");
    settled();
    for _ in 0..4 {
        error!(target: "shop::cache", "no node");
        settled();
    }
    let cause = std::io::Error::other("connection refused");
    error!(error = &cause as &dyn std::error::Error);
    settled();
    drop(span);
    error!({ spike.severity = "sev9", spike.title = "odd" }, "never mind");
    settled();
    error!({ spike.severity = "sev1", spike.title = "odd" }, "more severe");
    settled();
    info!(target: "billing", { spike.status = "resolve" }, "invoice is late");
    settled();
    warn!(target: "billing", "invoice is late");
    settled();
    handle.trigger(Incident::new("by hand").priority(Priority::P3).field("rows", 7)).unwrap();
    settled();
    handle.resolve("by hand").unwrap();
    settled();
    handle.resolve("never opened").unwrap();
    settled();
    for name in ["ann", "bob", "eve", "joe", "kim", "lee"] {
        error!({ spike = true }, "plan of {name} is gone");
        settled();
    }
    handle.mute(Duration::from_secs(600));
    error!("while muted");
    settled();
}

#[test]
fn the_kit_says_what_spike_is_told() {
    let spike = spike();
    let inside = spike.enter();
    day(&spike.handle(), &|| {});
    drop(inside);
    let kit: Vec<_> = spike.pages().into_iter().map(|page| told(page.json().clone())).collect();

    let sandbox = Sandbox::start().unwrap();
    let builder = tracing_spike::builder(sandbox.webhook_url());
    let (layer, guard) = paging(builder).build::<Registry>().unwrap();
    let handle = guard.handle();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        day(&handle, &|| assert!(handle.flush(Duration::from_secs(20)).is_complete()));
    });
    let live: Vec<_> = sandbox.requests().iter().map(|sent| told(sent.json().unwrap())).collect();
    assert_eq!(kit.len(), 17, "{kit:#?}");
    for (kit, live) in kit.iter().zip(&live) {
        assert_eq!(kit, live);
    }
    assert_eq!(kit.len(), live.len());
    let (mut kit, mut live) = (spike.handle().stats(), handle.stats());
    (kit.muted_for, live.muted_for) = (None, None);
    assert_eq!(kit, live);
}

/// What a random program does at one moment.
fn act(handle: &Handle, random: u64) {
    let title = ["one", "two", "three", "four"][usize::try_from(random % 4).unwrap()];
    let number = random / 4 % 7;
    match random / 64 % 8 {
        0..=2 => error!(number, spike.title = title),
        3 => error!(spike.severity = "sev1", spike.title = title),
        4 => error!(target: "billing", number, "row {number} is bad"),
        5 => info!(spike.status = "resolve", spike.title = title),
        6 => handle.trigger(Incident::new(title).field("number", number)).unwrap(),
        _ => handle.resolve(title).unwrap(),
    }
}

#[test]
fn the_kit_says_what_spike_is_told_whatever_the_program_does() {
    let habits = |builder| paging(builder).budget(1_000, 1_000);
    for seed in 1..=20_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let acts: Vec<u64> = std::iter::repeat_with(|| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random >> 8
        })
        .take(60)
        .collect();
        let play = |handle: &Handle| {
            for random in &acts {
                act(handle, *random);
                assert!(handle.flush(Duration::from_secs(20)).is_complete());
            }
        };
        let spike = Spike::new(habits).unwrap();
        let inside = spike.enter();
        play(&spike.handle());
        drop(inside);
        let kit: Vec<_> = spike.pages().iter().map(|page| told(page.json().clone())).collect();

        let sandbox = Sandbox::start().unwrap();
        let builder = habits(tracing_spike::builder(sandbox.webhook_url()));
        let (layer, guard) = builder.build::<Registry>().unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            play(&guard.handle());
        });
        let live = sandbox.requests();
        let live: Vec<_> = live.iter().map(|sent| told(sent.json().unwrap())).collect();
        assert!(kit.len() > 10, "seed {seed}: {kit:#?}");
        assert_eq!(kit, live, "seed {seed}");
    }
}
