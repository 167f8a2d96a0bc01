//! Words of a message: where they end, and whether they stay.
//!
//! Invariant: consumes the word it is called for, and at most what hangs on it; an undecided word
//! stays, since a title must be readable before it is general.

use super::chars::{
    ANY_LOWER, ANY_UPPER, APOSTROPHE, AT, COLON, CONTROL, DENSE, DIGIT, DOT, HIGH, LETTER, NAME,
    PAUSE, SIGN, SLASH, SPACE, STOP, UNDERSCORE, class, classes_of,
};
use super::explain::Rule;
use super::lexicon::Key;
use super::scan::{Expect, NO_KEY, Names, Scan};
use super::words::{self, Role, Sense};
use super::{debug, place, token};

impl Scan<'_, '_> {
    #[inline(never)]
    pub(super) fn word(&mut self, b: u8, first: u32) {
        if first & (APOSTROPHE | HIGH | DOT) != 0 && self.odd_start(b) {
            return;
        }
        let start = self.at;
        if first & DIGIT != 0 && self.number(start) {
            return;
        }
        if b == b'#' && self.class_at(start.wrapping_add(1)) & (NAME | HIGH | SIGN) == 0 {
            self.skip(1);
            return self.push_hash(Rule::Hash);
        }
        let (mask, len) = if first & DENSE != 0 { self.dense(start) } else { self.measure(start) };
        let end = start.saturating_add(len.max(1));
        self.at = end;
        if mask & (CONTROL | HIGH | SLASH | AT) != 0
            || first & DOT != 0
            || matches!(b, b'a' | b'u' | b'~')
        {
            if self.rare_word(start, first, mask) {
                return;
            }
        } else if first & DIGIT != 0 && mask & (LETTER | SIGN | APOSTROPHE) == 0 {
            return self.number_and_tail(start, end, mask);
        }
        let (mut from, mut to) = (start, end);
        let ends = ends_core(self.byte(end.wrapping_sub(1)));
        let whole = first & (NAME | SLASH | COLON | HIGH) != 0 && ends;
        let mut core = mask;
        if !whole {
            let word = self.eights.bytes.get(start..end).unwrap_or_default();
            let begin = word.iter().position(|&b| starts_core(b)).unwrap_or(word.len());
            let rest = word.get(begin..).unwrap_or_default();
            let len = rest.iter().rposition(|&b| ends_core(b)).map_or(0, |n| n.saturating_add(1));
            from = start.wrapping_add(begin);
            to = from.wrapping_add(len);
            core = classes_of(rest.get(..len).unwrap_or_default());
        }
        if from == to {
            self.punctuation(self.text.get(start..end).unwrap_or_default());
        } else {
            self.name(Word { start, from, to, end, mask: core });
        }
    }

    /// Takes the word at `start` if it is digits, with single dots and colons between them, and
    /// nothing else: `5`, `10.0.0.7:5432`, `17:03:12`.
    #[inline]
    fn number(&mut self, start: usize) -> bool {
        let digit = |at: usize| self.class_at(at) & DIGIT != 0;
        let mut end = start;
        loop {
            if digit(end) {
                end = end.wrapping_add(1);
            } else if matches!(self.byte(end), b'.' | b':') && digit(end.wrapping_add(1)) {
                end = end.wrapping_add(2);
            } else {
                break;
            }
        }
        let alone = self.class_at(end) & (SPACE | STOP) != 0;
        if alone {
            self.at = end;
            let joined = || {
                let number = self.eights.bytes.get(start..end).unwrap_or_default();
                number.iter().filter(|&&b| class(b) & DIGIT == 0).count() > 1
                    || number.contains(&b':')
            };
            let joined = self.trace.is_some() && joined();
            self.push_hash(if joined { Rule::Joined } else { Rule::Number });
        }
        alone
    }

