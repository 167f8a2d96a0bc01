//! Titles made of what stands in the source (`Titles::literals`), by real calls with real values.

use std::{fmt, hint::black_box, io, path::PathBuf, time::Duration};

use tracing::{error, info};
use tracing_spike::title::Titles;

use crate::rig::{Rig, rig_with};

fn literals() -> Rig {
    rig_with(|builder| builder.titles(Titles::literals()))
}

/// The titles that `work` opens, without their place.
fn titles(rig: &Rig, work: impl FnOnce()) -> Vec<String> {
    let incidents = rig.paged(work);
    let title = |title: &str| title.rsplit_once(" in ").unwrap().0.to_owned();
    incidents.iter().map(|incident| title(incident.title())).collect()
}

/// Text that was made at run time.
fn made(text: &str) -> String {
    black_box(text).to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn a_value_is_a_value_however_it_looks() {
    let mut rig = literals();
    let titles = titles(&rig, || {
        for name in ["main", "search.orders", "web-one", "a b4"] {
            let name = made(name);
            error!("snapshot of {} failed for tenant {name:?}", name.replace(' ', "-"));
        }
        for path in ["/etc/shop", "shop.toml"] {
            let path = PathBuf::from(made(path));
            error!(
                attempt = 3,
                "no config at {}, {:?} left",
                path.display(),
                Duration::from_millis(path.as_os_str().len() as u64 * 333)
            );
        }
        error!("{} of {} rows", black_box(-5), black_box(0.5));
    });
    assert_eq!(
        titles,
        ["snapshot of # failed for tenant #", "no config at # left", "# of # rows",]
    );
    rig.finish();
}

#[cfg(target_os = "linux")]
#[test]
fn an_empty_value_is_one_wherever_it_stands() {
    let mut rig = literals();
    let titles = titles(&rig, || {
        for name in ["", "Anna"] {
            let name = made(name);
            error!("{name} is gone from here");
            error!("there is {name} here");
        }
    });
    assert_eq!(titles, ["# is gone from here", "there is # here"]);
    rig.finish();
}

#[derive(Debug)]
enum Failure {
    Declined,
    Late { by: u64 },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declined => f.write_str("card declined"),
            Self::Late { by } => write!(f, "late by {by}ms"),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_error_keeps_its_kind() {
    let mut rig = literals();
    let titles = titles(&rig, || {
        let shop = made("shop");
        for failure in [Failure::Declined, Failure::Late { by: 31 }, Failure::Late { by: 7 }] {
            error!("payment for {shop} failed: {failure}");
            error!("payment for {shop} failed with {failure:?}");
        }
        for code in [111, 13] {
            error!("could not ask {shop}: {}", io::Error::from_raw_os_error(code));
        }
    });
    assert_eq!(
        titles,
        [
            "payment for # failed: card declined",
            "payment for # failed with Declined",
            "payment for # failed: late by #",
            "payment for # failed with Late(#)",
            "could not ask #: Connection refused (os error #)",
            "could not ask #: Permission denied (os error #)",
        ]
    );
    rig.finish();
}

#[test]
fn what_was_formatted_before_is_read_as_text() {
    let mut rig = literals();
    let mut text = rig_with(|builder| builder);
    let work = || {
        let before = made("failed to load user 4711 for alice");
        error!("{before}");
        error!(message = before.as_str());
        error!("{}", made("timeout"));
    };
    let expected = ["failed to load user # for alice", "timeout"];
    assert_eq!(titles(&rig, work), expected);
    assert_eq!(titles(&text, work), expected);
    rig.finish();
    text.finish();
}

#[test]
fn a_trigger_and_its_resolve_agree() {
    let mut rig = literals();
    let say = |id: &str, ok: bool| {
        let id = made(id);
        if ok {
            info!(spike.status = "resolve", "sync of {id} failed");
        } else {
            error!("sync of {id} failed");
        }
    };
    rig.run(|| say("orders", false));
    rig.flush();
    rig.run(|| say("items", true));
    rig.flush();
    let incidents = rig.sandbox.incidents();
    assert_eq!(incidents.len(), if cfg!(target_os = "linux") { 1 } else { 2 });
    if cfg!(target_os = "linux") {
        assert!(!incidents[0].is_open(), "{incidents:?}");
    }
    rig.finish();
}

#[cfg(target_os = "linux")]
#[test]
fn the_log_crate_tells_its_pieces_too() {
    let mut rig = literals();
    let names = ["main", "other"].map(made);
    let titles = titles(&rig, || {
        for name in &names {
            let mut record = log::Record::builder();
            record.level(log::Level::Error).target("shop").line(Some(7));
            tracing_log::format_trace(&record.args(format_args!("worker {name} is gone")).build())
                .unwrap();
        }
    });
    assert_eq!(titles, ["worker # is gone"]);
    rig.finish();
}
