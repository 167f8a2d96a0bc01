//! The shortest way through the whole house.

use tracing::{error, info};

use crate::{
    child,
    rig::{TOKEN, rig},
};
use tracing_spike::sandbox::Sandbox;

#[test]
fn an_existing_error_becomes_an_incident_and_is_resolved_by_its_own_message() {
    let rig = rig();
    let incident = rig.paged_one(|| error!(order = 7, "could not load order {}", 4711));
    assert_eq!(incident.title(), "could not load order # in it::smoke");
    assert!(incident.is_open());
    assert_eq!(incident.body()["message"], "could not load order 4711");
    assert_eq!(incident.body()["fields"]["order"], 7);
    let incident = rig.paged_one(|| {
        info!(spike.status = "resolve", "could not load order {}", 12);
    });
    assert!(!incident.is_open());
}

#[test]
fn one_line_pages_from_a_global_subscriber() {
    let ended = child::run("smoke::one_line_pages_from_a_global_subscriber", &[], || {
        let sandbox = Sandbox::start().unwrap();
        let guard = tracing_spike::builder(sandbox.url_for(TOKEN)).init().unwrap();
        error!("card payment failed");
        drop(guard);
        assert_eq!(sandbox.incidents()[0].title(), "card payment failed in it::smoke");
    })
    .well();
    assert_eq!(ended.said("paging on, to http://127.0.0.1"), 1, "{}", ended.stderr);
    assert_eq!(ended.said("ERROR it::smoke: card payment failed"), 1, "{}", ended.stderr);
}
