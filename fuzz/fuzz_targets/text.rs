//! A text through the masks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    collector::fuzz::text(bytes);
});
