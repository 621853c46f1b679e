//! Texts without the standard library's tables and searchers, which would be a third of the page's module: marks in
//! addresses and names are ASCII, and a loop over bytes finds them as well.

use alloc::string::String;
use core::cmp::Ordering;

/// The parts, one behind the other.
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}

/// What stands before the first `mark`, and what stands behind it where there is one.
pub fn cut<'a>(text: &'a str, mark: &str) -> (&'a str, Option<&'a str>) {
    let mut at = 0;
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(mark.as_bytes()) {
            return (text.get(..at).unwrap_or_default(), text.get(at + mark.len()..));
        }
        at += 1;
    }
    (text, None)
}

/// Where the first of these ASCII signs stands, or where the text ends.
pub fn until(text: &str, signs: &[u8]) -> usize {
    let mut at = 0;
    for byte in text.bytes() {
        if has(signs, byte) {
            break;
        }
        at += 1;
    }
    at
}

/// Whether a byte is one of these: the library's search is made for long slices.
pub fn has(signs: &[u8], byte: u8) -> bool {
    for sign in signs {
        if *sign == byte {
            return true;
        }
    }
    false
}

/// Whether every byte of a text is of a kind.
pub fn all(text: &str, kind: fn(u8) -> bool) -> bool {
    for byte in text.bytes() {
        if !kind(byte) {
            return false;
        }
    }
    true
}

/// A text without the white space around it, as JavaScript's `trim` has it.
pub fn trimmed(text: &str) -> &str {
    let mut signs = text.chars();
    let mut rest = text;
    while signs.next().is_some_and(is_space) {
        rest = signs.as_str();
    }
    let mut signs = rest.chars();
    while signs.next_back().is_some_and(is_space) {
        rest = signs.as_str();
    }
    rest
}

/// White space and ends of lines of ECMA-262.
pub fn is_space(sign: char) -> bool {
    matches!(sign, '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}')
}

/// The order of two texts in JavaScript, which compares UTF-16: what needs two units of it stands before the last of
/// what needs one.
pub fn order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (Some(x), Some(y)) => (x as u32, y as u32),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if x != y {
            let late = |unit: u32| (0xe000..0x1_0000).contains(&unit);
            return (late(x), x).cmp(&(late(y), y));
        }
    }
}

/// A text sign by sign.
pub fn each(text: &str, sign: fn(char) -> char) -> String {
    let mut out = String::with_capacity(text.len());
    for have in text.chars() {
        out.push(sign(have));
    }
    out
}

/// A text in lower case: of the alphabets that have one, Latin, Greek and Cyrillic as they are written today.
///
/// As JavaScript's `toLowerCase` does it, but for a sigma at the end of a word, which stays like any other, and for the
/// dotted capital I, which becomes `i`.
pub fn lower(text: &str) -> String {
    each(text, lower_letter)
}

fn lower_letter(letter: char) -> char {
    let code = letter as u32;
    let lower = match code {
        0x41..=0x5a | 0xc0..=0xd6 | 0xd8..=0xde | 0x391..=0x3a1 | 0x3a3..=0x3ab | 0x410..=0x42f => code + 32,
        0x130 => 0x69,
        0x178 => 0xff,
        // Pairs of an odd capital and the even letter behind it.
        0x139..=0x148 | 0x179..=0x17e => code + (code & 1),
        // Pairs of an even capital and the odd letter behind it.
        0x100..=0x12f
        | 0x132..=0x137
        | 0x14a..=0x177
        | 0x460..=0x481
        | 0x48a..=0x4bf
        | 0x4d0..=0x52f
        | 0x1e00..=0x1e95
        | 0x1ea0..=0x1eff => code | 1,
        0x386 => 0x3ac,
        0x388..=0x38a => code + 37,
        0x38c => 0x3cc,
        0x38e | 0x38f => code + 63,
        0x400..=0x40f => code + 80,
        0x1e9e => 0xdf,
        _ => code,
    };
    char::from_u32(lower).unwrap_or(letter)
}

/// Whether a sign is a letter or a digit of an alphabet that puts spaces between its words; of what is not ASCII that is
/// everything up to the scripts of East Asia but signs and punctuation.
pub fn is_letter(sign: char) -> bool {
    sign.is_ascii_alphanumeric()
        || matches!(sign, '\u{aa}' | '\u{b5}' | '\u{ba}' | '\u{c0}'..='\u{1fff}' | '\u{2c00}'..='\u{2dff}')
            && !matches!(sign, '×' | '÷')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_is_that_of_the_standard_library() {
        for letter in (0..0x530).chain(0x1e00..0x1f00).filter_map(char::from_u32) {
            // Rare letters that are no longer, or not in any shop's language, in use.
            let known = letter.to_lowercase().next() == Some(lower_letter(letter));
            let rare = matches!(letter as u32, 0x181..=0x24f | 0x370..=0x37f | 0x3cf..=0x3ff | 0x4c0..=0x4cf);
            assert!(known || rare, "{letter}");
        }
        assert_eq!(lower("ÄÖÜ ΆΣ ЖЁ Ő İ 鞋"), "äöü άσ жё ő i 鞋");
    }

    #[test]
    fn texts_are_trimmed_and_ordered_as_in_javascript() {
        for (text, rest) in [("", ""), (" \u{feff}a b\n", "a b"), ("\u{200b}", "\u{200b}"), ("\u{3000}", "")] {
            assert_eq!(trimmed(text), rest);
        }
        let texts = ["", "a", "ab", "b", "ä", "中", "\u{d7ff}", "\u{10000}", "\u{10ffff}", "\u{e000}", "\u{ffff}"];
        for (at, a) in texts.iter().enumerate() {
            for (other, b) in texts.iter().enumerate() {
                assert_eq!(order(a, b), at.cmp(&other), "{a} {b}");
                assert_eq!(order(a, b), a.encode_utf16().cmp(b.encode_utf16()));
            }
        }
    }

    #[test]
    fn letters() {
        for sign in "aZ0ößŁжΩאعक".chars() {
            assert!(is_letter(sign), "{sign}");
        }
        for sign in " @.-_×。中鞋–€".chars() {
            assert!(!is_letter(sign), "{sign}");
        }
    }
}
