//! Letters without the standard library's tables, which would be a third of the page's module.

use alloc::string::String;

/// A text in lower case: of the alphabets that have one, Latin, Greek and Cyrillic as they are written today.
///
/// As JavaScript's `toLowerCase` does it, but for a sigma at the end of a word, which stays like any other, and for the
/// dotted capital I, which becomes `i`.
pub fn lower(text: &str) -> String {
    text.chars().map(lower_letter).collect()
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
    fn letters() {
        for sign in "aZ0ößŁжΩאعक".chars() {
            assert!(is_letter(sign), "{sign}");
        }
        for sign in " @.-_×。中鞋–€".chars() {
            assert!(!is_letter(sign), "{sign}");
        }
    }
}