    /// The classes and the length of the text at `start` up to what is ASCII: there a value may
    /// begin without a space (`订单4711未找到`).
    fn dense(&self, start: usize) -> (u32, usize) {
        let rest = self.eights.bytes.get(start..).unwrap_or_default();
        (HIGH, rest.iter().take_while(|&&b| class(b) & HIGH != 0).count())
    }

    /// The classes and the length of the word at `start`.
    fn measure(&self, start: usize) -> (u32, usize) {
        let rest = self.eights.bytes.get(start..).unwrap_or_default();
        let mut mask = 0;
        let mut len = 0_usize;
        // Eight at a time, since a test for each costs more than the look-up.
        for eight in rest.as_chunks::<8>().0 {
            let classes = eight.iter().fold(0, |mask, &b| mask | class(b));
            if classes & PAUSE != 0 {
                break;
            }
            mask |= classes;
            len = len.wrapping_add(8);
        }
        while let Some(&b) = rest.get(len) {
            let class = class(b);
            // What may end the word gets a closer look.
            if class & PAUSE != 0 {
                if class & (SPACE | STOP | DENSE) != 0 {
                    break;
                }
                let at = |ahead: usize| rest.get(len.wrapping_add(ahead)).copied().unwrap_or(b' ');
                let twice = class & COLON != 0 && len > 0 && at(usize::MAX) == b;
                // `ef:b3:de:…`: two and two.
                let pairs = class & COLON != 0 && len == 2 && at(3) == b':';
                if pairs && [at(usize::MAX), at(1), at(2)].into_iter().all(is_hex) {
                    let hex = |b: &&u8| is_hex(**b) || **b == b':';
                    return (mask | class | DIGIT, rest.iter().take_while(hex).count());
                }
                match if twice { Inside::Yes } else { inside_word(class, mask, at(1), at(2)) } {
                    Inside::Yes => {}
                    Inside::Last => return (mask | class, len.wrapping_add(1)),
                    Inside::No => break,
                }
            }
            mask |= class;
            len = len.wrapping_add(1);
        }
        (mask, len)
    }

    /// A word without letters or digits: `-`, `|`, `#`, `->`.
    #[inline(never)]
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
            self.push_hash(Rule::Hash);
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

    #[inline]
    fn name(&mut self, word: Word) {
        let Word { start, from, to, end, mask } = word;
        let core = self.text.get(from..to).unwrap_or_default();
        let next = self.byte(end);
        let expect = std::mem::replace(&mut self.expect, Expect::Text);
        let names = std::mem::replace(&mut self.names, Names::Nothing);
        self.key = NO_KEY;
        let key = self.key_of(from, to);
        let sense = words::sense(key);
        if names == Names::Pointed
            && mask & !ANY_UPPER == 0
            && let Some(close) = self.index_end(end)
        {
            // One of many, as a name is.
            self.at = close;
            return self.push_hash(Rule::Named);
        }
        if to == end {
            let opens = matches!(next, b'(' | b'{')
                || (next == b' ' && self.byte(end.wrapping_add(1)) == b'{');
            if (opens && self.structure(word, core, next, expect))
                || (sense.is(Sense::STATEMENT) && self.statement(mask))
            {
                return;
            }
            if next == b'=' && is_key(core, mask) {
                self.keep_span(start, end);
                self.key = (from, to);
                return;
            }
        }
        let tail = if to == end { "" } else { self.text.get(to..end).unwrap_or_default() };
        if let Some(rule) = self.due(word, core, tail, sense, expect, names) {
            self.push_hash(rule);
        } else if mask & COLON != 0 && self.glued_pair(core) {
            // Written.
        } else if let Some(rule) = token::value(core, mask) {
            self.push_hash(rule);
        } else if sense.is(Sense::UNIT) && self.after_hash() {
            self.gap = false;
        } else {
            let mut start = start;
            if start < from {
                let before = self.eights.bytes.get(start..from).unwrap_or_default().iter();
                start = start.saturating_add(before.take_while(|&&b| b == b'@').count());
                self.odd |= start < from;
            }
            self.odd |= sense.is(Sense::DAY_OR_MONTH);
            self.keep_span(start, to);
            self.note(key, sense, names, mask & !ANY_LOWER == 0);
            self.key = (from, to);
            if to < end {
                self.key = NO_KEY;
                self.names = Names::Nothing;
                self.tail(Some((key, core.len())), tail);
            }
            return;
        }
        self.tail(None, tail);
    }

