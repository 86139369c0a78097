//! Reading many datagrams by one system call.

use std::{
    io::IoSliceMut,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    cmsg_space,
    sys::{
        socket::{ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg},
        time::TimeSpec,
    },
};

/// Datagrams read by one system call; more bring little.
pub const BATCH_MAX: usize = 64;

/// Octets of the largest datagram.
const DATAGRAM_MAX: usize = 65_536;

/// From one datagram's room to the next: apart by a little more, so that their beginnings do not fight for the same lines of
/// the processor's caches. Memory that is never written costs nothing.
const STRIDE: usize = DATAGRAM_MAX + 4_096 + 64;

/// `SO_EE_ORIGIN_ICMP` and `SO_EE_ORIGIN_ICMP6` of the kernel: the error came from the network.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMPV6: u8 = 3;

/// Reads datagrams of any socket into memory of its own.
#[derive(Debug)]
pub struct Reader {
    buffer: Vec<u8>,
}

/// Whether reading waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For a first datagram, as long as the socket's own read timeout.
    ForFirst,
    /// Not at all.
    Never,
}

/// The kernel's count of the datagrams that it dropped at one socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct DropCounter(u32);

/// What one system call read.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The datagrams, in order of arrival; those of unknown senders are left out.
    pub datagrams: Vec<Received<'a>>,
    /// How many datagrams were read in all: with fewer than [`BATCH_MAX`] nothing waits any more.
    pub read: usize,
    /// Datagrams that the kernel dropped since the batch before.
    pub kernel_drops: u32,
}

/// A datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Who sent it; IPv4 addresses are IPv4, also on a socket of both families.
    pub from: SocketAddr,
    /// Its octets.
    pub payload: &'a [u8],
    /// Whether it was longer than its room.
    pub is_truncated: bool,
    /// What the kernel says beside the octets.
    pub ancillary: Ancillary,
}

/// What the kernel says beside the octets, as far as the socket's options ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancillary {
    /// When it arrived, since 1970.
    pub stamp: Option<Duration>,
    /// TTL or hop limit.
    pub ttl: Option<u8>,
    /// How many datagrams the kernel has dropped at the socket, a count that wraps.
    pub drops: Option<u32>,
    /// Type and code of the ICMP error that it is about, on a socket's error queue.
    pub icmp_error: Option<(u8, u8)>,
}

impl DropCounter {
    /// Returns how many were dropped since the last time, which is what the kernel's count grew by.
    pub fn advance(&mut self, count: u32) -> u32 {
        let dropped = count.wrapping_sub(self.0);
        self.0 = count;
        dropped
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self { buffer: vec![0; BATCH_MAX * STRIDE] }
    }
}

impl Reader {
    /// Reads one batch and has it handled; returns what that returned.
    ///
    /// # Errors
    /// Fails as `recvmmsg` does: `EAGAIN` where nothing waits, `EINTR`, or an error of an earlier request.
    pub fn read<T>(
        &mut self,
        socket: &impl AsRawFd,
        wait: Wait,
        drops: &mut DropCounter,
        handle: impl FnOnce(Batch<'_>) -> T,
    ) -> nix::Result<T> {
        // The headers are made anew each time: the kernel writes into them how much room it used.
        let control = cmsg_space!(TimeSpec, u32, i32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH_MAX, Some(control));
        let mut slices: Vec<_> =
            self.buffer.chunks_exact_mut(STRIDE).map(|room| [IoSliceMut::new(room)]).collect();
        let flags = match wait {
            Wait::ForFirst => MsgFlags::MSG_WAITFORONE,
            Wait::Never => MsgFlags::MSG_DONTWAIT,
        };
        let messages = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None)?;
        let messages: Vec<_> = messages.collect();
        let mut batch = Batch { datagrams: Vec::with_capacity(messages.len()), read: 0, kernel_drops: 0 };
        for message in &messages {
            let ancillary = Ancillary::read(message);
            batch.read += 1;
            if let Some(count) = ancillary.drops {
                batch.kernel_drops = batch.kernel_drops.wrapping_add(drops.advance(count));
            }
            if let Some(from) = message.address.as_ref().and_then(sender) {
                let payload = message.iovs().next().unwrap_or_default();
                let is_truncated = message.flags.contains(MsgFlags::MSG_TRUNC);
                batch.datagrams.push(Received { from, payload, is_truncated, ancillary });
            }
        }
        Ok(handle(batch))
    }

