//! SNMP, from expressions to the whole bot.
//!
//! `agent` is an agent that exists only as data and misbehaves as it is told, `peer` is Debian's snmpd, `simulator` is
//! PyPI's snmpsim, `responder` a port that says what a `recording` of a real device says, by messages of its own
//! (`message`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod agent;
mod bot;
mod cases;
mod expression;
mod lossy_network;
mod message;
mod misbehaving;
mod peer;
mod plan;
mod plan_objects;
mod profiles;
mod recorded;
mod recording;
mod reported;
mod responder;
mod secured;
mod simulated;
mod simulator;
mod snmpd;
mod twisted;
mod wire;
