//! Byte classes: one table look-up says what a byte can be part of.
//!
//! Invariant: pure data. Classes may overlap nowhere but in [`PAUSE`], which is a union.

pub(super) const DIGIT: u32 = 1;
/// `a` to `f`.
pub(super) const HEX_LOWER: u32 = 1 << 1;
/// `g` to `z`.
pub(super) const LOWER: u32 = 1 << 2;
/// `A` to `F`.
pub(super) const HEX_UPPER: u32 = 1 << 3;
/// `G` to `Z`.
pub(super) const UPPER: u32 = 1 << 4;
pub(super) const UNDERSCORE: u32 = 1 << 5;
pub(super) const HYPHEN: u32 = 1 << 6;
pub(super) const DOT: u32 = 1 << 7;
pub(super) const SLASH: u32 = 1 << 8;
pub(super) const COLON: u32 = 1 << 9;
pub(super) const AT: u32 = 1 << 10;
pub(super) const APOSTROPHE: u32 = 1 << 11;
/// Not ASCII.
pub(super) const HIGH: u32 = 1 << 12;
/// Punctuation that may stand inside a word: `+ % # $ & * ~ ^ ! ? | \`.
pub(super) const SIGN: u32 = 1 << 13;
/// White space, and `<` and `>`, which are never written.
pub(super) const SPACE: u32 = 1 << 14;
/// What a word never contains: brackets, quotes, `,`, `;`, `=`.
pub(super) const STOP: u32 = 1 << 15;
/// Not to be seen, and not white space.
pub(super) const CONTROL: u32 = 1 << 16;
/// Begins a character of a script that has no spaces between words (three bytes, from U+3000 on),
/// or a full-width form. Always with [`HIGH`].
pub(super) const DENSE: u32 = 1 << 17;

pub(super) const ANY_LOWER: u32 = HEX_LOWER | LOWER;
pub(super) const ANY_UPPER: u32 = HEX_UPPER | UPPER;
pub(super) const LETTER: u32 = ANY_LOWER | ANY_UPPER;
pub(super) const HEX: u32 = DIGIT | HEX_LOWER | HEX_UPPER;
pub(super) const NAME: u32 = LETTER | DIGIT | UNDERSCORE;
/// What may end a word, so that the scan has to look closer.
pub(super) const PAUSE: u32 = SPACE | STOP | DOT | COLON | APOSTROPHE | DENSE;

const TABLE: [u32; 256] = {
    let mut table = [SIGN; 256];
    let mut left: &mut [u32] = &mut table;
    let mut byte = 0;
    while let [entry, rest @ ..] = left {
        *entry = class_of(byte);
        byte = byte.wrapping_add(1);
        left = rest;
    }
    table
};

const fn class_of(byte: u8) -> u32 {
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
        0xe3..=0xed | 0xef => HIGH | DENSE,
        0x80.. => HIGH,
        b'\t'..=b'\r' | b' ' | b'<' | b'>' => SPACE,
        ..b' ' | 0x7f => CONTROL,
        b'"' | b'`' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b';' | b'=' => STOP,
        _ => SIGN,
    }
}

/// The class of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u32 {
    TABLE.get(usize::from(byte)).copied().unwrap_or(SIGN)
}

/// The highest bit of each of the eight bytes of `number` that is not `FROM` to `TO`.
#[inline]
pub(super) const fn others<const FROM: u8, const TO: u8>(number: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // Each byte without its high bit, then that bit says whether it is at least `FROM`, or past
    // `TO`.
    let low = number & !HIGH;
    let reached = low.wrapping_add(EACH.wrapping_mul(0x80_u64.wrapping_sub(FROM as u64)));
    let passed = low.wrapping_add(EACH.wrapping_mul(0x7f_u64.wrapping_sub(TO as u64)));
    (!reached | passed | number) & HIGH
}

/// The bits of all bytes below the lowest of those marked in `others`; not all of them if none is.
#[inline]
pub(super) const fn below(others: u64) -> u64 {
    (others ^ others.wrapping_sub(1)) >> 8
}

/// The classes that occur in `text`.
pub(super) fn classes(text: &str) -> u32 {
    classes_of(text.as_bytes())
}

/// As [`classes`].
#[inline]
pub(super) fn classes_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |mask, &b| mask | class(b))
}
