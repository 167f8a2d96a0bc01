//! One page for a panic and the errors that it causes.

use std::{error::Error, panic};

use tracing::error;
use tracing_spike::Severity;

use super::{caught, titles};
use crate::{child, rig::rig_with};

#[test]
fn what_the_hook_before_logs_is_not_paged_beside_the_panic() {
    const TEST: &str =
        "panics::same_cause::what_the_hook_before_logs_is_not_paged_beside_the_panic";
    child::run(TEST, &[], || {
        panic::set_hook(Box::new(|info| {
            error!("something went wrong: {}", info.location().unwrap());
            error!(spike.severity = "sev1", "worker is down");
            error!(spike = true, "meant to page");
        }));
        // Twin: without the panics, all of it pages.
        let without = rig_with(|builder| builder);
        without.run(|| caught(|| panic!("the first")));
        assert_eq!(titles(&without).len(), 3);
        let rig = rig_with(|builder| builder.panics());
        rig.run(|| caught(|| panic!("the first")));
        let expected = [
            "meant to page in it::panics::same_cause",
            "panic: the first in tests/it/panics/same_cause.rs",
            "worker is down in it::panics::same_cause",
        ];
        assert_eq!(titles(&rig), expected);
        assert_eq!(rig.stats().suppressed.same_cause, 1);
        // The mark ends with the hook.
        rig.run(|| error!("something else"));
        assert_eq!(titles(&rig).len(), 4);
    })
    .well();
}

#[test]
fn what_tells_of_the_panic_within_a_second_is_not_paged_beside_it() {
    const TEST: &str =
        "panics::same_cause::what_tells_of_the_panic_within_a_second_is_not_paged_beside_it";
    /// Fails in a task, and tells of it in every way.
    async fn fails() {
        let failed = tokio::spawn(async { panic!("no \"user\" 4711\nat all") });
        let failed = failed.await.unwrap_err();
        error!("worker panicked: {failed}");
        error!(error = %failed, "job is lost");
        error!(error = &failed as &dyn Error, "job is lost for good");
        error!(spike.severity = "sev1", error = %failed, "graver");
        error!("something else");
    }
    child::run(TEST, &[], || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let without = rig_with(|builder| builder);
        without.run(|| runtime.block_on(fails()));
        assert_eq!(titles(&without).len(), 5, "{:?}", titles(&without));
        let rig = rig_with(|builder| builder.panics().severity(Severity::Sev2));
        rig.run(|| runtime.block_on(fails()));
        let expected = [
            "graver in it::panics::same_cause",
            "panic: no # at all in tests/it/panics/same_cause.rs",
            "something else in it::panics::same_cause",
        ];
        assert_eq!(titles(&rig), expected);
        assert_eq!(rig.stats().suppressed.same_cause, 3);
    })
    .well();
}

#[test]
fn the_sources_of_an_error_tell_of_the_panic_whatever_other_fields_there_are() {
    const TEST: &str = "panics::same_cause::the_sources_of_an_error_tell_of_the_panic_whatever_other_\
                        fields_there_are";
    #[derive(Debug)]
    struct Lost(std::io::Error);
    impl std::fmt::Display for Lost {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("job is lost")
        }
    }
    impl Error for Lost {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let fails = || {
        caught(|| panic!("no order in this box"));
        let lost = Lost(std::io::Error::other("a task said: no order in this box"));
        let lost: &(dyn Error + 'static) = &lost;
        error!({ spike.severity = lost, error = lost }, "report is late");
    };
    child::run(TEST, &[], || {
        let without = rig_with(|builder| builder);
        without.run(fails);
        assert_eq!(titles(&without).len(), 1, "the twin");
        let rig = rig_with(|builder| builder.panics());
        rig.run(fails);
        assert_eq!(titles(&rig), ["panic: no order in this box in tests/it/panics/same_cause.rs"]);
    })
    .well();
}

#[test]
fn what_a_panic_says_in_less_than_eight_bytes_is_no_cause() {
    const TEST: &str = "panics::same_cause::what_a_panic_says_in_less_than_eight_bytes_is_no_cause";
    child::run(TEST, &[], || {
        for (said, paged) in [("failed", 2), ("failures", 1)] {
            let rig = rig_with(|builder| builder.panics());
            caught(|| panic!("{said}"));
            rig.run(|| error!("too many {said}"));
            assert_eq!(titles(&rig).len(), paged, "{said}");
        }
    })
    .well();
}
