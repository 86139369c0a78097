//! What flows cost from the socket to all tables, and in memory: `cargo bench -p grafolean-bots --bench flow_aggregate`.
//!
//! Each line is `name value unit`. The bot itself receives NetFlow v9 of 20 fields between 100,000 pairs of addresses, 2 M flows
//! a second for ten seconds, while it keeps its state on disk and adds up a minute. `flow_aggregate` is flows by the time
//! its receiving thread was on the processor, so by one core; beside it, fed by the same sender: nfcapd, which only stores,
//! and nfacctd with one table (Debian's nfdump and pmacct), and PyPI's `netflow`, which only decodes.
//! `flow_archived` is the bot that keeps each flow on disk too, fed with 1 M a second.
//! `flow_names` is what lists by autonomous system, country and network cost beside the same without (the part `names`).
//! Memory is that of a process of its own, at its peak: an hour of 1 M pairs in virtual time (with 1.5 M flows a minute, as
//! it depends on pairs, not on flows), and the bot fed with 1 M flows a second of 1 M pairs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation
)]

mod beside;
mod hour;
mod named;
mod ours;
mod processor;
mod replay;

use std::{env, process::Command};

use replay::Replay;

const PAIRS: u32 = 100_000;

fn main() {
    // Cargo's own arguments begin with a dash; any other names the one part to run.
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    match wanted.as_deref() {
        Some("hour") => return hour::feed(),
        Some("million") => return ours::million(),
        _ => {}
    }
    let part = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    if part("memory") {
        for part in ["hour", "million"] {
            // of its own, since the peak of a process is kept until it ends
            assert!(Command::new(env::current_exe().unwrap()).arg(part).status().unwrap().success());
        }
    }
    if part("names") {
        named::beside_unnamed();
    }
    let replay = Replay::new(PAIRS, 1_000_000);
    if part("ours") {
        ours::aggregate(&replay);
    }
    if part("archived") {
        ours::archived(&replay);
    }
    if part("beside") {
        beside::nfcapd(&replay);
        beside::nfacctd(&replay);
        beside::netflow_of_pypi(&replay);
    }
}

fn line(name: &str, value: f64, unit: &str) {
    println!("{name} {value:.3} {unit}");
}
