//! What to ask a device in one run, and in which packets.
//!
//! [`Wanted`] is what all due sensors of a device need together; [`Poll`] turns it into requests, one at a time, and
//! takes what comes back, without a socket and without a clock. [`PollResult`] is what came of it: values, the rows of
//! walks, and by name why anything is [`Missing`]. [`Limits`] is what a device can take, learnt from its answers.
//! [`dry_run`] says what would be asked.
//!
//! **Invariant**: a walk whose end was not seen is an error. Only the first object behind a table, the end of all
//! objects, or (v1) `noSuchName` is an end; a time-out, an error status, an object that does not come after the one
//! before and a limit are not.

mod columns;
mod dry_run;
mod limits;
mod poll;
mod poll_result;
mod wanted;

pub use self::{
    columns::Row,
    dry_run::dry_run,
    limits::Limits,
    poll::{Dialect, Poll},
    poll_result::{Column, Missing, PollResult},
    wanted::Wanted,
};