    /// The key of the word from `from` to `to`.
    #[inline]
    fn key_of(&self, from: usize, to: usize) -> Key {
        Key::at(self.eights, from, to.wrapping_sub(from))
    }

    /// Why `core` is a value by its place, if it is.
    #[inline]
    fn due(
        &mut self,
        word: Word,
        core: &str,
        tail: &str,
        sense: Sense,
        expect: Expect,
        names: Names,
    ) -> Option<Rule> {
        let mask = word.mask;
        if expect == Expect::Text && mask & LETTER == mask && names == Names::Nothing {
            return self.by_itself(sense);
        }
        let placed = names == Names::Pointed || expect == Expect::Value;
        if placed && mask & COLON != 0 && place::is_name_and_port(core, mask) {
            return Some(Rule::Address);
        }
        let due = match expect {
            Expect::Text => return self.named(core, tail, sense, names, mask),
            Expect::Glued => return Some(Rule::Keyed),
            _ if sense.is(Sense::FAILED) => false,
            _ if self.failing && place::is_reason(core, mask) => false,
            Expect::Value => {
                self.stands_alone(tail)
                    || (!self.failing && tail.is_empty() && self.is_labelled(core, mask))
                    || (names == Names::Due && token::is_compound(mask))
            }
            Expect::Kind => mask & !(LETTER | UNDERSCORE) != 0 && self.stands_alone(tail),
        };
        if due { Some(Rule::Due) } else { self.by_itself(sense) }
    }

    /// Why `core` is a value by the words before it, if it is.
    #[inline(never)]
    fn named(
        &mut self,
        core: &str,
        tail: &str,
        sense: Sense,
        names: Names,
        mask: u32,
    ) -> Option<Rule> {
        let named = match names {
            Names::Nothing => self.is_clause(tail, mask),
            Names::Due => self.is_named(core, tail, mask) || token::is_compound_name(core, mask),
            Names::Borne => token::is_compound_name(core, mask),
            Names::Variant => {
                let dotted = mask & DOT != 0 && token::is_compound_name(core, mask);
                (dotted || debug::is_type_name(core)) && self.stands_alone(tail)
            }
            Names::Pointed => {
                mask & !ANY_LOWER == 0
                    && tail.is_empty()
                    && self.is_whom(self.at)
                    && !words::is_function(sense)
            }
            Names::Strange => false,
        };
        if named { Some(Rule::Named) } else { self.by_itself(sense) }
    }

    /// `true`; and `Jun` in a date.
    #[inline]
    fn by_itself(&self, sense: Sense) -> Option<Rule> {
        if sense.is(Sense::LITERAL) {
            return Some(Rule::Literal);
        }
        (sense.is(Sense::DAY_OR_MONTH) && self.is_date_word()).then_some(Rule::Date)
    }

    /// The punctuation behind a word, if that stayed the word with its key and length; a colon
    /// makes it a key.
    pub(super) fn tail(&mut self, word: Option<(Key, usize)>, tail: &str) {
        let Some(&last) = tail.as_bytes().last() else { return };
        if !matches!(last, b'.' | b':' | b'!' | b'?') {
            self.odd = true;
            return;
        }
        self.odd |= tail.len() > 1;
        self.gap = false;
        self.keep_byte(self.at.saturating_sub(1));
        if last != b':' || self.class_at(self.at) & SPACE == 0 {
            return;
        }
        match word {
            None => self.expect = self.expect_after_value(),
            Some((key, len)) => self.expect_after(key, len),
        }
    }

