//! What the fuzzer found worth keeping, through the same entries that it uses: `fuzz/corpus/<target>/` is replayed whole.
//!
//! `cargo fuzz run <target>` in the project's root looks for more (with `RUSTC_BOOTSTRAP=1` on a stable toolchain).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]

use std::{fs, path::Path};

#[path = "../../../fuzz/entries/flow_datagrams.rs"]
mod flow_datagrams;
#[path = "../../../fuzz/entries/flow_templates.rs"]
mod flow_templates;
#[path = "../../../fuzz/entries/ipfix_stream.rs"]
mod ipfix_stream;

fn replay(target: &str, entry: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(target);
    let mut count = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let data = fs::read(file.unwrap().path()).unwrap();
        entry(&data);
        // Cut anywhere it is as good an input.
        entry(&data[..data.len() / 2]);
        count += 1;
    }
    assert!(count > 0, "no corpus in {}", folder.display());
}

#[test]
fn the_corpus_of_netflow_5_harms_nothing() {
    replay("netflow5", flow_datagrams::netflow5);
}

#[test]
fn the_corpus_of_netflow_9_harms_nothing() {
    replay("netflow9", flow_datagrams::netflow9);
}

#[test]
fn the_corpus_of_ipfix_harms_nothing() {
    replay("ipfix", flow_datagrams::ipfix);
}

#[test]
fn the_corpus_of_sflow_5_harms_nothing() {
    replay("sflow5", flow_datagrams::sflow5);
}

#[test]
fn the_corpus_of_the_template_store_agrees_with_a_map() {
    replay("flow_templates", flow_templates::run);
}

#[test]
fn the_corpus_of_ipfix_over_tcp_comes_out_as_it_went_in() {
    replay("ipfix_stream", ipfix_stream::run);
}
