//! Other rules while the program runs: [`Handle::set_filter`].
//!
//! Invariant: rules that can't be used change nothing.

use super::{Handle, Shared};
use crate::{
    callsites,
    capture::filter::Rules,
    error::{Error, Kind},
    queue::{Control, Sender},
};

impl Handle {
    /// Changes which events page, without a restart: from now on as if
    /// [`Builder::filter`](crate::Builder::filter) had been given these rules. For a signal, an
    /// admin route, or a configuration that is read again.
    ///
    /// All rules are replaced, those of `SPIKE_FILTER` too; what is not named is as by default. An
    /// event is judged by the rules before or by those after, whichever thread it is on, and no
    /// event waits. What is open stays open, and [`Builder::rule`](crate::Builder::rule) goes on
    /// as it was. [`Stats::unmatched_rules`](crate::Stats) begins anew. With paging off, the rules
    /// are checked and nothing else.
    ///
    /// Use this and not `tracing_subscriber::reload`, in which this layer must not be (swapping a
    /// filtered layer there panics, tracing#1629). Every callsite of the program asks all layers
    /// anew, on the calling thread, and once more a second later on another; a callsite that is new
    /// waits for that. Don't call it inside a layer's `register_callsite`.
    ///
    /// # Errors
    ///
    /// [`is_config`](Error::is_config) for a rule that can't be used, by name and place: the rules
    /// before stay in force. [`is_closed`](Error::is_closed) after the guard is gone.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// # let spike = guard.handle();
    /// spike.set_filter("error,billing=warn,noisy=off")?;
    /// assert!(spike.set_filter("billing=loud").is_err());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn set_filter(&self, rules: &str) -> Result<(), Error> {
        let rules = Rules::parse(rules, "set_filter")?;
        let Shared { pipeline, rules: in_force, .. } = &*self.shared;
        let is_gone = pipeline.queue().is_some_and(Sender::is_closed);
        if is_gone || pipeline.is_closed() || pipeline.is_forked() {
            return Err(Error::new(Kind::Closed));
        }
        in_force.replace(rules);
        pipeline.mark_panics();
        if let Some(queue) = pipeline.queue() {
            callsites::ask_anew();
            queue.control(Control::AskAgain);
        }
        Ok(())
    }
}
