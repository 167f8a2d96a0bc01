//! Words of a message: where they end, and whether they stay.
//!
//! Invariant: consumes the word it is called for, and at most what hangs on it; an undecided word
//! stays, since a title must be readable before it is general.

use super::chars::{
    ANY_LOWER, ANY_UPPER, APOSTROPHE, AT, COLON, DIGIT, DOT, HEX, HIGH, HYPHEN, LETTER, NAME,
    PAUSE, SLASH, SPACE, STOP, UNDERSCORE, class, classes,
};
use super::scan::{Expect, NO_KEY, Names, Scan};
use super::words::Role;
use super::{debug, place, token, words};

impl Scan<'_, '_> {
    pub(super) fn word(&mut self, b: u8, first: u16) {
        if first & (APOSTROPHE | HIGH | DOT) != 0 && self.odd_start(b) {
            return;
        }
        let start = self.at;
        let (mask, len) = self.measure(start);
        self.at = start.saturating_add(len.max(1));
        let word = self.text.get(start..self.at).unwrap_or_default();
        if mask & !LETTER == 0 && self.plain(word, mask) {
            return;
        }
        if mask & !(LETTER | UNDERSCORE | HIGH) == 0 {
            self.name(word, word, "", mask);
            return;
        }
        if mask & SLASH != 0 && mask & COLON != 0 && word.contains("://") {
            return self.url(start);
        }
        self.odd |= mask & AT != 0 || mask & (COLON | SLASH) == COLON | SLASH;
        if class(b) & NAME != 0 && word.bytes().next_back().is_some_and(|b| class(b) & NAME != 0) {
            self.name(word, word, "", mask);
            return;
        }
        let led = word.trim_start_matches(|c: char| c.is_ascii() && !starts_core(c));
        if word.starts_with("./") || word.starts_with("~/") {
            self.key = NO_KEY;
            return self.push_hash();
        }
        let core = led.trim_end_matches(|c: char| c.is_ascii() && !ends_core(c));
        let tail = led.get(core.len()..).unwrap_or_default();
        if core.is_empty() {
            self.punctuation(word);
        } else {
            self.name(word, core, tail, classes(core));
        }
    }

    /// The common case: small letters, maybe after a capital, and nothing before, in or after
    /// them that could make a value.
    fn plain(&mut self, word: &str, mask: u16) -> bool {
        let names = self.names;
        if self.expect != Expect::Text
            || matches!(names, Names::Due | Names::Variant)
            || (self.hash == self.out.len() && words::is_unit(word))
            || (mask & !HEX == 0 && word.len() >= 8)
            || token::is_literal_value(word)
        {
            return false;
        }
        if mask & ANY_UPPER != 0 {
            let small = word.bytes().skip(1).all(|b| class(b) & ANY_LOWER != 0);
            let alone = self.byte(self.at) == b' ' && self.byte(self.at.saturating_add(1)) != b'{';
            if word.len() < 4 || !small || !alone {
                return false;
            }
        }
        self.keep(word, names, mask);
        true
    }

    /// The classes and the length of the word at `start`.
    fn measure(&self, start: usize) -> (u16, usize) {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let mut mask = 0;
        let mut bytes = rest.iter();
        loop {
            // The common bytes in a tight loop; what may end the word gets a closer look.
            let pause = bytes.find_map(|&b| {
                let class = class(b);
                if class & PAUSE == 0 {
                    mask |= class;
                }
                (class & PAUSE != 0).then_some((b, class))
            });
            let after = bytes.as_slice();
            let Some((b, class)) = pause else { return (mask, rest.len()) };
            let len = rest.len().saturating_sub(after.len());
            let before = len.checked_sub(2).and_then(|at| rest.get(at)).copied();
            let inside = match after {
                _ if class & (SPACE | STOP) != 0 => Inside::No,
                _ if class & COLON != 0 && before == Some(b) => Inside::Yes,
                [] => inside_word(class, mask, b' ', b' '),
                [next] => inside_word(class, mask, *next, b' '),
                [next, then, ..] => inside_word(class, mask, *next, *then),
            };
            match inside {
                Inside::Yes => mask |= class,
                Inside::Last => return (mask | class, len),
                Inside::No => return (mask, len.saturating_sub(1)),
            }
        }
    }

    /// A URL ends at white space, a quote, or a bracket that closes.
    fn url(&mut self, start: usize) {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let ends = |&b: &u8| class(b) & SPACE != 0 || matches!(b, b'"' | b'`' | b')' | b']' | b'}');
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        let url = self.text.get(start..start.saturating_add(len)).unwrap_or_default();
        let kept = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']).len();
        self.at = start.saturating_add(kept);
        self.key = NO_KEY;
        self.push_hash();
    }

