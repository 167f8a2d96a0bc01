//! Mute: nobody is paged while it lasts, and the first one afterwards pages. When it ends by
//! itself is told by the unit tests, in virtual time.

use std::{sync::mpsc, thread, time::Duration};

use tracing::{error, info};
use tracing_spike::{Incident, Mode};
use tracing_subscriber::Registry;

use crate::rig::{Rig, rig};

const HOUR: Duration = Duration::from_secs(3600);

fn fail() {
    error!("card payment failed");
}

fn titles(rig: &Rig) -> Vec<String> {
    rig.flush();
    rig.sandbox.incidents().iter().map(|one| one.title().to_owned()).collect()
}

#[test]
fn what_is_muted_is_counted_and_the_first_one_afterwards_pages() {
    let rig = rig();
    rig.handle().mute(HOUR);
    rig.run(|| (0..3).for_each(|_| fail()));
    rig.handle().trigger(Incident::new("disk full")).unwrap();
    assert!(titles(&rig).is_empty());
    let stats = rig.stats();
    assert_eq!((stats.suppressed.mute, stats.seen, stats.accounted()), (4, 4, 4), "{stats:?}");
    assert!(stats.muted_for.is_some_and(|left| left <= HOUR), "{stats:?}");
    rig.handle().mute(Duration::ZERO);
    rig.run(|| (0..3).for_each(|_| fail()));
    rig.handle().trigger(Incident::new("disk full")).unwrap();
    assert_eq!(titles(&rig), ["card payment failed in it::mute", "disk full"]);
    let stats = rig.stats();
    assert_eq!((stats.suppressed.mute, stats.suppressed.repeat), (4, 2), "{stats:?}");
    assert_eq!(stats.muted_for, None);
    // What was muted is not in the count of what paged.
    assert_eq!(rig.sandbox.incidents()[0].body()["occurrences"]["count"], 1);
}

#[test]
fn a_title_that_is_muted_is_no_kind_of_its_callsite() {
    let rig = rig();
    let fail = |n: usize| error!("{} failed", ["a", "b", "c", "d", "e", "f", "g"][n]);
    rig.handle().mute(HOUR);
    rig.run(|| (0..7).for_each(fail));
    rig.handle().mute(Duration::ZERO);
    rig.run(|| (2..7).for_each(fail));
    assert_eq!(titles(&rig).len(), 5);
    assert_eq!(rig.stats().folded, 0);
    // Twin: what is not muted is.
    rig.run(|| fail(0));
    assert_eq!((titles(&rig).len(), rig.stats().folded), (6, 1));
}

#[test]
fn a_resolve_goes_out_while_it_is_muted() {
    let rig = rig();
    rig.run(fail);
    rig.handle().trigger(Incident::new("disk full")).unwrap();
    assert_eq!(titles(&rig).len(), 2);
    rig.handle().mute(HOUR);
    rig.run(|| info!(spike.status = "resolve", "card payment failed"));
    rig.handle().resolve("disk full").unwrap();
    rig.flush();
    assert!(rig.sandbox.open().is_empty(), "{:?}", rig.sandbox.open());
    // Twin: a trigger does not.
    rig.run(fail);
    assert_eq!((titles(&rig).len(), rig.stats().suppressed.mute), (2, 1));
}

#[test]
fn a_scope_in_one_thread_mutes_another_until_it_is_dropped_anywhere() {
    let rig = rig();
    let (handle, dispatch) = (rig.handle(), rig.dispatch.clone());
    let (sender, receiver) = mpsc::channel();
    let work = move || sender.send(handle.mute_scope(HOUR)).unwrap();
    thread::spawn(work).join().unwrap();
    let muted = receiver.recv().unwrap();
    let elsewhere = || {
        let dispatch = dispatch.clone();
        thread::spawn(move || tracing::dispatcher::with_default(&dispatch, fail)).join().unwrap();
    };
    elsewhere();
    assert_eq!((titles(&rig).len(), rig.stats().suppressed.mute), (0, 1));
    assert!(!format!("{muted:?}").is_empty());
    thread::spawn(move || drop(muted)).join().unwrap();
    elsewhere();
    assert_eq!((titles(&rig).len(), rig.stats().suppressed.mute), (1, 1));
}

#[test]
fn it_is_muted_while_any_of_several_lasts() {
    let rig = rig();
    let (one, two) = (rig.handle().mute_scope(HOUR), rig.handle().mute_scope(HOUR));
    rig.handle().mute(HOUR);
    let muted = || {
        rig.run(fail);
        rig.stats().suppressed.mute
    };
    assert_eq!(muted(), 1);
    drop(one);
    assert_eq!(muted(), 2);
    rig.handle().mute(Duration::ZERO);
    assert_eq!(muted(), 3, "a scope outlives the end of a timed mute");
    drop(two);
    assert_eq!((muted(), titles(&rig).len()), (3, 1));
}

#[test]
fn f071_what_is_muted_and_not_under_load_is_counted_exactly() {
    const EACH: u64 = 2_000;
    let rig = rig();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| rig.run(|| (0..EACH).for_each(|_| fail())));
        }
        scope.spawn(|| {
            for turn in 0..200 {
                let muted = rig.handle().mute_scope(HOUR);
                rig.handle().mute(if turn % 2 == 0 { HOUR } else { Duration::ZERO });
                drop(muted);
            }
        });
    });
    assert_eq!(rig.stats().muted_for, None);
    rig.run(fail);
    assert_eq!(titles(&rig), ["card payment failed in it::mute"]);
    let stats = rig.stats();
    let counted = stats.suppressed.mute + stats.suppressed.repeat + stats.delivered;
    assert_eq!((stats.seen, counted), (3 * EACH + 1, 3 * EACH + 1), "{stats:?}");
}

#[test]
fn one_pipeline_mutes_no_other() {
    let (muted, other) = (rig(), rig());
    muted.handle().mute(HOUR);
    for rig in [&muted, &other] {
        rig.run(fail);
    }
    assert_eq!((titles(&muted).len(), titles(&other).len()), (0, 1));
    assert_eq!(other.stats().muted_for, None);
}

#[test]
fn a_mute_works_when_paging_is_off_or_over_and_changes_nothing() {
    let (_, guard) = tracing_spike::from_env().mode(Mode::Off).build::<Registry>().unwrap();
    let handle = guard.handle();
    let muted = handle.mute_scope(HOUR);
    handle.trigger(Incident::new("disk full")).unwrap();
    assert_eq!((handle.stats().ignored.off, handle.stats().suppressed.mute), (1, 0));
    drop(guard);
    handle.mute(HOUR);
    drop(muted);
    let mut rig = rig();
    rig.handle().mute(HOUR);
    rig.drop_guard();
    let refused = rig.handle().trigger(Incident::new("disk full"));
    assert!(refused.unwrap_err().is_closed());
}
