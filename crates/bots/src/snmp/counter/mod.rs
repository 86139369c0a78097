//! Counters to rates: readings that follow each other, divided by the time between the device's answers.
//!
//! [`Uptime`] tells whether a device went on counting between two looks at it; [`Reading`] makes the rate of it, or
//! says by [`NoRate`] why there is none. All of it is plain data that survives a restart of the bot.

mod reading;
mod uptime;

pub use self::{
    reading::{MOST_EXCEEDED, NoRate, Reading, Width},
    uptime::{Continuity, Uptime},
};