    /// A word without letters or digits: `-`, `|`, `#`, `->`.
    fn punctuation(&mut self, word: &str) {
        self.key = NO_KEY;
        self.odd |= word.len() > 1 || !matches!(word, ":" | "." | "-" | "|" | "*" | "#" | "&");
        if word.ends_with('-') && self.byte(self.at) == b'>' {
            self.odd |= !self.gap || self.expect != Expect::Text;
            self.expect = Expect::Text;
            self.gap = true;
            self.push("to");
            self.names = Names::Pointed;
            self.gap = true;
            self.skip(1);
        } else if word.bytes().all(|b| b == b'#') {
            self.push_hash();
        } else if self.byte(self.at) == b'=' {
            // `!=`, `+=`: operators go.
            self.gap = true;
        } else {
            self.expect = Expect::Text;
            let kept = word.trim_start_matches('@');
            if !kept.is_empty() {
                self.push(kept);
            }
            if kept == ":" && self.class_at(self.at) & SPACE != 0 {
                self.expect = self.expect_after_value();
            }
        }
    }

    /// A word: `core` is it without the punctuation around it, `tail` what follows.
    fn name(&mut self, word: &str, core: &str, tail: &str, mask: u16) {
        let next = self.byte(self.at);
        let expect = std::mem::replace(&mut self.expect, Expect::Text);
        let names = std::mem::replace(&mut self.names, Names::Nothing);
        self.key = NO_KEY;
        if tail.is_empty() && self.structure(core, mask, next, expect) {
            return;
        }
        if tail.is_empty() && self.statement(core, mask) {
            return;
        }
        let placed = names == Names::Pointed || expect == Expect::Value;
        let due = match expect {
            _ if placed && place::is_name_and_port(core, mask) => true,
            Expect::Text if names == Names::Nothing && self.is_clause(tail, mask) => true,
            Expect::Text if names == Names::Due => self.is_named(core, tail, mask),
            Expect::Text => {
                names == Names::Variant && debug::is_type_name(core) && self.stands_alone(tail)
            }
            Expect::Glued => true,
            _ if words::says_what_failed(core) || self.is_variant_of_failure(core) => false,
            Expect::Value => {
                self.stands_alone(tail)
                    || (!self.failing && tail.is_empty() && self.is_labelled(core, mask))
                    || (names == Names::Due && token::is_compound(mask))
            }
            Expect::Kind => mask & !LETTER != 0 && self.stands_alone(tail),
        };
        let key = next == b'=' && tail.is_empty() && is_key(core, mask);
        let kept = word.get(..word.len().saturating_sub(tail.len())).unwrap_or(word);
        let kept = kept.trim_start_matches('@');
        if key {
            self.push(kept);
            self.key = (self.at.saturating_sub(core.len()), self.at);
        } else if due || token::is_literal_value(core) || self.is_date_word(core) {
            self.push_hash();
        } else if mask & COLON != 0 && self.glued_pair(core) {
            // Written.
        } else if token::is_value(core, mask) {
            self.push_hash();
        } else if self.hash == self.out.len() && words::is_unit(core) {
            self.gap = false;
        } else {
            self.keep(kept, names, mask);
            self.odd |= words::is_day_or_month(core.as_bytes()) || kept.len() > core.len();
            if !tail.is_empty() {
                self.key = NO_KEY;
                self.names = Names::Nothing;
            }
            self.tail(core, tail);
            return;
        }
        self.tail("", tail);
    }

    /// A word that stays: writes it, and notes what it says about the next.
    fn keep(&mut self, word: &str, names: Names, mask: u16) {
        self.push(word);
        self.key = (self.at.saturating_sub(word.len()), self.at);
        self.failing |= words::speaks_of_failure(word);
        self.names = match words::role(word) {
            Role::Bears if matches!(names, Names::Pointed | Names::Strange) => Names::Due,
            Role::Equates if !self.failing => Names::Variant,
            Role::Strange => Names::Strange,
            Role::Points => Names::Pointed,
            _ if names == Names::Strange && mask & !ANY_LOWER == 0 => Names::Variant,
            _ => Names::Nothing,
        };
    }

    /// The punctuation behind a word; a colon makes the word a key.
    fn tail(&mut self, core: &str, tail: &str) {
        let Some(last) = tail.chars().next_back() else { return };
        let mark = match last {
            '.' | ':' | '!' | '?' => tail.get(tail.len().saturating_sub(1)..).unwrap_or_default(),
            _ => {
                self.odd = true;
                return;
            }
        };
        self.odd |= tail.len() > 1;
        self.gap = false;
        self.push(mark);
        if last != ':' || self.class_at(self.at) & SPACE == 0 {
            return;
        }
        if core.is_empty() {
            self.expect = self.expect_after_value();
        } else {
            let opens = !token::is_compound(classes(core)) && self.opens_text(core);
            let failure = words::names_failure(core) || (opens && words::labels_a_kind(core));
            self.expect = if failure { Expect::Kind } else { Expect::Value };
            if words::role(core) == Role::Bears || words::labels_a_name(core) {
                self.names = Names::Due;
            }
        }
    }

