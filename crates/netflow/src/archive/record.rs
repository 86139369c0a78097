//! A flow as it is kept: flat, of a fixed size, with a number in each place.

use std::net::IpAddr;

use grafolean_time::Timestamp;

use super::kept;
use crate::record::{
    ApplicationId, BiflowDirection, Counter, Factor, Flow, FlowDetails, MacAddress, Origin, Protocol,
};

/// Stands for an address that was not told; as an address it means nothing.
pub const NO_ADDRESS: u128 = u128::MAX;
/// Stands for a number that was not told.
const NO_NUMBER: i64 = -1;
const NO_TIME: i64 = i64::MIN;

/// Whose address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Where the packets came from.
    Source,
    /// Where they went.
    Destination,
    /// Who told it.
    Exporter,
    /// Where they came from after translation.
    NatSource,
    /// Where they went after translation.
    NatDestination,
    /// The next router.
    NextHop,
    /// The next router by BGP.
    BgpNextHop,
}

impl End {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Destination,
        Self::Exporter,
        Self::NatSource,
        Self::NatDestination,
        Self::NextHop,
        Self::BgpNextHop,
    ];
}

/// One flow with its origin, in a third of the octets that both have. What few exporters tell is apart, where it is told.
#[derive(Clone, Debug)]
pub struct Record {
    exporter: u128,
    source: u128,
    destination: u128,
    received: i64,
    first: i64,
    last: i64,
    bytes: i64,
    packets: i64,
    input: i64,
    output: i64,
    source_as: i64,
    destination_as: i64,
    factor: Factor,
    domain: u32,
    source_port: i32,
    destination_port: i32,
    tcp_flags: i32,
    protocol: i16,
    tos: i16,
    direction: i16,
    told_by: Protocol,
    counter: Counter,
    biflow: BiflowDirection,
    details: Option<Box<FlowDetails<'static>>>,
}

impl Record {
    /// Creates the record of a flow.
    #[inline]
    pub fn new(origin: &Origin, flow: &Flow, details: &FlowDetails<'_>) -> Self {
        let time = |time: Option<Timestamp>| time.map_or(NO_TIME, Timestamp::micros);
        let wide = |number: Option<u32>| number.map_or(NO_NUMBER, i64::from);
        // no counter reaches 2^63
        let count =
            |count: Option<u64>| count.map_or(NO_NUMBER, |count| i64::try_from(count).unwrap_or(i64::MAX));
        let address = |address: Option<IpAddr>| address.map_or(NO_ADDRESS, mapped);
        Self {
            exporter: mapped(origin.stream.exporter.ip()),
            source: address(flow.source),
            destination: address(flow.destination),
            received: origin.received.micros(),
            first: time(flow.first),
            last: time(flow.last),
            bytes: count(flow.bytes),
            packets: count(flow.packets),
            input: wide(flow.input),
            output: wide(flow.output),
            source_as: wide(flow.source_as),
            destination_as: wide(flow.destination_as),
            factor: flow.factor,
            domain: origin.stream.domain,
            source_port: flow.source_port.map_or(-1, i32::from),
            destination_port: flow.destination_port.map_or(-1, i32::from),
            tcp_flags: flow.tcp_flags.map_or(-1, i32::from),
            protocol: flow.protocol.map_or(-1, i16::from),
            tos: flow.tos.map_or(-1, i16::from),
            direction: flow.direction.map_or(-1, |direction| i16::from(direction.number())),
            told_by: origin.stream.protocol,
            counter: flow.counter,
            biflow: flow.biflow,
            details: (*details != FlowDetails::default()).then(|| Box::new(kept(details))),
        }
    }

    pub(super) fn received(&self) -> i64 {
        self.received
    }

    pub(super) fn first(&self) -> Option<i64> {
        (self.first != NO_TIME).then_some(self.first)
    }

    pub(super) fn last(&self) -> Option<i64> {
        (self.last != NO_TIME).then_some(self.last)
    }

    #[inline]
    pub(super) fn address(&self, end: End) -> Option<u128> {
        let address = match end {
            End::Source => self.source,
            End::Destination => self.destination,
            End::Exporter => self.exporter,
            of_details => return self.detail(|details| details.address(of_details)).map(mapped),
        };
        (address != NO_ADDRESS).then_some(address)
    }

