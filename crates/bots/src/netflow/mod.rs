//! NetFlow: what exporters tell about traffic, in versions 5 and 9, IPFIX and sFlow 5.
//!
//! From the wire upwards: [`receive`] takes datagrams from sockets; an [`intake::Intake`] makes flows of them and hands each
//! to a [`origin::FlowSink`]. In it [`decode`] is the formats as bytes, [`template`] and [`sampling`] what exporters said
//! earlier, and the [`ledger`] what they sent and what arrived. A [`snapshot::Snapshot`] keeps their words over restarts.
//! [`generate`] makes datagrams with known totals, for tests and for sizing a machine.
//!
//! Above them [`aggregate`] makes bytes by interval of flows, and the [`bot::NetflowBot`] is what ties all of it together: one
//! thread receives, one keeps state on disk ([`keep`]), and the run loop's jobs ask for the values of bins that ended.
//!
//! A [`flow::Flow`] is plain data that says what was told and no more; its [`origin::Origin`] says who told it, and when.

pub mod aggregate;
pub mod archive;
pub mod bot;
pub mod decode;
pub mod flow;
pub mod generate;
pub mod intake;
pub mod keep;
mod keeper;
pub mod ledger;
pub mod metrics;
pub mod origin;
pub mod query;
pub mod receive;
pub mod sampling;
pub mod settings;
pub mod snapshot;
pub mod standing;
mod station;
pub mod template;
