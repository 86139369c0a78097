//! Receiving datagrams: UDP sockets, and a thread for each that hands on what comes in batches.
//!
//! A [`Receiver`] binds the sockets a [`Listen`] asks for; once started it calls back with each [`Batch`], on the socket's own
//! thread, until its [`Running`] is stopped. What the kernel drops since a buffer is full is told in the next batch.

mod batch;
mod error;
mod receiver;
mod socket;

pub use batch::{BATCH_MAX, Batch};
pub use error::ReceiveError;
pub use receiver::{Receiver, Running};
pub use socket::{BUFFER_BYTES, Bound, Listen};
