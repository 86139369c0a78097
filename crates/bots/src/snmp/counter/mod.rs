//! Counters to rates: readings that follow each other, divided by the time that passed on the device's clock.
//!
//! [`Uptime`] tells whether a device went on counting between two looks at it, and whose clock the rate is divided by;
//! [`Reading`] makes the rate of it, or says by [`NoRate`] why there is none. All of it is plain data that survives a
//! restart of the bot. No wall clock is part of it.

mod reading;
mod uptime;

pub use self::{
    reading::{Bounds, MOST_EXCEEDED, NoRate, Reading, Width},
    uptime::{Continuity, TimeBase, Uptime},
};
