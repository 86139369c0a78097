//! The house keeps its shape: which crate may see which, who reads the clock, how long a file may be, and what
//! ARCHITECTURE.md promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic, missing_docs)]

mod architecture;
mod floors;
mod sizes;
mod sources;
