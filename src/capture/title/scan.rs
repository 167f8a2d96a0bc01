//! The scan: a message from left to right, values as `#`.
//!
//! Invariant: one pass. Whatever a rule looks ahead at, it either consumes or has bounded, so the
//! time is linear in the input; nothing but `out` and the spare buffers grows. Scanning what it
//! has written changes nothing (random hostile text has shown rare exceptions).

use super::chars::{COLON, DIGIT, DOT, HEX, HIGH, LETTER, NAME, SIGN, SPACE, STOP, class};
use super::lexicon::Eights;
use super::{clean, debug, words};

/// How far a `[` is searched for a comma before it counts as text.
pub(super) const LOOK: usize = 64;

/// How often a text that reads differently once values are `#` is read again.
const ROUNDS: usize = 8;

/// Buffers for texts that are read again, so that a second look allocates nothing either.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    before: String,
    clean: String,
}

/// Writes `message`, parameterized, to an empty `out`; stops soon after `enough` bytes.
pub(super) fn run(message: &str, out: &mut String, spare: &mut Spare, enough: usize) {
    let Spare { before, clean } = spare;
    let mut scan = Scan::new(message, out);
    let mut odd = scan.run(enough);
    if scan.hidden {
        clean.clear();
        clean.extend(clean::visible(message).map(|c| if c.is_whitespace() { ' ' } else { c }));
        out.clear();
        odd = Scan::new(clean, out).run(enough);
    }
    // What is well formed reads the same again. Stray quotes, brackets and markup may not, and a
    // title that is not a fixed point could not be resolved by its own text.
    for _ in 0..ROUNDS {
        if !odd {
            break;
        }
        std::mem::swap(before, out);
        out.clear();
        // Of all that cleaning mends, only these two can come out of a scan.
        if before.contains('@') || before.contains(":/") {
            clean.clear();
            clean::append(before, clean);
            Scan::new(clean, out).run(enough);
        } else {
            Scan::new(before, out).run(enough);
        }
        odd = *out != *before;
    }
}

/// What may stand between two values that become one `#`.
fn is_separator(c: char) -> bool {
    matches!(c, ' ' | ',' | '-' | '/' | ':' | '.' | '|')
}

/// The method of `text` if it is a request line: `GET /orders/5 HTTP/1.1`.
fn request_method(text: &[u8]) -> Option<&'static str> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];
    let protocol = text.windows(6).rev().take(10).any(|end| end == b" HTTP/");
    let method = |method: &&str| {
        let rest = text.strip_prefix(method.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b" "))
    };
    METHODS.into_iter().find(method).filter(|_| protocol)
}

/// What says nothing at the end of a title.
pub(super) fn is_tail(c: char) -> bool {
    matches!(c, ' ' | '.' | ',' | ';' | ':' | '-' | '|')
}

/// What the word before makes of the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Nothing.
    Text,
    /// A value, if nothing but this one word follows: `topic: orders`, `type = 4`.
    Value,
    /// The same after a word for failure: a plain word is the failure's kind.
    Kind,
    /// A value, glued to its key: `topic=orders`.
    Glued,
}

/// How far the words before have come towards a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Nothing,
    /// `for`
    Pointed,
    /// `user`: what is next may be a name, if it looks like one.
    Borne,
    /// `for user`: a name is next.
    Due,
    /// `unexpected`
    Strange,
    /// `unexpected state`, or `state is`: a variant may be next.
    Variant,
}

pub(super) const NO_KEY: (usize, usize) = (usize::MAX, usize::MAX);

pub(super) struct Scan<'a, 'o> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) eights: Eights<'a>,
    pub(super) at: usize,
    out: &'o mut String,
    /// What of `text` is to be written as it is, and is not yet; nearly all of a message is.
    pub(super) span: (usize, usize),
    /// White space has been seen since the last write.
    pub(super) gap: bool,
    pub(super) expect: Expect,
    /// Where the last `#` ends in `out`.
    pub(super) hash: usize,
    /// The last thing written was a name, which began and ended here in `text`.
    pub(super) key: (usize, usize),
    /// A clause before this has said that something failed.
    pub(super) failing: bool,
    pub(super) names: Names,
    /// Quotes known not to close any more.
    unclosed: u8,
    /// Something was dropped or glued, so that what is written may read differently.
    pub(super) odd: bool,
    /// Something that nobody sees was met, and the scan was given up.
    pub(super) hidden: bool,
}

