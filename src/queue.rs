//! The bounded way from the callers' threads to the worker.
//!
//! A lane for each endpoint, so that none fills another's, of two channels: triggers, and resolves
//! (with slots of their own, so that a storm cannot keep a resolve out). Beside them control, which
//! never waits behind data. Invariant: nothing here blocks, and a slot is reserved before anything
//! is built for it.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak, mpsc as reply},
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    incident::{Op, Replay},
    problem::Problem,
};

/// Resolves of an endpoint waiting for the worker at most; beyond that `Handle::resolve` returns an
/// error.
pub(crate) const RESOLVE_SLOTS: usize = 64;

/// A message to the worker that is no incident.
pub(crate) enum Control {
    /// Deliver what was admitted up to the op number `mark`, and report when that is done or
    /// `deadline` has come.
    Flush { mark: u64, asker: Asker },
    /// Deliver everything, and end when that is done or `deadline` has come.
    Shutdown { asker: Asker },
    /// A panic for which its lane has no room: the process may not live to see a repeat. The budget
    /// for new titles bounds how many there are.
    Panic(Box<Op>),
    /// Something that a person should know, once.
    Say(Problem),
    /// Take over what dead runs have left, through this.
    Replay(Weak<dyn Replay>),
    /// A slot was given up: whoever waits for what it was to bring need not wait any longer.
    Look,
    /// The rules have changed.
    AskAgain,
    /// Whose figures to tell.
    #[cfg(feature = "metrics")]
    Books(Weak<dyn crate::stats::figures::Books>),
}

/// Somebody who waits for the worker.
#[derive(Debug)]
pub(crate) struct Asker<R = reply::SyncSender<FlushReport>> {
    pub(crate) deadline: Duration,
    pub(crate) reply: R,
    /// Slots that the asker itself holds, being inside the building of an event. They are not
    /// waited for.
    pub(crate) holds: usize,
}

/// What a flush or a shutdown achieved. From [`Handle::flush`](crate::Handle::flush).
///
/// ```
/// use std::time::Duration;
/// let (_layer, guard) = tracing_spike::from_env()
///     .mode(tracing_spike::Mode::Off)
///     .build::<tracing_subscriber::Registry>()?;
/// assert!(guard.handle().flush(Duration::from_secs(1)).is_complete());
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "the report says whether anything is still undelivered"]
#[non_exhaustive]
pub struct FlushReport {
    /// Triggers and resolves accepted while the flush ran.
    pub delivered: u64,
    /// Given up while the flush ran, for a reason that [`Stats`](crate::Stats) names.
    pub lost: u64,
    /// Of what was there when the flush began, still undelivered when it returned.
    pub pending: u64,
    /// The worker had ended before, so nothing was flushed.
    pub worker_gone: bool,
}

impl FlushReport {
    /// Whether nothing is left undelivered and nothing was lost while the flush ran.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.pending == 0 && self.lost == 0
    }
}

/// Why there was no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    Full,
    Closed,
}

/// The callers' end.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    lanes: Arc<[Entry]>,
    capacity: usize,
    control: mpsc::UnboundedSender<Control>,
    /// In a user's test: what works on the caller's thread, in the place of a worker's.
    #[cfg(feature = "testing")]
    driven: Option<Arc<dyn Driven>>,
}

/// A worker without a thread: whoever has sent something has it work.
#[cfg(feature = "testing")]
pub(crate) trait Driven:
    Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe + std::fmt::Debug
{
    /// Does all that there is to do at this moment.
    fn drive(&self);
    /// Whether the calling thread is one of the test's.
    fn is_here(&self) -> bool;
}

/// The callers' end of a lane.
#[derive(Debug)]
struct Entry {
    triggers: mpsc::Sender<Box<Op>>,
    resolves: mpsc::Sender<Box<Op>>,
}

/// A reserved slot.
pub(crate) struct Slot<'a> {
    /// `None` once it is used.
    permit: Option<mpsc::Permit<'a, Box<Op>>>,
    sender: &'a Sender,
}

