//! What is asked of the engine, and what comes back.

use std::{fmt, net::IpAddr, time::Duration};

use grafolean_collector::cause::Cause;
use nix::{errno::Errno, net::if_::if_nametoindex};
use thiserror::Error;

use crate::ping::codec::{IcmpError, IcmpErrorKind, MIN_PAYLOAD};

/// A series of echo requests to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// To whom.
    pub address: IpAddr,
    /// The interface of a link-local IPv6 address by its index, else 0.
    pub scope: u32,
    /// How many packets, `1..=`[`Self::MAX_PACKETS`].
    pub packets: u16,
    /// The sequence number of the first; packet i has this plus i, its a-th repetition that plus a times `packets`.
    pub first_sequence: u16,
    /// From one packet to the next; no target gets more than one packet a millisecond, whatever stands here.
    pub gap: Duration,
    /// How long an answer to one packet is waited for, at most [`Self::MAX_TIMEOUT`].
    pub timeout: Duration,
    /// How often an unanswered packet is sent again, at most [`Self::MAX_RETRY`].
    pub retry: u16,
    /// Bytes of payload, [`Self::MIN_PAYLOAD_BYTES`]`..=`[`Self::MAX_PAYLOAD_BYTES`].
    pub payload_bytes: usize,
    /// What stands in the header of each packet.
    pub header: Header,
}

/// What stands in the IP header of a probe's packets; `None` leaves it to the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// By which address or interface of this machine they leave.
    pub source: Option<Source>,
    /// The class of service (RFC 2474), 0 to 63.
    pub dscp: Option<u8>,
    /// How many hops they may take, at least 1.
    pub ttl: Option<u8>,
    /// Whether no router may cut them into fragments, nor this machine. What this machine believes about the path is
    /// then disregarded: each packet leaves whole, and the path shows whether it fits.
    pub dont_fragment: Option<bool>,
}

/// By which way packets leave this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// With this source address.
    Address(IpAddr),
    /// By the interface of this index.
    Interface(u32),
}

impl Source {
    /// Returns the interface of this name; none if this machine has none.
    pub fn interface(name: &str) -> Option<Self> {
        if_nametoindex(name).ok().map(Self::Interface)
    }
}

impl Probe {
    /// Enough for hours in one call; a probe keeps about 100 bytes for each packet it has sent.
    pub const MAX_PACKETS: u16 = 10_000;
    /// With all packets repeated this often, sequence numbers are still unique within a probe of 5,957 packets; a
    /// probe whose numbers would repeat is refused.
    pub const MAX_RETRY: u16 = 10;
    /// Beyond it nobody waits for an answer; it bounds how long a place in the table is held.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(600);
    /// What it takes to know an answer again.
    pub const MIN_PAYLOAD_BYTES: usize = MIN_PAYLOAD;
    /// What an IPv4 packet of 65,535 bytes holds beside its header of 20 and the echo's of 8.
    pub const MAX_PAYLOAD_BYTES: usize = 65_507;
    /// The largest class of service, which has six bits.
    pub const MAX_DSCP: u8 = 63;

    /// Three packets, a second apart, a timeout of two seconds, no repetition, 56 bytes.
    pub fn to(address: IpAddr) -> Self {
        Self {
            address,
            scope: 0,
            packets: 3,
            first_sequence: 0,
            gap: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            retry: 0,
            payload_bytes: 56,
            header: Header::default(),
        }
    }

    /// Returns how long the probe takes at most, as long as the engine sends without delay.
    pub fn longest(&self) -> Duration {
        self.gap * u32::from(self.packets.saturating_sub(1)) + self.timeout * (u32::from(self.retry) + 1)
    }

    /// Checks that every number lies within its limits.
    pub fn checked(self) -> Result<Self, PingError> {
        let sequences = u32::from(self.packets) * (u32::from(self.retry) + 1);
        let check = |what, value: u128, least: u128, most: u128| {
            let fits = (least..=most).contains(&value);
            if fits { Ok(()) } else { Err(PingError::OutOfRange { what, value, least, most }) }
        };
        check("packets", self.packets.into(), 1, Self::MAX_PACKETS.into())?;
        check("retry", self.retry.into(), 0, Self::MAX_RETRY.into())?;
        check("packets with their repetitions", sequences.into(), 1, 1 << 16)?;
        check("gap in ms", self.gap.as_millis(), 0, Self::MAX_TIMEOUT.as_millis())?;
        check("time-out in ms", self.timeout.as_millis(), 1, Self::MAX_TIMEOUT.as_millis())?;
        let (least, most) = (Self::MIN_PAYLOAD_BYTES as u128, Self::MAX_PAYLOAD_BYTES as u128);
        check("payload bytes", self.payload_bytes as u128, least, most)?;
        check("dscp", self.header.dscp.unwrap_or(0).into(), 0, Self::MAX_DSCP.into())?;
        check("ttl", self.header.ttl.unwrap_or(1).into(), 1, u8::MAX.into())?;
        Ok(self)
    }
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// To whom it went.
    pub address: IpAddr,
    /// One for each packet, in order.
    pub packets: Vec<Packet>,
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// How often it left this machine.
    pub sent: u16,
    /// From sending to the kernel's time stamp of the answer; None if no answer came in time.
    pub rtt: Option<Duration>,
    /// Why there was no answer; None if there was one.
    pub reason: Option<Reason>,
    /// Further copies of the answer that came before the probe ended.
    pub duplicates: u32,
    /// Answers that came after their time-out, but before the probe ended.
    pub late: u32,
    /// Hops the answer had left.
    pub ttl: Option<u8>,
}

