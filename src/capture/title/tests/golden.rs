//! `tests/titles.golden`: what titles are. People's incidents hang on them, so that a change there
//! is seen, and meant.

use std::{collections::HashSet, env, fs, path::PathBuf};

use super::super::{Draft, MAX_CHARS, Parts, Spare, Titles};

/// Cases that are there at least.
const FEWEST: usize = 300;
const MARK: &str = "=>";

/// One event of the file.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Case {
    text: String,
    target: String,
    error: String,
    span: Option<String>,
    fields: Vec<String>,
    level: String,
    repeat: usize,
    is_given: bool,
    is_short: bool,
}

impl Case {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "target" => self.target = value,
            "error" => self.error = value,
            "span" => self.span = Some(value),
            "fields" => self.fields = value.split(", ").map(str::to_owned).collect(),
            "level" => self.level = value,
            "repeat" => self.repeat = value.parse().expect("a number after @repeat"),
            "given" => self.is_given = true,
            "short" => self.is_short = true,
            _ => panic!("@{name} is not known"),
        }
    }

    fn title(&self) -> String {
        let text = self.text.repeat(self.repeat.max(1));
        let mut draft = Draft::default();
        if self.is_given {
            // What can't be seen is no title.
            draft.give(&text);
            return draft.title().to_owned();
        }
        let fields = |visit: &mut dyn FnMut(&str)| self.fields.iter().for_each(|name| visit(name));
        let parts = Parts {
            message: &text,
            error: &self.error,
            target: &self.target,
            span: self.span.as_deref(),
            fields: &fields,
            level: if self.level.is_empty() { "ERROR" } else { &self.level },
        };
        let titles = if self.is_short { Titles::text().short() } else { Titles::text() };
        draft.derive(&titles, &parts, &mut Spare::default());
        draft.title().to_owned()
    }
}

/// Undoes `\n`, `\u{200b}` and the like.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().expect("a character after \\") {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let code: String = chars.by_ref().take_while(|&c| c != '}').collect();
                let code = u32::from_str_radix(code.trim_start_matches('{'), 16).expect("hex");
                out.push(char::from_u32(code).expect("a character"));
            }
            other => out.push(other),
        }
    }
    out
}

/// The file with each title as it is today, its cases, and what differs.
struct Read {
    anew: String,
    cases: Vec<(Case, String)>,
    differs: Vec<String>,
}

fn read(text: &str) -> Read {
    let mut read = Read { anew: String::new(), cases: Vec::new(), differs: Vec::new() };
    let mut case = Case::default();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let mut is_whole = false;
        if let Some(option) = line.strip_prefix('@') {
            let (name, value) = option.split_once(' ').unwrap_or((option, ""));
            case.set(name, unescape(value));
        } else if line.starts_with(MARK) {
            // Of an event without a message.
            is_whole = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            case.text = unescape(line);
            is_whole = true;
        }
        if !line.starts_with(MARK) {
            read.anew.extend([line, "\n"]);
        }
        if !is_whole {
            continue;
        }
        let case = std::mem::take(&mut case);
        let next = lines.next_if(|(_, next)| !line.starts_with(MARK) && next.starts_with(MARK));
        let expected = next.map_or(line, |(_, next)| next);
        let title = case.title();
        let found = format!("{MARK} {title}");
        let found = found.trim_end();
        if found != expected {
            let number = number + 1;
            read.differs.push(format!("{number}: {line}\n  - {expected}\n  + {found}"));
        }
        read.anew.extend([found, "\n"]);
        read.cases.push((case, title));
    }
    read
}

fn golden() -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/titles.golden");
    let text = fs::read_to_string(&path).expect("tests/titles.golden");
    (path, text)
}

#[test]
fn titles_are_what_the_golden_file_says() {
    let (path, text) = golden();
    let read = read(&text);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        assert!(env::var_os("CI").is_none(), "UPDATE_GOLDEN is for people: CI compares");
        fs::write(path, read.anew).expect("written");
        return;
    }
    let (differs, cases) = (read.differs.len(), read.cases.len());
    assert!(
        read.differs.is_empty(),
        "{differs} of {cases} titles differ (line: message, - golden, + today). People's incidents \
         hang on them: if that is meant, it is a breaking change; UPDATE_GOLDEN=1 writes them.\n{}",
        read.differs.join("\n")
    );
    assert_eq!(read.anew, text, "the file is not as it would be written");
    assert!(cases >= FEWEST, "{cases} cases");
    let mut seen = HashSet::new();
    for (case, title) in &read.cases {
        assert!(seen.insert(case), "twice: {case:?}");
        assert!(title.chars().count() <= MAX_CHARS, "{title}");
        assert!(case.is_given || !title.is_empty(), "{case:?}");
    }
}

#[test]
fn a_title_of_the_golden_file_is_the_title_of_itself() {
    for (case, title) in read(&golden().1).cases {
        if case.is_given || (case.repeat == 0 && case.target.is_empty() && !case.is_short) {
            let again = Case { text: title.clone(), is_given: case.is_given, ..Case::default() };
            let again = if title.is_empty() { String::new() } else { again.title() };
            assert_eq!(again, title, "{case:?}");
        }
    }
}

#[test]
fn a_title_that_differs_is_shown_and_written_anew() {
    let read = read("# x\n@target shop\nuser 7\n=> user 7\n\n@error lost\n=> gone\n");
    let shown = ["3: user 7\n  - => user 7\n  + => user # in shop", "7: => gone\n"];
    assert_eq!(read.differs[0], shown[0]);
    assert!(read.differs[1].ends_with("  - => gone\n  + => lost"), "{:?}", read.differs);
    assert_eq!(read.anew, "# x\n@target shop\nuser 7\n=> user # in shop\n\n@error lost\n=> lost\n");
    assert_eq!(unescape(r"\u{41}\\\n\#"), "A\\\n#");
}
