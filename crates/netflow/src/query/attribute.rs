//! What a flow tells, as numbers: columns of a file, and what follows from them.

use grafolean_time::Timestamp;

use super::FlowRow;
use crate::{
    archive::{self, End},
    record::{ApplicationId, BiflowDirection, Counter, MacAddress, Protocol},
};

/// A number that a query may need. Numbers are not negative; -1 stands for one that was not told, all ones for an address
/// that was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// When the datagram came, in microseconds.
    Received,
    /// When the first packet passed, in microseconds.
    First,
    /// When the last packet passed, in microseconds.
    Last,
    /// What spoke, as a place in [`FORMATS`].
    Format,
    /// Observation domain.
    Domain,
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
    /// IP protocol.
    Protocol,
    /// TCP's control bits.
    TcpFlags,
    /// Type of service or traffic class.
    Tos,
    /// Bytes, as exported.
    Bytes,
    /// Packets, as exported.
    Packets,
    /// Interface of arrival.
    Input,
    /// Interface of departure.
    Output,
    /// Side of the interface on which it was observed.
    Direction,
    /// Autonomous system of the source.
    SourceAs,
    /// Autonomous system of the destination.
    DestinationAs,
    /// The bits of the sampling factor, a float.
    Sampling,
    /// Which counter the bytes are, as a place in [`COUNTERS`].
    Counter,
    /// Direction of a biflow, as a place in [`WAYS`].
    TrafficDirection,
    /// Source port after translation.
    NatSourcePort,
    /// Destination port after translation.
    NatDestinationPort,
    /// VLAN of arrival.
    InputVlan,
    /// VLAN of departure.
    OutputVlan,
    /// MAC address that the frames came from, as a number.
    SourceMac,
    /// MAC address that the frames went to.
    DestinationMac,
    /// Bits of the source's prefix.
    SourceMask,
    /// Bits of the destination's prefix.
    DestinationMask,
    /// Routing table of arrival.
    InputVrf,
    /// Routing table of departure.
    OutputVrf,
    /// Outermost label of MPLS.
    MplsLabel,
    /// What the router did with the packets.
    ForwardingStatus,
    /// What a firewall did.
    FirewallEvent,
    /// What a translation of addresses did.
    NatEvent,
    /// Application, as a number.
    Application,
    /// Name of the interface of arrival, by its number in memory.
    InputName,
    /// Name of the interface of departure.
    OutputName,
    /// Name of the application.
    ApplicationName,
    /// Name of the routing table of arrival.
    InputVrfName,
    /// The high half of an address.
    High(End),
    /// The low half of an address.
    Low(End),
    /// From the first packet to the last, in microseconds.
    Duration,
    /// Bits a second over the duration; none where that is nothing.
    BitRate,
    /// Packets a second over the duration; none where that is nothing.
    PacketRate,
    /// Bytes a packet.
    PacketBytes,
    /// The upper six bits of [`Tos`](Self::Tos).
    Dscp,
}

/// What stands for a number that was not told.
pub const NOT_TOLD: i64 = -1;
/// Numbers that one attribute may follow from.
pub(super) const INPUTS_MAX: usize = 3;
const MICROS_A_SECOND: i128 = 1_000_000;

/// What the column `format` holds the names of.
pub(super) const FORMATS: [Protocol; 6] = [
    Protocol::Netflow5,
    Protocol::Netflow9,
    Protocol::Ipfix,
    Protocol::Sflow5,
    Protocol::Netflow1,
    Protocol::Netflow7,
];
/// What the column `counter` holds the names of.
pub(super) const COUNTERS: [Counter; 5] =
    [Counter::Delta, Counter::Total, Counter::Post, Counter::Initiator, Counter::Layer2];
/// What the column `way` holds the names of.
pub(super) const WAYS: [BiflowDirection; 2] = [BiflowDirection::Forward, BiflowDirection::Reverse];
/// What files of earlier versions have in place of those names.
const FORMER_WAYS: [&str; 2] = ["there", "back"];

