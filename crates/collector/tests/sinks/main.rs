//! Consumers beside the backend: the spool's side of them, and Prometheus remote write.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod http;
mod peers;
mod receiver;
mod remote_write;
mod spool;
#[path = "../spooling/mod.rs"]
mod spooling;
#[path = "../tls/mod.rs"]
mod tls;
