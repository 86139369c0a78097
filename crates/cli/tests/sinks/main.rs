//! Values in other stores beside the hub, what they are called there, and old ones brought back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod names;
mod prometheus;
mod recipes;
mod tap;
#[path = "../world/mod.rs"]
mod world;
