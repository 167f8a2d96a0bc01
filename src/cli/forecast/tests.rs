//! Reading as the command does.

use std::{collections::BTreeMap, io::Write};

use super::{
    WEIGHED,
    input::{Place, in_order},
    progress::Progress,
    reading::Reading,
};
use crate::{builder::Builder, stats::Stats};

mod lines;

/// What was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Triggers by title.
    pub(crate) triggers: BTreeMap<String, u64>,
    pub(crate) resolves: u64,
    /// Incidents opened.
    pub(crate) pages: u64,
}

/// Reads logs, a file each, for a program with these settings.
fn read(files: &[&[u8]], settings: impl Fn() -> Builder) -> Reading {
    let decided = || settings().decided().unwrap();
    let mut reading = Reading::new(decided(), decided(), WEIGHED);
    let files: Vec<_> = files
        .iter()
        .map(|bytes| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(bytes).unwrap();
            file
        })
        .collect();
    let mut places: Vec<Place> = files.iter().map(|file| Place::of(file.path())).collect();
    in_order(&mut places);
    let mut progress = Progress::new(&places);
    for place in &places {
        reading.read(place, &mut progress).unwrap();
    }
    reading.end();
    reading
}

/// What the command says of a log.
pub(crate) fn foresee(log: &[u8], settings: impl Fn() -> Builder) -> (Told, Stats) {
    let reading = read(&[log], settings);
    let found = reading.found();
    let sent = found.tally.titles.values().filter(|title| title.pages + title.repeats > 0);
    let triggers = sent.map(|title| (title.title.clone(), title.pages + title.repeats)).collect();
    let (resolves, pages) = (found.tally.resolves, found.tally.pages);
    (Told { triggers, resolves, pages }, found.stats)
}
