//! NetFlow: what exporters tell about traffic, in versions 5 and 9, IPFIX and sFlow 5.
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

#[cfg(feature = "bot")]
pub mod aggregate;
#[cfg(feature = "archive")]
pub mod archive;
#[cfg(feature = "bot")]
pub mod bot;
#[cfg(feature = "bot")]
mod declaration;
pub mod decode;
pub mod decoder;
#[cfg(feature = "bot")]
pub mod exporter_metrics;
#[cfg(feature = "bot")]
mod flow_state;
pub mod generate;
#[cfg(feature = "bot")]
mod heard;
#[cfg(feature = "bot")]
pub mod heartbeat;
pub mod ledger;
#[cfg(feature = "bot")]
pub mod metrics;
pub mod names;
#[cfg(feature = "bot")]
mod opening;
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
pub mod totals;

pub use grafolean_time::Timestamp;