/// The worker's end.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// First, so that it is closed before the others are drained for the last time.
    pub(crate) control: mpsc::UnboundedReceiver<Control>,
    /// By endpoint.
    pub(crate) lanes: Vec<Lane>,
}

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct Lane {
    triggers: mpsc::Receiver<Box<Op>>,
    resolves: mpsc::Receiver<Box<Op>>,
}

/// A queue for so many endpoints (at least 1), each with room for `capacity` triggers (at least 1).
pub(crate) fn bounded(capacity: usize, endpoints: usize) -> (Sender, Receiver) {
    let capacity = capacity.max(1);
    let (control_sender, control) = mpsc::unbounded_channel();
    let lane = |_| {
        let (trigger_sender, triggers) = mpsc::channel(capacity);
        let (resolve_sender, resolves) = mpsc::channel(RESOLVE_SLOTS);
        let entry = Entry { triggers: trigger_sender, resolves: resolve_sender };
        (entry, Lane { triggers, resolves })
    };
    let (entries, lanes): (Vec<_>, Vec<_>) = (0..endpoints.max(1)).map(lane).unzip();
    (
        Sender {
            lanes: entries.into(),
            capacity,
            control: control_sender,
            #[cfg(feature = "testing")]
            driven: None,
        },
        Receiver { control, lanes },
    )
}

impl Sender {
    pub(crate) fn reserve_trigger(&self, endpoint: usize) -> Result<Slot<'_>, NoSlot> {
        self.reserve(endpoint, |lane| &lane.triggers)
    }

    pub(crate) fn reserve_resolve(&self, endpoint: usize) -> Result<Slot<'_>, NoSlot> {
        self.reserve(endpoint, |lane| &lane.resolves)
    }

    fn reserve(
        &self,
        endpoint: usize,
        channel: impl Fn(&Entry) -> &mpsc::Sender<Box<Op>>,
    ) -> Result<Slot<'_>, NoSlot> {
        let Some(lane) = self.lanes.get(endpoint) else { return Err(NoSlot::Closed) };
        match channel(lane).try_reserve() {
            Ok(permit) => Ok(Slot { permit: Some(permit), sender: self }),
            Err(error) => Err(no_slot(&error)),
        }
    }

    /// Sends a control message; false when the worker is gone.
    pub(crate) fn control(&self, message: Control) -> bool {
        let sent = self.control.send(message).is_ok();
        self.drive();
        sent
    }

    /// The same, with such a worker behind it.
    #[cfg(feature = "testing")]
    pub(crate) fn driven_by(self, driven: Arc<dyn Driven>) -> Self {
        Self { driven: Some(driven), ..self }
    }

    /// Whether what happens on the calling thread concerns it: in production, always.
    pub(crate) fn is_here(&self) -> bool {
        #[cfg(feature = "testing")]
        if let Some(driven) = &self.driven {
            return driven.is_here();
        }
        true
    }

    /// Has it work that works on the caller's thread.
    fn drive(&self) {
        #[cfg(feature = "testing")]
        if let Some(driven) = &self.driven {
            driven.drive();
        }
    }

    /// Triggers that may wait at each endpoint.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether nothing is taken any more. All lanes are closed together.
    pub(crate) fn is_closed(&self) -> bool {
        self.lanes.first().is_none_or(|lane| lane.triggers.is_closed())
    }
}

impl Slot<'_> {
    /// Sends it, or loses it when the worker has ended while it was built.
    pub(crate) fn send(mut self, op: Box<Op>) {
        if !self.sender.control.is_closed()
            && let Some(permit) = self.permit.take()
        {
            permit.send(op);
            self.sender.drive();
        }
    }
}

impl Drop for Slot<'_> {
    /// Of a slot that is given up, as when building panics, the channel tells nobody.
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            drop(permit);
            // Nobody waits for a worker that is gone.
            self.sender.control.send(Control::Look).ok();
        }
    }
}

