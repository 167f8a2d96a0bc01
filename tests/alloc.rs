//! What a call costs the heap of the thread that makes it. A binary of its own, since counting
//! needs a global allocator.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use tracing::{Dispatch, error, info, info_span};
use tracing_spike::{
    Builder, Guard, Priority, Rule, Severity,
    sandbox::{Fault, Sandbox},
    title::Titles,
};
use tracing_subscriber::{Registry, prelude::*};

/// A pipeline whose worker is stuck: the endpoint accepts connections and never reads.
fn stuck(queue_capacity: usize) -> (Sandbox, Dispatch, Guard) {
    stuck_with(queue_capacity, |builder| builder)
}

/// The same with other settings.
fn stuck_with(
    queue_capacity: usize,
    set: impl FnOnce(Builder) -> Builder,
) -> (Sandbox, Dispatch, Guard) {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::HangBeforeRead);
    let (spike, guard) = set(tracing_spike::builder(sandbox.webhook_url()))
        .queue_capacity(queue_capacity)
        .shutdown_timeout(Duration::ZERO)
        .build::<Registry>()
        .unwrap();
    (sandbox, Dispatch::new(tracing_subscriber::registry().with(spike)), guard)
}

/// Measures the second of two runs of `work`: the first warms this thread up.
fn warm(dispatch: &Dispatch, mut work: impl FnMut()) -> AllocationInfo {
    tracing::dispatcher::with_default(dispatch, || {
        work();
        measure(work)
    })
}

#[derive(Debug)]
struct Declined;

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("card declined")
    }
}

impl std::error::Error for Declined {}

#[test]
fn a_repeat_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(8);
    let order = 4711;
    let cost = warm(&dispatch, || {
        for attempt in 0..100 {
            error!(attempt, user = %"ann", "could not load order {order} from 10.0.0.7:5432");
            error!(error = &Declined as &dyn std::error::Error, attempt);
            error!("can't read \"{attempt}: it's [broken\u{200b} at :/ <x>'");
            error!(spike.severity = "critical", "the severity is mistyped");
            error!(spike.title = "payments are down", spike.severity = "sev2", "attempt {attempt}");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat), (1000, 995), "{stats:?}");
}

/// Messages of many shapes: ordinary ones, and ones that are read again or cleaned.
const SHAPES: [&str; 32] = [
    "could not reserve 3 seats of 41",
    "no heartbeat for 45 s from 2031-04-05T06:07:08Z on",
    "order 6f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0 of cus_Q4v8LmZkTz1nRb is late",
    "no route to db.eu.example.net:5432, [2001:db8::17]:443 and ann@example.org",
    "cannot open /etc/shop/prices.toml: permission denied (os error 13)",
    "could not fetch https://api.example.com/v2/orders?page=3, giving up",
    "no product named \"red \\\"shoe\\\"\" in 'the shop' or `here`",
    "no product named “red shoe” in ‘the shop’ or «here»",
    "\"GET /orders/7 HTTP/1.1\" took too long",
    "login failed user=ann mode = strict, holder: alpha",
    "could not save: Os { code: 28, kind: StorageFull, message: \"no space\" }",
    "could not save: a::Error(Io(Custom { kind: TimedOut, error: \"late\" }))",
    "order Order { id: 7, lines: [Line { sku: \"a\" }] } is empty",
    "got Some([1, 2, 3]), wanted {\"a\": None}",
    "session closed for user ann, topic card-events has no leader",
    "no answer to SELECT id FROM orders WHERE id = 7: deadlock",
    "unexpected state HalfOpen -> Closed => Open",
    "a: b: c: failed: timeout",
    "naïve café 漢字 7 🔥 заказ 4711",
    "订单4711未找到",
    "\u{1b}[31mred\u{1b}[0m\u{200b} alert \u{202e}7\r\n\tand\u{a0}more",
    "<!channel> @everyone <@U1> {{x}} {% y %} a://b `c`",
    "2 s:1 and topic a.b:1e ''::a f =_ from.",
    "\"\"\"\"\"\"  ``````",
    "((((([[[[[{{{{{ 7 }}}}}]]]]])))))",
    "'; DROP TABLE orders; -- it's",
    "… – — „4711“ ‚7‘ ‹8›",
    "... --- ::: ,,, ;;; !!! ???",
    "",
    "# ## #: #7 #",
    "http://[::1 http://[ [::1]:x",
    "x=y=z a==b c!=d e+=1",
];

