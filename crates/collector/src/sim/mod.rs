//! A world for tests of bots: days pass in seconds, a backend misbehaves, all from one seed.
//!
//! [`SimClock`] is a wall clock over Tokio's paused time that leaps when it is told to. [`SimBackend`] keeps what it is
//! sent in memory, counts how it is asked, and behaves as the [`FaultPlan`] has it: it goes away, fails, forbids,
//! delays, or loses answers. [`inventory_of`] is what people set up, in one call.

mod backend;
mod clock;
mod fault_plan;
mod inventory;

pub use backend::{SimBackend, Tally};
pub use clock::SimClock;
pub use fault_plan::{Fault, FaultPlan};
pub use inventory::{SimDevice, inventory_of};
