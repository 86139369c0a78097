//! Which job runs when. Pure: time is an argument, nothing here reads a clock.
//!
//! [`Schedule`] holds the jobs and hands out what is due, one [`Firing`] at a time; [`Changes`] tells what a new set
//! of jobs changed. Below it: a job's [`Cadence`] says on which seconds it fires, its *phase* spreads jobs that name
//! no start, and the *wheel* finds the next one among a million.

mod cadence;
mod changes;
mod jobs;
mod phase;
mod wheel;

pub use cadence::{Cadence, next_firing};
pub use changes::Changes;
pub use jobs::{Firing, FirstRun, Schedule};
