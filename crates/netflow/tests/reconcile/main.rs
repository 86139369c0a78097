//! Flows against interface counters: what is injected into an exporter is named, and nothing is said of a sound one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod faults;
mod sound;
mod unseen;
mod world;
