//! The design, held by a test: floors, purity, sizes, and what must not be written.
//!
//! Reads the sources as text. Each rule is checked against a line that breaks it, too, so that a
//! rule that can't fail is noticed.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Production lines of a file, at most: neither blank nor comment, tests not counted.
const FILE_LINES: usize = 400;
/// Lines of a function, at most.
const FUNCTION_LINES: usize = 70;
/// Lines of tests inside a source file, at most.
const INLINE_TEST_LINES: usize = 40;
/// Characters of a line, at most.
const COLUMNS: usize = 100;

/// What may be imported by nobody above: the modules of each floor, from the top.
const FLOORS: [&[&str]; 6] = [
    &["lib", "guide", "proofs"],
    &["cli", "testing"],
    &["builder", "internals"],
    &["at_exit", "panic"],
    &["env", "guard"],
    &["capture", "delivery"],
];

/// Modules that decide and do nothing else.
const PURE: [&str; 24] = [
    "capture/cause",
    "capture/fold",
    "capture/gate",
    "capture/mute",
    "capture/redact",
    "capture/report",
    "capture/routes",
    "capture/source",
    "capture/threshold",
    "capture/title",
    "capture/trail/ring",
    "capture/why",
    "delivery/dry",
    "delivery/flush",
    "delivery/outbox",
    "delivery/outcome",
    "delivery/spool/record",
    "backoff",
    "cli/forecast/advice",
    "cli/forecast/line",
    "cli/forecast/tally",
    "sandbox/model",
    "stats/figures",
    "testing/expected",
];

struct Source {
    /// Below `src`, without `.rs`.
    name: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        let is_proof = self.is_in("proofs");
        is_proof || self.name.ends_with("/tests") || self.name.contains("/tests/")
    }

    fn is_in(&self, module: &str) -> bool {
        self.name == module || self.name.starts_with(&format!("{module}/"))
    }

    /// The lines before `#[cfg(test)] mod tests {`, with their numbers.
    fn production(&self) -> Vec<(usize, &str)> {
        let tests = self.text.split_once("#[cfg(test)]\nmod tests {");
        let lines = tests.map_or(self.text.as_str(), |(before, _)| before).lines().enumerate();
        let lines = lines.map(|(number, line)| (number + 1, line));
        lines.filter(|(_, line)| !line.trim().is_empty() && !is_comment(line)).collect()
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let sources: Vec<Source> = files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let name = name.to_string_lossy().trim_end_matches("/mod").to_owned();
            Source { name, text: fs::read_to_string(&path).unwrap() }
        })
        .collect();
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Fails with all that a rule found, and unless it also finds what is wrong in `bad`.
fn hold(rule: &str, bad: (&str, &str), find: impl Fn(&Source) -> Vec<String>) {
    let (name, text) = bad;
    let bad = Source { name: name.to_owned(), text: text.to_owned() };
    assert!(!find(&bad).is_empty(), "the rule \"{rule}\" can't fail");
    let found: Vec<String> = sources().iter().flat_map(&find).collect();
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

/// Each place of `words` in the production lines, as `file:line: word`.
fn places(source: &Source, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.production() {
        for word in words {
            if line.contains(word) {
                found.push(format!("{}:{number}: {word}", source.name));
            }
        }
    }
    found
}

fn floor(module: &str) -> usize {
    FLOORS.iter().position(|floor| floor.contains(&module)).unwrap_or(FLOORS.len())
}

/// The crate's modules that a source names, by `crate::module` or `use crate::{module…`.
fn imports(source: &Source) -> Vec<String> {
    let text: Vec<&str> = source.production().into_iter().map(|(_, line)| line).collect();
    let text = text.join("\n");
    let mut found = Vec::new();
    for part in text.split("crate::").skip(1) {
        let modules = match part.strip_prefix('{') {
            Some(list) => top_level(list),
            None => vec![part.to_owned()],
        };
        let word = |path: &String| {
            path.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
        };
        found.extend(modules.iter().filter_map(word));
    }
    found
}

/// The items of a braced list, without what is nested in them.
fn top_level(list: &str) -> Vec<String> {
    let (mut items, mut item, mut depth) = (Vec::new(), String::new(), 0);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    items.push(item);
    items
}

#[test]
fn imports_go_strictly_downwards_and_the_wings_do_not_meet() {
    let rule = "a module imports only what lies below it";
    hold(
        rule,
        ("capture/gate", "use crate::{clock::Clock, delivery::{outbox::Outbox}};"),
        |source| {
            let module = source.name.split('/').next().unwrap();
            let wrong = |import: &String| {
                let import = import.as_str();
                match module {
                    "lib" | "guide" | "proofs" => false,
                    "sandbox" => import != "sandbox" && import != "incident",
                    _ if import == module => false,
                    _ => {
                        import == "sandbox" && module != "cli"
                            || floor(import) <= floor(module) && floor(import) < FLOORS.len()
                    }
                }
            };
            let wrong = imports(source).into_iter().filter(wrong);
            wrong.map(|import| format!("{} imports {import}", source.name)).collect()
        },
    );
}

#[test]
fn what_decides_reads_no_clock_and_does_no_io() {
    let outside = [
        "Instant",
        "SystemTime::now",
        "Clock",
        ".elapsed()",
        "std::fs",
        "std::net",
        "std::io",
        "std::thread",
        "thread::",
        "tokio",
        "RandomState",
        "std::env",
        "reqwest",
    ];
    let bad = ("delivery/outbox", "let now = Instant::now();");
    hold("a pure module does nothing but decide", bad, |source| {
        let is_pure = PURE.iter().any(|module| source.is_in(module)) && !source.is_test();
        if is_pure { places(source, &outside) } else { Vec::new() }
    });
}

#[test]
fn only_the_clock_reads_time() {
    let bad = ("delivery/worker", "let now = Instant::now();");
    hold("only clock.rs and the sandbox's board read time", bad, |source| {
        if source.is_test() || ["clock", "sandbox/board"].contains(&source.name.as_str()) {
            return Vec::new();
        }
        places(source, &["Instant::now", "SystemTime::now", ".elapsed()"])
    });
}

#[test]
fn nothing_of_ours_can_panic_or_print_where_it_must_not() {
    let words = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "println!(",
        "eprintln!(",
        "print!(",
        "dbg!(",
        "assert!(",
        "unsafe ",
        "#[allow(",
        "let _ =",
    ];
    hold("no panic, no print", ("capture/layer", "let x = y.unwrap();"), |source| {
        // Those of the test kit fail a user's test.
        let fails = source.is_test() || source.name == "testing/macros";
        if fails { Vec::new() } else { places(source, &words) }
    });
    let writes = ["stderr()", "stdout()", "writeln!("];
    hold("who writes to a stream", ("capture/event", "writeln!(io::stderr(), \"\")"), |source| {
        let may = ["builder/start", "capture/pipeline", "delivery/printer", "delivery/transport"];
        let talks = ["sandbox", "cli"].iter().any(|module| source.is_in(module));
        if source.is_test() || may.contains(&source.name.as_str()) || talks {
            return Vec::new();
        }
        places(source, &writes)
    });
}