impl<'a, 'o> Scan<'a, 'o> {
    fn new(text: &'a str, out: &'o mut String) -> Self {
        Scan {
            text,
            bytes: text.as_bytes(),
            eights: Eights::of(text.as_bytes()),
            at: 0,
            out,
            span: (0, 0),
            gap: false,
            expect: Expect::Text,
            hash: usize::MAX,
            key: NO_KEY,
            failing: false,
            names: Names::Nothing,
            unclosed: 0,
            odd: false,
            hidden: false,
        }
    }

    /// Scans, and tells whether the result might read differently.
    fn run(&mut self, enough: usize) -> bool {
        while let Some(&b) = self.bytes.get(self.at) {
            let (from, to) = self.span;
            if self.out.len().saturating_add(to.saturating_sub(from)) > enough {
                break;
            }
            let class = class(b);
            if class & LETTER != 0 && self.plain() {
                continue;
            }
            if class & SPACE != 0 {
                self.odd |= matches!(b, b'<' | b'>');
                self.gap = true;
                self.skip(1);
            } else if class & STOP != 0 {
                self.stop(b);
            } else {
                self.word(b, class);
            }
        }
        self.write();
        let kept = self.out.trim_end_matches(is_tail).len();
        let cut = self.out.get(kept..).unwrap_or_default();
        self.odd |= !matches!(cut, "" | ".") || self.expect != Expect::Text;
        self.out.truncate(kept);
        self.odd
    }

    // === Reading ===

