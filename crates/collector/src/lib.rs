//! The framework of a Grafolean bot.
//!
//! A bot plans what is to be measured and measures it; all else stands here. Data runs one way: a backend's
//! configuration is *refreshed* into jobs, the *schedule* makes runs of them, a [`Protocol`] (or its small form, a [`Bot`])
//! performs each run, its [`Report`]s go to a durable *spool*, from which they are *delivered*. No arrow runs back.
//!
//! # A whole bot
//!
//! ```no_run
#![doc = include_str!("../examples/my_protocol.rs")]
//! ```
//!
//! [`serve`] reads the [settings] from flags, environment, `.env` and TOML, and runs the bot until it is stopped: `--once`,
//! `--dry-run`, `/metrics` and `/healthz` are there by themselves. Bots that need typed fields, settings of their own, defaults for
//! new accounts or state over restarts implement [`Protocol`]; whoever runs several in one process, or by other settings, uses
//! a [`Pipeline`](collector::Pipeline).
//!
//! # Tests of a bot
//!
//! With the feature `sim` the module `sim` has a backend in memory and a clock in virtual time: days pass in seconds, and all
//! faults come from one seed.
//!
//! # Where it runs
//!
//! On Unix: the spool's lock, signals and socket activation are Unix's. Rust 1.95 or newer.

#[cfg(not(unix))]
compile_error!("grafolean-collector needs Unix: file locks, signals, Unix sockets");

pub mod backend;
pub mod bot;
pub mod cause;
pub mod collector;
#[doc(hidden)]
pub mod deliver;
pub mod details;
mod error_chain;
pub mod health;
pub mod history;
pub mod interfaces;
pub mod model;
pub mod private;
pub mod protocol;
#[doc(hidden)]
pub mod refresh;
pub mod remote_write;
pub mod report;
#[doc(hidden)]
pub mod run;
pub mod sandbox;
#[doc(hidden)]
pub mod schedule;
#[doc(hidden)]
pub mod selection;
pub mod settings;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod sink;
pub mod spool;
pub mod state_store;
pub mod status;
#[doc(hidden)]
pub mod throttle;
pub mod time;
pub mod vault;
pub mod why;

pub use bot::{Bot, BotError, Job, JobId, Overlap, Plan, Refusal, Run, RunId};
pub use collector::serve;
pub use error_chain::error_chain;
pub use model::{AccountId, Details, Device, DeviceSensor, EntityId, Interval, SensorId};
pub use protocol::Protocol;
pub use report::{Child, Children, Report, Suggestions, Values};
pub use time::{Clock, Timestamp};

/// What of other crates stands in the signatures of this one.
pub mod foreign {
    pub use prometheus_client::registry::Registry;
    pub use schemars::JsonSchema;
    pub use secrecy::SecretString;
    pub use serde_json::Value;
    pub use tokio_util::sync::CancellationToken;
}