#[test]
fn no_lock_but_through_the_helper_that_ignores_poison() {
    hold("lock() is ours", ("capture/gate", "let books = set.books.lock();"), |source| {
        let exempt = source.is_test() || source.name == "lock" || source.is_in("sandbox");
        if exempt { Vec::new() } else { places(source, &[".lock()", ".write()", ".read()"]) }
    });
}

#[test]
fn files_and_functions_fit_a_screen_or_a_few() {
    hold("file size", ("x", &"let x = 1;\n".repeat(FILE_LINES + 1)), |source| {
        let lines = source.production().len();
        // Proofs are tests that people read as they read the code.
        let may_be_long = source.is_test() && !source.is_in("proofs");
        let too_long = lines > FILE_LINES && !may_be_long;
        too_long.then(|| format!("{}: {lines} lines", source.name)).into_iter().collect()
    });
    let long = format!("fn long() {{\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES));
    hold("function size", ("x", &long), |source| {
        let mut found = Vec::new();
        let mut open: Option<(usize, usize, &str)> = None;
        for (number, line) in source.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words = line.trim_start().split(' ').take_while(|word| !word.contains('('));
            let mut words = words.skip_while(|word| {
                ["pub", "async", "const"].contains(word) || word.starts_with("pub(")
            });
            let begins = words.next() == Some("fn") || line.trim_start().starts_with("fn ");
            if open.is_none() && begins {
                open = Some((number, indent, line));
            }
            if let Some((start, depth, name)) = open
                && (line.trim_end() == format!("{}}}", " ".repeat(depth))
                    || start == number && line.trim_end().ends_with('}')
                    || indent == depth && line.trim_end().ends_with(';'))
            {
                if number - start >= FUNCTION_LINES {
                    found.push(format!("{}: {} lines: {name}", source.name, number - start + 1));
                }
                open = None;
            }
        }
        found
    });
}