impl Attribute {
    /// Returns the name of its column; `None` of what follows from others.
    pub(super) const fn column(self) -> Option<&'static str> {
        Some(match self {
            Self::Received => "received",
            Self::First => "first",
            Self::Last => "last",
            Self::Format => "format",
            Self::Domain => "domain",
            Self::SourcePort => "src_port",
            Self::DestinationPort => "dst_port",
            Self::Protocol => "proto",
            Self::TcpFlags => "tcp_flags",
            Self::Tos => "tos",
            Self::Bytes => "bytes",
            Self::Packets => "packets",
            Self::Input => "in_if",
            Self::Output => "out_if",
            Self::Direction => "direction",
            Self::SourceAs => "src_as",
            Self::DestinationAs => "dst_as",
            Self::Sampling => "sampling",
            Self::Counter => "counter",
            Self::TrafficDirection => "way",
            Self::NatSourcePort => "nat_src_port",
            Self::NatDestinationPort => "nat_dst_port",
            Self::InputVlan => "in_vlan",
            Self::OutputVlan => "out_vlan",
            Self::SourceMac => "src_mac",
            Self::DestinationMac => "dst_mac",
            Self::SourceMask => "src_mask",
            Self::DestinationMask => "dst_mask",
            Self::InputVrf => "in_vrf",
            Self::OutputVrf => "out_vrf",
            Self::MplsLabel => "mpls_label",
            Self::ForwardingStatus => "forwarding_status",
            Self::FirewallEvent => "firewall_event",
            Self::NatEvent => "nat_event",
            Self::Application => "app",
            Self::InputName => "in_if_name",
            Self::OutputName => "out_if_name",
            Self::ApplicationName => "app_name",
            Self::InputVrfName => "in_vrf_name",
            Self::High(End::Source) => "src_high",
            Self::Low(End::Source) => "src_low",
            Self::High(End::Destination) => "dst_high",
            Self::Low(End::Destination) => "dst_low",
            Self::High(End::Exporter) => "exporter_high",
            Self::Low(End::Exporter) => "exporter_low",
            Self::High(End::NatSource) => "nat_src_high",
            Self::Low(End::NatSource) => "nat_src_low",
            Self::High(End::NatDestination) => "nat_dst_high",
            Self::Low(End::NatDestination) => "nat_dst_low",
            Self::High(End::NextHop) => "next_hop_high",
            Self::Low(End::NextHop) => "next_hop_low",
            Self::High(End::BgpNextHop) => "bgp_next_hop_high",
            Self::Low(End::BgpNextHop) => "bgp_next_hop_low",
            Self::Duration | Self::BitRate | Self::PacketRate | Self::PacketBytes | Self::Dscp => {
                return None;
            }
        })
    }

    /// Returns what it follows from, at most [`INPUTS_MAX`]; nothing where it is a column.
    pub(super) const fn inputs(self) -> &'static [Self] {
        match self {
            Self::Duration => &[Self::First, Self::Last],
            Self::BitRate => &[Self::First, Self::Last, Self::Bytes],
            Self::PacketRate => &[Self::First, Self::Last, Self::Packets],
            Self::PacketBytes => &[Self::Packets, Self::Bytes],
            Self::Dscp => &[Self::Tos],
            _ => &[],
        }
    }

    /// Returns the number that follows from its [`inputs`](Self::inputs).
    pub(super) fn derived(self, [first, second, third]: [i64; INPUTS_MAX]) -> i64 {
        match self {
            Self::Duration => duration(first, second),
            Self::BitRate => rate(third.saturating_mul(8), duration(first, second)),
            Self::PacketRate => rate(third, duration(first, second)),
            Self::PacketBytes if first > 0 && second >= 0 => second / first,
            Self::Dscp if first >= 0 => first >> 2,
            _ => NOT_TOLD,
        }
    }

    /// Returns what a file that lacks the column is taken to say.
    pub(super) const fn when_absent(self) -> i64 {
        match self {
            // 1.0: what was not sampled
            Self::Sampling => 0x3FF0_0000_0000_0000,
            _ => NOT_TOLD,
        }
    }

    /// Returns the number of a word, of the columns that hold words.
    pub(super) fn of_word(self, word: &[u8]) -> i64 {
        let is = |known: &str| known.as_bytes() == word;
        place(match self {
            Self::Format => FORMATS.iter().position(|format| is(format.name())),
            Self::Counter => COUNTERS.iter().position(|counter| is(counter.name())),
            Self::TrafficDirection => {
                let former = || FORMER_WAYS.iter().position(|way| is(way));
                WAYS.iter().position(|way| is(way.name())).or_else(former)
            }
            Self::SourceMac | Self::DestinationMac => {
                let text = std::str::from_utf8(word).ok();
                return mac(text.and_then(MacAddress::parse));
            }
            Self::Application => {
                let known = std::str::from_utf8(word).ok().and_then(ApplicationId::parse);
                return known.and_then(ApplicationId::to_number).map_or(NOT_TOLD, u64::cast_signed);
            }
            _ if self.is_name() => return name(std::str::from_utf8(word).ok()),
            _ => None,
        })
    }

    /// Whether it is a name, whose number stands for it in this process only.
    pub(super) const fn is_name(self) -> bool {
        matches!(self, Self::InputName | Self::OutputName | Self::ApplicationName | Self::InputVrfName)
    }

    /// Returns the word that a number stands for, of the columns that hold words.
    pub(super) fn word(self, number: i64) -> Option<&'static str> {
        if self.is_name() {
            return archive::name_of(number);
        }
        let place = usize::try_from(number).ok()?;
        match self {
            Self::Format => FORMATS.get(place).map(|format| format.name()),
            Self::Counter => COUNTERS.get(place).map(|counter| counter.name()),
            Self::TrafficDirection => WAYS.get(place).map(|way| way.name()),
            _ => None,
        }
    }

    /// Returns the number of one flow.
    pub(super) fn of(self, row: &FlowRow) -> i64 {
        let (flow, details) = (&row.flow, &row.details);
        let narrow = |number: Option<u8>| number.map_or(NOT_TOLD, i64::from);
        let port = |number: Option<u16>| number.map_or(NOT_TOLD, i64::from);
        let wide = |number: Option<u32>| number.map_or(NOT_TOLD, i64::from);
        let count = |count: Option<u64>| count.map_or(NOT_TOLD, |it| i64::try_from(it).unwrap_or(i64::MAX));
        let time = |time: Option<Timestamp>| time.map_or(NOT_TOLD, Timestamp::micros);
        match self {
            Self::Received => row.received.micros(),
            Self::First => time(flow.first),
            Self::Last => time(flow.last),
            Self::Format => place(FORMATS.iter().position(|format| Some(*format) == row.format)),
            Self::Domain => i64::from(row.domain),
            Self::SourcePort => port(flow.source_port),
            Self::DestinationPort => port(flow.destination_port),
            Self::Protocol => narrow(flow.protocol),
            Self::TcpFlags => port(flow.tcp_flags),
            Self::Tos => narrow(flow.tos),
            Self::Bytes => count(flow.bytes),
            Self::Packets => count(flow.packets),
            Self::Input => wide(flow.input),
            Self::Output => wide(flow.output),
            Self::Direction => narrow(flow.direction.map(|direction| direction.number())),
            Self::SourceAs => wide(flow.source_as),
            Self::DestinationAs => wide(flow.destination_as),
            Self::Sampling => row.sampling.to_bits().cast_signed(),
            Self::Counter => place(COUNTERS.iter().position(|counter| *counter == flow.counter)),
            Self::TrafficDirection => place(WAYS.iter().position(|way| *way == flow.biflow)),
            Self::NatSourcePort => port(details.nat_source_port),
            Self::NatDestinationPort => port(details.nat_destination_port),
            Self::InputVlan => port(details.input_vlan),
            Self::OutputVlan => port(details.output_vlan),
            Self::SourceMac => mac(details.source_mac),
            Self::DestinationMac => mac(details.destination_mac),
            Self::SourceMask => narrow(details.source_mask),
            Self::DestinationMask => narrow(details.destination_mask),
            Self::InputVrf => wide(details.ingress_vrf),
            Self::OutputVrf => wide(details.egress_vrf),
            Self::MplsLabel => wide(details.mpls_top_label),
            Self::ForwardingStatus => narrow(details.forwarding_status),
            Self::FirewallEvent => narrow(details.firewall_event),
            Self::NatEvent => narrow(details.nat_event),
            Self::Application => {
                details.application.and_then(ApplicationId::to_number).map_or(NOT_TOLD, u64::cast_signed)
            }
            Self::InputName => name(details.input_name),
            Self::OutputName => name(details.output_name),
            Self::ApplicationName => name(details.application_name),
            Self::InputVrfName => name(details.ingress_vrf_name),
            Self::High(end) => halves(row.address(end)).0,
            Self::Low(end) => halves(row.address(end)).1,
            Self::Duration | Self::BitRate | Self::PacketRate | Self::PacketBytes | Self::Dscp => {
                let mut inputs = [NOT_TOLD; INPUTS_MAX];
                for (input, attribute) in inputs.iter_mut().zip(self.inputs()) {
                    *input = attribute.of(row);
                }
                self.derived(inputs)
            }
        }
    }
}

