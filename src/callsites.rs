//! The callsites of the program, which remember whether anybody wants them.
//!
//! Invariant: no lock of ours is held here, since the other layers are asked, too.

use tracing::{Dispatch, callsite::rebuild_interest_cache, subscriber::NoSubscriber};

/// Has every callsite ask everybody anew, from whatever thread.
pub(crate) fn ask_anew() {
    // As long as there is one subscriber, `tracing` asks that of the calling thread: a thread that
    // has none, or is inside an event, would switch every callsite off. Beside one more, which
    // wants nothing, all are asked.
    drop(Dispatch::new(NoSubscriber::default()));
    // Without that one, they know again what they need not ask at each event.
    rebuild_interest_cache();
}
