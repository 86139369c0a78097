//! SNMP, from expressions to the whole bot.
//!
//! `agent` is an agent that exists only as data and misbehaves as it is told, `peer` is Debian's snmpd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod agent;
mod bot;
mod expression;
mod peer;
mod plan;
mod recorded;
mod snmpd;
mod wire;
