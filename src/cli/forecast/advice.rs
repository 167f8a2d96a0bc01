//! What to do about it: titles that would not group, and rules that would quieten.
//!
//! Invariant: says only what the tally can show.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use super::tally::{Tally, Title};

/// So many titles of one place in the source are too many; so many of one target that differ in
/// one word, where the place is not known.
const AT_ONE_SITE: usize = 3;
const ALIKE: usize = 5;
/// Words of a title that are looked at.
const WORDS: usize = 24;
/// How much is told.
const TOLD: usize = 5;
const SAMPLES: usize = 3;

/// Titles that are one problem, most likely.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Loose {
    /// What they have in common, with `…` where they differ.
    pub(super) pattern: String,
    pub(super) titles: u64,
    pub(super) events: u64,
    pub(super) pages: u64,
    /// A few of them.
    pub(super) sample: Vec<String>,
    /// They come from one line of the source, so it is sure.
    pub(super) is_sure: bool,
}

/// The titles that would not group, those that page most first.
pub(super) fn loose(tally: &Tally) -> Vec<Loose> {
    let titles: Vec<&Title> = tally.titles.values().filter(|title| title.site_known()).collect();
    let mut found = of_sites(&titles);
    let mut guessed: Vec<&Title> =
        tally.titles.values().filter(|title| title.events > 0 && title.site == 0).collect();
    guessed.sort_by(|one, other| one.title.cmp(&other.title));
    found.extend(alike(&guessed));
    found.sort_by(|one, other| {
        let weight = |loose: &Loose| (loose.pages, loose.titles, loose.events);
        weight(other).cmp(&weight(one)).then_with(|| one.pattern.cmp(&other.pattern))
    });
    found.truncate(TOLD);
    found
}

impl Title {
    fn site_known(&self) -> bool {
        self.events > 0 && self.site != 0
    }
}

/// Those of one line in the source.
fn of_sites(titles: &[&Title]) -> Vec<Loose> {
    let mut sites: BTreeMap<(u64, &str), Vec<&Title>> = BTreeMap::new();
    for title in titles {
        sites.entry((title.site, &title.target)).or_default().push(title);
    }
    let many = sites.into_values().filter(|titles| titles.len() >= AT_ONE_SITE);
    many.map(|mut titles| {
        titles.sort_by(|one, other| one.title.cmp(&other.title));
        let texts: Vec<Vec<&str>> =
            titles.iter().map(|title| title.text().split(' ').collect()).collect();
        describe(&titles, common(&texts), true)
    })
    .collect()
}

/// What several texts have in common: the words at the beginning and at the end.
fn common(texts: &[Vec<&str>]) -> String {
    let Some(first) = texts.first() else { return String::new() };
    let same = |at: usize, from_end: bool| {
        let word = |text: &Vec<&str>| {
            let at = if from_end { text.len().checked_sub(at)?.checked_sub(1)? } else { at };
            text.get(at).map(|word| (*word).to_owned())
        };
        let wanted = word(first);
        wanted.is_some() && texts.iter().all(|text| word(text) == wanted)
    };
    let shortest = texts.iter().map(Vec::len).min().unwrap_or(0);
    let head = (0..shortest).take_while(|at| same(*at, false)).count();
    let left = shortest.saturating_sub(head);
    let tail = (0..left).take_while(|at| same(*at, true)).count();
    let behind = first.len().saturating_sub(tail);
    let begin = first.iter().take(head);
    let words = begin.chain([&"…"]).chain(first.iter().skip(behind));
    words.copied().collect::<Vec<_>>().join(" ")
}

