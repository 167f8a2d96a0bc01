//! What is taken for an event's error, and what is not.

use std::{error::Error, fmt};

use serde_json::json;
use tracing::{error, info_span};
use tracing_spike::sandbox::Incident;

use crate::rig::{DEADLINE, rig};

#[derive(Debug)]
struct Failed(&'static str);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failed {}

#[test]
fn a_number_or_a_flag_named_error_makes_two_problems_not_one() {
    let mut rig = rig();
    rig.run(|| {
        let _job = info_span!("job").entered();
        error!(error = true, "disk is full");
        error!(error = true, "mail server refused us");
        error!(e = 404, "page is gone");
        error!(e = 404, "picture is gone");
        // The twin: a text is one.
        error!(error = "timed out", "read failed");
        error!(error = "timed out", "job failed");
    });
    let incidents = rig.sandbox.wait_for(5, DEADLINE).unwrap();
    assert_eq!(incidents.len(), 5, "{incidents:?}");
    assert_eq!(rig.stats().suppressed.same_cause, 1);
    rig.finish();
}

#[test]
fn a_number_or_a_flag_named_error_does_not_take_the_place_of_the_error() {
    let mut rig = rig();
    rig.run(|| {
        let failed = Failed("disk is full");
        error!(e = 404_u64, error = %failed, "one");
        error!(error = true, err = &failed as &dyn Error, "two");
    });
    let incidents = rig.sandbox.wait_for(2, DEADLINE).unwrap();
    let bodies: Vec<_> = incidents.iter().map(Incident::body).collect();
    for body in &bodies {
        assert_eq!(body["error"], json!({ "message": "disk is full" }));
    }
    assert_eq!(bodies[0]["fields"], json!({ "e": 404 }));
    assert_eq!(bodies[1]["fields"], json!({ "error": true }));
    rig.finish();
}

#[test]
fn f091_an_error_in_a_field_of_a_listed_name_is_hidden() {
    let mut rig = rig();
    rig.run(|| {
        error!(password = &Failed("hunter2") as &dyn Error, "one");
        error!(pasture = &Failed("hunter2") as &dyn Error, "two");
    });
    let incidents = rig.sandbox.wait_for(2, DEADLINE).unwrap();
    let errors: Vec<_> = incidents.iter().map(|incident| &incident.body()["error"]).collect();
    assert_eq!(errors[0], &json!({ "message": "[redacted]" }));
    assert_eq!(errors[1], &json!({ "message": "hunter2" }));
    rig.finish();
}

#[test]
fn a_card_is_redacted_in_the_title_whatever_came_before_it() {
    let mut rig = rig();
    rig.run(|| {
        // The second time, what has become of the first is remembered.
        for card in ["4111111111111112", "4111111111111112", "4111111111111111"] {
            error!("card {card} was declined");
        }
    });
    let incidents = rig.sandbox.wait_for(2, DEADLINE).unwrap();
    let titles: Vec<_> = incidents.iter().map(|it| it.title().to_owned()).collect();
    let place = "in it::context::failures";
    assert_eq!(
        titles,
        [format!("card # was declined {place}"), format!("card [redacted] was declined {place}")]
    );
    rig.finish();
}