#[test]
fn titles_of_all_shapes_allocate_nothing_once_there_is_room() {
    let (_sandbox, dispatch, guard) = stuck(256);
    let long = SHAPES.map(|shape| shape.repeat(40));
    let cost = warm(&dispatch, || {
        for text in SHAPES.into_iter().chain(long.iter().map(String::as_str)) {
            error!("{text}");
            error!(error = text, "");
            error!(error = text);
            error!(spike.title = text, "given");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.refused.full), (2 * 2 * 4 * 32, 0), "{stats:?}");
}

#[test]
fn an_event_that_is_recorded_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck_with(8, |builder| builder.trail(64));
    // One root span, whose ring has grown to what it holds.
    let request = tracing::dispatcher::with_default(&dispatch, || info_span!("request"));
    let cost = warm(&dispatch, || {
        let _inside = request.enter();
        for order in 0..200 {
            info!(order, shelf = "b-17", warm = true, "{} seats reserved", 3);
            info!(state = ?Some(order), long = %"x".repeat(0), error = %Declined, "at it");
            error!(order, "could not load order {order}");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    // So does one in a root span of its own, once as many were open as there ever are.
    let request = || {
        let _request = info_span!("request").entered();
        (0..8).for_each(|order| info!(order, "{} seats reserved", 3));
    };
    let cost = warm(&dispatch, || (0..10_000).for_each(|_| request()));
    let few = 128 * 8;
    assert!(cost.count_total < few, "{cost:?}");
    assert_eq!(guard.handle().stats().suppressed.repeat, 399);
}

#[test]
fn a_repeat_with_secrets_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(8);
    let cost = warm(&dispatch, || {
        for pin in 1000..1100 {
            error!(password = "hunter2", pin, "login with password=hunter{pin} failed");
            error!(spike.title = "postgres://app:hunter2@db/shop is down", "x");
            error!(error = %format_args!("token: ghp_Fake0123456789Fake0123456789Fa{pin}"));
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat), (600, 597), "{stats:?}");
}

#[test]
fn a_repeat_inside_spans_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(8);
    tracing::dispatcher::with_default(&dispatch, || {
        let _request = info_span!("request", id = 7, path = "/orders").entered();
        let cost = warm(&dispatch, || error!(attempt = 3, "could not load the order"));
        assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    });
    assert_eq!(guard.handle().stats().suppressed.repeat, 1);
}

#[test]
fn a_repeat_with_a_title_from_literals_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck_with(8, |builder| builder.titles(Titles::literals()));
    let name = String::from("main");
    let cost = warm(&dispatch, || {
        for attempt in 0..100 {
            error!(attempt, "snapshot of {name} failed after {:?}: {}", name.len(), Declined);
            error!(error = &Declined as &dyn std::error::Error, attempt);
            error!("{} is {name:?}, at [::1]:{attempt}", name.trim_start_matches('m'));
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat), (600, 597), "{stats:?}");
}

#[test]
fn a_repeat_with_groups_and_a_title_of_ones_own_allocates_nothing() {
    let titles = Titles::text().short().custom(|parts, out| match parts.message {
        "is cut" => (0..40).try_for_each(|_| out.write_str("on and on ")),
        "says nothing" => Ok(()),
        _ => write!(out, "{} [{}]", parts.title, parts.span.unwrap_or("none")),
    });
    let (_sandbox, dispatch, guard) = stuck_with(16, |builder| {
        builder.titles(titles).group_by(["tenant", "attempts", "state", "absent"])
    });
    tracing::dispatcher::with_default(&dispatch, || {
        let _tenant = info_span!("serve", tenant = "acme 7", attempts = 3).entered();
        let _inner = info_span!("load", state = ?Some(1)).entered();
        let cost = warm(&dispatch, || {
            for attempt in 0..100 {
                error!(attempt, "could not load order {attempt}: timeout");
                error!(error = &Declined as &dyn std::error::Error, attempts = 1.5);
                error!(tenant = "of the event", state = %"shown", "is cut");
                error!("says nothing");
                error!(spike.title = "payments are down", tenant = "acme", "attempt {attempt}");
            }
        });
        assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    });
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat, stats.folded), (1000, 995, 0), "{stats:?}");
}

#[test]
fn a_folded_repeat_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck_with(16, |builder| builder.group_by(["tenant"]));
    let words = ["river", "garden", "window", "silver", "mountain", "bottle", "candle", "ladder"];
    let kinds = || words.iter().flat_map(|one| words.iter().map(move |two| (one, two)));
    let cost = warm(&dispatch, || {
        for (one, two) in kinds() {
            error!(tenant = "acme", "the {one} beside the {two} is broken");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.folded, stats.pending), (128, 118, 6), "{stats:?}");
}

#[test]
fn a_repeat_with_rules_for_its_target_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck_with(8, |builder| {
        let within = Duration::from_secs(60);
        let rule = |target: &str| Rule::target(target).severity(Severity::Sev2).after(1, within);
        let other = "http://127.0.0.1:1/another-token/push-events";
        builder
            .rule(rule("shop"))
            .rule(rule("shop::cart").priority(Priority::P2))
            .rule(rule("shop::cart::lines").webhook(other))
    });
    let cost = warm(&dispatch, || {
        for attempt in 0..100 {
            error!(target: "shop", attempt, "cart is gone");
            error!(target: "shop::cart::lines", attempt, "cart is gone");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat), (400, 398), "{stats:?}");
}

