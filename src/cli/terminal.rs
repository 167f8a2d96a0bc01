//! What a terminal shows: colours, widths, numbers for people.
//!
//! Invariants: no line is wider than it was asked to be; a text that came from a log moves no
//! cursor; colour only where a person sees it and has not said `NO_COLOR`.

use std::{
    env,
    io::{self, IsTerminal},
};

use terminal_size::{Width, terminal_size};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns where there is no terminal.
const COLUMNS: usize = 80;
/// Wider lines are hard to read.
const WIDEST: usize = 120;
const NARROWEST: usize = 40;

/// A stream that a person may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    pub(super) columns: usize,
    ink: Ink,
    is_for_people: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Plain,
    Coloured,
}

impl Screen {
    pub(super) fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    pub(super) fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_for_people = stream.is_terminal();
        let is_coloured = (is_for_people || set("CLICOLOR_FORCE")) && !set("NO_COLOR");
        let width = is_for_people.then(terminal_size).flatten();
        let width = width.map(|(Width(width), _)| usize::from(width));
        let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let columns = width.or(told).unwrap_or(COLUMNS).clamp(NARROWEST, WIDEST);
        let ink = if is_coloured { Ink::Coloured } else { Ink::Plain };
        Self { columns, ink, is_for_people }
    }

    /// Whether a person looks at it.
    pub(super) fn is_for_people(self) -> bool {
        self.is_for_people
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.ink {
            Ink::Coloured if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// A text in one line of at most so many columns.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text = harmless(text);
    if text.width() <= columns {
        return text;
    }
    let room = columns.saturating_sub(1);
    let mut used = 0_usize;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used = used.saturating_add(c.width().unwrap_or(0));
            used <= room
        })
        .collect();
    out.push('…');
    out
}

/// A text without what a terminal would obey, or a person would not see.
pub(super) fn harmless(text: &str) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}' | '\u{61c}')
    };
    let shown = text.chars().filter(|c| !hidden(*c));
    shown
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

/// Words in lines of at most so many columns, the first behind `first`, the others behind as much
/// space.
pub(super) fn wrap(first: &str, text: &str, columns: usize) -> String {
    let indent = first.width();
    let mut out = first.to_owned();
    let mut used = indent;
    for word in text.split(' ') {
        let width = word.width();
        if used > indent && used.saturating_add(width).saturating_add(1) > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent;
        }
        if used > indent {
            out.push(' ');
            used = used.saturating_add(1);
        }
        out.push_str(word);
        used = used.saturating_add(width);
    }
    out.push('\n');
    out
}

/// `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len().saturating_add(digits.len() / 3));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 page`, `2 pages`.
pub(super) fn count(n: u64, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {one}{plural}", number(n))
}

#[cfg(test)]
mod tests {
    use super::{count, fit, number, wrap};

    #[test]
    fn nothing_is_wider_than_it_may_be() {
        assert_eq!(fit("card payment failed", 10), "card paym…");
        assert_eq!(fit("支付失败了", 6), "支付…", "wide characters take two columns");
        assert_eq!(fit("a\x1b[2Jb\u{202e}c", 20), "a [2Jbc");
        assert_eq!(wrap("- ", "one two three", 9), "- one two\n  three\n");
    }

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((count(1, "page"), count(0, "page")), ("1 page".into(), "0 pages".into()));
    }
}
