//! Receiving datagrams: UDP sockets, and a thread for each that hands on what comes in batches; IPFIX over TCP, on one more.
//!
//! A [`Receiver`] binds the sockets a [`Listen`] asks for; once started it calls back with each [`Batch`], on the socket's own
//! thread, until its [`Running`] is stopped. What the kernel drops since a buffer is full is told in the next batch.

mod batch;
mod error;
mod receiver;
mod socket;
mod stream;

pub use batch::{BATCH_MAX, Batch};
pub use error::ReceiveError;
pub use receiver::{Receiver, Running};
pub use socket::{BUFFER_BYTES, Bound, Listen, handed_over};
pub use stream::{CONNECTIONS_MAX, CONNECTIONS_OF_ADDRESS_MAX, SILENT_MAX};
