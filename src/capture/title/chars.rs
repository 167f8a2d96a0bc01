//! Byte classes: one table look-up says what a byte can be part of.
//!
//! Invariant: pure data. Classes may overlap nowhere but in [`PAUSE`], which is a union.

pub(super) const DIGIT: u16 = 1;
/// `a` to `f`.
pub(super) const HEX_LOWER: u16 = 1 << 1;
/// `g` to `z`.
pub(super) const LOWER: u16 = 1 << 2;
/// `A` to `F`.
pub(super) const HEX_UPPER: u16 = 1 << 3;
/// `G` to `Z`.
pub(super) const UPPER: u16 = 1 << 4;
pub(super) const UNDERSCORE: u16 = 1 << 5;
pub(super) const HYPHEN: u16 = 1 << 6;
pub(super) const DOT: u16 = 1 << 7;
pub(super) const SLASH: u16 = 1 << 8;
pub(super) const COLON: u16 = 1 << 9;
pub(super) const AT: u16 = 1 << 10;
pub(super) const APOSTROPHE: u16 = 1 << 11;
/// Not ASCII.
pub(super) const HIGH: u16 = 1 << 12;
/// Punctuation that may stand inside a word: `+ % # $ & * ~ ^ ! ? | \`.
pub(super) const SIGN: u16 = 1 << 13;
/// White space, and `<` and `>`, which are never written.
pub(super) const SPACE: u16 = 1 << 14;
/// What a word never contains: brackets, quotes, `,`, `;`, `=`.
pub(super) const STOP: u16 = 1 << 15;

pub(super) const ANY_LOWER: u16 = HEX_LOWER | LOWER;
pub(super) const ANY_UPPER: u16 = HEX_UPPER | UPPER;
pub(super) const LETTER: u16 = ANY_LOWER | ANY_UPPER;
pub(super) const HEX: u16 = DIGIT | HEX_LOWER | HEX_UPPER;
pub(super) const NAME: u16 = LETTER | DIGIT | UNDERSCORE;
/// What may end a word, so that the scan has to look closer.
pub(super) const PAUSE: u16 = SPACE | STOP | DOT | COLON | APOSTROPHE;

const TABLE: [u16; 256] = {
    let mut table = [SIGN; 256];
    let mut left: &mut [u16] = &mut table;
    let mut byte = 0;
    while let [entry, rest @ ..] = left {
        *entry = class_of(byte);
        byte = byte.wrapping_add(1);
        left = rest;
    }
    table
};

const fn class_of(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => HEX_LOWER,
        b'g'..=b'z' => LOWER,
        b'A'..=b'F' => HEX_UPPER,
        b'G'..=b'Z' => UPPER,
        b'_' => UNDERSCORE,
        b'-' => HYPHEN,
        b'.' => DOT,
        b'/' => SLASH,
        b':' => COLON,
        b'@' => AT,
        b'\'' => APOSTROPHE,
        0x80.. => HIGH,
        b'\t'..=b'\r' | b' ' | b'<' | b'>' => SPACE,
        b'"' | b'`' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'=' => STOP,
        _ => SIGN,
    }
}

/// The class of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u16 {
    TABLE.get(usize::from(byte)).copied().unwrap_or(SIGN)
}

/// The classes that occur in `text`.
pub(super) fn classes(text: &str) -> u16 {
    text.bytes().fold(0, |mask, b| mask | class(b))
}
