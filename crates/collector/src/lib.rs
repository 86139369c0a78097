//! The framework of a Grafolean bot.
//!
//! A bot plans what is to be measured and measures it; all else stands here. Data runs one way: a backend's
//! configuration is *refreshed* into jobs, the *schedule* makes runs of them, a [`protocol::Protocol`] (or its small
//! form, a [`bot::Bot`]) performs each run, its [`report::Report`]s go to a durable *spool*, from which they are *delivered*. No arrow runs back.

pub mod backend;
pub mod bot;
pub mod cause;
pub mod collector;
pub mod deliver;
pub mod details;
pub mod health;
pub mod interfaces;
pub mod model;
pub mod private;
pub mod protocol;
pub mod refresh;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod schedule;
pub mod selection;
pub mod settings;
pub mod sim;
pub mod sink;
pub mod spool;
pub mod state_store;
pub mod status;
mod throttle;
pub mod time;
pub mod vault;
pub mod why;
