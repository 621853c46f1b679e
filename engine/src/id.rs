//! UUIDs: 16 bytes, written as 36 characters of lower-case hex.

use alloc::string::String;
use core::fmt;

/// A UUID. Ordered by its bytes, so UUIDv7 ids order by the time they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Id(pub u128);

impl Id {
    /// A UUIDv7 (RFC 9562, section 5.7) from milliseconds since 1970 and 74 random or derived bits of `bits`.
    pub fn v7(ms: i64, bits: u128) -> Self {
        let time = u128::from(ms.max(0) as u64 & 0xffff_ffff_ffff) << 80;
        let version = 0x7u128 << 76;
        let variant = 0b10u128 << 62;
        let random_a = (bits >> 62 & 0xfff) << 64;
        let random_b = bits & 0x3fff_ffff_ffff_ffff;
        Id(time | version | random_a | variant | random_b)
    }

    /// Reads the 8-4-4-4-12 form, in either case; any UUID version.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 36 {
            return None;
        }
        let mut bits = 0u128;
        for (at, byte) in text.bytes().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                _ => return None,
            };
            bits = bits << 4 | u128::from(digit);
        }
        Some(Id(bits))
    }
}

impl Id {
    /// The 36 characters.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(36);
        for nibble in 0..32 {
            if matches!(nibble, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            let digit = (self.0 >> (124 - 4 * nibble)) as u8 & 0xf;
            text.push((if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }) as char);
        }
        text
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_9562() {
        // Appendix A.6: 2022-02-22 14:22:22 GMT-5, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
        let id = Id::v7(0x017F_22E2_79B0, 0xCC3 << 62 | 0x18C4_DC0C_0C07_398F);
        assert_eq!(id.text(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(Id::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), Some(id));
    }

    #[test]
    fn what_is_not_a_uuid_is_refused() {
        for text in [
            "",
            "017f22e279b07cc398c4dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
            "é17f22e2-79b0-7cc3-98c4-dc0c0c07398",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
