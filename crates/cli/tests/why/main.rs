//! Why is it empty: each cause injected into real parts (snmpd, softflowd, namespaces, the hub), and named on the command line
//! and in the API; sound set-ups, of which none is claimed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "../world/mod.rs"]
mod world;

mod agents;
mod bots;
mod configuration;
mod delivery;
mod doors;
mod exporters;
mod network;
mod proxy;
mod refusing;
mod relay;
mod runs;
mod scene;
mod sound;
mod tables;
mod unseen;