/// Those of one target that differ in one word.
fn alike(titles: &[&Title]) -> Vec<Loose> {
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for title in titles {
        for (pattern, _) in patterns(title) {
            let count = counts.entry(pattern).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts.retain(|_, count| *count >= ALIKE);
    let mut groups: HashMap<u64, (usize, Vec<&Title>)> = HashMap::new();
    for title in titles {
        for (pattern, at) in patterns(title) {
            if counts.contains_key(&pattern) {
                groups.entry(pattern).or_insert((at, Vec::new())).1.push(title);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(pattern, (_, titles))| (std::cmp::Reverse(titles.len()), *pattern));
    let mut used: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for (_, (at, titles)) in groups {
        let free: Vec<&Title> =
            titles.into_iter().filter(|title| !used.contains(title.title.as_str())).collect();
        let Some(first) = free.first().filter(|_| free.len() >= ALIKE) else { continue };
        used.extend(free.iter().map(|title| title.title.as_str()));
        let words = first.text().split(' ').enumerate();
        let words = words.map(|(place, word)| if place == at { "…" } else { word });
        let pattern = words.collect::<Vec<_>>().join(" ");
        found.push(describe(&free, pattern, false));
    }
    found
}

/// A title with each of its words left out in turn, hashed, and the number of that word.
fn patterns(title: &Title) -> Vec<(u64, usize)> {
    let words: Vec<&str> = title.text().split(' ').collect();
    // Of two words, either could be all that the message says.
    if !(3..=WORDS).contains(&words.len()) {
        return Vec::new();
    }
    let without = |at: usize| {
        let mut hasher = DefaultHasher::new();
        (&title.target, at, words.len()).hash(&mut hasher);
        for (_, word) in words.iter().enumerate().filter(|(place, _)| *place != at) {
            word.hash(&mut hasher);
        }
        (hasher.finish(), at)
    };
    (0..words.len()).map(without).collect()
}

fn describe(titles: &[&Title], pattern: String, is_sure: bool) -> Loose {
    let sum =
        |of: fn(&Title) -> u64| titles.iter().fold(0, |sum: u64, one| sum.saturating_add(of(one)));
    let target = titles.first().map(|title| title.target.clone()).unwrap_or_default();
    let place = if target.is_empty() { String::new() } else { format!(" in {target}") };
    Loose {
        pattern: format!("{pattern}{place}"),
        titles: titles.len() as u64,
        events: sum(|title| title.events),
        pages: sum(|title| title.pages),
        sample: titles.iter().take(SAMPLES).map(|title| title.text().to_owned()).collect(),
        is_sure,
    }
}

/// A rule, and the pages that it would leave, about: what one quietens leaves room for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quieter {
    pub(super) rule: How,
    pub(super) target: String,
    pub(super) left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// `Rule::after`, as the shadow had it.
    After,
    /// `off` in the filter.
    Off,
}

/// The rules that would save most, those first that keep a page. A rule is for a target and all
/// below it.
pub(super) fn quieter(tally: &Tally) -> Vec<Quieter> {
    let mut targets: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for title in tally.titles.values().filter(|title| !title.target.is_empty()) {
        let (pages, after) = targets.entry(&title.target).or_default();
        *pages = pages.saturating_add(title.pages);
        *after = after.saturating_add(title.pages_after);
    }
    let mut rules: Vec<Quieter> = Vec::new();
    for target in targets.keys() {
        let is_below =
            |other: &str| other.strip_prefix(target).is_some_and(|rest| rest.starts_with("::"));
        let below = || targets.iter().filter(|(other, _)| *other == target || is_below(other));
        let sum = |sum: (u64, u64), (_, one): (&&str, &(u64, u64))| {
            (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1))
        };
        let (pages, after) = below().fold((0, 0), sum);
        if pages < 2 {
            continue;
        }
        let rule = |rule, saved: u64| Quieter {
            rule,
            target: (*target).to_owned(),
            left: tally.pages.saturating_sub(saved),
        };
        // To silence what is below it, too, is no advice.
        if below().count() == 1 {
            rules.push(rule(How::Off, pages));
        }
        let saved = pages.saturating_sub(after);
        // One that quietens little is none, either.
        if saved.saturating_mul(4) >= pages {
            rules.push(rule(How::After, saved));
        }
    }
    rules.sort_by(|one, other| {
        (one.rule, one.left, &one.target).cmp(&(other.rule, other.left, &other.target))
    });
    rules.truncate(TOLD);
    rules
}

#[cfg(test)]
mod tests;
