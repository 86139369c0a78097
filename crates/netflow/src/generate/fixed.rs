//! NetFlow v1, v5 and v7, written.

use std::{collections::VecDeque, net::IpAddr};

use grafolean_time::Timestamp;

use super::exporter::{Exporter, Totals, seconds};
use crate::record::{Flow, Protocol};

/// Records of 48 octets that fit a datagram, and of 52.
const SHORT_RECORDS_MAX: usize = 30;
const LONG_RECORDS_MAX: usize = 27;
/// Records of one datagram of v1.
const FIRST_RECORDS_MAX: usize = 24;

pub(super) fn write(
    exporter: &mut Exporter,
    now: Timestamp,
    flows: &mut VecDeque<Flow>,
    out: &mut Vec<u8>,
) -> Totals {
    let mut sent = Totals::default();
    let (whole, nanoseconds) = seconds(now);
    let protocol = exporter.setup.protocol;
    let (version, most) = match protocol {
        Protocol::Netflow1 => (1_u16, FIRST_RECORDS_MAX),
        Protocol::Netflow7 => (7, LONG_RECORDS_MAX),
        _ => (5, SHORT_RECORDS_MAX),
    };
    out.extend(version.to_be_bytes());
    out.extend([0; 2]);
    out.extend(exporter.uptime_ms(now).to_be_bytes());
    out.extend(whole.to_be_bytes());
    out.extend(nanoseconds.to_be_bytes());
    if protocol != Protocol::Netflow1 {
        out.extend(exporter.sequence.to_be_bytes());
    }
    if protocol == Protocol::Netflow7 {
        out.extend([0; 4]);
    }
    if protocol == Protocol::Netflow5 {
        out.extend(u16::try_from(exporter.setup.domain & 0xFFFF).unwrap_or(0).to_be_bytes());
        let interval = if exporter.setup.sampling > 1 { exporter.setup.sampling } else { 0 };
        let mode = if interval > 0 { 0x4000 } else { 0 };
        out.extend((u16::try_from(interval.min(0x3FFF)).unwrap_or(0) | mode).to_be_bytes());
    }
    let mut count = 0_u16;
    while usize::from(count) < most
        && let Some(flow) = flows.pop_front()
    {
        if let (Some(IpAddr::V4(source)), Some(IpAddr::V4(destination))) = (flow.source, flow.destination) {
            let (bytes, packets) = (narrow(flow.bytes), narrow(flow.packets));
            record(exporter, &flow, [source.octets(), destination.octets()], [bytes, packets], out);
            sent.add(u64::from(bytes), u64::from(packets));
            count += 1;
        }
    }
    if let Some(place) = out.get_mut(2..4) {
        place.copy_from_slice(&count.to_be_bytes());
    }
    exporter.sequence = exporter.sequence.wrapping_add(u32::from(count));
    sent
}

/// What stands for an autonomous system whose number needs more than 16 bits (RFC 6793).
const TRANSITION_AS: u16 = 23_456;

fn record(
    exporter: &Exporter,
    flow: &Flow,
    ends: [[u8; 4]; 2],
    [bytes, packets]: [u32; 2],
    out: &mut Vec<u8>,
) {
    let index = |interface: Option<u32>| u16::try_from(interface.unwrap_or(0)).unwrap_or(0).to_be_bytes();
    let uptime =
        |moment: Option<Timestamp>| moment.map_or(0, |moment| exporter.uptime_ms(moment)).to_be_bytes();
    out.extend(ends.as_flattened());
    out.extend([0; 4]);
    out.extend(index(flow.input));
    out.extend(index(flow.output));
    out.extend(packets.to_be_bytes());
    out.extend(bytes.to_be_bytes());
    out.extend(uptime(flow.first));
    out.extend(uptime(flow.last));
    out.extend(flow.source_port.unwrap_or(0).to_be_bytes());
    out.extend(flow.destination_port.unwrap_or(0).to_be_bytes());
    let flags = u8::try_from(flow.tcp_flags.unwrap_or(0) & 0xFF).unwrap_or(0);
    let (protocol, tos) = (flow.protocol.unwrap_or(0), flow.tos.unwrap_or(0));
    if exporter.setup.protocol == Protocol::Netflow1 {
        out.extend([0, 0, protocol, tos, flags]);
        out.extend([0; 11]);
        return;
    }
    out.extend([0, flags, protocol, tos]);
    for system in [flow.source_as, flow.destination_as] {
        out.extend(
            system.and_then(|system| u16::try_from(system).ok()).unwrap_or(TRANSITION_AS).to_be_bytes(),
        );
    }
    // masks, and padding or flags and the router
    out.extend(if exporter.setup.protocol == Protocol::Netflow7 { &[0; 8][..] } else { &[0; 4] });
}

/// Counters here have 32 bits.
pub(super) fn narrow(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}
