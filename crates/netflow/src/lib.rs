//! NetFlow: what exporters tell about traffic, in versions 1, 5, 7 and 9, IPFIX and sFlow 5.
//!
//! ```
//! use grafolean_netflow::{Datagram, Decoder, Flow, Origin, Timestamp};
//!
//! // a NetFlow v5 datagram with one flow of 1,500 bytes
//! let mut payload = vec![0; 72];
//! payload[1] = 5;
//! payload[3] = 1;
//! payload[44..48].copy_from_slice(&1_500_u32.to_be_bytes());
//!
//! let exporter = "203.0.113.1:2055".parse().unwrap();
//! let datagram = Datagram { exporter, received: Timestamp::from_seconds(1_700_000_000), payload: &payload };
//! let (mut decoder, mut bytes) = (Decoder::default(), 0);
//! decoder.take(&datagram, &mut |_: &Origin, flow: &Flow| bytes += flow.scaled_bytes()).unwrap();
//! assert_eq!(bytes, 1_500);
//! ```
//!
//! From the wire upwards: `receive` takes datagrams from sockets; a [`decoder::Decoder`] makes flows of them and hands each
//! to a [`record::FlowSink`]. In it [`decode`] is the formats as bytes, [`template`], [`sampling`] and [`names`] what exporters
//! said earlier, and the [`ledger`] what they sent and what arrived. A [`snapshot::Snapshot`] keeps their words over restarts.
//! [`generate`] makes datagrams with known totals, for tests and for sizing a machine.
//!
//! Above them `aggregate` makes bytes by interval of flows, and the `bot::NetflowBot` is what ties all of it together: one
//! thread receives, one writes checkpoints (`state`), and the run loop's jobs ask for the values of bins that ended.
//!
//! Without features the crate is what decodes and remembers, from [`decode`] to [`snapshot`], on three small crates; `archive`
//! adds raw flows on disk and questions to them, `bot` all that Grafolean's flow bot needs besides.
//!
//! A [`record::Flow`] is plain data that says what was told and no more; its [`record::Origin`] says who told it, and when.

#[cfg(all(feature = "bot", not(unix)))]
compile_error!("the feature `bot` needs Unix: file descriptors, batched system calls");

#[cfg(feature = "bot")]
pub mod aggregate;
#[cfg(feature = "archive")]
pub mod archive;
#[cfg(feature = "bot")]
pub mod bot;
#[cfg(feature = "bot")]
pub mod copies;
#[cfg(feature = "bot")]
mod declaration;
pub mod decode;
pub mod decoder;
#[cfg(feature = "bot")]
#[doc(hidden)]
pub mod exporter_metrics;
#[cfg(feature = "bot")]
mod flow_state;
pub mod generate;
#[cfg(feature = "bot")]
mod heard;
#[cfg(feature = "bot")]
#[doc(hidden)]
pub mod heartbeat;
pub mod ledger;
#[cfg(feature = "bot")]
pub mod metrics;
pub mod names;
#[cfg(feature = "bot")]
mod opening;
#[cfg(feature = "bot")]
pub mod places;
pub mod protocol_name;
#[cfg(feature = "archive")]
pub mod query;
#[cfg(feature = "bot")]
pub mod receive;
#[cfg(feature = "bot")]
pub mod reconcile;
#[cfg(feature = "bot")]
mod reconciling;
pub mod record;
pub mod sampling;
#[cfg(feature = "bot")]
pub mod settings;
pub mod snapshot;
#[cfg(feature = "bot")]
pub mod state;
pub mod template;
#[doc(hidden)]
pub mod totals;

pub use decode::DecodeError;
pub use decoder::Decoder;
pub use grafolean_time::Timestamp;
pub use record::{Datagram, Flow, FlowDetails, FlowSink, Origin, Protocol, Stream};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
