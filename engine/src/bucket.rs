//! Bucketing: which share of a population a visitor falls into, the same on every side.

/// GrowthBook's hash, version 2: a number in `[0, 1)` with four decimals, from a seed and a value.
///
/// `fnv1a32(decimal(fnv1a32(seed + value))) % 10000 / 10000`; source: GrowthBook SDK specification 0.8, `hash`.
/// Visitor ids are ASCII, so the bytes hashed here are the UTF-16 code units that a JavaScript SDK would hash.
pub fn share(seed: &str, value: &str) -> f64 {
    f64::from(ten_thousandth(seed, value)) / 10_000.0
}

/// [`share`] as the whole number of ten-thousandths, `0..10000`.
pub fn ten_thousandth(seed: &str, value: &str) -> u32 {
    let first = fnv1a32(FNV_OFFSET, seed.as_bytes());
    let mut rest = fnv1a32(first, value.as_bytes());
    let mut digits = [0u8; 10];
    let mut len = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    fnv1a32(FNV_OFFSET, digits.get(10 - len..).unwrap_or_default()) % 10_000
}

const FNV_OFFSET: u32 = 0x811c_9dc5;

/// FNV-1a, 32 bits (Fowler, Noll, Vo; RFC 9923), continued from `state`.
fn fnv1a32(state: u32, bytes: &[u8]) -> u32 {
    let mut hash = state;
    for byte in bytes {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_cases_of_version_2() {
        for (seed, value, expected) in [
            ("seed", "a", 0.0505),
            ("seed", "b", 0.2696),
            ("foo", "ab", 0.2575),
            ("foo", "def", 0.2019),
            ("89123klj", "8952klfjas09ujkasdf", 0.124),
            ("90850943850283058242805", "123", 0.7516),
            ("()**(%$##$%#$#", "___)((*\":&", 0.0128),
        ] {
            assert_eq!(share(seed, value), expected, "{seed} {value}");
        }
    }
}