fn mac(address: Option<MacAddress>) -> i64 {
    address.map_or(NOT_TOLD, |address| address.to_number().cast_signed())
}

/// A name of which there are too many is as good as not told.
fn name(name: Option<&str>) -> i64 {
    name.and_then(archive::intern).map_or(NOT_TOLD, |(number, _)| i64::from(number))
}

fn place(place: Option<usize>) -> i64 {
    place.and_then(|place| i64::try_from(place).ok()).unwrap_or(NOT_TOLD)
}

/// Returns a number unless it was not told.
pub(super) fn told(number: i64) -> Option<i64> {
    (number != NOT_TOLD).then_some(number)
}

/// A clock that was set back between the two packets tells no duration.
fn duration(first: i64, last: i64) -> i64 {
    if first >= 0 && last >= first { last - first } else { NOT_TOLD }
}

/// Returns what passed a second, rounded down; nothing is known where no time passed.
fn rate(count: i64, duration: i64) -> i64 {
    if count < 0 || duration <= 0 {
        return NOT_TOLD;
    }
    i64::try_from(i128::from(count) * MICROS_A_SECOND / i128::from(duration)).unwrap_or(i64::MAX)
}

/// Splits an address into its two numbers.
pub(super) fn halves(address: u128) -> (i64, i64) {
    let (high, low) = archive::halves(address);
    (high.cast_signed(), low.cast_signed())
}

/// Puts an address together again.
pub(super) fn joined(high: i64, low: i64) -> u128 {
    (u128::from(high.cast_unsigned()) << 64) | u128::from(low.cast_unsigned())
}
