//! The scan: a message from left to right, values as `#`.
//!
//! Invariant: one pass. Whatever a rule looks ahead at, it either consumes or has bounded, so the
//! time is linear in the input; nothing but `out` and the spare buffers grows. Scanning what it
//! has written changes nothing (random hostile text has shown rare exceptions).

use super::chars::{HIGH, LETTER, NAME, SIGN, SPACE, STOP, class};
use super::clean;
use super::explain::{Rule, Trace};
use super::lexicon::Eights;

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
    traced(message, out, spare, enough, None);
}

/// As [`run`]; tells `trace` of what becomes `#` when the message is first read.
pub(super) fn traced(
    message: &str,
    out: &mut String,
    spare: &mut Spare,
    enough: usize,
    mut trace: Option<&mut Trace>,
) {
    let Spare { before, clean } = spare;
    let mut scan = Scan::new(message, out);
    scan.trace = trace.as_deref_mut();
    let mut odd = scan.run(enough);
    if scan.hidden {
        if let Some(trace) = trace.as_deref_mut() {
            trace.values.clear();
        }
        clean.clear();
        clean.extend(clean::visible(message).map(|c| if c.is_whitespace() { ' ' } else { c }));
        out.clear();
        let mut scan = Scan::new(clean, out);
        scan.trace = trace;
        odd = scan.run(enough);
    }
    // What is well formed reads the same again. Stray quotes, brackets and markup may not, and a
    // title that is not a fixed point could not be resolved by its own text.
    for _ in 0..ROUNDS {
        if !odd {
            break;
        }
        std::mem::swap(before, out);
        out.clear();
        // Whichever of the two is written to first at the next event, it has room.
        out.reserve(before.capacity());
        // Of all that cleaning mends, only these two can come out of a scan.
        let bytes = before.as_bytes();
        if bytes.contains(&b'@') || bytes.windows(2).any(|two| two == b":/") {
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
pub(super) fn is_separator(c: char) -> bool {
    matches!(c, ' ' | ',' | '-' | '/' | ':' | '.' | '|')
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
    pub(super) eights: Eights<'a>,
    pub(super) at: usize,
    pub(super) out: &'o mut String,
    /// What of `text` is to be written as it is, and is not yet; nearly all of a message is.
    pub(super) span: (usize, usize),
    /// Where a word would join that after a single space, being the next of a run of words; else
    /// past the end.
    pub(super) joint: usize,
    /// Where the last bracket or `=` of it ends, in `text`, and marks that follow at once.
    pub(super) closed: usize,
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
    pub(super) unclosed: u8,
    /// Where the quote stands that ends a message inside of the message.
    pub(super) message_end: usize,
    /// Where the token began that is being read.
    begin: usize,
    /// Who wants to know what becomes `#`.
    pub(super) trace: Option<&'o mut Trace>,
    /// Something was dropped or glued, so that what is written may read differently.
    pub(super) odd: bool,
    /// Something that nobody sees was met, and the scan was given up.
    pub(super) hidden: bool,
}

impl<'a, 'o> Scan<'a, 'o> {
    fn new(text: &'a str, out: &'o mut String) -> Self {
        Scan {
            text,
            eights: Eights::of(text.as_bytes()),
            at: 0,
            out,
            span: (0, 0),
            joint: usize::MAX,
            closed: 0,
            gap: false,
            expect: Expect::Text,
            hash: usize::MAX,
            key: NO_KEY,
            failing: false,
            names: Names::Nothing,
            unclosed: 0,
            message_end: usize::MAX,
            begin: 0,
            trace: None,
            odd: false,
            hidden: false,
        }
    }

    /// Scans, and tells whether the result might read differently.
    fn run(&mut self, enough: usize) -> bool {
        while let Some(&b) = self.eights.bytes.get(self.at) {
            // A run of words is not interrupted: it may be long, and is cut in the end.
            if self.at != self.joint && self.has_enough(enough) {
                break;
            }
            let class = class(b);
            if class & LETTER != 0 && self.plain() {
                continue;
            }
            if self.at == self.joint && self.has_enough(enough) {
                break;
            }
            self.begin = self.at;
            if class & SPACE != 0 {
                self.odd |= matches!(b, b'<' | b'>');
                self.gap = true;
                self.skip(1);
            } else if class & STOP != 0 {
                self.stop(b);
            } else {
                self.word(b, class);
            }
            if self.byte(self.at) == b' ' {
                self.gap = true;
                self.skip(1);
            }
        }
        self.flush();
        self.odd |= self.expect != Expect::Text;
        if self.last().is_some_and(|b| is_tail(char::from(b))) {
            let kept = self.out.trim_end_matches(is_tail).len();
            self.odd |= self.out.get(kept..) != Some(".");
            self.out.truncate(kept);
        }
        self.odd
    }

    /// Whether more than `enough` is written.
    #[inline]
    fn has_enough(&self, enough: usize) -> bool {
        let (from, to) = self.span;
        self.out.len().wrapping_add(to.wrapping_sub(from)) > enough
    }

    // === Reading ===

    #[inline]
    pub(super) fn skip(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }

    #[inline]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.eights.bytes.get(at).copied().unwrap_or(b' ')
    }

    pub(super) fn class_at(&self, at: usize) -> u32 {
        class(self.byte(at))
    }

    pub(super) fn class_before(&self) -> u32 {
        self.at.checked_sub(1).map_or(SPACE, |at| self.class_at(at))
    }

    // === Writing ===

    /// Writes `text[start..end]` when something else has to be written, or at the end.
    #[inline]
    pub(super) fn keep_span(&mut self, start: usize, end: usize) {
        let to = self.span.1;
        let near = self.gap && to.wrapping_add(1) == start && self.has_span();
        if near && self.byte(to) == b' ' {
            self.span.1 = end;
            self.gap = false;
        } else {
            self.begin_span(start, end);
        }
    }

    fn begin_span(&mut self, start: usize, end: usize) {
        self.flush();
        self.separate(self.byte(start), false);
        self.span = (start, end);
        // What is glued to a `#` is seen by whoever asks for the end of `out`.
        if self.hash == self.out.len() {
            self.flush();
        }
    }

    /// Writes the ASCII character at `at`, which hangs on what is before it.
    pub(super) fn keep_byte(&mut self, at: usize) {
        let end = at.wrapping_add(1);
        if self.has_span() && self.span.1 == at && !self.gap {
            self.span.1 = end;
        } else {
            self.push(self.text.get(at..end).unwrap_or_default());
        }
    }

    /// Writes the bracket or `=` at `at`.
    pub(super) fn keep_mark(&mut self, at: usize) {
        self.closed = at.wrapping_add(1);
        if self.gap {
            self.keep_span(at, self.closed);
        } else {
            self.keep_byte(at);
        }
    }

    /// Whether there is anything left to be written.
    #[inline]
    pub(super) fn has_span(&self) -> bool {
        self.span.0 < self.span.1
    }

    /// Writes what is left to be written.
    #[inline]
    pub(super) fn flush(&mut self) {
        if self.has_span() {
            let (from, to) = std::mem::take(&mut self.span);
            self.out.push_str(self.text.get(from..to).unwrap_or_default());
        }
    }

    /// The last byte written.
    #[inline]
    pub(super) fn last(&self) -> Option<u8> {
        self.out.as_bytes().last().copied()
    }

    /// The text so far.
    pub(super) fn written(&mut self) -> &mut String {
        self.flush();
        self.out
    }

    pub(super) fn push(&mut self, text: &str) {
        self.flush();
        self.separate(text.bytes().next().unwrap_or(b' '), text.starts_with("::"));
        self.out.push_str(text);
    }

    /// Writes the space before what begins with `first`, if there was one.
    #[inline]
    fn separate(&mut self, first: u8, path: bool) {
        if let Some(last) = self.last() {
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

    /// Tells who wants to know that this part is a value.
    #[cold]
    pub(super) fn tell(&mut self, from: usize, to: usize, rule: Rule) {
        if let Some(trace) = &mut self.trace {
            trace.note(self.text.get(from..to).unwrap_or_default(), rule);
        }
    }

    /// Writes a `#`, or none if nothing but separators stands between the last one and here.
    pub(super) fn push_hash(&mut self, rule: Rule) {
        if self.trace.is_some() {
            self.tell(self.begin, self.at, rule);
        }
        self.flush();
        self.expect = Expect::Text;
        self.names = Names::Nothing;
        self.key = NO_KEY;
        if self.only_separators_since_hash() {
            self.out.truncate(self.hash);
            self.gap = false;
        } else {
            self.separate(b'#', false);
            self.out.push('#');
            self.hash = self.out.len();
        }
    }

    #[inline]
    fn only_separators_since_hash(&self) -> bool {
        let since = self.out.as_bytes().get(self.hash..);
        since.is_some_and(|since| since.iter().all(|&b| is_separator(char::from(b))))
    }

    /// Whether the last thing written was a `#`, whatever white space there was since.
    pub(super) fn after_hash(&self) -> bool {
        self.hash == self.out.len()
    }
}
