//! The messages of `tests/titles.golden`, through the whole of it: what opens an incident resolves
//! it. That their titles are right is a unit test.

use std::{collections::HashSet, fs, path::Path};

use tracing::info;

use crate::{
    child,
    context::{alone, titles},
};

/// The messages that stand there as they are: no escapes, and no options but a target.
fn messages() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/titles.golden");
    let text = fs::read_to_string(path).unwrap();
    let (mut found, mut is_plain) = (Vec::new(), true);
    for line in text.lines().filter(|line| !line.starts_with("=>")) {
        if line.starts_with('@') {
            is_plain = is_plain && line.starts_with("@target ");
        } else if !line.is_empty() && !line.starts_with('#') {
            // Of punctuation alone the title is the level, which a resolve has another of.
            let says_something = line.contains(|c: char| c.is_alphanumeric());
            if is_plain && says_something && !line.contains('\\') {
                found.push(line.to_owned());
            }
            is_plain = true;
        }
    }
    found
}

#[test]
fn what_opens_an_incident_resolves_it() {
    let test = "titles::golden::what_opens_an_incident_resolves_it";
    child::run(test, &[], || {
        let spike = alone(|builder| builder).everywhere();
        let messages = messages();
        assert!(messages.len() > 300, "{}", messages.len());
        // A line of its own for each, since a call site opens five titles and folds the rest.
        let fail = |line: u32, text: &str| {
            let mut record = log::Record::builder();
            record.level(log::Level::Error).target(module_path!());
            record.file(Some("golden.rs")).line(Some(line));
            tracing_log::format_trace(&record.args(format_args!("{text}")).build()).unwrap();
        };
        let lines: Vec<(u32, &String)> = (1..).zip(&messages).collect();
        for part in lines.chunks(50) {
            part.iter().for_each(|(line, text)| fail(*line, text));
            spike.delivered();
        }
        let opened = spike.delivered();
        let distinct: HashSet<_> = titles(&opened).into_iter().collect();
        assert_eq!((distinct.len(), spike.sandbox.open().len()), (opened.len(), opened.len()));
        assert!(opened.len() > 250, "{}", opened.len());
        for part in messages.chunks(50) {
            part.iter().for_each(|text| info!(spike.status = "resolve", "{text}"));
            spike.delivered();
        }
        let open = spike.sandbox.open();
        assert!(open.is_empty(), "{:?} {:?}", spike.handle.stats(), titles(&open));
    })
    .well();
}
