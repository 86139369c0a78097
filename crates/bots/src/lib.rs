//! The bots of Grafolean, each a folder: the bot, its arithmetic, its engine (sockets) and its codec.
//!
//! No bot knows another; all stand on [`grafolean_collector`], and on [`net`], what they share of the network.
//! [`discover`] finds devices by the engines of both ping and SNMP.

pub mod discover;
pub mod net;
pub mod ping;
pub mod snmp;
pub mod tcp;
