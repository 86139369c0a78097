//! The hub as its clients meet it: over its routes, most of it without a socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

mod at_rest;
mod audit;
mod auth;
mod client;
mod cookie;
mod device_events;
mod device_tests;
mod discovery;
mod drawing;
mod events;
mod frontend;
mod hostile;
mod model;
mod opening;
mod prometheus;
mod replay;
mod retention;
mod rights;
mod routes;
mod statuses;
mod things;
mod values;
mod world;
