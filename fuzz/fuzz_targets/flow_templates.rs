#![no_main]

#[path = "../entries/flow_templates.rs"]
mod flow_templates;

libfuzzer_sys::fuzz_target!(|data: &[u8]| flow_templates::run(data));
