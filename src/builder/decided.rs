//! What a builder has decided, for whoever asks what would page without paging anybody.
//!
//! Invariant: no worker is started, no webhook is looked at, nothing is printed.

use super::{Builder, endpoints::Endpoints};
use crate::{
    capture::{filter::Rules, pipeline::Settings, routes::Routes, title::Titles},
    env::Mode,
    error::Error,
};

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) rules: Rules,
    pub(crate) routes: Routes,
    pub(crate) settings: Settings,
    pub(crate) titles: Titles,
    pub(crate) group_by: Vec<String>,
}

impl Builder {
    /// Checks the settings as [`build`](Builder::build) does.
    pub(crate) fn decided(self) -> Result<Decided, Error> {
        self.check()?;
        let from_env = self.url.is_none();
        let rules = self.rules(from_env)?;
        let (endpoints, routes) = Endpoints::of(self.routes.clone(), None, true)?;
        let source = self.source(from_env)?;
        let settings = self.settings((&endpoints, &source, None), None, Mode::Off);
        let Self { titles, group_by, .. } = self;
        Ok(Decided { rules, routes, settings, titles, group_by })
    }
}
