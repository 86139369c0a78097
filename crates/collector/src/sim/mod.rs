//! A world for tests: days pass in seconds, a backend misbehaves, all from one seed.
//!
//! [`SimClock`] is a wall clock over Tokio's paused time that leaps when it is told to.

mod clock;

pub use clock::SimClock;
