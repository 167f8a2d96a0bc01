//! Pipelines that somebody watches: a dry run, and that of a user's test, which has no thread, and
//! a clock that stands still. All else is as in production.

use std::sync::Arc;

use super::Builder;
#[cfg(feature = "testing")]
use super::assemble::Built;
#[cfg(feature = "testing")]
use crate::error::Error;
use crate::{
    capture::{in_force::InForce, routes::Routes, why::Why},
    clock::Clock,
    delivery::{
        dry::{Dry, Look},
        printer,
    },
    env::{self, Mode},
    witness::Witness,
};

impl Builder {
    /// What a dry run is printed by; `None`: it is none.
    pub(super) fn dry(mode: Mode, rules: &Arc<InForce>, routes: &Arc<Routes>) -> Option<Dry> {
        (mode == Mode::DryRun).then(|| Dry {
            look: match printer::is_terminal() {
                true if env::wants_color() => Look::Color,
                true => Look::Terminal,
                false => Look::Plain,
            },
            explain: Arc::new(Why::new(rules, routes)),
            tally: Arc::default(),
        })
    }

    /// Who watches what does not go out.
    pub(super) fn witness(&self, dry: Option<&Dry>) -> Option<Arc<dyn Witness>> {
        #[cfg(feature = "testing")]
        if let Some(Driving { witness, .. }) = &self.driven {
            return Some(Arc::clone(witness));
        }
        dry.map(|dry| Arc::clone(&dry.tally) as Arc<dyn Witness>)
    }

    /// The host and the process: those of a user's test are the same in each run.
    pub(super) fn process(&self) -> (Option<String>, u32) {
        #[cfg(feature = "testing")]
        if self.driven.is_some() {
            return (Some("test".to_owned()), 1);
        }
        let host = hostname::get().ok().map(|host| host.to_string_lossy().into_owned());
        (host, std::process::id())
    }

    pub(super) fn clock(&self) -> Clock {
        #[cfg(feature = "testing")]
        if let Some(Driving { driven, .. }) = &self.driven {
            return driven.clock().clone();
        }
        Clock::start()
    }

    /// The parts of a pipeline for a user's test. It is on whatever the mode is, and keeps nothing
    /// on disk.
    #[cfg(feature = "testing")]
    pub(crate) fn drive(mut self, driving: Driving) -> Result<Built, Error> {
        (self.mode, self.spool) = (Some(Mode::Live), None);
        self.shutdown_timeout = std::time::Duration::ZERO;
        self.driven = Some(driving);
        if self.panics {
            crate::panic::install();
        }
        self.assemble()
    }
}

/// What the pipeline of a user's test has in the place of a thread and a clock.
#[cfg(feature = "testing")]
pub(crate) struct Driving {
    pub(crate) driven: Arc<crate::delivery::worker::driven::Driven>,
    pub(crate) witness: Arc<dyn Witness>,
}