    /// `task 51233: timeout`: a word for failure may as well follow as another value.
    fn expect_after_value(&self) -> Expect {
        if self.failing { Expect::Kind } else { Expect::Value }
    }

    /// Whether `core`, just written with its colon, is the first word after another colon.
    fn opens_text(&self, core: &str) -> bool {
        let before = self.out.len().saturating_sub(core.len().saturating_add(1));
        before == 0 || self.out.get(..before).is_some_and(|o| o.ends_with(": "))
    }

    /// `Custom { … }`, `Io(…)`, `Token{…}`, `Some(…)`: an error keeps the names of its kinds,
    /// anything else is a value.
    fn structure(&mut self, core: &str, mask: u16, next: u8, expect: Expect) -> bool {
        let braces = next == b' '
            && self.byte(self.at.saturating_add(1)) == b'{'
            && self.class_at(self.at.saturating_add(2)) & SPACE != 0;
        let open = if braces { self.at.saturating_add(1) } else { self.at };
        if !(braces || next == b'(' || next == b'{') || !debug::is_type_name(core) {
            return false;
        }
        let empty = core == "Some" || core == "Ok" || token::is_value(core, mask);
        if empty || expect == Expect::Glued {
            self.at = debug::group_end(self.text, open);
            self.push_hash();
            return true;
        }
        let (before, gap) = (self.out.len(), self.gap);
        self.push(core);
        let (end, kinds) = debug::fold(self.text, open, self.out);
        self.at = end;
        let error = kinds || expect == Expect::Kind || core.ends_with("Error");
        let named = error || (expect == Expect::Value && self.failing);
        if !named {
            self.out.truncate(before);
            self.gap = gap;
            self.push_hash();
        }
        true
    }

    /// `id:5`, `10.0.0.1:80`, `main.rs:12`: a value behind its name, or all of it a value.
    fn glued_pair(&mut self, core: &str) -> bool {
        let Some((left, right)) = core.rsplit_once(':') else { return false };
        let (name, value) = (classes(left), classes(right));
        let port = value & !DIGIT == 0;
        let place = name & (DOT | HYPHEN) != 0 || left == "localhost";
        let value_before = token::is_literal_value(left)
            || words::is_day_or_month(left.as_bytes())
            || token::is_value(left, name);
        let path = left.ends_with([':', '.', '-']) || right.starts_with('\\');
        if path || value_before || (place && port) {
            return false;
        }
        if name & !(NAME | COLON | DOT | HYPHEN) != 0 || !token::is_value(right, value) {
            return false;
        }
        self.push(left);
        self.push(":");
        self.push_hash();
        true
    }
}

/// Whether a byte belongs to the word before it.
enum Inside {
    Yes,
    /// It does, and ends it.
    Last,
    No,
}

/// Decides for `.`, `:` and `'` behind classes `before`, by the two bytes that follow.
fn inside_word(b: u16, before: u16, next: u8, after: u8) -> Inside {
    let follows = class(next);
    if b & DOT != 0 {
        return if follows & DOT != 0 { Inside::No } else { Inside::Yes };
    }
    if b & APOSTROPHE != 0 {
        let joins = before & (NAME | HIGH) != 0 && follows & (LETTER | HIGH) != 0;
        return if joins { Inside::Yes } else { Inside::No };
    }
    // `::`, `://`, `:5`, and `:c` in what can only be an address.
    let address = before & !(class(b'0') | class(b'a') | class(b'A') | COLON | DOT) == 0
        && before & (DIGIT | COLON) != 0
        && follows & (class(b'a') | class(b'A')) != 0;
    let path = follows & COLON != 0 && class(after) & (NAME | COLON) != 0;
    let url = next == b'\\' || (next == b'/' && after == b'/');
    if follows & DIGIT != 0 || address || path || url { Inside::Yes } else { Inside::Last }
}

/// `attempt` in `attempt=3`: a name, though it may count (`r24=…`).
fn is_key(core: &str, mask: u16) -> bool {
    let digits = core.bytes().filter(|&b| class(b) == DIGIT).count();
    mask & !NAME == 0 && digits <= 3 && !core.starts_with(|c: char| c.is_ascii_digit())
}

fn starts_core(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | ':')
}

fn ends_core(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '%' | '+')
}
