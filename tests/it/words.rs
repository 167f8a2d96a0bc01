//! What the guide lists is what there is: settings, the house, the proofs, the chapters.
//!
//! Reads the sources as text, as `tidy` does. Links and anchors are looked at by `.ci/docs`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files and folders in a folder, by their names without an ending.
fn names(folder: &str, wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    paths.filter(|path| wanted(path)).map(name).collect()
}

/// Fails unless both are the same, with what only one of them has.
fn same(told: &str, guide: &BTreeSet<String>, what: &str, code: &BTreeSet<String>) {
    assert!(code.len() > 3, "{what}: not found");
    let only = |one: &BTreeSet<String>, other| one.difference(other).cloned().collect::<Vec<_>>();
    let (missing, gone) = (only(code, guide), only(guide, code));
    assert!(missing.is_empty(), "{told} does not have {missing:?}, of {what}");
    assert!(gone.is_empty(), "{told} has {gone:?}, which is none of {what}");
}

/// What stands in backticks in a text, without what follows the first bracket.
fn code_words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split('`').skip(1).step_by(2);
    words.map(|word| word.split('(').next().unwrap_or_default().to_owned())
}

/// The cells of a column of the first table.
fn column(text: &str, number: usize) -> Vec<&str> {
    let rows = text.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split(" | ").nth(number).unwrap().trim_start_matches("| ")).collect()
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).map(move |rest| rest.split(after).next().unwrap_or_default())
}

#[test]
fn the_table_of_settings_has_each_setter_and_each_variable() {
    let guide = text("docs/settings.md");
    let told: BTreeSet<_> = column(&guide, 0).into_iter().flat_map(code_words).collect();
    let mut setters = BTreeSet::from(["builder".to_owned()]);
    let mut sources = vec![text("src/builder.rs")];
    sources.extend(
        names("src/builder", Path::is_file)
            .iter()
            .map(|name| text(&format!("src/builder/{name}.rs"))),
    );
    for source in &sources {
        let methods = between(source, "\n    pub fn ", ')');
        let setter = |method: &str| Some(method.split_once("(mut self")?.0.to_owned());
        setters.extend(methods.filter_map(setter));
    }
    assert!(setters.len() > 20, "{setters:?}");
    same("docs/settings.md", &told, "the setters of Builder", &setters);

    let told = column(&guide, 1).into_iter().flat_map(code_words);
    let is_ours = |name: &String| name.starts_with("SPIKE_") || name.starts_with("OTEL_");
    let told: BTreeSet<_> = told.filter(is_ours).collect();
    let env = text("src/env.rs");
    let read = between(&env, ": &str = \"", '"').map(str::to_owned).collect();
    same("docs/settings.md", &told, "the variables in src/env.rs", &read);
}

#[test]
fn the_map_of_the_house_has_each_module() {
    let guide = text("docs/design.md");
    let map = guide.split("```").nth(1).unwrap().lines().skip(1);
    let told = map.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    let any = |path: &Path| path.file_stem().is_some_and(|name| name != "mod");
    let mut modules = names("src", any);
    for wing in ["capture", "delivery"] {
        let rooms = names(&format!("src/{wing}"), any);
        modules.extend(rooms.into_iter().map(|room| format!("{wing}/{room}")));
    }
    same("docs/design.md", &told, "the modules in src", &modules);
}

#[test]
fn each_proof_has_a_row_that_says_what_it_shows() {
    let long = text(".ci/long");
    let proofs = between(&long, "\nproofs=(", ')').next().unwrap();
    let proofs = proofs.split_whitespace().map(str::to_owned).collect();
    let guide = text("docs/survival.md");
    let commands = column(&guide, 0).into_iter().flat_map(code_words);
    let told = commands.filter_map(|word| Some(word.strip_prefix(".ci/long ")?.to_owned()));
    same("docs/survival.md", &told.collect(), "the proofs of .ci/long", &proofs);
    for (command, result) in column(&guide, 0).iter().zip(column(&guide, 2)) {
        assert!(result.len() > 5, "{command} has no result");
    }
}

#[test]
fn each_chapter_is_in_the_crate_docs_and_on_the_front_page() {
    let is_chapter = |path: &Path| path.extension().is_some_and(|ending| ending == "md");
    let chapters = names("docs", is_chapter);
    let guide = text("src/guide.rs");
    let included = between(&guide, "(\"../docs/", '.').map(str::to_owned).collect();
    same("src/guide.rs", &included, "the chapters in docs", &chapters);
    let modules = between(&guide, "\npub mod ", ' ').map(str::to_owned).collect();
    same("src/guide.rs", &modules, "the chapters in docs", &chapters);
    let readme = text("README.md");
    let index = readme.split("## The guide").nth(1).unwrap().split("\n## ").next().unwrap();
    for chapter in &chapters {
        let labels = readme.lines().filter(|line| line.contains(&format!("]: docs/{chapter}.md")));
        let mut labels = labels.map(|line| line.split(':').next().unwrap());
        let leads = labels.any(|label| index.contains(label));
        assert!(leads, "the front page does not lead to docs/{chapter}.md");
    }
}

#[test]
fn each_example_is_on_the_front_page() {
    let readme = text("README.md");
    let list = readme.split("## Examples").nth(1).unwrap();
    let told = column(list, 0).into_iter().flat_map(code_words).collect();
    same("README.md", &told, "the examples", &names("examples", Path::is_file));
}

#[test]
fn what_only_one_side_has_is_noticed() {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    let all = set(&["a", "b", "c", "d"]);
    for other in [set(&["a", "b", "c"]), set(&["a", "b", "c", "d", "e"])] {
        let found = std::panic::catch_unwind(|| same("the guide", &other, "the code", &all));
        assert!(found.is_err(), "{other:?}");
    }
    assert_eq!(column("x\n| a | b |\n|---|---|\n| `c(d)`, `e` | f |\n", 0), ["`c(d)`, `e`"]);
    assert_eq!(code_words("`c(d)`, `e`").collect::<Vec<_>>(), ["c", "e"]);
}
