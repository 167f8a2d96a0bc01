//! `sentry-tracing`: an error is an event there and an incident here.

use sentry::{Level, test::with_captured_events};
use tracing::{error, info, info_span, warn};

use crate::rig::{Other, between};

#[test]
#[expect(deprecated, reason = "its successors send logs; this is the layer that programs have")]
fn an_error_is_its_event_and_our_incident() {
    for is_first in [true, false] {
        let other: Other = Box::new(sentry::integrations::tracing::layer());
        let rig = if is_first { between(other, None) } else { between(None, other) };
        let events = with_captured_events(|| {
            rig.run(|| {
                let _request = info_span!("request", id = 7).entered();
                info!("order taken");
                warn!("card is slow");
                error!(order = 4711, "card payment failed");
                error!(spike = false, "of no page");
                warn!(spike = true, "paged only");
            });
        });
        let messages: Vec<_> = events.iter().filter_map(|one| one.message.as_deref()).collect();
        assert_eq!(messages, ["card payment failed", "of no page"]);
        assert!(events.iter().all(|one| one.level == Level::Error));
        let crumbs: Vec<_> =
            events[0].breadcrumbs.iter().filter_map(|one| one.message.as_deref()).collect();
        assert_eq!(crumbs, ["order taken", "card is slow"]);
        assert_eq!(rig.titles(), ["card payment failed in it::sentry", "paged only in it::sentry"]);
    }
}
