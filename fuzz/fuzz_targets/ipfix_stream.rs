#![no_main]

#[path = "../entries/ipfix_stream.rs"]
mod ipfix_stream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| ipfix_stream::run(data));