    /// Returns room for one datagram, for what is read by other calls.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..DATAGRAM_MAX).unwrap_or_default()
    }
}

impl Ancillary {
    /// Reads the control messages of one message.
    pub fn read<A>(message: &RecvMsg<'_, '_, A>) -> Self {
        let mut ancillary = Self::default();
        for control in message.cmsgs().into_iter().flatten() {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => ancillary.stamp = Some(stamp.into()),
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    ancillary.ttl = u8::try_from(ttl).ok();
                }
                ControlMessageOwned::RxqOvfl(drops) => ancillary.drops = Some(drops),
                ControlMessageOwned::Ipv4RecvErr(error, _) if error.ee_origin == ORIGIN_ICMP => {
                    ancillary.icmp_error = Some((error.ee_type, error.ee_code));
                }
                ControlMessageOwned::Ipv6RecvErr(error, _) if error.ee_origin == ORIGIN_ICMPV6 => {
                    ancillary.icmp_error = Some((error.ee_type, error.ee_code));
                }
                _ => {}
            }
        }
        ancillary
    }
}

/// Returns the sender, with its zone where the address is of one link only.
fn sender(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| {
        let v6 = SocketAddr::V6((*address.as_sockaddr_in6()?).into());
        Some(match v6.ip().to_canonical() {
            IpAddr::V4(v4) => SocketAddr::new(v4.into(), v6.port()),
            IpAddr::V6(_) => v6,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::errno::Errno;
    use socket2::Socket;

    use super::*;
    use crate::{count_drops, set_receive_buffer, stamp_arrivals};

    fn pair(address: &str) -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind(address).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(("127.0.0.1", receiver.local_addr().unwrap().port())).unwrap();
        (receiver, sender)
    }

    #[test]
    fn a_batch_has_all_that_waits_with_sender_and_time_of_arrival() {
        let (receiver, sender) = pair("[::]:0");
        let receiver = Socket::from(receiver);
        assert!(stamp_arrivals(&receiver).unwrap());
        for number in 0..100_u8 {
            sender.send(&vec![number; usize::from(number) + 1]).unwrap();
        }
        let (mut reader, mut drops) = (Reader::default(), DropCounter::default());
        let mut payloads = Vec::new();
        loop {
            let read = reader.read(&receiver, Wait::Never, &mut drops, |batch| {
                for received in &batch.datagrams {
                    assert_eq!(received.from, sender.local_addr().unwrap(), "IPv4 is IPv4");
                    assert!(received.ancillary.stamp.is_some() && !received.is_truncated);
                    payloads.push(received.payload.to_vec());
                }
                (batch.read, batch.kernel_drops)
            });
            match read {
                Ok((read, drops)) => assert!(read <= BATCH_MAX && drops == 0),
                Err(errno) => break assert_eq!(errno, Errno::EAGAIN),
            }
        }
        assert_eq!(payloads, (0..100).map(|n| vec![n; usize::from(n) + 1]).collect::<Vec<_>>());
    }

    #[test]
    fn what_the_kernel_drops_is_counted_once() {
        let (receiver, sender) = pair("127.0.0.1:0");
        let receiver = Socket::from(receiver);
        assert!(count_drops(&receiver).unwrap());
        assert!(set_receive_buffer(&receiver, 8_192).unwrap() >= 1_024);
        let sent = 200_u32;
        for _ in 0..sent {
            sender.send(&[0; 1_000]).unwrap();
        }
        let (mut reader, mut counter) = (Reader::default(), DropCounter::default());
        let (mut arrived, mut dropped) = (0, 0);
        let mut drain = |reader: &mut Reader| {
            while let Ok((read, drops)) =
                reader.read(&receiver, Wait::Never, &mut counter, |batch| (batch.read, batch.kernel_drops))
            {
                arrived += u32::try_from(read).unwrap();
                dropped += drops;
            }
        };
        drain(&mut reader);
        // The next datagram that arrives brings the count of those that did not.
        sender.send(&[0]).unwrap();
        drain(&mut reader);
        assert_eq!(arrived + dropped, sent + 1);
        assert!(dropped > 0);
    }

    #[test]
    fn a_count_of_drops_that_wraps_is_a_difference() {
        let mut drops = DropCounter::default();
        assert_eq!(
            [drops.advance(3), drops.advance(3), drops.advance(u32::MAX), drops.advance(1)],
            [3, 0, u32::MAX - 3, 2]
        );
    }
}
