//! Numbers without the standard library's tables: whole numbers, rounding, and integers as text.
//!
//! The page's module has no room for the general formatter and parser, and both sides have to come to the same digits.

use alloc::string::String;

/// Whether a number has no fraction and is below 2^53, so that every whole number beside it exists too.
pub fn is_whole(number: f64) -> bool {
    (-9e15..=9e15).contains(&number) && number as i64 as f64 == number
}

/// The nearest whole number, halves away from zero; what is beyond 64 bits becomes the last one there.
pub fn rounded(number: f64) -> i64 {
    let whole = number as i64;
    let rest = number - whole as f64;
    whole.saturating_add(i64::from(rest >= 0.5) - i64::from(rest <= -0.5))
}

/// A whole number in decimal digits.
pub fn digits(number: i64) -> String {
    let mut bytes = [0u8; 20];
    let mut from = bytes.len();
    let mut rest = number.unsigned_abs();
    for byte in bytes.iter_mut().rev() {
        *byte = b'0' + (rest % 10) as u8;
        rest /= 10;
        from -= 1;
        if rest == 0 {
            break;
        }
    }
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for byte in bytes.iter().skip(from) {
        text.push(char::from(*byte));
    }
    text
}

/// What [`digits`] wrote; `None` for anything else, and beyond 64 bits.
pub fn read_digits(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let negative = digits.len() < text.len();
    let mut number = 0i64;
    for byte in digits.bytes() {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        // Counted downwards: the least number has no opposite.
        number = number.checked_mul(10)?.checked_sub(digit)?;
    }
    match (digits.is_empty(), negative) {
        (true, _) => None,
        (false, true) => Some(number),
        (false, false) => number.checked_neg(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn halves_go_away_from_zero() {
        for (number, expected) in [
            (0.5, 1),
            (-0.5, -1),
            (0.499_999_999_999_999_94, 0),
            (2.5, 3),
            (-2.4, -2),
            (1e300, i64::MAX),
            (f64::NAN, 0),
        ] {
            assert_eq!(rounded(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_not_read() {
        for text in ["", "-", "+1", "1.0", " 1", "１", "9223372036854775808", "-9223372036854775809"] {
            assert_eq!(read_digits(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(number: i64) {
            prop_assert_eq!(digits(number), number.to_string());
            prop_assert_eq!(read_digits(&digits(number)), Some(number));
        }

        #[test]
        fn rounding_is_that_of_the_standard_library(number in -1e16..1e16) {
            prop_assert_eq!(rounded(number), number.round() as i64);
            prop_assert_eq!(is_whole(number), number.fract() == 0.0 && number.abs() <= 9e15);
        }
    }
}
