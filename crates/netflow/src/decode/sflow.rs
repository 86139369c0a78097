//! sFlow v5 (sflow_version_5.txt, section 5): samples of packets, and counters, which are only counted here.
//!
//! Each sample and each record names its length, so one that is odd costs only itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    error::DecodeError,
    frame,
    gateway::{self, Systems},
    reader::{Reader, low_u8, low_u16},
    record::Wanted,
};
use crate::record::{Direction, Factor, Flow, FlowDetails, MacAddress};

/// Samples that are followed in one datagram; one of 64 KiB has room for fewer.
const SAMPLES_MAX: u32 = 8_192;

/// A datagram of sFlow v5.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) agent: Option<IpAddr>,
    pub(crate) sub_agent: u32,
    pub(crate) sequence: u32,
    pub(crate) uptime_ms: u32,
    samples: u32,
    body: Reader<'a>,
}

/// One sample of a datagram.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one turn of a loop, and nothing is allocated for a flow"
)]
pub(crate) enum Sample {
    /// A packet that was sampled.
    Flow(FlowSample),
    /// Interface counters.
    Counters,
    /// Packets dropped, or a vendor's own.
    Other,
}

/// A packet that was sampled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowSample {
    /// Numbers the samples of one source.
    pub(crate) sequence: u32,
    /// Class and index of the source that sampled it; class 0 is an interface.
    pub(crate) source: (u32, u32),
    /// Samples of this source that the agent dropped since it started, for want of resources.
    pub(crate) drops: u32,
    /// The packet; `None` where the sample tells nothing of it.
    pub(crate) flow: Option<Flow>,
    /// Its details, where they are wanted.
    pub(crate) details: FlowDetails<'static>,
}

impl<'a> Packet<'a> {
    /// Reads the header, whose version has been looked at.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(payload);
        let header = (|| {
            let _version = reader.u32()?;
            let agent = address(&mut reader)?;
            let (sub_agent, sequence, uptime_ms) = (reader.u32()?, reader.u32()?, reader.u32()?);
            Some(Self { agent, sub_agent, sequence, uptime_ms, samples: reader.u32()?, body: reader })
        })();
        header.ok_or(DecodeError::Truncated { what: "the header of sFlow v5", length: payload.len() })
    }

    /// Returns the samples, with details where they are wanted. One that cannot be read is an error of its own; a datagram that ends early ends it.
    pub(crate) fn samples(
        &self,
        wanted: Wanted,
    ) -> impl Iterator<Item = Result<Sample, DecodeError>> + use<'a> {
        let mut body = self.body;
        let mut left = self.samples.min(SAMPLES_MAX);
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let length = body.rest().len();
            let Some((format, data)) = (|| Some((body.u32()?, opaque(&mut body)?)))() else {
                left = 0;
                return Some(Err(DecodeError::Truncated { what: "a sample", length }));
            };
            Some(
                sample(format, data, wanted)
                    .ok_or(DecodeError::Truncated { what: "a flow sample", length: data.len() }),
            )
        })
    }
}

/// Returns the agent that a datagram of sFlow names, in the form in which exporters are known.
#[cfg(feature = "bot")]
pub(crate) fn agent(payload: &[u8]) -> Option<IpAddr> {
    let mut reader = Reader::new(payload);
    (reader.u32()? == 5).then_some(())?;
    address(&mut reader)?.map(|agent| agent.to_canonical())
}

fn sample(format: u32, data: &[u8], wanted: Wanted) -> Option<Sample> {
    match format {
        1 => flow_sample(Reader::new(data), Form::Compact, wanted).map(Sample::Flow),
        3 => flow_sample(Reader::new(data), Form::Expanded, wanted).map(Sample::Flow),
        2 | 4 => Some(Sample::Counters),
        _ => Some(Sample::Other),
    }
}

/// How a sample writes its source and interfaces: packed into one word each, or as two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Compact,
    Expanded,
}

