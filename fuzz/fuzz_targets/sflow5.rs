#![no_main]

#[path = "../entries/flow_datagrams.rs"]
mod flow_datagrams;

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow_datagrams::sflow5(data));
