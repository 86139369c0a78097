//! A world for tests: days pass in seconds, a backend misbehaves, all from one seed.
//!
//! [`SimClock`] is a wall clock over Tokio's paused time that leaps when it is told to. [`SimBackend`] keeps what it is
//! sent in memory, watches how it is asked, and behaves as the [`FaultPlan`] has it: it goes away, fails, forbids,
//! dawdles, or loses answers.

mod backend;
mod clock;
mod fault_plan;

pub use backend::{SimBackend, Tally};
pub use clock::SimClock;
pub use fault_plan::{Fault, FaultPlan};
