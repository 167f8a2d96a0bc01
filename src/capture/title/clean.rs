//! Cleaning: what may not be in a title, whoever wrote it.
//!
//! Invariant: cleaned text is one line of visible characters and single spaces, harmless in SMS,
//! Slack, HTML, templates and speech, and cleaning it again changes nothing. Does not shorten.

use std::str::Chars;

use super::chars::{COLON, DOT, NAME, class, classes_of};

/// Words that, after an `@`, call many people in some chat.
const CROWDS: [&str; 4] = ["here", "channel", "everyone", "group"];

/// Appends `text` to `out`, cleaned:
///
/// - Control, bidi and zero-width characters and terminal colours go: they hide or reorder.
/// - White space of any kind becomes one space, and none at the ends.
/// - `->` and `=>` become `to`; other `<` and `>` a space (`<!channel>`, `<@U1>`, `<script>`).
/// - Backticks go; of `{{`, `}}`, `{%` and `%}` the first stays; so does the colon of `://`.
/// - `@` stays only between two letters or digits, and never before a word that calls everybody.
pub(super) fn append(text: &str, out: &mut String) {
    let start = out.len();
    // Names, most often, and most text for the longest part.
    let tame = tame_len(text.as_bytes());
    if tame == text.len() {
        out.push_str(text);
        return;
    }
    // The last of them may belong to what follows.
    let (head, text) = text.split_at_checked(tame.saturating_sub(1)).unwrap_or(("", text));
    out.push_str(head);
    let mut chars = visible(text);
    // The last character written; `None` at the start and after a gap.
    let mut last = head.chars().next_back();
    let mut gap = false;
    while let Some(c) = chars.next() {
        let next = chars.clone().next();
        let arrow = matches!(c, '-' | '=') && next == Some('>');
        let dropped = match c {
            '`' => true,
            '{' => last == Some('{'),
            '}' => matches!(last, Some('}' | '%')),
            '%' => last == Some('{'),
            '/' => last == Some(':'),
            '@' => !stands_between(last, next) || calls_a_crowd(chars.clone()),
            _ => false,
        };
        if dropped {
            continue;
        }
        let space = matches!(c, '<' | '>') || c.is_whitespace();
        if !space {
            if (gap || arrow) && out.len() > start {
                out.push(' ');
            }
            if arrow {
                out.push_str("to");
            } else {
                out.push(c);
            }
        }
        gap = space || arrow;
        last = if gap { None } else { Some(c) };
    }
}

/// How many bytes from the first are never changed, whatever stands around them, unless an `@`,
/// `/`, `>` or combining mark follows.
fn tame_len(bytes: &[u8]) -> usize {
    const WILD: u32 = !(NAME | COLON | DOT);
    // Eight at a time, since a test for each costs more than the look-up; the last overlap.
    let (eights, _) = bytes.as_chunks::<8>();
    let wild = |eight: &[u8; 8]| classes_of(eight) & WILD != 0;
    match (bytes.last_chunk::<8>(), eights.iter().any(wild)) {
        (Some(last), false) if !wild(last) => bytes.len(),
        _ => bytes.iter().take_while(|&&b| class(b) & WILD == 0).count(),
    }
}

fn stands_between(last: Option<char>, next: Option<char>) -> bool {
    last.is_some_and(char::is_alphanumeric) && next.is_some_and(char::is_alphanumeric)
}

fn calls_a_crowd(after: Visible<'_>) -> bool {
    CROWDS.iter().any(|crowd| {
        // What stands in between may go.
        let mut after = after.clone().filter(|c| !matches!(c, '`' | '@'));
        crowd.chars().all(|c| after.next().is_some_and(|a| a.eq_ignore_ascii_case(&c)))
    })
}

/// The characters of `text` without those nobody sees.
pub(super) fn visible(text: &str) -> Visible<'_> {
    Visible { chars: text.chars() }
}

/// What [`visible`] returns.
#[derive(Clone)]
pub(super) struct Visible<'a> {
    chars: Chars<'a>,
}

impl Iterator for Visible<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            let c = self.chars.next()?;
            if c == '\u{1b}' {
                self.skip_escape();
            } else if !is_hidden(c) {
                return Some(c);
            }
        }
    }
}

impl Visible<'_> {
    /// Skips the rest of a terminal's escape sequence: `[`, parameters, one letter.
    fn skip_escape(&mut self) {
        let mut ahead = self.chars.clone();
        if ahead.next() != Some('[') {
            return;
        }
        while let Some(c) = ahead.next() {
            match c {
                '0'..='9' | ';' | '?' => {}
                '@'..='~' => {
                    self.chars = ahead;
                    return;
                }
                _ => return,
            }
        }
    }
}

/// Whether `text` holds anything that [`visible`] drops, or white space that is not ASCII.
pub(super) fn has_hidden(text: &str) -> bool {
    // No short cut in the loop, so that it runs sixteen bytes at a time.
    let visible = |b: u8| u8::from(b.wrapping_sub(b' ') <= b'~' - b' ');
    if text.bytes().fold(1, |all, b| all & visible(b)) != 0 {
        return false;
    }
    if text.bytes().any(|b| b.is_ascii_control() && !(9..=13).contains(&b)) {
        return true;
    }
    !text.is_ascii() && text.chars().any(|c| !c.is_ascii() && (is_hidden(c) || c.is_whitespace()))
}

/// Characters that take no room or move others: control, bidi, zero-width, fillers, variation
/// selectors, tags. White space is not among them, so that words stay apart.
fn is_hidden(c: char) -> bool {
    if c < '\u{80}' {
        return c.is_ascii_control() && !c.is_whitespace();
    }
    match c {
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => {
            true
        }
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        c => c.is_control() && !c.is_whitespace(),
    }
}

/// Whether `c` belongs to the character before it: combining marks and skin tones.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{903}'
        | '\u{93a}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}')
}
