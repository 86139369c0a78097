//! Aggregation: flows become bytes by interval, exporter, interface and kind, and of each kind the ten largest.
//!
//! ```text
//!  Flow ─▶ Minutes ─▶ 1min ─▶ 15min ─▶ 1h ─▶ 4h ─▶ 24h      a flow costs one look into a large table, and two into small ones
//!                      └────────┴───────┴─────┴─────┴─▶ Closed ─▶ values
//! ```
//! [`Minutes`] takes flows into each [`Minute`] that is open. One that ended is added up and goes to the [`Rollup`], whose
//! [`Span`]s nest: each [`Bin`] that ends is ranked ([`Closed`]) and added to the one around it. [`values`] gives paths.
//! [`Counts`] are exact up to a bound on the distinct keys, and tell by how much they may be short beyond it.
//!
//! [`Links`] tell, of a minute alone, between which interfaces traffic passed, to hold it against their counters.
//!
//! All of it is pure: moments are arguments. All of it can be written down and read again, to go on after a restart.

mod bin;
mod closed;
mod counts;
mod direction;
mod interner;
mod links;
mod minute;
mod minutes;
mod narrow;
mod paths;
mod placed;
mod repeats;
mod rollup;
mod span;

pub use bin::{Bin, KEYS_MAX};
pub use closed::{Closed, Ranking, TOP};
pub use counts::Counts;
pub use direction::TrafficDirection;
pub use links::{ExporterLinks, LINKS_MAX, LONG_MILLIS, Link, LinkSums, Links, Observed};
pub use minute::{Minute, OPEN_KEYS_MAX};
pub use minutes::{GRACE_SECONDS, Minutes, WAITING_MAX};
pub use paths::{Exporters, values};
pub use rollup::{CLOSED_KEPT, INTERFACES_MAX, LevelCheckpoint, Rollup, SET_BACK_SECONDS};
pub use span::Span;
