//! A body of `POST /v1/events`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    collector::fuzz::body(bytes);
});
