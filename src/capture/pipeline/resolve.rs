//! Resolves, and where they go: to one endpoint, or to each where the title is open.

use std::{cell::LazyCell, mem};

use super::{Goes, Head, Pipeline, refused};
use crate::{capture::gate::Admission, incident::Detail, queue::Sender, stats::Count};

impl Pipeline {
    /// Resolves the incident with this title. What becomes of it at the first endpoint is returned,
    /// for the caller to count, but a refusal at any rather than that; each other one is one more
    /// op, and counted here.
    pub(crate) fn resolve(
        &self,
        title: &str,
        goes: Goes,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let queue = self.admitting()?;
        if self.is_forked() {
            return Err(Count::RefusedForked);
        }
        let key = self.key(title);
        let first = match goes {
            Goes::To(endpoint) => endpoint,
            Goes::WhereOpen { or } if self.gates.is_empty() => or,
            Goes::WhereOpen { or } => {
                let open = |endpoint: &usize| self.gate(*endpoint).is_open(key);
                let mut open = (0..=self.gates.len()).filter(open);
                let first = open.next().unwrap_or(or);
                let rest: Vec<usize> = open.collect();
                if !rest.is_empty() {
                    return self.resolve_all(queue, (title, key), first, &rest, build);
                }
                first
            }
        };
        self.resolve_at(queue, (title, key), first, build)
    }

    /// Resolves a title that is open at several endpoints.
    fn resolve_all(
        &self,
        queue: &Sender,
        title: (&str, u64),
        first: usize,
        rest: &[usize],
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let detail = LazyCell::new(build);
        let mut told = self.resolve_at(queue, title, first, || LazyCell::force(&detail).clone());
        for endpoint in rest {
            let build = || LazyCell::force(&detail).clone();
            let mut other = self.resolve_at(queue, title, *endpoint, build);
            if let Err(Count::RefusedFull | Count::RefusedClosed) = other {
                mem::swap(&mut told, &mut other);
            }
            self.counters.add(Count::Seen);
            if let Err(count) = other {
                self.counters.add(count);
            }
        }
        told
    }

    fn resolve_at(
        &self,
        queue: &Sender,
        (title, key): (&str, u64),
        endpoint: usize,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let now = self.clock.now();
        let Admission::Send(sending) = self.gate(endpoint).resolve(key, now) else {
            self.witness().inspect(|witness| {
                witness.resolve_stopped(title, Count::SuppressedRepeat);
            });
            return Err(Count::SuppressedRepeat);
        };
        let admitted = self.admitted(endpoint, key, now, sending);
        let slot = queue.reserve_resolve(endpoint).map_err(refused)?;
        let head = Head { title, endpoint, ..Head::default() };
        slot.send(self.op(head, admitted, build()));
        Ok(())
    }
}
