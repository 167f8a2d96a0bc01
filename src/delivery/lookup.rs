//! Name lookups, which can take for ever: each on a thread of its own, that nobody waits for.
//!
//! Invariants: a thread that can't be started is an error, and no panic (the runtime's own pool
//! would); of lookups that hang there are at most [`AT_ONCE`]; an exit waits for none.

use std::{
    io,
    net::ToSocketAddrs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

use crate::reentry;

/// Lookups at the same time, those included that nobody waits for any more.
const AT_ONCE: usize = 8;
/// The threads' name, as a debugger and `top -H` show it.
const THREAD_NAME: &str = "spike-dns";

/// Asks the system, as any program does.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    running: Arc<AtomicUsize>,
}

/// One that runs, until this is dropped.
struct Running(Arc<AtomicUsize>);

impl Lookups {
    fn begin(&self) -> io::Result<Running> {
        let one_more = |running: usize| (running < AT_ONCE).then(|| running.saturating_add(1));
        match self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Running(Arc::clone(&self.running))),
            Err(_) => Err(io::Error::other("too many name lookups hang")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Resolve for Lookups {
    fn resolve(&self, name: Name) -> Resolving {
        let begun = self.begin();
        Box::pin(async move {
            let running = begun?;
            let (found, finding) = oneshot::channel();
            let lookup = move || {
                reentry::mark_own_thread();
                // The port is put in later.
                let addresses = (name.as_str(), 0).to_socket_addrs();
                drop(running);
                // Whoever asked may have stopped waiting.
                found.send(addresses).ok();
            };
            // Not joined: it may hang for longer than the program is to live.
            drop(thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(lookup)?);
            let addresses: Addrs = Box::new(finding.await??);
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Lookups, Resolve};
    use crate::reentry;

    #[test]
    fn f031_lookups_that_hang_are_few() {
        let lookups = Lookups::default();
        let held: Vec<_> = (0..AT_ONCE).map(|_| lookups.begin().unwrap()).collect();
        assert_eq!(
            lookups.begin().map(drop).unwrap_err().to_string(),
            "too many name lookups hang"
        );
        drop(held);
        assert!(lookups.begin().is_ok());
    }

    #[test]
    fn f043_a_lookup_ends_and_does_not_mark_the_thread_that_asks() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lookups = Lookups::default();
        let found = runtime.block_on(lookups.resolve("127.0.0.1".parse().unwrap())).unwrap();
        assert_eq!(found.map(|one| one.ip().to_string()).collect::<Vec<_>>(), ["127.0.0.1"]);
        assert!(!reentry::is_own_thread());
        assert_eq!(lookups.running.load(super::Ordering::Relaxed), 0);
    }
}
