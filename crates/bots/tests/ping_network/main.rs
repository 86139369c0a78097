//! The engine in network namespaces: what a bad network does must come out exactly, over every kind of socket.
//!
//! `misbehaving` asks a peer of our own, `icmpnet` one made by other hands, beside fping. Both take root; without it
//! they say that they were skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

mod header;
mod icmpnet;
mod misbehaving;
mod mtu;
mod names;
mod namespace;
mod peer;