#[test]
fn an_event_while_it_is_muted_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(8);
    let handle = guard.handle();
    handle.mute(Duration::from_secs(3600));
    let letters: Vec<String> = (b'a'..=b'z').map(|c| char::from(c).to_string()).collect();
    let cost = warm(&dispatch, || {
        for letter in &letters {
            // Each would be a new title, from a call site that may open five.
            error!(attempt = 3, user = %"ann", "could not load {letter}");
            error!(spike.title = letter.as_str(), attempt = 3, "x");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = handle.stats();
    assert_eq!((stats.seen, stats.suppressed.mute, stats.folded), (104, 104, 0), "{stats:?}");
    // Twin: what is not muted is an incident, with what that allocates.
    handle.mute(Duration::ZERO);
    let cost = tracing::dispatcher::with_default(&dispatch, || {
        measure(|| error!(spike.title = "z", attempt = 3, "x"))
    });
    assert!(cost.count_total >= 4 && handle.stats().pending == 1, "{cost:?}");
}

#[test]
fn an_event_that_meets_a_full_queue_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(8);
    let handle = guard.handle();
    // The worker takes 64 resolves and 64 wait; its first attempt times out 10 s from now.
    let names: Vec<String> = (0..5_000).map(|job| format!("job {job} failed")).collect();
    let resolve = |name: &String| info!(spike.status = "resolve", spike.title = name, "done");
    let mut names = names.chunks(100);
    tracing::dispatcher::with_default(&dispatch, || {
        while handle.stats().pending < 64 + 64 {
            names.next().unwrap().iter().for_each(resolve);
            std::thread::yield_now();
        }
    });
    // The worker may still take its share of some.
    let cost = names.find_map(|names| {
        let before = handle.stats().refused.full;
        let cost = warm(&dispatch, || names.iter().for_each(resolve));
        (handle.stats().refused.full - before == 2 * 100).then_some(cost)
    });
    let cost = cost.unwrap();
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
}

#[test]
fn what_is_beyond_the_budget_allocates_nothing() {
    let (_sandbox, dispatch, guard) = stuck(64);
    let names: Vec<String> = (0..400).map(|n| format!("title of {n}")).collect();
    let cost = warm(&dispatch, || {
        for name in &names {
            error!(spike.title = name, attempt = 1, "stopped");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    let stats = guard.handle().stats();
    assert_eq!((stats.suppressed.storm, stats.suppressed.repeat), (2 * 390 - 1, 10), "{stats:?}");
}

#[test]
fn what_is_too_seldom_allocates_nothing() {
    let rule = Rule::target("shop").after(100, Duration::from_secs(60));
    let (_sandbox, dispatch, guard) = stuck_with(8, |builder| builder.rule(rule));
    let cost = warm(&dispatch, || {
        for order in 0..40 {
            error!(target: "shop", order, "order {order} is late");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    assert_eq!(guard.handle().stats().suppressed.threshold, 80);
}

#[test]
fn one_failure_on_its_way_up_allocates_nothing_when_it_comes_again() {
    let (_sandbox, dispatch, guard) = stuck(8);
    let cost = warm(&dispatch, || {
        let _request = info_span!("request").entered();
        for _ in 0..10 {
            error!(error = &Declined as &dyn std::error::Error, "could not charge the card");
            error!(error = %Declined, "could not place the order");
        }
    });
    assert_eq!((cost.count_total, cost.bytes_total), (0, 0), "{cost:?}");
    assert_eq!(guard.handle().stats().suppressed.same_cause, 20);
}

#[test]
fn a_fresh_incident_allocates_a_bounded_handful() {
    let (_sandbox, dispatch, _guard) = stuck(64);
    let cost = tracing::dispatcher::with_default(&dispatch, || {
        let _request = info_span!("request", id = 7, path = "/orders").entered();
        let _load = info_span!("load", order = 4711, cached = false).entered();
        let fail = |title: &str| {
            error!(spike.title = title, attempt = 3, elapsed_ms = 12.5, ok = false, user = "ann",
                state = ?Some(3), "could not load order {}", 4711);
        };
        fail("warms this thread up");
        measure(|| fail("is new"))
    });
    // The op and its title; the text, the list of its fields and what its spans have kept are in
    // what the one before was in, if the worker has done with it.
    assert!(matches!(cost.count_total, 2 | 5), "{cost:?}");
}

#[test]
fn the_first_incident_of_a_call_site_allocates_one_more_for_its_title() {
    let (_sandbox, dispatch, _guard) = stuck(64);
    let costs = tracing::dispatcher::with_default(&dispatch, || {
        error!(attempt = 3, "this thread is warmed up by something that is longer");
        ["the river is gone", "the garden is gone"].map(|text| {
            let fail = || error!(attempt = 3, "{text}");
            measure(fail).count_total
        })
    });
    // Without what the worker may have given back.
    assert!(matches!(costs[0], 3 | 5) && matches!(costs[1], 2 | 4), "{costs:?}");
}
