#![no_main]

#[path = "../entries/snmp_reply.rs"]
mod snmp_reply;

libfuzzer_sys::fuzz_target!(|data: &[u8]| snmp_reply::run(data));
