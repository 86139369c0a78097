//! Ping: is a device there, and how long does an answer take?
//!
//! [`PingBot`] is the bot: it reads a device's [`Target`] and a credential's [`Settings`], and turns a run's packets
//! into values by their [`Statistics`]. From the wire upwards, [`codec`] is ICMP as bytes and [`engine`] the sockets
//! and the probes under way on them; the engine knows nothing of bots and serves whoever wants to ping.

pub mod codec;
pub mod engine;

mod bot;
mod declaration;
mod mtu;
mod settings;
mod statistics;
mod target;
mod tester;

pub use self::{
    bot::{PingBot, PingTask},
    declaration::{Entity, Sensor},
    mtu::{PathMtu, path_mtu},
    settings::{Credential, Settings, SourceName},
    statistics::{Percentiles, RttStatistics, Statistics},
    target::Target,
};
