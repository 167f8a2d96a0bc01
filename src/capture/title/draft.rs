//! One event's title while it is put together: its kind, the groups behind it, and what it is
//! folded into.
//!
//! Invariants: the buffers are reused, so that a title like one before allocates nothing; text is
//! cut before the place and the groups are; nothing here is longer than [`MAX_CHARS`].

use super::{
    LEAST_TEXT, MAX_CHARS, Parts, Spare, Titles, clean, cut, fit, verbatim, verbatim_within,
};

/// Fields that may join the key, at most.
pub(crate) const MAX_GROUPS: usize = 4;
/// Longest names of those fields, together, in characters.
pub(crate) const MAX_GROUP_NAMES: usize = 64;
/// Longest value of a group, in characters.
const MAX_GROUP_VALUE: usize = 48;

/// What all groups of a title may take, in characters. The rest is for the text and its place.
const GROUPS_CHARS: usize = 140;

/// ` (`, the space behind the name, and `)`.
const AROUND_GROUP: usize = 4;

/// What stands before the title that others are folded into.
const MORE_KINDS: &str = "more kinds of: ";

/// The title of one event.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The title without its groups.
    kind: String,
    /// Where the place begins in `kind`; at its end if there is none.
    place: usize,
    /// The key of `kind`, if it is known.
    key: Option<u64>,
    /// What the program's closure wrote.
    raw: String,
    /// `kind` was made of `raw`.
    is_custom: bool,
    /// ` (tenant acme) (region eu)`.
    groups: String,
    /// `kind` and `groups`, when there are groups.
    whole: String,
    /// The value of one group, cleaned.
    value: String,
    folded: String,
}

/// What was found for a field that joins the key.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) found: bool,
    /// As it was formatted; not cleaned.
    pub(crate) text: String,
}

/// What a title is told apart by when the titles of its callsite are counted, and how it is
/// folded into another.
#[derive(Debug)]
pub(crate) struct Folding<'a> {
    pub(crate) kind: &'a str,
    /// Where the place begins in `kind`.
    pub(crate) place: usize,
    groups: &'a str,
    out: &'a mut String,
}

impl Group {
    pub(crate) fn clear(&mut self) {
        self.found = false;
        self.text.clear();
    }
}

impl Draft {
    pub(crate) fn clear(&mut self) {
        let Self { kind, place, key, raw, is_custom, groups, whole, value, folded } = self;
        for text in [kind, raw, groups, whole, value, folded] {
            text.clear();
        }
        (*place, *key, *is_custom) = (0, None, false);
    }

    /// Takes the title that an event has given itself. Tells whether it has.
    pub(crate) fn give(&mut self, title: &str) -> bool {
        if title.is_empty() {
            return false;
        }
        verbatim(title, &mut self.kind);
        self.place = self.kind.len();
        !self.kind.is_empty()
    }

    /// Makes the title of an event that has given none.
    pub(crate) fn derive(&mut self, titles: &Titles, parts: &Parts<'_>, spare: &mut Spare) {
        self.place = titles.write(parts, &mut self.kind, spare);
    }

    /// Takes a title that was made before, where the place begins in it, and its key.
    pub(crate) fn recall(&mut self, kind: &str, place: usize, key: u64) {
        self.kind.clear();
        self.kind.push_str(kind);
        (self.place, self.key) = (place, Some(key));
    }

    pub(crate) fn note_key(&mut self, key: u64) {
        self.key = Some(key);
    }

    /// The title's key, if it is known.
    pub(crate) fn key(&self) -> Option<u64> {
        self.key.filter(|_| self.groups.is_empty())
    }

    /// The title without its groups.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// The same, where the place begins in it, and its key, if that is known.
    pub(crate) fn made(&self) -> Option<(&str, usize, u64)> {
        self.key.map(|key| (self.kind.as_str(), self.place, key))
    }

    /// The title so far, and where to write another.
    pub(crate) fn custom(&mut self) -> (&str, &mut String) {
        (&self.kind, &mut self.raw)
    }

    /// Takes what was written, if it can be seen.
    pub(crate) fn take_custom(&mut self) {
        verbatim(&self.raw, &mut self.whole);
        if !self.whole.is_empty() {
            std::mem::swap(&mut self.kind, &mut self.whole);
            self.place = self.kind.len();
            self.is_custom = true;
        }
    }

    /// Appends the groups that were found, in the order of `names`.
    pub(crate) fn append_groups(&mut self, names: &[String], found: &[Group]) {
        self.write_groups(names, found, MAX_GROUP_VALUE);
        if self.groups.chars().nth(GROUPS_CHARS).is_some() {
            let present = names.iter().zip(found).filter(|(_, group)| group.found);
            let (count, around) = present.fold((0_usize, 0_usize), |(count, around), (name, _)| {
                let name = name.chars().count().saturating_add(AROUND_GROUP);
                (count.saturating_add(1), around.saturating_add(name))
            });
            let share = GROUPS_CHARS.saturating_sub(around).checked_div(count).unwrap_or(0);
            self.write_groups(names, found, share);
        }
        let Self { kind, place, raw, is_custom, groups, whole, .. } = self;
        if groups.is_empty() {
            return;
        }
        let room = MAX_CHARS.saturating_sub(groups.chars().count());
        if *is_custom {
            verbatim_within(raw, room, whole);
        } else {
            whole.clear();
            whole.push_str(kind);
            fit(*place, room, LEAST_TEXT, whole);
        }
        whole.push_str(groups);
    }

    fn write_groups(&mut self, names: &[String], found: &[Group], most: usize) {
        let Self { groups, value, .. } = self;
        groups.clear();
        for (name, group) in names.iter().zip(found).filter(|(_, group)| group.found) {
            value.clear();
            clean::append(&group.text, value);
            if value.chars().nth(most).is_some() {
                cut(value, 0, most);
            }
            if !value.is_empty() {
                for part in [" (", name, " ", value, ")"] {
                    groups.push_str(part);
                }
            }
        }
    }

    /// The title as it stands.
    pub(crate) fn title(&self) -> &str {
        if self.groups.is_empty() { &self.kind } else { &self.whole }
    }

    /// The title, and what it takes to fold it.
    pub(crate) fn split(&mut self) -> (&str, Folding<'_>) {
        let Self { kind, place, groups, whole, folded, .. } = self;
        let title = if groups.is_empty() { &*kind } else { &*whole };
        (title, Folding { kind, place: *place, groups, out: folded })
    }
}

impl<'a> Folding<'a> {
    /// Whether the title is its kind, there being no groups.
    pub(crate) fn is_whole(&self) -> bool {
        self.groups.is_empty()
    }

    /// Where the first title of the callsite is to be appended, before [`finish`](Self::finish).
    pub(crate) fn begin(&mut self) -> &mut String {
        self.out.clear();
        self.out.push_str(MORE_KINDS);
        self.out
    }

    /// `more kinds of: {first} in {place} ({groups})`. `place` is where that begins in the first
    /// title.
    pub(crate) fn finish(self, place: usize) -> &'a str {
        let Self { groups, out, .. } = self;
        let before = MORE_KINDS.len();
        let room = MAX_CHARS.saturating_sub(groups.chars().count());
        fit(place.saturating_add(before), room, before.saturating_add(LEAST_TEXT), out);
        out.push_str(groups);
        out
    }
}

#[cfg(test)]
mod tests;