impl Packet {
    /// Whether what became of it says something of the device: it left, or this machine knows of no way there. What
    /// stayed here for another reason, such as a full buffer, is no loss.
    pub fn counts(&self) -> bool {
        self.sent > 0 || matches!(self.reason, Some(Reason::NoRoute | Reason::NotPermitted))
    }
}

impl Outcome {
    /// Returns how many packets were answered in time.
    pub fn answered(&self) -> usize {
        self.packets.iter().filter(|packet| packet.rtt.is_some()).count()
    }
}

/// Why a packet has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing came in time.
    Timeout,
    /// A router or the host itself said what is wrong.
    Icmp(IcmpError),
    /// This machine knows no way there.
    NoRoute,
    /// This machine's firewall or routing forbids it, or it is a broadcast address.
    NotPermitted,
    /// The kernel had no room for the packet, again and again.
    NoBuffers,
    /// The kernel did not send it for another reason.
    SendFailed(Errno),
    /// This machine has no socket for the address's protocol, e.g. no IPv6.
    NoSocket,
    /// The source address or interface that was asked for is not this machine's, or of the other protocol.
    NoSource,
    /// It must not be cut into fragments, and is longer than the interface by which it would leave takes.
    TooBig,
    /// The device's name does not resolve.
    Name,
}

impl Reason {
    /// Returns the word under which it is counted.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Icmp(error) => error.kind.label(),
            Self::NoRoute => "no-route",
            Self::NotPermitted => "not-permitted",
            Self::NoBuffers => "no-buffers",
            Self::SendFailed(_) => "send-failed",
            Self::NoSocket => "no-socket",
            Self::NoSource => "no-source",
            Self::TooBig => "larger-than-interface",
            Self::Name => "name",
        }
    }

    /// Returns the cause, as people are told it.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Icmp(error) => match error.kind {
                IcmpErrorKind::HostUnreachable => Cause::DeviceOff,
                IcmpErrorKind::NetUnreachable => Cause::NoRoute,
                _ => Cause::NoAnswer,
            },
            Self::Timeout => Cause::NoAnswer,
            Self::NoRoute => Cause::NoRoute,
            Self::Name => Cause::Dns,
            Self::NotPermitted
            | Self::NoBuffers
            | Self::SendFailed(_)
            | Self::NoSocket
            | Self::NoSource
            | Self::TooBig => Cause::LocalFailure,
        }
    }

    /// Reads what the kernel says when it does not send.
    pub(super) const fn of_send(errno: Errno) -> Self {
        match errno {
            Errno::ENETUNREACH
            | Errno::EHOSTUNREACH
            | Errno::EADDRNOTAVAIL
            | Errno::ENETDOWN
            | Errno::EHOSTDOWN => Self::NoRoute,
            Errno::EPERM | Errno::EACCES => Self::NotPermitted,
            Errno::EMSGSIZE => Self::TooBig,
            Errno::ENODEV | Errno::ENXIO => Self::NoSource,
            Errno::ENOBUFS | Errno::EAGAIN | Errno::ENOMEM => Self::NoBuffers,
            _ => Self::SendFailed(errno),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp(error) => error.fmt(out),
            Self::SendFailed(errno) => write!(out, "send-failed ({errno})"),
            _ => out.write_str(self.label()),
        }
    }
}

/// Why the engine did not take a probe, or did not bring it to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PingError {
    /// A number of the probe lies outside its limits.
    #[error("{value} {what}: expected {least} to {most}")]
    OutOfRange {
        /// Which number, with its unit.
        what: &'static str,
        /// What it is.
        value: u128,
        /// The least it may be.
        least: u128,
        /// The most it may be.
        most: u128,
    },
    /// The engine's thread is gone, which only a panic in it can bring about.
    #[error("the ping engine has stopped: see the log for its panic")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn probe() -> Probe {
        Probe::to(Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn a_probe_outside_its_limits_is_refused_by_name() {
        for (wrong, said) in [
            (Probe { packets: 0, ..probe() }, "0 packets: expected 1 to 10000"),
            (Probe { retry: 11, ..probe() }, "11 retry: expected 0 to 10"),
            (Probe { packets: 9_000, retry: 8, ..probe() }, "81000 packets with their repetitions"),
            (Probe { timeout: Duration::ZERO, ..probe() }, "0 time-out in ms"),
            (Probe { gap: Duration::from_secs(601), ..probe() }, "601000 gap in ms"),
            (Probe { payload_bytes: 15, ..probe() }, "15 payload bytes: expected 16 to 65507"),
            (Probe { payload_bytes: 65_508, ..probe() }, "65508 payload bytes: expected 16 to 65507"),
            (Probe { header: Header { dscp: Some(64), ..Header::default() }, ..probe() }, "64 dscp"),
            (Probe { header: Header { ttl: Some(0), ..Header::default() }, ..probe() }, "0 ttl"),
        ] {
            let error = wrong.checked().unwrap_err();
            assert!(error.to_string().starts_with(said), "{error}");
        }
        assert_eq!(probe().checked(), Ok(probe()));
    }

    #[test]
    fn a_probe_lasts_at_most_its_gaps_and_the_timeout_of_its_last_packet() {
        let probe = Probe { packets: 5, retry: 2, ..probe() };
        assert_eq!(probe.longest(), Duration::from_secs(4 + 3 * 2));
    }
}
