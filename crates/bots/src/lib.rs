//! The bots of Grafolean, each a folder: the bot, its arithmetic, its engine (sockets) and its codec.
//!
//! No bot knows another; all stand on [`grafolean_collector`], and on [`net`], what they share of the network.

pub mod net;
pub mod ping;
pub mod snmp;
pub mod tcp;