    pub(super) fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }

    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b' ')
    }

    pub(super) fn class_at(&self, at: usize) -> u32 {
        class(self.byte(at))
    }

    pub(super) fn class_before(&self) -> u32 {
        self.at.checked_sub(1).map_or(SPACE, |at| self.class_at(at))
    }

    // === Writing ===

    /// Writes `text[start..end]` when something else has to be written, or at the end.
    pub(super) fn keep_span(&mut self, start: usize, end: usize) {
        let (from, to) = self.span;
        if from < to && self.gap && to.wrapping_add(1) == start && self.byte(to) == b' ' {
            self.span.1 = end;
            self.gap = false;
            return;
        }
        self.write();
        self.separate(self.byte(start), false);
        self.span = (start, end);
        // What is glued to a `#` is seen by whoever asks for the end of `out`.
        if self.hash == self.out.len() {
            self.write();
        }
    }

    /// Writes the ASCII character at `at`, which hangs on what is before it.
    pub(super) fn keep_byte(&mut self, at: usize) {
        let end = at.saturating_add(1);
        if self.span.0 < self.span.1 && self.span.1 == at && !self.gap {
            self.span.1 = end;
        } else {
            self.push(self.text.get(at..end).unwrap_or_default());
        }
    }

    /// Writes what is left to be written.
    #[inline]
    pub(super) fn write(&mut self) {
        let (from, to) = std::mem::take(&mut self.span);
        if from < to {
            self.out.push_str(self.text.get(from..to).unwrap_or_default());
        }
    }

    /// The text so far.
    pub(super) fn written(&mut self) -> &mut String {
        self.write();
        self.out
    }

    pub(super) fn push(&mut self, text: &str) {
        self.write();
        self.separate(text.bytes().next().unwrap_or(b' '), text.starts_with("::"));
        self.out.push_str(text);
    }

    /// Writes the space before what begins with `first`, if there was one.
    #[inline]
    fn separate(&mut self, first: u8, path: bool) {
        if let Some(&last) = self.out.as_bytes().last() {
            if self.gap {
                self.out.push(' ');
            } else {
                // Two words that were apart, or a value glued to a word.
                let word = |b: u8| class(b) & (NAME | HIGH | SIGN) != 0 || b == b'/';
                self.odd |= (word(last) || last == b'.') && word(first);
                self.odd |= last == b':' && first == b'/' || last == b'#' && path;
            }
        }
        self.gap = false;
    }

    /// Writes a `#`, or none if nothing but separators stands between the last one and here.
    pub(super) fn push_hash(&mut self) {
        self.write();
        self.expect = Expect::Text;
        self.names = Names::Nothing;
        self.key = NO_KEY;
        let run = self.out.get(self.hash..).is_some_and(|since| since.chars().all(is_separator));
        if run {
            self.out.truncate(self.hash);
            self.gap = false;
        } else {
            self.separate(b'#', false);
            self.out.push('#');
            self.hash = self.out.len();
        }
    }

    /// Whether the last thing written was a `#`, whatever white space there was since.
    pub(super) fn after_hash(&self) -> bool {
        self.hash == self.out.len()
    }

    // === Brackets, quotes, separators ===

    fn stop(&mut self, b: u8) {
        self.names = Names::Nothing;
        match b {
            b'"' | b'`' => self.quoted(b),
            b'(' | b'[' | b'{' => self.open(b),
            b')' | b']' | b'}' => self.close(b),
            b'=' => self.equals(),
            _ => self.separator(b),
        }
    }

    /// `,` and `;` hang on what is before them.
    fn separator(&mut self, b: u8) {
        self.expect = Expect::Text;
        self.failing = false;
        self.skip(1);
        self.odd |= self.gap;
        let mark = self.at.saturating_sub(1);
        if self.span.0 < self.span.1 {
            self.gap = false;
            self.keep_byte(mark);
        } else if !self.out.is_empty() && !self.out.ends_with([',', ';']) {
            self.gap = false;
            self.push(if b == b',' { "," } else { ";" });
        }
        self.gap = true;
    }

    /// `key=value`, `key = value`; `==`, `!=` and the like are operators and go.
    fn equals(&mut self) {
        let glued = self.key.1 == self.at;
        self.odd |=
            self.key == NO_KEY || matches!(self.byte(self.at.saturating_add(1)), b'=' | b'>');
        let next = self.byte(self.at.saturating_add(1));
        if next == b'>' {
            self.gap = true;
            self.push("to");
            self.names = Names::Pointed;
            self.gap = true;
            self.skip(2);
        } else if next == b'=' || self.key == NO_KEY {
            self.gap = true;
            self.skip(if next == b'=' { 2 } else { 1 });
            self.expect = Expect::Text;
        } else {
            self.skip(1);
            self.push("=");
            let key = self.text.get(self.key.0..self.key.1).unwrap_or_default();
            self.expect = match (glued, words::names_failure(key)) {
                (_, true) => Expect::Kind,
                (true, false) => Expect::Glued,
                (false, false) => Expect::Value,
            };
            // `user= host=b`: the key has no value, and none is invented.
            if glued && class(next) & SPACE != 0 {
                self.expect = Expect::Text;
            }
        }
        self.key = NO_KEY;
    }

    /// A quoted value; a quote that doesn't close is dropped.
    pub(super) fn quoted(&mut self, quote: u8) {
        let open = self.at.saturating_add(1);
        let rest = self.bytes.get(open..).unwrap_or_default();
        let bit = match quote {
            b'"' => 1,
            b'`' => 2,
            _ => 4,
        };
        self.skip(1);
        let len = match quote {
            _ if self.unclosed & bit != 0 => None,
            b'"' => debug::string_len(rest),
            b'`' => rest.iter().position(|&b| b == b'`').map(|n| n.saturating_add(1)),
            _ => debug::single_quoted_len(rest),
        };
        if let Some(len) = len {
            if let Some(method) = request_method(rest.get(..len).unwrap_or_default()) {
                // `"GET /orders/5 HTTP/1.1"`: what was asked for varies, what was to be done not.
                self.push(method);
                self.gap = true;
            }
            self.skip(len);
            self.push_hash();
        } else {
            self.unclosed |= bit;
            self.odd = true;
        }
    }

    /// `(os error 5)` is text; `main(5)` a call; `4711(3, 5)`, `[1, 2]` and `{"a": 1}` are values.
    fn open(&mut self, b: u8) {
        if b == b'[' && self.address() {
            return self.push_hash();
        }
        let glued_to_hash = !self.gap && self.after_hash();
        let value = self.expect == Expect::Glued;
        let list = b == b'{' || (b == b'[' && self.is_list());
        self.key = NO_KEY;
        if glued_to_hash || value || list {
            self.at = debug::group_end(self.text, self.at);
            if !glued_to_hash {
                self.gap = self.gap || !value;
                self.push_hash();
            }
            return;
        }
        self.expect = Expect::Text;
        self.skip(1);
        self.push(if b == b'(' { "(" } else { "[" });
    }

    /// Takes `[::1]` and `[fe80::1%eth0]:443`, an address of IPv6 in brackets.
    fn address(&mut self) -> bool {
        let rest = self.bytes.get(self.at.saturating_add(1)..).unwrap_or_default();
        let hex = |b: u8| class(b) & (HEX | DOT | COLON) != 0;
        let len = rest.iter().take(LOOK).take_while(|&&b| hex(b)).count();
        let (inside, after) = rest.split_at_checked(len).unwrap_or_default();
        let colons = inside.iter().filter(|&&b| b == b':').count();
        let zone = if after.first() == Some(&b'%') {
            after.iter().take(LOOK).position(|&b| b == b']').unwrap_or(0)
        } else {
            0
        };
        if colons < 2 || after.get(zone) != Some(&b']') {
            return false;
        }
        let after = after.get(zone.saturating_add(1)..).unwrap_or_default();
        let port = match after {
            [b':', port @ ..] => port.iter().take_while(|&&b| class(b) == DIGIT).count(),
            _ => 0,
        };
        let port = if port > 0 { port.saturating_add(1) } else { 0 };
        self.skip(len.saturating_add(zone).saturating_add(port).saturating_add(2));
        true
    }

    /// Whether the `[` here opens a list: empty, of values, or with a comma.
    fn is_list(&self) -> bool {
        if self.class_before() & NAME != 0 {
            return false;
        }
        let rest = self.bytes.get(self.at.saturating_add(1)..).unwrap_or_default();
        match rest.trim_ascii_start().first() {
            None | Some(b'.' | b'"' | b'[' | b'{' | b'(' | b']') => return true,
            _ => {}
        }
        let mut look = rest.iter().take(LOOK);
        look.find(|&&b| b == b',' || b == b']') == Some(&b',')
    }

    /// Brackets around nothing but a value go: `(5)` is `#`. Brackets that don't match go, too.
    fn close(&mut self, b: u8) {
        self.expect = Expect::Text;
        self.key = NO_KEY;
        self.skip(1);
        self.odd |= b == b'}';
        self.write();
        let (open, close) = if b == b')' { ('(', ")") } else { ('[', "]") };
        let inside = self.out.strip_suffix('#').unwrap_or(self.out);
        let Some(before) = inside.strip_suffix(open) else {
            self.odd |= self.gap;
            if b != b'}' {
                self.gap = false;
                self.push(close);
            }
            return;
        };
        let called = before.bytes().next_back().is_some_and(|b| class(b) & (NAME | SIGN) != 0);
        if called {
            self.gap = false;
            self.push(close);
        } else {
            let kept = before.trim_end_matches(' ').len();
            self.gap = kept < before.len();
            self.out.truncate(kept);
            let value = self.out.trim_end_matches(is_separator).len();
            let value = self.out.get(..value).filter(|out| out.ends_with('#'));
            self.hash = value.map_or(usize::MAX, str::len);
            self.push_hash();
        }
    }

    /// Quotes that look like part of a word, and dots that stand for white space.
    pub(super) fn odd_start(&mut self, b: u8) -> bool {
        match b {
            b'\'' if self.is_stray() => {
                self.odd = true;
                self.skip(1);
            }
            b'\'' => self.quoted(b),
            b'.' if self.byte(self.at.saturating_add(1)) == b'.' => {
                let rest = self.bytes.get(self.at..).unwrap_or_default();
                if rest.starts_with(b"../") {
                    self.path();
                    return true;
                }
                self.skip(rest.iter().take_while(|&&b| b == b'.').count());
                self.odd |= self.at < self.bytes.len();
                self.gap = true;
            }
            0x80.. => return self.typographic_quote(),
            _ => return false,
        }
        true
    }

    /// A path from here or home: `../x`, `./x`, `~/x`.
    pub(super) fn path(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = |&b: &u8| class(b) & (SPACE | STOP) != 0;
        let path = rest.get(..rest.iter().position(end).unwrap_or(rest.len())).unwrap_or_default();
        let mark = |b: &u8| matches!(b, b'.' | b':' | b'!' | b'?');
        let tail = path.iter().rev().take_while(|b| mark(b)).count();
        self.skip(path.len());
        self.push_hash();
        self.tail("", self.text.get(self.at.saturating_sub(tail)..self.at).unwrap_or_default());
    }

    /// An apostrophe behind a word, or a `'` before white space, opens nothing.
    fn is_stray(&self) -> bool {
        let next = self.class_at(self.at.saturating_add(1));
        self.class_before() & (NAME | HIGH) != 0 || next & SPACE != 0
    }

    fn typographic_quote(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (bit, close) = match rest.chars().next() {
            Some('\u{2018}') => (8, '\u{2019}'),
            Some('\u{201c}' | '\u{201e}') => (16, '\u{201d}'),
            Some('\u{ab}') => (32, '\u{bb}'),
            _ => return false,
        };
        if self.unclosed & bit != 0 {
            return false;
        }
        let Some(at) = rest.find(close) else {
            self.unclosed |= bit;
            self.odd = true;
            return false;
        };
        self.skip(at.saturating_add(close.len_utf8()));
        self.push_hash();
        true
    }
}
