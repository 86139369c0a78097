//! The API client, the selection and the refresh task against a Grafolean played by this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod by_hand;
mod changes;
mod faults;
mod idle;
mod in_force;
mod last_good;
mod logs;
mod refresh;
mod replay;
mod requests;
mod roads;
mod secrets;
mod selection;
mod simulated;
#[path = "../tls/mod.rs"]
mod tls;
mod world;
