//! What is known of one flow, whatever protocol described it: the ground on which all other rooms stand.
//!
//! A [`Flow`] is what an exporter said of it and the [`Factor`] by which its counts are scaled; its [`Origin`] is who said it,
//! and when. [`FlowDetails`] are what few readers want (addresses after translation, VLANs, MAC addresses, names of interfaces
//! and the like): they are decoded only for a [`FlowSink`] that asks for them.

mod details;
mod factor;
mod flow;
mod origin;
mod sink;

pub use details::{ApplicationId, FlowDetails, MacAddress};
pub use factor::Factor;
pub use flow::{BiflowDirection, Counter, Direction, Flow};
pub use origin::{Datagram, Origin, Protocol, Stream};
pub use sink::FlowSink;
