//! The largest packet that reaches a host whole: path MTU discovery by packets that must not be cut into fragments
//! (RFC 4821's way: what counts is what arrives, not what routers say).

use std::{net::IpAddr, time::Duration};

use super::engine::{Header, PingError, Pinger, Probe, Reason};

/// The longest packet there is.
const MAX_PACKET: usize = 65_535;

/// What most paths take; asked first.
const USUAL_PACKET: usize = 1_500;

/// How often each length is tried before it counts as too long.
const ATTEMPTS: u16 = 3;

/// The shortest and the longest time that an answer is waited for, once the host answered a short packet.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(2));

/// The largest packet that reaches a host, and what keeps larger ones from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    /// Bytes of the packet, IP header included.
    pub bytes: usize,
    /// Bytes of an echo request's payload in it.
    pub payload_bytes: usize,
    /// Why one byte more does not arrive; none if there is no longer packet.
    pub limit: Option<Reason>,
}

/// Finds the path MTU to the address of a probe, whose source, class of service and time-out count.
///
/// `None`: the host does not answer a short packet either, so that nothing can be told.
///
/// # Errors
/// When the probe lies outside its limits.
pub async fn path_mtu(pinger: &Pinger, probe: Probe) -> Result<Option<PathMtu>, PingError> {
    let headers = match probe.address {
        IpAddr::V4(_) => 20 + 8,
        IpAddr::V6(_) => 40 + 8,
    };
    let header = Header { dont_fragment: Some(true), ..probe.header };
    let shortest =
        Probe { packets: 1, payload_bytes: Probe::MIN_PAYLOAD_BYTES, retry: ATTEMPTS - 1, header, ..probe };
    let Some(rtt) = pinger.ping(shortest).await?.packets.first().and_then(|packet| packet.rtt) else {
        return Ok(None);
    };
    let timeout = (rtt * 4).clamp(TIMEOUTS.0, TIMEOUTS.1).min(probe.timeout);
    let longest = MAX_PACKET.min(Probe::MAX_PAYLOAD_BYTES + headers);
    let (mut fits, mut too_long, mut limit) = (Probe::MIN_PAYLOAD_BYTES + headers, longest + 1, None);
    let mut next = USUAL_PACKET.min(longest);
    while too_long - fits > 1 {
        let sized = Probe { payload_bytes: next - headers, timeout, ..shortest };
        match pinger.ping(sized).await?.packets.first().and_then(|packet| packet.reason) {
            None => fits = next,
            Some(reason) => (too_long, limit) = (next, Some(reason)),
        }
        // One more than what just arrived is tried at once: it is the answer on most paths.
        next = if fits == next && too_long > longest && fits == USUAL_PACKET {
            fits + 1
        } else {
            fits.midpoint(too_long)
        };
    }
    Ok(Some(PathMtu { bytes: fits, payload_bytes: fits - headers, limit }))
}
