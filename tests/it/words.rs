//! What the guide lists is what there is: settings, the house, the proofs, the chapters.
//!
//! Reads the sources as text, as `tidy` does. Links and anchors are looked at by `.ci/docs`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Figures of the guide: a source and its constant, a chapter and its words.
const FIGURES: &str = "
builder; REPEAT_EVERY: Duration = Duration::from_secs(300); settings; 5 min (± 10 %)
builder; from_secs(10)..=Duration::from_secs(86_400); settings; 10 s to 24 h
builder; from_secs(60)..=Duration::from_secs(86_400); settings; 1 min to 24 h
builder; burst: 10, per_minute: 2 }; settings; 10 new titles at once, then 2 a minute
builder; burst: 10, per_minute: 2 }; storms; 10 at once, then 2 a minute
builder; BUDGET_RANGE: std::ops::RangeInclusive<u32> = 1..=1_000; settings; 1 to 1,000 each
builder; SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3); settings; | 3 s |
builder; SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3); delivery; for at most 3 s (`shutdown_timeout`)
builder; QUEUE_CAPACITY: usize = 256; settings; 256 incidents of each webhook
builder; QUEUE_RANGE: std::ops::RangeInclusive<usize> = 1..=65_536; settings; 1 to 65,536
builder/endpoints; MOST: usize = 16; settings; 16 webhooks
builder/endpoints; MOST: usize = 16; paging; At most 16 different webhooks
capture/redact/names; ADDED_NAMES: usize = 64; settings; 64 names
capture/redact; OPEN_FIELDS: usize = 128; settings; 128 fields
capture/title; MAX_CHARS: usize = 200; titles; (200 characters)
capture/fold; KINDS: usize = 5; titles; has opened 5 titles
capture/fold; WINDOW: Duration = Duration::from_secs(600); titles; within 10 min
capture/mute; LONGEST: Duration = Duration::from_secs(86_400); paging; none lasts longer than 24 h
capture/cause; WINDOW: Duration = Duration::from_secs(1); storms; within the last second
capture/gate/page; FLAP: u64 = 300_000; storms; within 5 min of its resolve
capture/gate/page; FLAPS: u32 = 3; storms; pages three times
capture/gate/budget; { 2 } else { 30 }; storms; 30 repeats a minute
capture/span; SPAN_CAP: usize = 32; paging; 32 spans
fields; TEXT_CAP: usize = 2 * 1024; paging; 2 KiB a field
fields; FIELD_CAP: usize = 64; paging; 64 fields
delivery/body; BODY_CAP: usize = 32 * 1024; paging; 32 KiB in all
delivery/body; SCHEMA: u64 = 1; paging; the version of this shape: 1
delivery/endpoint; LATE: Duration = Duration::from_secs(120); delivery; more than 2 min late
delivery/transport; CONNECT: Duration = Duration::from_secs(3); settings; 3 s and 10 s
delivery/transport; ATTEMPT: Duration = Duration::from_secs(10); settings; 3 s and 10 s
delivery/outbox; MAX_AGE: Duration = Duration::from_secs(6 * 3600); delivery; for six hours
delivery/outbox; KNOWN_CAP: usize = 1_024; settings; 1,024 of each webhook
delivery/outbox/title; PACE: usize = 9; storms; under 10 triggers a minute
delivery/outbox/title; POISON_FAILURES: u32 = 8; delivery; eight times 500
delivery/outbox/endpoint; PROBE: Duration = Duration::from_secs(300); delivery; tried every 5 min
delivery/outbox/endpoint; TELLING_FAILURES: u32 = 3; delivery; after three failures in a row
delivery/spool/adopt; FORGOTTEN: Duration = Duration::from_secs(30 * 86_400); delivery; deleted after 30 days
guard/waits; MOST: Duration = Duration::from_secs(2); delivery; then delivered for at most 2 s
at_exit; MOMENT: Duration = Duration::from_millis(50); delivery; waits up to 50 ms
queue; RESOLVE_SLOTS: usize = 64; settings; | 64 |
";

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
    let guide = guide.split("## The table").nth(1).unwrap();
    let commands = column(guide, 0).into_iter().flat_map(code_words);
    let told = commands.filter_map(|word| Some(word.strip_prefix(".ci/long ")?.to_owned()));
    same("docs/survival.md", &told.collect(), "the proofs of .ci/long", &proofs);
    for (command, result) in column(guide, 0).iter().zip(column(guide, 2)) {
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
    let list = readme.split("## Examples").nth(1).unwrap().split("\n## ").next().unwrap();
    let told = column(list, 0).into_iter().flat_map(code_words).collect();
    same("README.md", &told, "the examples", &names("examples", Path::is_file));
}

#[test]
fn the_front_page_has_the_costs_of_their_chapter() {
    let (readme, chapter) = (text("README.md"), text("docs/cost.md"));
    let costs = readme.split("## What it costs").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<_> = costs.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 8, "{rows:#?}");
    for row in rows {
        assert!(chapter.lines().any(|line| line == row), "docs/cost.md does not have {row}");
    }
}

#[test]
fn figures_are_those_of_the_code() {
    let told = |path: String| text(&path).split_whitespace().collect::<Vec<_>>().join(" ");
    let figures: Vec<Vec<_>> =
        FIGURES.lines().skip(1).map(|line| line.split("; ").collect()).collect();
    assert!(figures.len() >= 40);
    for figure in figures {
        let [source, constant, chapter, words] = figure[..] else { panic!("{figure:?}") };
        let (source, chapter) = (format!("src/{source}.rs"), format!("docs/{chapter}.md"));
        assert!(told(source).contains(constant), "{constant} is gone, which {chapter} tells");
        assert!(told(chapter.clone()).contains(words), "{chapter} does not say: {words}");
    }
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

/// The keys of an object and of those in it, each with its path.
fn keys(value: &serde_json::Value, path: &str, out: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        keys(value, &path, out);
        out.insert(path);
    }
}

#[test]
fn the_body_in_the_guide_is_that_of_such_an_event() {
    #[derive(Debug)]
    struct NoAnswer(std::io::Error);
    impl std::fmt::Display for NoAnswer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("no answer")
        }
    }
    impl std::error::Error for NoAnswer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let rig = crate::rig::rig_with(|builder| {
        builder.service("shop").version("1.4.2").environment("production").trail(20)
    });
    let incident = rig.paged_one(|| {
        let _request = tracing::info_span!("request", method = "POST").entered();
        let _pay = tracing::info_span!("pay", customer = 17).entered();
        tracing::warn!(target: "shop::payments", attempt = 2, "no answer, trying again");
        let failed = NoAnswer(std::io::Error::other("connection refused"));
        tracing::error!(
            target: "shop::payments",
            amount = 129.95,
            attempt = 3,
            error = &failed as &dyn std::error::Error,
            "card payment failed for order {}",
            4711
        );
    });
    let page = text("docs/paging.md");
    let told = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    let [mut inside, mut outside] = [BTreeSet::new(), BTreeSet::new()];
    keys(incident.body(), "", &mut inside);
    keys(&told, "", &mut outside);
    assert_eq!(outside, inside);
    for key in ["message", "level", "target", "fields", "error", "span"] {
        assert_eq!(told[key], incident.body()[key]);
    }
}
