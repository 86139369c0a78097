//! A cluster as a whole: in virtual time, and on real servers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    missing_docs
)]

mod assignment;
mod day;
mod faults;
mod nodes;