#[test]
fn tests_inside_a_source_file_are_few() {
    let long = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n".repeat(60));
    hold("inline tests", ("x", &long), |source| {
        let inline = source.text.split_once("#[cfg(test)]\nmod tests {");
        let lines = inline.map_or(0, |(_, tests)| tests.lines().count());
        let too_long = lines > INLINE_TEST_LINES;
        too_long.then(|| format!("{}: {lines} lines", source.name)).into_iter().collect()
    });
}

#[test]
fn every_file_opens_with_what_it_owns() {
    hold("`//!` first", ("x", "use std::fmt;"), |source| {
        let opens = source.text.starts_with("//!") || source.is_test() || source.name == "lib";
        (!opens).then(|| source.name.clone()).into_iter().collect()
    });
    hold("columns", ("x", &"x".repeat(COLUMNS + 1)), |source| {
        // A table's row can't be wrapped.
        let row = |line: &str| line.trim_start().starts_with("/// |");
        let long = |line: &&str| line.chars().count() > COLUMNS && !row(line);
        let long = source.text.lines().filter(|line| !source.is_test() && long(line));
        long.map(|line| format!("{}: {line}", source.name)).collect()
    });
}

#[test]
fn nothing_is_left_for_later_on_main() {
    let words = ["TODO", "FIXME", "XXX", "HACK"];
    hold("no notes to self", ("x", "// TODO: later"), |source| {
        let lines = source.text.lines().filter(|line| words.iter().any(|word| line.contains(word)));
        lines.map(|line| format!("{}: {line}", source.name)).collect()
    });
    let mut tests = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut tests);
    for path in tests {
        let text = fs::read_to_string(&path).unwrap();
        for word in ["ignore", "should_panic", "serial"] {
            assert!(!text.contains(&format!("#[{word}")), "{}: {word}", path.display());
        }
    }
}

#[test]
fn pictures_are_shown_in_the_repository_and_not_in_the_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = fs::read_to_string(root.join("src/guide.rs")).unwrap();
    for (page, hides) in [
        ("README.md", "#![doc = \"<style>img[src^='docs/'] { display: none }</style>\"]\n"),
        ("docs/tools.md", "#[doc = \"<style>.docblock img { display: none }</style>\"]\n"),
    ] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let pictures: Vec<_> = text.split("![").skip(1).map(|one| one.split(['(', ')'])).collect();
        assert!(!pictures.is_empty());
        for mut picture in pictures {
            let (words, path) = (picture.next().unwrap(), picture.next().unwrap());
            // What is shown where there is no picture.
            assert!(words.len() > 20, "{path} has no words of its own");
            assert!(root.join(page).with_file_name(path).is_file(), "{page}: {path}");
        }
        let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
        assert!((lib + &guide).contains(hides), "a broken picture is in the docs of {page}");
    }
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let may =
            path.ends_with("tools.md") || path.extension().is_none_or(|ending| ending != "md");
        assert!(may || !text.contains("!["), "{}", path.display());
    }
}

#[test]
fn the_readme_is_the_crate_docs_and_tells_the_oldest_rust() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lib = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    // The links within these docs come first, since the first definition of a label counts.
    let front =
        "#![doc = include_str!(\"guide/links.md\")]\n#![doc = include_str!(\"../README.md\")]\n";
    assert!(lib.starts_with(front), "{lib}");
    assert!(!lib.contains("//!"), "the crate docs have a second source");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.lines().count() < 300, "README.md is no first page any more");
    let oldest = format!("Rust {} or newer", env!("CARGO_PKG_RUST_VERSION"));
    assert!(readme.contains(&oldest), "README.md does not say {oldest:?}");
    let shouts = |word: &&str| word.len() > 5 && word.chars().all(|c| c.is_ascii_uppercase());
    // These are words that the system shouts.
    let system = |word: &str| ["SIGKILL", "SIGTERM", "EMFILE"].contains(&word);
    let shouts = |word: &&str| shouts(word) && !system(word);
    let chapters = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let chapters = chapters.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    for page in chapters.chain([root.join("README.md"), root.join("CONTRIBUTING.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        let shouts: Vec<_> = text.split_whitespace().filter(shouts).collect();
        assert!(shouts.is_empty(), "{}: left to be filled in: {shouts:?}", page.display());
    }
}
