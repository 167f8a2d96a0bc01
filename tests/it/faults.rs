//! The fault catalogue, held by a test: each of its cases has a test that carries its number, or a
//! line in `tests/FAULTS.md` that says why not.
//!
//! The numbers are written down here, so that the rule holds where the catalogue is not at hand;
//! where it is (`../shared/FAULTS.md`), they must be its numbers.

#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::{collections::BTreeSet, fs, path::Path};

/// The cases of sections 1 to 4, one array for each.
const CASES: [&[u16]; 4] = [
    &[
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 23, 24, 27, 28, 29,
        30, 31, 32, 33, 34, 35,
    ],
    &[
        40, 42, 43, 44, 45, 46, 48, 49, 50, 52, 53, 54, 55, 57, 58, 59, 60, 62, 63, 64, 65, 66, 67,
        69, 70, 71, 72, 73,
    ],
    &[80, 81, 83, 84, 85, 86, 87, 88, 89, 90, 91, 93, 94, 96, 97],
    &[100, 101, 102, 103, 105, 107, 108, 109, 110, 111, 113, 115, 116, 117],
];

/// The numbers in the names of the tests in `text`: `f001_f002_what_holds`.
fn tested(text: &str) -> Vec<u16> {
    let names = text.split("#[test]").skip(1).filter_map(|test| {
        let (_, name) = test.split_once("fn ")?;
        name.split_once('(').map(|(name, _)| name)
    });
    let number = |part: &str| {
        let digits = part.strip_prefix('f').filter(|digits| digits.len() == 3)?;
        digits.parse().ok()
    };
    names.flat_map(|name| name.split('_').map_while(number)).collect()
}

/// The cases of `tests/FAULTS.md`, as `| number | reason |`, each with whether that is the reason
/// of a part only; a number without a reason is none.
fn explained(text: &str) -> Vec<(u16, bool)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|'));
    let explained = rows.filter_map(|row| {
        let (number, reason) = row.split_once('|')?;
        let reason = reason.trim_end_matches('|').trim();
        let is_one = reason.split_whitespace().count() >= 5;
        let number = number.trim().parse().ok().filter(|_| is_one)?;
        Some((number, reason.starts_with("in part: ")))
    });
    explained.collect()
}

/// The cases that have neither a test in `sources` nor a reason.
fn missing(cases: &[u16], sources: &[String], reasons: &str) -> Vec<u16> {
    let mut covered: BTreeSet<u16> = sources.iter().flat_map(|text| tested(text)).collect();
    let whole = explained(reasons).into_iter().filter(|(_, in_part)| !in_part);
    covered.extend(whole.map(|(case, _)| case));
    cases.iter().copied().filter(|case| !covered.contains(case)).collect()
}

fn read(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_case_of_the_catalogue_has_a_test_or_a_reason() {
    let (root, cases) = (Path::new(env!("CARGO_MANIFEST_DIR")), CASES.concat());
    let mut sources = Vec::new();
    ["src", "tests"].iter().for_each(|folder| read(&root.join(folder), &mut sources));
    let reasons = fs::read_to_string(root.join("tests/FAULTS.md")).unwrap();
    let missing = missing(&cases, &sources, &reasons);
    assert!(missing.is_empty(), "neither a test nor a reason in tests/FAULTS.md: {missing:?}");
    // Each row of the table is about a case that there is.
    for (case, _) in explained(&reasons) {
        assert!(cases.contains(&case), "tests/FAULTS.md: there is no case {case}");
    }
    assert_eq!(
        reasons.lines().filter(|line| line.starts_with("| ")).count() - 1,
        explained(&reasons).len(),
        "tests/FAULTS.md: each row needs a number and a reason"
    );
}

#[test]
fn a_case_without_a_test_or_a_reason_is_found() {
    let source = |name: &str| format!("#[test]\nfn {name}() {{}}\n");
    let sources = [source("f001_f002_both"), source("f004_what_the_f005_is"), source("f6_x")];
    let helper = ["fn f003_no_test() {}\n".to_owned(), "// f007_ in a comment".to_owned()];
    let sources = [sources.as_slice(), &helper].concat();
    let reasons = "| case | why not |\n|---|---|\n| 8 | nobody can do that here |\n| 9 |  |\n\
                   | 10 | in part: the rest has a test |\n";
    let cases: Vec<u16> = (1..=10).collect();
    assert_eq!(missing(&cases, &sources, reasons), [3, 5, 6, 7, 9, 10]);
}

#[test]
fn the_cases_are_those_of_the_catalogue() {
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/FAULTS.md");
    let Ok(text) = fs::read_to_string(catalogue) else {
        println!("skipped: the catalogue is not beside this checkout");
        return;
    };
    let (_, text) = text.split_once("\n## 1.").unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let numbers: Vec<u16> = rows.filter_map(|(number, _)| number.parse().ok()).collect();
    assert_eq!(numbers, CASES.concat());
}
