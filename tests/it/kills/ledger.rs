//! What the test process knows from outside: which titles a run has accepted, and what became of
//! them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tracing_spike::sandbox::{Effect, Request, Sandbox};

use super::Named;
use crate::spool::{files, read_record};

/// Incidents that a run opens.
pub(super) const EACH: u64 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    pub(super) runs: u64,
    pub(super) kills: u64,
    /// Titles whose record was seen in the spool after a kill, or that reached the sandbox.
    pub(super) accepted: u64,
    /// Of these, titles that were in the spool after a kill.
    pub(super) from_spool: u64,
    pub(super) delivered: u64,
    /// Deliveries beyond the first of a title.
    pub(super) duplicates: u64,
    /// Accepted titles that were never delivered.
    pub(super) lost: u64,
    /// Requests, or files, that say what no run has said.
    pub(super) corrupt: u64,
    /// Files and directories that nobody took over.
    pub(super) stuck: u64,
    /// A few of what is wrong, for a person.
    wrong: Vec<String>,
}

pub(super) struct Ledger {
    pub(super) figures: Figures,
    seed: u64,
    /// The number of the newest request of this sandbox that is in the books.
    newest: u64,
    accepted: HashSet<String>,
    from_spool: HashSet<String>,
    /// How often each title was taken.
    taken: HashMap<String, u64>,
}

impl Ledger {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            figures: Figures::default(),
            seed,
            newest: 0,
            accepted: HashSet::new(),
            from_spool: HashSet::new(),
            taken: HashMap::new(),
        }
    }

    /// The name of the next run.
    pub(super) fn next_run(&mut self) -> String {
        self.figures.runs += 1;
        self.newest_run()
    }

    pub(super) fn newest_run(&self) -> String {
        format!("{} {}", letters(self.seed), letters(self.figures.runs))
    }

    /// There is another sandbox.
    pub(super) fn begin_anew(&mut self) {
        self.newest = 0;
    }

    pub(super) fn read_requests(&mut self, sandbox: &Sandbox) {
        let mut requests = sandbox.requests();
        requests.retain(|request| request.number() > self.newest);
        for request in &requests {
            self.newest = request.number();
            if is_broken_off(request) {
                continue;
            }
            let body = request.json();
            let Some(title) = body.as_ref().and_then(|body| self.title_of_request(body)) else {
                let text = String::from_utf8_lossy(request.body()).chars().take(300).collect();
                self.wrong(text);
                continue;
            };
            // A record is written before its title is sent.
            self.accepted.insert(title.clone());
            if !matches!(request.effect(), Effect::NotApplied | Effect::Rejected(_)) {
                *self.taken.entry(title).or_default() += 1;
            }
        }
    }

    pub(super) fn read_spool(&mut self, dir: &Path) {
        for (path, bytes) in files(dir) {
            if path.components().any(|part| part.as_os_str() == "quarantine") {
                self.wrong(format!("{} was set aside", path.display()));
            }
            if !path.ends_with_json() {
                continue;
            }
            let Some(title) = read_record(&bytes).and_then(|record| self.title_of_record(&record))
            else {
                self.wrong(format!("{}: {}", path.display(), String::from_utf8_lossy(&bytes)));
                continue;
            };
            self.accepted.insert(title.clone());
            self.from_spool.insert(title);
        }
    }

    /// The only record of an incident that was not delivered yet.
    pub(super) fn undelivered(&self, dir: &Path) -> Option<PathBuf> {
        let mut files = files(dir);
        files.retain(|(path, _)| path.ends_with_json());
        let is_only = |(path, bytes): &&(PathBuf, Vec<u8>)| {
            let record = read_record(bytes).unwrap();
            let title = record["title"].as_str().unwrap();
            let same = |(other, _): &&(PathBuf, Vec<u8>)| other.file_name() == path.file_name();
            title.starts_with("kill")
                && !self.taken.contains_key(title)
                && files.iter().filter(same).count() == 1
        };
        files.iter().find(is_only).map(|(path, _)| path.clone())
    }

    fn wrong(&mut self, what: String) {
        self.figures.corrupt += 1;
        if self.figures.wrong.len() < 3 {
            self.figures.wrong.push(what);
        }
    }

    /// The title of a request, if a run can have said all of it.
    fn title_of_request(&self, request: &Value) -> Option<String> {
        let title = request.get("title")?.as_str()?;
        let is_resolve = request.get("status").and_then(Value::as_str) == Some("resolve");
        let body = request.get("body")?;
        self.is_said(title, is_resolve, body).then(|| title.to_owned())
    }

    fn title_of_record(&self, record: &Value) -> Option<String> {
        let title = record.get("title")?.as_str()?;
        let is_resolve = record.get("says")?.as_str()? == "resolve";
        self.is_said(title, is_resolve, record.get("body")?).then(|| title.to_owned())
    }

    fn is_said(&self, title: &str, is_resolve: bool, body: &Value) -> bool {
        let words: Vec<&str> = title.split(' ').collect();
        let is_run = |lane: &str, run: &str| {
            lane == letters(self.seed) && (1..=self.figures.runs).contains(&number(run))
        };
        match words[..] {
            ["over", lane, run] => is_resolve && is_run(lane, run) && body.get("fields").is_none(),
            ["kill", lane, run, code] => {
                let fields = &body["fields"];
                let filler = fields["filler"].as_str().unwrap_or_default();
                let longest = (1 + number(code) as usize * 300) * "filler ".len();
                !is_resolve
                    && is_run(lane, run)
                    && number(code) < EACH
                    && fields["run"] == format!("{lane} {run}")
                    && fields["code"] == code
                    && filler.len() >= longest.min(2_000)
            }
            _ => false,
        }
    }

    pub(super) fn settle(mut self) -> Figures {
        let delivered = |title: &&String| self.taken.contains_key(*title);
        let count = |titles: &HashSet<String>| titles.len() as u64;
        let lost: Vec<String> =
            self.accepted.iter().filter(|title| !delivered(title)).cloned().collect();
        let figures = &mut self.figures;
        figures.accepted = count(&self.accepted);
        figures.from_spool = count(&self.from_spool);
        figures.delivered = self.taken.len() as u64;
        figures.duplicates = self.taken.values().map(|times| times - 1).sum();
        figures.lost = lost.len() as u64;
        figures.wrong.extend(lost.into_iter().take(3).map(|title| format!("lost: {title}")));
        self.figures
    }
}

