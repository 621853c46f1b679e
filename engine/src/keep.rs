//! Keeping: the form in which a fold's state is put aside and gone on from, in bytes.
//!
//! One function for each type, `keep`, says what belongs to it, in order; it is the same one for both directions, so
//! that what is written and what is read cannot come apart. Whole numbers are varints (seven bits a byte, the lowest
//! first, signs folded in as in Protocol Buffers' `sint64`), texts their length and UTF-8.

use crate::id::Id;
use crate::value::{Map, Value};
use alloc::string::String;
use alloc::vec::Vec;

/// One way through everything that is kept: it writes what it is shown, or fills it.
pub struct Pass {
    bytes: Vec<u8>,
    at: usize,
    reading: bool,
    broken: bool,
}

impl Pass {
    /// A pass that writes.
    pub fn writing() -> Pass {
        Pass { bytes: Vec::new(), at: 0, reading: false, broken: false }
    }

    /// A pass that reads these bytes.
    pub fn reading(bytes: Vec<u8>) -> Pass {
        Pass { bytes, at: 0, reading: true, broken: false }
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether all bytes were read and every value was there: else nothing that was filled may be used.
    pub fn is_whole(&self) -> bool {
        !self.broken && self.at == self.bytes.len()
    }

    /// Eight bits.
    pub fn byte(&mut self, byte: &mut u8) {
        if !self.reading {
            self.bytes.push(*byte);
        } else if let Some(have) = self.bytes.get(self.at) {
            *byte = *have;
            self.at += 1;
        } else {
            *byte = 0;
            self.broken = true;
        }
    }

    /// A whole number.
    pub fn int(&mut self, number: &mut i64) {
        let mut rest = (*number << 1 ^ *number >> 63) as u64;
        let mut read = 0;
        for shift in (0..70).step_by(7) {
            let more = rest > 0x7f;
            let mut byte = (rest & 0x7f) as u8 | u8::from(more) << 7;
            self.byte(&mut byte);
            read |= u64::from(byte & 0x7f) << shift;
            rest >>= 7;
            if byte < 0x80 {
                break;
            }
        }
        *number = (read >> 1) as i64 ^ -((read & 1) as i64);
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, number: &mut u32) {
        let mut wide = i64::from(*number);
        self.int(&mut wide);
        *number = wide as u32;
    }

    /// A text.
    pub fn text(&mut self, text: &mut String) {
        let mut bytes = core::mem::take(text).into_bytes();
        self.list(&mut bytes, |byte, pass| pass.byte(byte));
        match String::from_utf8(bytes) {
            Ok(read) => *text = read,
            Err(_) => self.broken = true,
        }
    }

    /// Any number.
    pub fn number(&mut self, number: &mut f64) {
        let mut bytes = number.to_le_bytes();
        for byte in &mut bytes {
            self.byte(byte);
        }
        *number = f64::from_le_bytes(bytes);
    }

    /// An id.
    pub fn id(&mut self, id: &mut Id) {
        let mut bytes = id.0.to_le_bytes();
        for byte in &mut bytes {
            self.byte(byte);
        }
        *id = Id(u128::from_le_bytes(bytes));
    }

    /// A list of entries that say themselves what belongs to them.
    pub fn list<T: Default>(&mut self, list: &mut Vec<T>, keep: fn(&mut T, &mut Pass)) {
        let more = self.length(list.len());
        if self.reading {
            list.clear();
            for _ in 0..more {
                list.push(T::default());
            }
        }
        for entry in list {
            keep(entry, self);
        }
    }

    /// The length of a list, the same for all types of entries.
    fn length(&mut self, length: usize) -> i64 {
        let mut length = length as i64;
        self.int(&mut length);
        // Every entry takes a byte at least: a length that was made up fills no memory.
        if self.reading && !(0..=(self.bytes.len() - self.at) as i64).contains(&length) {
            self.broken = true;
            return 0;
        }
        length
    }

    /// What may be missing.
    pub fn maybe<T: Default>(&mut self, value: &mut Option<T>, keep: fn(&mut T, &mut Pass)) {
        let mut there = u8::from(value.is_some());
        self.byte(&mut there);
        if self.reading {
            *value = (there == 1).then(T::default);
        }
        if let Some(value) = value {
            keep(value, self);
        }
    }

    /// Names and scalars: of what is neither, `null` is kept.
    pub fn scalars(&mut self, map: &mut Map) {
        let mut pairs = core::mem::take(map).into_pairs();
        self.list(&mut pairs, |(name, value), pass| {
            pass.text(name);
            pass.scalar(value);
        });
        *map = Map::from_pairs(pairs);
    }

    fn scalar(&mut self, value: &mut Value) {
        let (mut number, mut text) = (0.0, String::new());
        let mut kind = match value {
            Value::Null | Value::List(_) | Value::Map(_) => 0,
            Value::Bool(flag) => 1 + u8::from(*flag),
            Value::Number(have) => {
                number = *have;
                3
            }
            Value::String(have) => {
                text = core::mem::take(have);
                4
            }
        };
        self.byte(&mut kind);
        *value = match kind {
            0 => Value::Null,
            1 | 2 => Value::Bool(kind == 2),
            3 => {
                self.number(&mut number);
                number.into()
            }
            _ => {
                self.text(&mut text);
                Value::String(text)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use proptest::prelude::*;

    fn through<T: Default>(mut value: T, keep: impl Fn(&mut T, &mut Pass)) -> T {
        let mut pass = Pass::writing();
        keep(&mut value, &mut pass);
        let mut pass = Pass::reading(pass.into_bytes());
        let mut read = T::default();
        keep(&mut read, &mut pass);
        assert!(pass.is_whole());
        read
    }

    #[test]
    fn the_first_numbers_are_those_of_protocol_buffers() {
        for (number, bytes) in [(0, &[0][..]), (-1, &[1]), (1, &[2]), (-2, &[3]), (150, &[0xac, 0x02])] {
            let mut pass = Pass::writing();
            pass.int(&mut { number });
            assert_eq!(pass.into_bytes(), bytes);
        }
    }

    #[test]
    fn scalars_are_kept() {
        let map = Map::new().with("a", 1.5).with("b", true).with("c", "ö").with("d", Value::Null);
        assert_eq!(through(map.clone(), |map, pass| pass.scalars(map)), map);
    }

    proptest! {
        #[test]
        fn numbers_and_texts_are_kept(number: i64, text: String, fraction: f64) {
            prop_assert_eq!(through(number, |number, pass| pass.int(number)), number);
            prop_assert_eq!(through(text.clone(), |text, pass| pass.text(text)), text);
            prop_assert_eq!(through(fraction, |number, pass| pass.number(number)).to_bits(), fraction.to_bits());
        }

        #[test]
        fn what_was_never_written_does_no_harm(bytes: Vec<u8>) {
            let mut pass = Pass::reading(bytes);
            let mut lists: Vec<String> = Vec::new();
            pass.list(&mut lists, |text, pass| pass.text(text));
            pass.maybe(&mut Some("x".to_owned()), |text, pass| pass.text(text));
            pass.scalars(&mut Map::new());
        }
    }
}
