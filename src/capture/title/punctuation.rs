//! Brackets, quotes and separators: what they enclose, and what they say of their neighbours.
//!
//! Invariant: whatever is looked ahead at is consumed, or no further than [`LOOK`].

use super::chars::{COLON, DIGIT, DOT, HEX, HIGH, NAME, SIGN, SPACE, STOP, class};
use super::debug;
use super::explain::Rule;
use super::lexicon::Key;
use super::scan::{Expect, LOOK, NO_KEY, Names, Scan, is_separator};
use super::words::{self, Sense};

impl Scan<'_, '_> {
    #[inline(never)]
    pub(super) fn stop(&mut self, b: u8) {
        self.names = Names::Nothing;
        match b {
            b'"' if self.at == self.message_end => self.skip(1),
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
        let end = self.span.1;
        if self.has_span() {
            // Behind a bracket one is enough.
            let once = end <= self.closed;
            if !(once && matches!(self.byte(end.wrapping_sub(1)), b',' | b';')) {
                self.gap = false;
                self.keep_byte(mark);
                self.closed = if once { self.at } else { self.closed };
            }
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
            self.keep_mark(self.at);
            self.skip(1);
            let (from, to) = self.key;
            let key = Key::at(self.eights, from, to.saturating_sub(from));
            let sense = words::sense(key);
            let fails = words::names_failure(key);
            if glued && next == b'"' && (fails || sense.is(Sense::QUOTES)) {
                return self.open_message();
            }
            let tells = glued && sense.is(Sense::TELLS_KIND | Sense::QUOTES);
            self.expect = match (glued, fails || tells) {
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

    /// `msg="disk 7 is full"`: what a line of another program says is text, and no value.
    fn open_message(&mut self) {
        let open = self.at.saturating_add(1);
        let rest = self.eights.bytes.get(open..).unwrap_or_default();
        if let Some(len) = debug::string_len(rest) {
            self.message_end = self.at.saturating_add(len);
            self.skip(1);
            self.expect = Expect::Kind;
        } else {
            self.expect = Expect::Glued;
        }
        self.odd = true;
        self.key = NO_KEY;
    }

    /// A quoted value; a quote that doesn't close is dropped.
    pub(super) fn quoted(&mut self, quote: u8) {
        let open = self.at.saturating_add(1);
        let rest = self.eights.bytes.get(open..).unwrap_or_default();
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
            let mut rule = Rule::Quoted;
            let method = request_method(rest.get(..len).unwrap_or_default());
            // Behind `=` the method would be read as the value.
            if let Some(method) = method.filter(|_| self.expect != Expect::Glued) {
                // `"GET /orders/5 HTTP/1.1"`: what was asked for varies, what was to be done not.
                self.push(method);
                self.gap = true;
                rule = Rule::Request;
            }
            self.skip(len);
            self.push_hash(rule);
        } else {
            self.unclosed |= bit;
            self.odd = true;
        }
    }

    /// `(os error 5)` is text; `main(5)` a call; `4711(3, 5)`, `[1, 2]` and `{"a": 1}` are values.
    fn open(&mut self, b: u8) {
        if b == b'[' && self.address() {
            return self.push_hash(Rule::Address);
        }
        let glued_to_hash = !self.gap && self.after_hash();
        let value = self.expect == Expect::Glued;
        let list = b == b'{' || (b == b'[' && self.is_list());
        self.key = NO_KEY;
        if glued_to_hash || value || list {
            let begin = self.at;
            self.at = debug::group_end(self.text, begin);
            if glued_to_hash && self.trace.is_some() {
                self.tell(begin, self.at, Rule::List);
            }
            if !glued_to_hash {
                let inside = matches!(self.byte(begin.wrapping_sub(1)), b'(' | b'[');
                self.gap = self.gap || !(value || inside);
                self.push_hash(if value { Rule::Keyed } else { Rule::List });
            }
            return;
        }
        self.expect = Expect::Text;
        self.keep_mark(self.at);
        self.skip(1);
    }

    /// Takes `[::1]` and `[fe80::1%eth0]:443`, an address of IPv6 in brackets.
    fn address(&mut self) -> bool {
        let rest = self.eights.bytes.get(self.at.saturating_add(1)..).unwrap_or_default();
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
        let rest = self.eights.bytes.get(self.at.saturating_add(1)..).unwrap_or_default();
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
        let at = self.at;
        self.skip(1);
        self.odd |= b == b'}';
        // What ends in a word is more than a value.
        if self.has_span() && !matches!(self.byte(self.span.1.wrapping_sub(1)), b'#' | b'(' | b'[')
        {
            self.odd |= self.gap;
            if b == b'}' {
                self.flush();
            } else {
                self.gap = false;
                self.keep_mark(at);
            }
            return;
        }
        self.flush();
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
            if self.out.ends_with("# bytes") {
                // `5120 bytes (5 KB)`: the same size again.
                self.hash = usize::MAX;
                self.gap = true;
                return;
            }
            let value = self.out.trim_end_matches(is_separator).len();
            let value = self.out.get(..value).filter(|out| out.ends_with('#'));
            self.hash = value.map_or(usize::MAX, str::len);
            self.push_hash(Rule::Hash);
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
                let rest = self.eights.bytes.get(self.at..).unwrap_or_default();
                if rest.starts_with(b"../") {
                    self.path();
                    return true;
                }
                self.skip(rest.iter().take_while(|&&b| b == b'.').count());
                self.odd |= self.at < self.eights.bytes.len();
                self.gap = true;
            }
            0x80.. => return self.typographic_quote(),
            _ => return false,
        }
        true
    }

    /// A path from here or home: `../x`, `./x`, `~/x`.
    pub(super) fn path(&mut self) {
        let rest = self.eights.bytes.get(self.at..).unwrap_or_default();
        let end = |&b: &u8| class(b) & (SPACE | STOP) != 0;
        let path = rest.get(..rest.iter().position(end).unwrap_or(rest.len())).unwrap_or_default();
        let mark = |b: &u8| matches!(b, b'.' | b':' | b'!' | b'?');
        let tail = path.iter().rev().take_while(|b| mark(b)).count();
        self.skip(path.len());
        self.push_hash(Rule::Path);
        self.tail(None, self.text.get(self.at.saturating_sub(tail)..self.at).unwrap_or_default());
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
        self.push_hash(Rule::Quoted);
        true
    }
}

/// The method of `text` if it is a request line: `GET /orders/5 HTTP/1.1`.
fn request_method(text: &[u8]) -> Option<&'static str> {
    // Most text begins with none of these letters.
    if !matches!(text.first(), Some(b'G' | b'P' | b'D' | b'H' | b'O')) {
        return None;
    }
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];
    let protocol = text.windows(6).rev().take(10).any(|end| end == b" HTTP/");
    let method = |method: &&str| {
        let rest = text.strip_prefix(method.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b" "))
    };
    METHODS.into_iter().find(method).filter(|_| protocol)
}
