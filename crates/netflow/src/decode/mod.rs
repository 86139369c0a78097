//! Datagrams as bytes: pure functions from `&[u8]`, without a clock, a socket or memory of what came before.
//!
//! `fixed` (NetFlow v1, v5, v7) and `sflow` hold all they need in each datagram. A `message` of NetFlow v9 or IPFIX is a row of sets: those
//! that `declare` templates, and records, for which a template is compiled into a `plan` once; then each `record` is
//! a few reads at known places. [`element`] is the table of what is read, and from where when several elements mean the
//! same. `options` are what exporters say about themselves. A sample of sFlow brings a packet's beginning: `frame` goes past
//! what stands before IP, and `packet` reads that; `gateway` is what BGP told of the packet's ends.
//!
//! **Invariant:** nothing is allocated for a flow, and nothing here panics on any input.

pub(super) mod declare;
mod definition;
pub(super) mod details;
pub mod element;
mod error;
mod factor;
pub(super) mod fixed;
mod frame;
mod framing;
mod gateway;
pub(super) mod message;
mod moment;
pub(super) mod options;
mod packet;
pub(super) mod plan;
mod reader;
pub(super) mod record;
mod section;
pub(super) mod sflow;

pub use definition::{Declaration, Definition, Field, Space, VARIABLE};
pub use element::Running;
pub use error::DecodeError;
pub use framing::{Framing, FramingError};
pub(super) use moment::Exported;
pub use options::{SamplingScope, SamplingStatement, Statement};
pub use record::ScopeKeys;
