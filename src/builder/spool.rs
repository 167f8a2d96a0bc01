//! From the spool's settings to an open spool, or to the sentence that says why not.

use std::{path::PathBuf, sync::Arc};

use super::Builder;
use crate::{
    delivery::spool::{Spool, SpoolError},
    env::{self, Mode},
    error::{Error, Kind},
    problem::{Problem, ProblemKind},
    webhook::Tokens,
};

/// The spool, and what a person should know when there should be one and is none.
pub(super) type Opened = (Option<Arc<Spool>>, Option<Problem>);

impl Builder {
    /// Opens the spool if one is wanted. Only what is sent is kept.
    pub(super) fn open_spool(&self, mode: Mode, tokens: &Tokens) -> Result<Opened, Error> {
        let Some((dir, from)) = self.spool_dir().filter(|_| mode == Mode::Live) else {
            return Ok((None, None));
        };
        if tokens.are_in(&dir.to_string_lossy()) {
            let why = "expected a directory, found a token in its name";
            return Err(Error::new(Kind::Spool { from, why, source: None }));
        }
        let problem = |sentence| Some(Problem::new(ProblemKind::Spool, sentence));
        let opened = match Spool::open(&dir, self.fsync) {
            Err(error) if error.may_pass() => {
                let sentence = format!(
                    "the spool can't be opened ({error}): incidents are in memory only until it \
                     can be"
                );
                Spool::closed_for_now(&dir, self.fsync).map(|spool| (spool, problem(sentence)))
            }
            opened => opened.map(|spool| (spool, None)),
        };
        match opened {
            Ok((spool, problem)) => Ok((Some(Arc::new(spool)), problem)),
            Err(SpoolError::Refused { why, source }) => {
                Err(Error::new(Kind::Spool { from, why, source }))
            }
            Err(error @ SpoolError::NoLocks(_)) => {
                let sentence = format!("{error}; what is not delivered is in memory only");
                Ok((None, problem(sentence)))
            }
        }
    }

    /// The directory, and where it was named.
    fn spool_dir(&self) -> Option<(PathBuf, &'static str)> {
        let named = self.spool.clone().map(|dir| (dir, "Builder::spool"));
        named.or_else(|| Some((env::spool().filter(|_| self.url.is_none())?, env::SPOOL)))
    }
}
