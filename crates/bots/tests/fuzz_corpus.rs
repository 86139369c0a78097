//! What the fuzzer found worth keeping, through the same entries that it uses: `fuzz/corpus/<target>/` is replayed whole.
//!
//! `cargo fuzz run <target>` in the project's root looks for more (with `RUSTC_BOOTSTRAP=1` on a stable toolchain).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub)]

use std::{fs, path::Path};

#[path = "../../../fuzz/entries/snmp_reply.rs"]
mod snmp_reply;

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
fn the_corpus_of_replies_harms_nothing() {
    replay("snmp_reply", snmp_reply::run);
}