/// ```text
/// | sequence | source | rate | pool | drops | input | output | record count | records (format, length, octets) ...
/// ```
fn flow_sample(mut reader: Reader<'_>, form: Form, wanted: Wanted) -> Option<FlowSample> {
    let sequence = reader.u32()?;
    let source = match form {
        Form::Compact => reader.u32().map(|source| (source >> 24, source & 0x00FF_FFFF))?,
        Form::Expanded => (reader.u32()?, reader.u32()?),
    };
    let rate = reader.u32()?;
    let (_pool, drops) = (reader.u32()?, reader.u32()?);
    let (input, output) = (interface(&mut reader, form)?, interface(&mut reader, form)?);
    let records = reader.u32()?;
    let egress = source.0 == 0 && output == Some(source.1) && input != Some(source.1);
    let told = Flow {
        input,
        output,
        direction: egress.then_some(Direction::Egress),
        sampling: (rate > 0).then(|| Factor::one_in(rate)),
        ..Flow::default()
    };
    let details = match wanted {
        Wanted::Flows => FlowDetails::default(),
        Wanted::WithDetails => details_of(reader, records),
    };
    Some(FlowSample { sequence, source, drops, flow: packet_of(&mut reader, records, &told), details })
}

/// Reads the packet from the records that describe one: its ends by its header, else by what the agent read from it; its
/// length by the frame's, else the IP packet's, in whichever order they come.
fn packet_of(reader: &mut Reader<'_>, records: u32, told: &Flow) -> Option<Flow> {
    let mut flow: Option<Flow> = None;
    let mut by_header = false;
    let mut frame_bytes = None;
    let mut systems = Systems::default();
    for _ in 0..records.min(SAMPLES_MAX) {
        let Some((format, data)) = (|| Some((reader.u32()?, opaque(reader)?)))() else { break };
        let found = match format {
            1 => sampled_header(Reader::new(data), told),
            2 => sampled_ethernet(Reader::new(data), told),
            3 => sampled_ipv4(Reader::new(data), told),
            4 => sampled_ipv6(Reader::new(data), told),
            1003 => {
                systems = gateway::systems(data).unwrap_or(systems);
                None
            }
            _ => None,
        };
        let Some(found) = found else { continue };
        if format == 1 || (format == 2 && frame_bytes.is_none()) {
            frame_bytes = found.bytes;
        }
        let better = found.source.is_some() && !by_header;
        if flow.is_none_or(|known| better && (format == 1 || known.source.is_none())) {
            by_header = format == 1 && found.source.is_some();
            flow = Some(found);
        }
    }
    flow.map(|flow| Flow {
        bytes: frame_bytes.or(flow.bytes),
        source_as: systems.source,
        destination_as: systems.destination,
        ..flow
    })
}

