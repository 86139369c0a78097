//! Ping: is a device there, and how long does an answer take?
//!
//! From the wire upwards: [`codec`] is ICMP as bytes, [`engine`] the sockets and the exchanges under way on them.

pub mod codec;
pub mod engine;