impl Figures {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            kills: self.kills + other.kills,
            accepted: self.accepted + other.accepted,
            from_spool: self.from_spool + other.from_spool,
            delivered: self.delivered + other.delivered,
            duplicates: self.duplicates + other.duplicates,
            lost: self.lost + other.lost,
            corrupt: self.corrupt + other.corrupt,
            stuck: self.stuck + other.stuck,
            wrong: [self.wrong, other.wrong].concat(),
        }
    }

    /// Fails unless all that was accepted was delivered, as it was said, and nothing is left.
    pub(super) fn assert_clean(&self) {
        let bad = (self.lost, self.corrupt, self.stuck);
        assert_eq!(bad, (0, 0, 0), "lost, corrupt, stuck: {self} {:#?}", self.wrong);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills in {} runs, {} accepted ({} in the spool after a kill), {} delivered, {} \
             duplicates, {} lost, {} corrupt, {} stuck",
            self.kills,
            self.runs,
            self.accepted,
            self.from_spool,
            self.delivered,
            self.duplicates,
            self.lost,
            self.corrupt,
            self.stuck
        )
    }
}

/// The client died before all of it was sent.
fn is_broken_off(request: &Request) -> bool {
    let promised = request.header("content-length").and_then(|length| length.parse().ok());
    promised.is_none_or(|promised: usize| request.body().len() < promised)
}

/// A number in letters, since digits mean nothing in a title: base 16, a to p.
pub(super) fn letters(number: u64) -> String {
    format!("{number:x}").bytes().map(letter).collect()
}

fn letter(digit: u8) -> char {
    char::from(if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 } + b'a')
}

/// The number in letters; of anything else the largest.
fn number(letters: &str) -> u64 {
    let digit = |byte: u8| (b'a'..=b'p').contains(&byte).then(|| u64::from(byte - b'a'));
    letters
        .bytes()
        .try_fold(0_u64, |sum, byte| sum.checked_mul(16)?.checked_add(digit(byte)?))
        .unwrap_or(u64::MAX)
}