    /// Returns what of its details is told.
    #[inline]
    fn detail<T>(&self, of: impl Fn(&FlowDetails<'static>) -> Option<T>) -> Option<T> {
        self.details.as_deref().and_then(of)
    }

    pub(super) fn bytes(&self) -> Option<i64> {
        told(self.bytes)
    }

    pub(super) fn packets(&self) -> Option<i64> {
        told(self.packets)
    }

    pub(super) fn input(&self) -> Option<i64> {
        told(self.input)
    }

    pub(super) fn output(&self) -> Option<i64> {
        told(self.output)
    }

    pub(super) fn source_as(&self) -> Option<i64> {
        told(self.source_as)
    }

    pub(super) fn destination_as(&self) -> Option<i64> {
        told(self.destination_as)
    }

    pub(super) fn domain(&self) -> i64 {
        i64::from(self.domain)
    }

    pub(super) fn sampling(&self) -> f64 {
        self.factor.as_f64()
    }

    pub(super) fn source_port(&self) -> Option<i32> {
        (self.source_port >= 0).then_some(self.source_port)
    }

    pub(super) fn destination_port(&self) -> Option<i32> {
        (self.destination_port >= 0).then_some(self.destination_port)
    }

    pub(super) fn tcp_flags(&self) -> Option<i32> {
        (self.tcp_flags >= 0).then_some(self.tcp_flags)
    }

    pub(super) fn protocol(&self) -> Option<i32> {
        (self.protocol >= 0).then_some(i32::from(self.protocol))
    }

    pub(super) fn tos(&self) -> Option<i32> {
        (self.tos >= 0).then_some(i32::from(self.tos))
    }

    pub(super) fn direction(&self) -> Option<i32> {
        (self.direction >= 0).then_some(i32::from(self.direction))
    }

    pub(super) fn told_by(&self) -> &'static str {
        self.told_by.name()
    }

    pub(super) fn counter(&self) -> &'static str {
        self.counter.name()
    }

    pub(super) fn biflow(&self) -> &'static str {
        self.biflow.name()
    }

    pub(super) fn nat_source_port(&self) -> Option<i32> {
        self.detail(|details| details.nat_source_port.map(i32::from))
    }

    pub(super) fn nat_destination_port(&self) -> Option<i32> {
        self.detail(|details| details.nat_destination_port.map(i32::from))
    }

    pub(super) fn input_vlan(&self) -> Option<i32> {
        self.detail(|details| details.input_vlan.map(i32::from))
    }

    pub(super) fn output_vlan(&self) -> Option<i32> {
        self.detail(|details| details.output_vlan.map(i32::from))
    }

    pub(super) fn source_mac(&self) -> Option<u64> {
        self.detail(|details| details.source_mac.map(MacAddress::to_number))
    }

    pub(super) fn destination_mac(&self) -> Option<u64> {
        self.detail(|details| details.destination_mac.map(MacAddress::to_number))
    }

    pub(super) fn source_mask(&self) -> Option<i32> {
        self.detail(|details| details.source_mask.map(i32::from))
    }

    pub(super) fn destination_mask(&self) -> Option<i32> {
        self.detail(|details| details.destination_mask.map(i32::from))
    }

    pub(super) fn ingress_vrf(&self) -> Option<i64> {
        self.detail(|details| details.ingress_vrf.map(i64::from))
    }

    pub(super) fn egress_vrf(&self) -> Option<i64> {
        self.detail(|details| details.egress_vrf.map(i64::from))
    }

    pub(super) fn mpls_top_label(&self) -> Option<i64> {
        self.detail(|details| details.mpls_top_label.map(i64::from))
    }

    pub(super) fn forwarding_status(&self) -> Option<i32> {
        self.detail(|details| details.forwarding_status.map(i32::from))
    }

    pub(super) fn firewall_event(&self) -> Option<i32> {
        self.detail(|details| details.firewall_event.map(i32::from))
    }

    pub(super) fn nat_event(&self) -> Option<i32> {
        self.detail(|details| details.nat_event.map(i32::from))
    }

    pub(super) fn application(&self) -> Option<u64> {
        self.detail(|details| details.application.and_then(ApplicationId::to_number))
    }

    pub(super) fn input_name(&self) -> Option<&'static str> {
        self.detail(|details| details.input_name)
    }

    pub(super) fn output_name(&self) -> Option<&'static str> {
        self.detail(|details| details.output_name)
    }

    pub(super) fn application_name(&self) -> Option<&'static str> {
        self.detail(|details| details.application_name)
    }

    pub(super) fn ingress_vrf_name(&self) -> Option<&'static str> {
        self.detail(|details| details.ingress_vrf_name)
    }
}

impl FlowDetails<'_> {
    /// Returns an address among the details.
    pub(crate) fn address(&self, end: End) -> Option<IpAddr> {
        match end {
            End::NatSource => self.nat_source,
            End::NatDestination => self.nat_destination,
            End::NextHop => self.next_hop,
            End::BgpNextHop => self.bgp_next_hop,
            End::Source | End::Destination | End::Exporter => None,
        }
    }
}

fn told(number: i64) -> Option<i64> {
    (number != NO_NUMBER).then_some(number)
}

/// Returns an address as a number of 128 bits; IPv4 as RFC 4291 (section 2.5.5.2) maps it.
#[inline]
pub fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Splits an address into its high and low 64 bits.
pub fn halves(address: u128) -> (u64, u64) {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
    (half(address >> 64), half(address))
}

/// Memory that the limits of the feed and of a row group are told by.
const _: () = assert!(size_of::<Record>() <= 176);