/// Reads what the records say beyond the flow: the sampled frame, and what a switch, a router and a translation of addresses
/// add to it (formats 1001, 1002, 1003, 1007).
fn details_of(mut reader: Reader<'_>, records: u32) -> FlowDetails<'static> {
    let mut details = FlowDetails::default();
    for _ in 0..records.min(SAMPLES_MAX) {
        let Some((format, data)) = (|| Some((reader.u32()?, opaque(&mut reader)?)))() else { break };
        // what is cut off stays unknown
        let _ = extend(&mut details, format, Reader::new(data));
    }
    details
}

fn extend(details: &mut FlowDetails<'static>, format: u32, mut data: Reader<'_>) -> Option<()> {
    match format {
        1 => {
            let protocol = data.u32()?;
            data.take(8)?;
            let link = frame::link(protocol, opaque(&mut data).unwrap_or(data.rest()));
            details.source_mac = link.source_mac.or(details.source_mac);
            details.destination_mac = link.destination_mac.or(details.destination_mac);
            details.input_vlan = details.input_vlan.or(link.vlan);
            details.mpls_top_label = link.mpls_top_label;
        }
        2 => {
            data.take(4)?;
            let [a, b, c, d, e, f, _, _] = data.array()?;
            details.source_mac = details.source_mac.or(Some(MacAddress([a, b, c, d, e, f])));
            let [a, b, c, d, e, f, _, _] = data.array()?;
            details.destination_mac = details.destination_mac.or(Some(MacAddress([a, b, c, d, e, f])));
        }
        1001 => {
            details.input_vlan = Some(low_u16(u64::from(data.u32()?)));
            data.take(4)?;
            details.output_vlan = Some(low_u16(u64::from(data.u32()?)));
        }
        1002 => {
            details.next_hop = address(&mut data)?;
            details.source_mask = Some(low_u8(u64::from(data.u32()?)));
            details.destination_mask = Some(low_u8(u64::from(data.u32()?)));
        }
        1003 => details.bgp_next_hop = address(&mut data)?,
        1007 => {
            details.nat_source = address(&mut data)?;
            details.nat_destination = address(&mut data)?;
        }
        _ => {}
    }
    Some(())
}

/// ```text
/// | header protocol | frame length | octets stripped | header (length, octets) |
/// ```
fn sampled_header(mut reader: Reader<'_>, told: &Flow) -> Option<Flow> {
    let protocol = reader.u32()?;
    let (frame_length, _stripped) = (reader.u32()?, reader.u32()?);
    let header = opaque(&mut reader).unwrap_or(reader.rest());
    let ends = frame::ends(protocol, header).unwrap_or_default();
    Some(Flow {
        source: ends.source,
        destination: ends.destination,
        source_port: ends.ports.map(|(source, _)| source),
        destination_port: ends.ports.map(|(_, destination)| destination),
        protocol: ends.protocol,
        tcp_flags: ends.tcp_flags,
        tos: ends.tos,
        bytes: Some(u64::from(frame_length)),
        packets: Some(1),
        ..*told
    })
}

fn sampled_ethernet(mut reader: Reader<'_>, told: &Flow) -> Option<Flow> {
    let length = reader.u32()?;
    Some(Flow { bytes: Some(u64::from(length)), packets: Some(1), ..*told })
}

fn sampled_ipv4(mut reader: Reader<'_>, told: &Flow) -> Option<Flow> {
    let (length, protocol) = (reader.u32()?, reader.u32()?);
    let source = IpAddr::V4(Ipv4Addr::from_octets(reader.array()?));
    let destination = IpAddr::V4(Ipv4Addr::from_octets(reader.array()?));
    sampled_ip(&mut reader, told, (length, protocol), (source, destination))
}

fn sampled_ipv6(mut reader: Reader<'_>, told: &Flow) -> Option<Flow> {
    let (length, protocol) = (reader.u32()?, reader.u32()?);
    let source = IpAddr::V6(Ipv6Addr::from_octets(reader.array()?));
    let destination = IpAddr::V6(Ipv6Addr::from_octets(reader.array()?));
    sampled_ip(&mut reader, told, (length, protocol), (source, destination))
}

fn sampled_ip(
    reader: &mut Reader<'_>,
    told: &Flow,
    head: (u32, u32),
    ends: (IpAddr, IpAddr),
) -> Option<Flow> {
    let (source_port, destination_port) = (reader.u32()?, reader.u32()?);
    let (tcp_flags, tos) = (reader.u32(), reader.u32());
    Some(Flow {
        source: Some(ends.0),
        destination: Some(ends.1),
        source_port: Some(low_u16(u64::from(source_port))),
        destination_port: Some(low_u16(u64::from(destination_port))),
        protocol: Some(low_u8(u64::from(head.1))),
        tcp_flags: tcp_flags.map(|flags| low_u16(u64::from(flags))),
        tos: tos.map(|tos| low_u8(u64::from(tos))),
        bytes: Some(u64::from(head.0)),
        packets: Some(1),
        ..*told
    })
}

/// Reads an interface; the high bits of a compact one say "dropped" or "several", which is no interface. The highest index
/// there is, 0x3FFFFFFF, is kept as told: the device's own inside, where the packet began or ended.
fn interface(reader: &mut Reader<'_>, form: Form) -> Option<Option<u32>> {
    let (format, value) = match form {
        Form::Compact => reader.u32().map(|word| (word >> 30, word & 0x3FFF_FFFF))?,
        Form::Expanded => (reader.u32()?, reader.u32()?),
    };
    Some((format == 0).then_some(value))
}

fn address(reader: &mut Reader<'_>) -> Option<Option<IpAddr>> {
    match reader.u32()? {
        1 => reader.array().map(|octets| Some(IpAddr::V4(Ipv4Addr::from_octets(octets)))),
        2 => reader.array().map(|octets| Some(IpAddr::V6(Ipv6Addr::from_octets(octets)))),
        0 => Some(None),
        _ => None,
    }
}

/// Reads octets that name their length, and the padding to four.
fn opaque<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut ahead = *reader;
    let length = usize::try_from(ahead.u32()?).ok()?;
    let data = ahead.take(length)?;
    // the last one's padding is sometimes left off
    let padding = (length.next_multiple_of(4) - length).min(ahead.rest().len());
    ahead.take(padding)?;
    *reader = ahead;
    Some(data)
}
