//! Notifications: what agents tell by themselves, received, acknowledged, and bounded for each source.
//!
//! [`TrapReceiver`] is a thread for each socket: it reads traps and informs of v1, v2c and v3. Whoever takes an inform
//! acknowledges it. `faults` is what does not count, by its sender;
//! `flood` bounds what one source may send, `authority` is the security of v3: of traps the sender is the authority, of
//! informs it is we (RFC 3414, section 1.5.1).

mod authority;
mod faults;
mod flood;
mod receiver;

pub use self::{
    faults::{TrapFault, TrapFaults},
    flood::{BURST, RATE},
    receiver::{Acknowledgement, By, Callers, Received, TrapMetrics, TrapReceiver, TrapSettings},
};
