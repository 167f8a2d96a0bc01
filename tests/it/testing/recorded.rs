//! The trail under a clock of the test's own: its times, and what a repeat tells.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::{error, info, info_span, warn};
use tracing_spike::{assert_paged, testing::Spike};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn each_line_tells_how_long_before_it_was() {
    let spike = Spike::new(|builder| builder.trail(8)).unwrap();
    let _inside = spike.enter();
    let _request = info_span!("request").entered();
    info!(order = 4711, "reserved");
    spike.advance(Duration::from_millis(1_234));
    warn!("no answer");
    spike.advance(Duration::from_millis(75_006));
    error!("card payment failed");
    let trail = json!([
        "-76.240s INFO it::testing::recorded: reserved order=4711",
        "-75.006s WARN it::testing::recorded: no answer"
    ]);
    assert_paged!(spike, "card payment failed in it::testing::recorded", body("trail", trail));
}

#[test]
fn a_repeat_tells_of_its_own_request() {
    let spike = Spike::new(|builder| builder.trail(8)).unwrap();
    let _inside = spike.enter();
    for order in 0..2 {
        let _request = info_span!("request").entered();
        info!(order, "reserved");
        error!("card payment failed");
        spike.advance(MINUTE);
    }
    let pages = spike.pages();
    let line =
        |order| json!([format!("-0.000s INFO it::testing::recorded: reserved order={order}")]);
    assert_eq!((&pages[0].body()["trail"], pages[0].is_repeat()), (&line(0), false));
    assert_eq!((&pages[1].body()["trail"], pages[1].is_repeat()), (&line(1), true));
}

#[test]
fn what_is_only_recorded_still_did_not_page() {
    let spike = Spike::new(|builder| builder.trail(8)).unwrap();
    let _inside = spike.enter();
    let _request = info_span!("request").entered();
    info!("reserved");
    tracing_spike::assert_not_paged!(spike, "reserved");
    error!("card payment failed");
    assert_eq!(spike.pages()[0].body()["notes"], Value::Null);
}
