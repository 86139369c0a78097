//! Reading many datagrams by one system call.

use std::{io, net::SocketAddr};

use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use grafolean_datagram::{self as datagram, DropCounter, Reader, Wait};
use nix::errno::Errno;

use super::Bound;
use crate::record::Datagram;

pub use grafolean_datagram::BATCH_MAX;

/// What a socket's thread hands on: datagrams, or none when nothing came for a while.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The datagrams, in order of arrival.
    pub datagrams: &'a [Datagram<'a>],
    /// Datagrams that the kernel dropped since the batch before.
    pub kernel_drops: u32,
    /// The time when the batch was read.
    pub now: Timestamp,
    /// Why reading failed; the thread goes on.
    pub error: Option<io::Error>,
}

/// Reads one socket.
pub(super) struct Reading {
    bound: Bound,
    reader: Reader,
    drops: DropCounter,
}

/// What came of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Datagrams, or none within the time.
    Read,
    /// The kernel refused.
    Failed,
}

impl Reading {
    pub(super) fn new(bound: Bound) -> Self {
        Self { bound, reader: Reader::default(), drops: DropCounter::default() }
    }

    /// Waits for datagrams, for a quarter of a second at most, and hands them on.
    pub(super) fn read(&mut self, handle: &mut impl FnMut(&Batch<'_>)) -> Outcome {
        let Self { bound, reader, drops } = self;
        let read = reader.read(&bound.socket, Wait::ForFirst, drops, |batch| {
            let now = SystemClock.now();
            let datagrams: Vec<_> = batch.datagrams.iter().map(|received| of(received, now)).collect();
            handle(&Batch { datagrams: &datagrams, kernel_drops: batch.kernel_drops, now, error: None });
        });
        let error = match read {
            Ok(()) => return Outcome::Read,
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            Err(errno) => Some(io::Error::from(errno)),
        };
        let outcome = if error.is_some() { Outcome::Failed } else { Outcome::Read };
        handle(&Batch { datagrams: &[], kernel_drops: 0, now: SystemClock.now(), error });
        outcome
    }
}

/// An exporter is known by address and port alone.
fn of<'a>(received: &datagram::Received<'a>, now: Timestamp) -> Datagram<'a> {
    let exporter = SocketAddr::new(received.from.ip(), received.from.port());
    let stamp = received.ancillary.stamp.map(|since_1970| Timestamp::default() + since_1970);
    Datagram { exporter, received: stamp.unwrap_or(now), payload: received.payload }
}
