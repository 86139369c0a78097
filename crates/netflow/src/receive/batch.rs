//! Reading many datagrams by one system call.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
};

use grafolean_collector::time::{Clock, SystemClock, Timestamp};
use nix::{
    cmsg_space,
    errno::Errno,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg},
        time::TimeSpec,
    },
};

use super::Bound;
use crate::record::Datagram;

/// Datagrams read by one system call; more bring little.
pub const BATCH_MAX: usize = 64;
/// Octets of the largest UDP datagram. Exporters keep to 1,500 or 9,000, and memory that is never written costs nothing.
const DATAGRAM_MAX: usize = 65_536;

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
    buffer: Vec<u8>,
    /// The kernel's count of drops, which wraps.
    drops: u32,
}

/// What came of one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Datagrams, or none within the time.
    Read,
    /// The kernel refused.
    Failed,
}

/// What the kernel says beside the octets.
#[derive(Clone, Copy, Default)]
struct Ancillary {
    received: Option<Timestamp>,
    drops: Option<u32>,
}

impl Reading {
    pub(super) fn new(bound: Bound) -> Self {
        Self { bound, buffer: vec![0; BATCH_MAX * DATAGRAM_MAX], drops: 0 }
    }

    /// Waits for datagrams, for a quarter of a second at most, and hands them on.
    pub(super) fn read(&mut self, handle: &mut impl FnMut(&Batch<'_>)) -> Outcome {
        // the headers are made anew each time: the kernel writes into them how much room it used
        let control = cmsg_space!(TimeSpec, u32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH_MAX, Some(control));
        let mut slices: Vec<_> =
            self.buffer.chunks_exact_mut(DATAGRAM_MAX).map(|room| [IoSliceMut::new(room)]).collect();
        let fd = self.bound.socket.as_raw_fd();
        let messages = recvmmsg(fd, &mut headers, slices.iter_mut(), MsgFlags::MSG_WAITFORONE, None);
        let now = SystemClock.now();
        let messages: Vec<_> = match messages {
            Ok(messages) => messages.collect(),
            Err(Errno::EAGAIN | Errno::EINTR) => Vec::new(),
            Err(errno) => {
                let error = Some(errno.into());
                handle(&Batch { datagrams: &[], kernel_drops: 0, now, error });
                return Outcome::Failed;
            }
        };
        let mut drops = self.drops;
        let mut datagrams = Vec::with_capacity(messages.len());
        for message in &messages {
            let ancillary = Ancillary::read(message);
            drops = ancillary.drops.unwrap_or(drops);
            if let Some(exporter) = message.address.as_ref().and_then(exporter) {
                let payload = message.iovs().next().unwrap_or_default();
                datagrams.push(Datagram { exporter, received: ancillary.received.unwrap_or(now), payload });
            }
        }
        let kernel_drops = drops.wrapping_sub(self.drops);
        self.drops = drops;
        handle(&Batch { datagrams: &datagrams, kernel_drops, now, error: None });
        Outcome::Read
    }
}

impl Ancillary {
    fn read(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        let mut ancillary = Self::default();
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    let micros =
                        stamp.tv_sec().saturating_mul(1_000_000).saturating_add(stamp.tv_nsec() / 1_000);
                    ancillary.received = Some(Timestamp::from_micros(micros));
                }
                ControlMessageOwned::RxqOvfl(drops) => ancillary.drops = Some(drops),
                _ => {}
            }
        }
        ancillary
    }
}

/// Returns the sender; one of IPv4 on a socket of both families is IPv4.
fn exporter(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| {
        address.as_sockaddr_in6().map(|v6| SocketAddr::new(IpAddr::V6(v6.ip()).to_canonical(), v6.port()))
    })
}