    /// What a word of `len` bytes, just written with its colon, makes of the next.
    pub(super) fn expect_after(&mut self, key: Key, len: usize) {
        let sense = words::sense(key);
        let opens = sense.is(Sense::LABELS_KIND) && self.opens_text(len);
        let failure = opens || words::names_failure(key);
        self.expect = if failure { Expect::Kind } else { Expect::Value };
        if sense.has(Role::Bears) || sense.is(Sense::LABELS_NAME) {
            self.names = Names::Due;
        }
    }

    /// `task 51233: timeout`: a word for failure may as well follow as another value.
    fn expect_after_value(&self) -> Expect {
        if self.failing { Expect::Kind } else { Expect::Value }
    }

    /// Whether a word of `len` bytes, just written with its colon, is the first after another
    /// colon.
    fn opens_text(&mut self, len: usize) -> bool {
        let out = self.written();
        let before = out.len().saturating_sub(len.saturating_add(1));
        before == 0 || out.get(..before).is_some_and(|o| o.ends_with(": "))
    }

    /// `Custom { … }`, `Io(…)`, `Token{…}`, `Some(…)`: an error keeps the names of its kinds,
    /// anything else is a value.
    #[inline(never)]
    fn structure(&mut self, word: Word, core: &str, next: u8, expect: Expect) -> bool {
        let braces = next == b' '
            && self.byte(self.at.saturating_add(1)) == b'{'
            && self.class_at(self.at.saturating_add(2)) & SPACE != 0;
        let open = if braces { self.at.saturating_add(1) } else { self.at };
        let call = next == b'(' && self.byte(open.saturating_add(1)) == b')';
        if !(braces || next == b'(' || next == b'{') || call || !debug::is_type_name(core) {
            return false;
        }
        let empty = core == "Some" || core == "Ok" || token::is_value(core, word.mask);
        if empty || expect == Expect::Glued {
            self.at = debug::group_end(self.text, open);
            self.push_hash(Rule::Structure);
            return true;
        }
        let (before, gap) = (self.written().len(), self.gap);
        self.push(core);
        let (end, kinds) = debug::fold(self.text, open, self.written());
        self.at = end;
        let error = kinds || expect == Expect::Kind || core.ends_with("Error");
        let named = error || self.failing;
        if !named {
            self.written().truncate(before);
            self.gap = gap;
            self.push_hash(Rule::Structure);
        } else if self.trace.is_some() {
            self.tell(open, end, Rule::Details);
        }
        true
    }
}

/// Where a word is: the core is it without the punctuation around it, and the mask its classes.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    from: usize,
    to: usize,
    end: usize,
    mask: u32,
}

/// Whether a byte belongs to the word before it.
enum Inside {
    Yes,
    /// It does, and ends it.
    Last,
    No,
}

/// Decides for `.`, `:` and `'` behind classes `before`, by the two bytes that follow.
fn inside_word(b: u32, before: u32, next: u8, after: u8) -> Inside {
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

fn is_hex(b: u8) -> bool {
    class(b) & (DIGIT | class(b'a') | class(b'A')) != 0
}

/// `attempt` in `attempt=3`: a name, though it may count (`r24=…`). With digits, small letters and
/// capitals it is an id that ends in `=`.
fn is_key(core: &str, mask: u32) -> bool {
    let digits = || core.bytes().filter(|&b| class(b) == DIGIT).count();
    let name = mask & !NAME == 0 && !core.starts_with(|c: char| c.is_ascii_digit());
    let id = mask & ANY_LOWER != 0 && mask & ANY_UPPER != 0;
    name && (mask & DIGIT == 0 || (!id && digits() <= 3))
}

fn starts_core(b: u8) -> bool {
    class(b) & (NAME | SLASH | COLON | HIGH) != 0
}

fn ends_core(b: u8) -> bool {
    class(b) & (NAME | SLASH | HIGH) != 0 || matches!(b, b'%' | b'+')
}
