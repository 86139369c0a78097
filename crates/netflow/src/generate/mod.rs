//! Load with known totals: for tests, for benches, and for sizing a machine.
//!
//! [`Traffic`] invents flows from a seed, the same ones each time. An [`Exporter`] puts flows into datagrams of one protocol
//! as a router would: numbered, with templates and options data from time to time, and adds up what it sent.

mod exporter;
mod fixed;
mod sets;
mod sflow;
mod traffic;

pub use exporter::{DATAGRAM_BYTES, Exporter, Setup, Totals};
pub use traffic::{Families, Traffic};