impl Receiver {
    /// Takes no more; what was sent can still be received.
    pub(crate) fn close(&mut self) {
        for lane in &mut self.lanes {
            lane.triggers.close();
            lane.resolves.close();
        }
    }

    /// How many slots are taken: by what can be received, or by what is still being built.
    pub(crate) fn slots_taken(&self) -> usize {
        self.lanes.iter().fold(0, |sum: usize, lane| sum.saturating_add(lane.slots_taken()))
    }
}

impl Lane {
    /// The next op, resolves first, of the kinds that there is room for.
    pub(crate) fn poll(
        &mut self,
        takes_resolves: bool,
        takes_triggers: bool,
        context: &mut Context<'_>,
    ) -> Poll<Box<Op>> {
        let channels = [(&mut self.resolves, takes_resolves), (&mut self.triggers, takes_triggers)];
        for (channel, takes) in channels {
            // One that is closed and empty would be ready for ever.
            let is_open = !channel.is_closed() || taken(channel) > 0;
            if takes
                && is_open
                && let Poll::Ready(Some(op)) = channel.poll_recv(context)
            {
                return Poll::Ready(op);
            }
        }
        Poll::Pending
    }

    /// Moves what has arrived to `arrived`: at most so many resolves, then at most so many
    /// triggers.
    pub(crate) fn drain(
        &mut self,
        resolves: usize,
        triggers: usize,
        arrived: &mut VecDeque<Box<Op>>,
    ) {
        for (from, most) in [(&mut self.resolves, resolves), (&mut self.triggers, triggers)] {
            let mut left = most;
            while left > 0 {
                let Ok(op) = from.try_recv() else { break };
                arrived.push_back(op);
                left = left.saturating_sub(1);
            }
        }
    }

    fn slots_taken(&self) -> usize {
        taken(&self.triggers).saturating_add(taken(&self.resolves))
    }
}

/// How many slots of a channel are taken. A closed channel has to be received from until this is
/// 0: a slot that was reserved before can still be sent.
fn taken<T>(channel: &mpsc::Receiver<T>) -> usize {
    channel.max_capacity().saturating_sub(channel.capacity())
}

fn no_slot<T>(error: &mpsc::error::TrySendError<T>) -> NoSlot {
    match error {
        mpsc::error::TrySendError::Full(_) => NoSlot::Full,
        mpsc::error::TrySendError::Closed(_) => NoSlot::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Control, NoSlot, bounded};

    #[test]
    fn a_lane_that_is_full_or_has_a_slot_taken_is_no_other() {
        let (sender, mut receiver) = bounded(1, 2);
        let slot = sender.reserve_trigger(1).ok();
        assert_eq!(sender.reserve_trigger(1).map(drop), Err(NoSlot::Full));
        assert_eq!(sender.reserve_trigger(0).map(drop), Ok(()));
        assert_eq!(sender.reserve_resolve(1).map(drop), Ok(()));
        assert_eq!((receiver.slots_taken(), sender.capacity()), (1, 1));
        drop(slot);
        assert_eq!((receiver.slots_taken(), sender.reserve_trigger(1).map(drop)), (0, Ok(())));
        receiver.close();
        for endpoint in [0, 1, 2] {
            assert_eq!(sender.reserve_trigger(endpoint).map(drop), Err(NoSlot::Closed));
        }
        assert!(sender.is_closed());
    }

    #[test]
    fn a_slot_that_is_given_up_is_free_before_the_worker_is_told() {
        let (sender, mut receiver) = bounded(1, 1);
        let slot = sender.reserve_trigger(0).unwrap();
        assert_eq!(receiver.slots_taken(), 1);
        assert!(receiver.control.try_recv().is_err());
        drop(slot);
        assert!(matches!(receiver.control.try_recv(), Ok(Control::Look)));
        assert_eq!(receiver.slots_taken(), 0);
    }
}
