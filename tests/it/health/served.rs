//! What a program hands on: the route of a web server, and JSON.

use axum::{
    Json,
    body::to_bytes,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tracing::error;
use tracing_spike::{EndpointState, Handle, Mode, sandbox::Fault};

use crate::{
    context::alone,
    rig::{eventually, rig},
};

/// The route, as [`Health`](tracing_spike::Health) shows it.
async fn health(spike: Handle) -> impl IntoResponse {
    let health = spike.health();
    let status = if health.is_good() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// What it answers.
fn served(spike: &Handle) -> (StatusCode, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response: Response = health(spike.clone()).await.into_response();
        let (status, body) = (response.status(), response.into_body());
        (status, serde_json::from_slice(&to_bytes(body, 4096).await.unwrap()).unwrap())
    })
}

#[test]
fn a_route_says_that_paging_works_and_what_is_wrong() {
    let mut rig = rig();
    let (handle, place) = (rig.handle(), format!("http://127.0.0.1:{}", rig.sandbox.port()));
    let well = json!({
        "good": true,
        "says": "paging works",
        "last_accepted": null,
        "oldest_pending": null,
        "worker": "runs",
        "endpoints": [{ "name": place, "state": "works" }],
    });
    assert_eq!(served(&handle), (StatusCode::OK, well));

    rig.sandbox.fault(Fault::Status(401));
    rig.run(|| error!("card payment failed"));
    let refuses = || handle.health().endpoints[0].state == EndpointState::Refuses;
    eventually("it refuses", || refuses().then_some(()));
    let (status, body) = served(&handle);
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&body["good"], &body["worker"]), (&json!(false), &json!("runs")));
    assert_eq!(body["says"], format!("{place} refuses this webhook"));
    assert_eq!(body["endpoints"], json!([{ "name": place, "state": "refuses" }]));
    assert!(body["oldest_pending"].as_f64().is_some_and(|secs| secs < 60.0), "{body}");

    rig.sandbox.clear_faults();
    rig.drop_guard();
    let (status, body) = served(&handle);
    assert_eq!((status, &body["worker"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("ended")));
    rig.finish();
}

#[test]
fn paging_that_is_off_is_not_well_and_says_so() {
    let spike = alone(|builder| builder.mode(Mode::Off));
    let (status, body) = served(&spike.handle);
    assert_eq!((status, &body["says"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("paging is off")));
}

#[test]
fn stats_are_serialized_under_the_names_of_their_fields() {
    let rig = rig();
    rig.paged(|| (0..3).for_each(|_| error!("card payment failed")));
    rig.handle().mute(std::time::Duration::from_secs(60));
    let stats = serde_json::to_value(rig.stats()).unwrap();
    assert_eq!((&stats["seen"], &stats["delivered"]), (&json!(3), &json!(1)));
    assert_eq!(stats["suppressed"]["repeat"], json!(2));
    assert_eq!(stats["unmatched_rules"], json!([]));
    assert!(stats["muted_for"].as_f64().is_some_and(|secs| secs > 50.0), "{stats}");
    // `Debug` is derived, so it has each field.
    let text = format!("{:?}", rig.stats());
    for (name, value) in stats.as_object().unwrap() {
        assert!(text.contains(&format!("{name}: ")), "{name}");
        let fields = value.as_object().into_iter().flatten();
        assert!(fields.into_iter().all(|(name, _)| text.contains(&format!("{name}: "))), "{value}");
    }
}
