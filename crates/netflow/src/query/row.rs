//! One flow, with what a line about it tells.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use grafolean_time::Timestamp;

use super::attribute::{Attribute, COUNTERS, FORMATS, NOT_TOLD, WAYS, joined, told};
use crate::{
    archive::{End, NO_ADDRESS, kept, mapped, name_of},
    record::{ApplicationId, Direction, Flow, FlowDetails, MacAddress, Origin, Protocol, Stream},
};

/// A flow and where it came from, as it arrived or as it was kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowRow {
    /// When its datagram came.
    pub received: Timestamp,
    /// Who told it.
    pub exporter: Option<IpAddr>,
    /// What that spoke.
    pub format: Option<Protocol>,
    /// Observation domain.
    pub domain: u32,
    /// Packets of which one was seen.
    pub sampling: f64,
    /// The flow; its factor is [`sampling`](Self::sampling).
    pub flow: Flow,
    /// What few exporters tell.
    pub details: FlowDetails<'static>,
}

impl FlowRow {
    /// Creates the row of a flow that arrived.
    pub fn of(origin: &Origin, flow: &Flow, details: &FlowDetails<'_>) -> Self {
        let Stream { exporter, protocol, domain, .. } = origin.stream;
        Self {
            received: origin.received,
            exporter: Some(SocketAddr::ip(&exporter)),
            format: Some(protocol),
            domain,
            sampling: flow.factor.as_f64(),
            flow: *flow,
            details: kept(details),
        }
    }

    /// Creates the row of a flow that was kept, from its numbers.
    pub(super) fn of_numbers(number: &impl Fn(Attribute) -> i64) -> Self {
        let narrow = |attribute| u8::try_from(number(attribute)).ok();
        let port = |attribute| u16::try_from(number(attribute)).ok();
        let wide = |attribute| u32::try_from(number(attribute)).ok();
        let count = |attribute| u64::try_from(number(attribute)).ok();
        let time = |attribute| told(number(attribute)).map(Timestamp::from_micros);
        let address = |end| address(number, end);
        let place = |attribute| usize::try_from(number(attribute)).ok();
        let flow = Flow {
            source: address(End::Source),
            destination: address(End::Destination),
            source_port: port(Attribute::SourcePort),
            destination_port: port(Attribute::DestinationPort),
            protocol: narrow(Attribute::Protocol),
            tcp_flags: port(Attribute::TcpFlags),
            tos: narrow(Attribute::Tos),
            source_as: wide(Attribute::SourceAs),
            destination_as: wide(Attribute::DestinationAs),
            bytes: count(Attribute::Bytes),
            packets: count(Attribute::Packets),
            counter: place(Attribute::Counter).and_then(|at| COUNTERS.get(at)).copied().unwrap_or_default(),
            input: wide(Attribute::Input),
            output: wide(Attribute::Output),
            direction: narrow(Attribute::Direction).map(Direction::from_number),
            first: time(Attribute::First),
            last: time(Attribute::Last),
            biflow: place(Attribute::TrafficDirection)
                .and_then(|at| WAYS.get(at))
                .copied()
                .unwrap_or_default(),
            ..Flow::default()
        };
        Self {
            received: Timestamp::from_micros(number(Attribute::Received)),
            exporter: address(End::Exporter),
            format: place(Attribute::Format).and_then(|at| FORMATS.get(at)).copied(),
            domain: wide(Attribute::Domain).unwrap_or_default(),
            sampling: f64::from_bits(number(Attribute::Sampling).cast_unsigned()),
            flow,
            details: details(number),
        }
    }

    /// Returns an address of it, where IPv4 is mapped into IPv6; [`NO_ADDRESS`] where it was not told.
    pub(super) fn address(&self, end: End) -> u128 {
        let address = match end {
            End::Source => self.flow.source,
            End::Destination => self.flow.destination,
            End::Exporter => self.exporter,
            of_details => self.details.address(of_details),
        };
        address.map_or(NO_ADDRESS, mapped)
    }

    /// Returns how long it took, in microseconds; `None` where that is not known.
    pub fn duration(&self) -> Option<u64> {
        u64::try_from(Attribute::Duration.of(self)).ok()
    }

    /// Returns what of a count passed each second; `None` where no time passed, or it is not known.
    pub fn rate(&self, count: u64) -> Option<u64> {
        let micros = self.duration().filter(|micros| *micros > 0)?;
        u64::try_from(u128::from(count) * 1_000_000 / u128::from(micros)).ok()
    }

    /// Returns a count as an estimate of what passed.
    pub fn scaled(&self, count: u64) -> u64 {
        let exported = i64::try_from(count).unwrap_or(i64::MAX);
        u64::try_from(super::scale(exported, self.sampling)).unwrap_or(0)
    }

    /// Returns what of an attribute it tells.
    pub fn number(&self, attribute: Attribute) -> Option<i64> {
        Some(attribute.of(self)).filter(|number| *number != NOT_TOLD)
    }
}

fn details(number: &impl Fn(Attribute) -> i64) -> FlowDetails<'static> {
    let narrow = |attribute| u8::try_from(number(attribute)).ok();
    let port = |attribute| u16::try_from(number(attribute)).ok();
    let wide = |attribute| u32::try_from(number(attribute)).ok();
    let mac = |attribute| u64::try_from(number(attribute)).ok().map(MacAddress::from_number);
    let name = |attribute| name_of(number(attribute));
    let address = |end| address(number, end);
    FlowDetails {
        nat_source: address(End::NatSource),
        nat_destination: address(End::NatDestination),
        nat_source_port: port(Attribute::NatSourcePort),
        nat_destination_port: port(Attribute::NatDestinationPort),
        input_vlan: port(Attribute::InputVlan),
        output_vlan: port(Attribute::OutputVlan),
        source_mac: mac(Attribute::SourceMac),
        destination_mac: mac(Attribute::DestinationMac),
        next_hop: address(End::NextHop),
        bgp_next_hop: address(End::BgpNextHop),
        source_mask: narrow(Attribute::SourceMask),
        destination_mask: narrow(Attribute::DestinationMask),
        ingress_vrf: wide(Attribute::InputVrf),
        egress_vrf: wide(Attribute::OutputVrf),
        mpls_top_label: wide(Attribute::MplsLabel),
        forwarding_status: narrow(Attribute::ForwardingStatus),
        firewall_event: narrow(Attribute::FirewallEvent),
        nat_event: narrow(Attribute::NatEvent),
        application: u64::try_from(number(Attribute::Application)).ok().map(ApplicationId::from_number),
        input_name: name(Attribute::InputName),
        output_name: name(Attribute::OutputName),
        application_name: name(Attribute::ApplicationName),
        ingress_vrf_name: name(Attribute::InputVrfName),
    }
}

fn address(number: &impl Fn(Attribute) -> i64, end: End) -> Option<IpAddr> {
    let address = joined(number(Attribute::High(end)), number(Attribute::Low(end)));
    (address != NO_ADDRESS).then(|| Ipv6Addr::from_bits(address).to_canonical())
}
