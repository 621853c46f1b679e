//! The border to JavaScript: one exported function over one buffer of bytes, and no imports.
//!
//! A call writes its arguments, as the bytes of a list, to where [`room`] says, then calls [`call`] with the number of
//! the function and the length; it returns how many bytes of the answer stand there now. `js/engine.js` is the other
//! side. Both sides know one form of a value, a tag and what belongs to it, everything little-endian:
//!
//! | tag | value | follows |
//! |---|---|---|
//! | 0, 1, 2 | null, false, true | |
//! | 3 | number | 8 bytes of IEEE 754 |
//! | 4 | text | length, UTF-8 |
//! | 5 | list | count, values |
//! | 6 | object | count, pairs of a key (length, UTF-8) and a value |
//!
//! Lengths and counts are 32 bits.
#![allow(
    unsafe_code,
    reason = "what JavaScript writes is raw memory; all else that is unsafe in the SDK is in allocator.rs"
)]

use crate::Tier;
use alloc::string::String;
use alloc::vec::Vec;
use engine::value::{Map, Value};

/// What lives as long as the page: the module runs on one thread, and [`call`] is never entered twice.
struct Page {
    tier: Option<Tier>,
    buffer: Vec<u8>,
}

static mut PAGE: Page = Page { tier: None, buffer: Vec::new() };

/// The address of a buffer of at least `length` bytes, in which the next call finds its arguments.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    let page = &raw mut PAGE;
    // SAFETY: there is one thread, and no reference into `PAGE` outlives a call.
    let buffer = unsafe { &mut (*page).buffer };
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    buffer.as_mut_ptr()
}

/// Calls a function of [`Tier`] with the arguments in the buffer; returns the length of the answer there.
#[unsafe(no_mangle)]
pub extern "C" fn call(function: usize, length: usize) -> usize {
    let page = &raw mut PAGE;
    // SAFETY: as above.
    let page = unsafe { &mut *page };
    let arguments = Reader { bytes: page.buffer.get(..length).unwrap_or_default() }.value();
    let answer = page.tier.get_or_insert_default().call(function, arguments.as_list().unwrap_or_default());
    page.buffer.clear();
    write(&answer, &mut page.buffer);
    page.buffer.len()
}

/// Reads what the other side wrote; what is cut off reads as nothing. How deep it nests is the other side's to bound.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at_checked(length).unwrap_or_default();
        self.bytes = rest;
        taken
    }

    fn length(&mut self) -> usize {
        self.take(4).try_into().map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn text(&mut self) -> String {
        let length = self.length();
        // What JavaScript encodes is UTF-8.
        core::str::from_utf8(self.take(length)).unwrap_or_default().into()
    }

    fn value(&mut self) -> Value {
        let tag = self.take(1).first().copied().unwrap_or_default();
        match tag {
            1 | 2 => Value::Bool(tag == 2),
            3 => self.take(8).try_into().map_or(Value::Null, |bytes| f64::from_le_bytes(bytes).into()),
            4 => Value::String(self.text()),
            5 => {
                let count = self.length().min(self.bytes.len());
                let mut list = Vec::with_capacity(count);
                for _ in 0..count {
                    list.push(self.value());
                }
                Value::List(list)
            }
            6 => {
                let count = self.length().min(self.bytes.len());
                let mut pairs = Vec::with_capacity(count);
                for _ in 0..count {
                    pairs.push((self.text(), self.value()));
                }
                Value::Map(Map::from_pairs(pairs))
            }
            _ => Value::Null,
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    let length = |length: usize, out: &mut Vec<u8>| out.extend_from_slice(&(length as u32).to_le_bytes());
    let text = |text: &str, out: &mut Vec<u8>| {
        length(text.len(), out);
        out.extend_from_slice(text.as_bytes());
    };
    match value {
        Value::Null => out.push(0),
        Value::Bool(flag) => out.push(1 + u8::from(*flag)),
        Value::Number(number) => {
            out.push(3);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::String(string) => {
            out.push(4);
            text(string, out);
        }
        Value::List(list) => {
            out.push(5);
            length(list.len(), out);
            for value in list {
                write(value, out);
            }
        }
        Value::Map(map) => {
            out.push(6);
            length(map.len(), out);
            for (key, value) in map.iter() {
                text(key, out);
                write(value, out);
            }
        }
    }
}

/// A trap: it reaches JavaScript as an exception, which switches the engine off.
#[cfg(target_family = "wasm")]
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_crosses_the_border() {
        let map =
            Map::new().with("ä", "ö").with("list", alloc::vec![Value::Null, true.into(), false.into(), (-1.5).into()]);
        let value = Value::from(map);
        let mut bytes = Vec::new();
        write(&value, &mut bytes);
        assert_eq!(Reader { bytes: &bytes }.value(), value);
    }

    #[test]
    fn bytes_that_are_none_of_ours_do_no_harm() {
        for bytes in [&[4, 9, 0, 0, 0, b'x'][..], &[9], &[], &[3, 0], &[5, 0xff, 0, 0, 0]] {
            Reader { bytes }.value();
        }
    }
}
