//! sFlow v5, written: each flow as one packet that was sampled.

use std::{collections::VecDeque, net::IpAddr};

use grafolean_time::Timestamp;

use super::{
    exporter::{DATAGRAM_BYTES, Exporter, Totals},
    fixed::narrow,
};
use crate::record::{Direction, Flow};

/// Agents are known by an address in the network for documentation.
const AGENT: [u8; 4] = [192, 0, 2, 254];
const SAMPLE_BYTES_MAX: usize = 160;
/// Octets of a sampled header: Ethernet, IPv6, ports; and padding to four.
const TCP_HEADER: usize = 20;

pub(super) fn write(
    exporter: &mut Exporter,
    now: Timestamp,
    flows: &mut VecDeque<Flow>,
    out: &mut Vec<u8>,
) -> Totals {
    let mut sent = Totals::default();
    put(5, out);
    put(1, out);
    out.extend(AGENT);
    put(exporter.setup.domain, out);
    put(exporter.sequence, out);
    put(exporter.uptime_ms(now), out);
    put(0, out);
    let mut samples = 0_u32;
    while out.len() + SAMPLE_BYTES_MAX <= DATAGRAM_BYTES
        && let Some(flow) = flows.pop_front()
    {
        sample(exporter, &flow, out);
        sent.add(u64::from(narrow(flow.bytes)), 1);
        samples += 1;
    }
    if let Some(place) = out.get_mut(24..28) {
        place.copy_from_slice(&samples.to_be_bytes());
    }
    exporter.sequence = exporter.sequence.wrapping_add(1);
    sent
}

fn sample(exporter: &mut Exporter, flow: &Flow, out: &mut Vec<u8>) {
    let header = header(flow);
    let (input, output) = (flow.input.unwrap_or(0), flow.output.unwrap_or(0));
    let egress = flow.direction == Some(Direction::Egress);
    let source = if egress { output } else { input } & 0x00FF_FFFF;
    let header_length = u32::try_from(header.len()).unwrap_or(0);
    put(1, out);
    put(32 + 8 + 16 + header_length, out);
    let rate = exporter.setup.sampling.max(1);
    let taken = exporter.samples.entry(source).or_default();
    let (sequence, pool) = (*taken, taken.wrapping_mul(rate));
    *taken = taken.wrapping_add(1);
    for word in [sequence, source, rate, pool, 0, input, output, 1] {
        put(word, out);
    }
    for word in [1, 16 + header_length, 1, narrow(flow.bytes), 4, header_length] {
        put(word, out);
    }
    out.extend(header);
}

/// An Ethernet frame's beginning, padded to a multiple of four.
fn header(flow: &Flow) -> Vec<u8> {
    let mut out = vec![0; 12];
    let (protocol, tos) = (flow.protocol.unwrap_or(0), flow.tos.unwrap_or(0));
    match (flow.source, flow.destination) {
        (Some(IpAddr::V6(source)), Some(IpAddr::V6(destination))) => {
            out.extend([0x86, 0xDD, 0x60 | (tos >> 4), tos << 4, 0, 0, 0, 0, protocol, 64]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        (Some(IpAddr::V4(source)), Some(IpAddr::V4(destination))) => {
            out.extend([0x08, 0x00, 0x45, tos, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        _ => return out,
    }
    out.extend(flow.source_port.unwrap_or(0).to_be_bytes());
    out.extend(flow.destination_port.unwrap_or(0).to_be_bytes());
    out.extend([0; 8]);
    out.extend(flow.tcp_flags.unwrap_or(0).to_be_bytes());
    out.resize(out.len() + TCP_HEADER - 14, 0);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn put(word: u32, out: &mut Vec<u8>) {
    out.extend(word.to_be_bytes());
}
