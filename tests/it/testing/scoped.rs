//! Whose events a test sees: with threads, with tasks, beside other tests.

use tracing::Dispatch;

use super::*;
use crate::child;

#[test]
fn tests_beside_each_other_see_their_own_events_alone() {
    let threads: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                for _ in 0..50 {
                    let spike = spike();
                    let _inside = spike.enter();
                    for _ in 0..=number {
                        error!(number, "shared call site");
                    }
                    assert_paged!(
                        spike,
                        "shared call site",
                        times(1),
                        body("fields.number", number)
                    );
                    assert_eq!(spike.handle().stats().seen, number + 1);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn threads_and_tasks_are_seen_with_the_dispatch() {
    let spike = Arc::new(spike());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let task = async { error!("task failed") }.with_subscriber(spike.dispatch());
    runtime.block_on(async { tokio::spawn(task).await.unwrap() });
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let dispatch = spike.dispatch();
            thread::spawn(move || {
                dispatcher::with_default(&dispatch, || {
                    (0..100).for_each(|row| error!(row, "row {row} is bad"));
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_paged!(spike, "task failed", times(1));
    assert_paged!(spike, "row # is bad", times(1));
    let stats = spike.handle().stats();
    assert_eq!((stats.seen, stats.suppressed.repeat, stats.delivered), (401, 399, 2));
    // Twin: without it, nobody does.
    thread::spawn(|| error!("unseen")).join().unwrap();
    assert_not_paged!(spike, "unseen");
}

#[test]
fn a_current_thread_runtime_stays_inside() {
    let spike = spike();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _inside = spike.enter();
        tokio::spawn(async { error!("task failed") }).await.unwrap();
        tokio::task::yield_now().await;
        error!("test failed");
    });
    assert_paged!(spike, "task failed");
    assert_paged!(spike, "test failed");
}

#[test]
fn a_subscriber_of_ones_own_may_have_the_layer() {
    let (spike, written) = (spike(), crate::rig::Written::default());
    let fmt = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
    let subscriber = tracing_subscriber::registry().with(spike.layer()).with(fmt);
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("import", file = "a.csv").entered();
        error!("import failed");
    });
    assert_paged!(spike, "import failed", body("span.fields.file", "a.csv"));
    assert!(written.text().contains("import failed"));
}

#[test]
fn panics_of_the_tests_threads_page_if_they_are_to_and_no_others() {
    const TEST: &str =
        "testing::scoped::panics_of_the_tests_threads_page_if_they_are_to_and_no_others";
    child::run(TEST, &[], || {
        let spike = Spike::new(|builder| paging(builder).panics()).unwrap();
        let without = self::spike();
        let dispatch = spike.dispatch();
        let panics = move |dispatch: &Dispatch| {
            dispatcher::with_default(dispatch, || panic!("row {} is bad", 17));
        };
        let other = without.dispatch();
        thread::spawn(move || panics(&other)).join().unwrap_err();
        thread::spawn(|| panic!("elsewhere")).join().unwrap_err();
        assert_not_paged!(spike);
        thread::spawn(move || panics(&dispatch)).join().unwrap_err();
        assert_paged!(spike, "panic: row # is bad in tests/it/testing/scoped.rs", times(1), open());
        assert_not_paged!(without);
    })
    .well();
}

#[test]
fn one_test_s_pages_may_be_shared_by_all_of_a_process() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    is_shared(&spike());
}

#[test]
fn records_of_the_log_crate_come_along() {
    const TEST: &str = "testing::scoped::records_of_the_log_crate_come_along";
    child::run(TEST, &[], || {
        tracing_log::LogTracer::init().unwrap();
        let spike = spike();
        let _inside = spike.enter();
        log::error!(target: "billing", "invoice {} is lost", 17);
        log::warn!("cache is cold");
        assert_paged!(spike, "invoice # is lost in billing", severity(Severity::Sev1));
        assert_not_paged!(spike, "cache is cold in it::testing::scoped", occurred());
    })
    .well();
}

#[test]
fn it_may_be_global() {
    const TEST: &str = "testing::scoped::it_may_be_global";
    child::run(TEST, &[], || {
        let spike = spike();
        dispatcher::set_global_default(spike.dispatch()).unwrap();
        thread::spawn(|| error!("import failed")).join().unwrap();
        assert_paged!(spike, "import failed");
    })
    .well();
}

fn fails() {
    error!("import failed");
}

#[test]
fn a_thread_without_a_subscriber_does_not_switch_a_call_site_off() {
    const TEST: &str =
        "testing::scoped::a_thread_without_a_subscriber_does_not_switch_a_call_site_off";
    child::run(TEST, &[], || {
        let spike = spike();
        let _inside = spike.enter();
        // The first to come to it, as another test would.
        thread::spawn(fails).join().unwrap();
        assert_not_paged!(spike, "import failed");
        fails();
        assert_paged!(spike, "import failed", times(1));
    })
    .well();
}
