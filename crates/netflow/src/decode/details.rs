//! The details of a record, which are read beside its flow for whoever wants them.
//!
//! They have a plan of their own, so that a flow without them costs nothing for them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    definition::{Field, Space, VARIABLE},
    plan::{OPS_MAX, Stop},
    reader::{low_u8, low_u16, low_u32, unsigned},
    record::walk_record,
};
use crate::record::{ApplicationId, FlowDetails, MacAddress};

/// What a field's octets are made into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    NatSource,
    NatDestination,
    NatSourcePort,
    NatDestinationPort,
    InputVlan,
    OutputVlan,
    SourceMac,
    DestinationMac,
    NextHop,
    BgpNextHop,
    SourceMask,
    DestinationMask,
    IngressVrf,
    EgressVrf,
    MplsTopLabel,
    ForwardingStatus,
    FirewallEvent,
    NatEvent,
    Application,
    InputName,
    ApplicationName,
    IngressVrfName,
}

/// Elements by target, of which the first that a template has is taken; IPv4 and IPv6 stand apart, since a template may have
/// room for both: the one that is not all zero is meant.
const ROWS: [(Target, &[u16]); 27] = [
    (Target::NatSource, &[225]),
    (Target::NatSource, &[281]),
    (Target::NatDestination, &[226]),
    (Target::NatDestination, &[282]),
    (Target::NatSourcePort, &[227]),
    (Target::NatDestinationPort, &[228]),
    (Target::InputVlan, &[58, 243]),
    (Target::OutputVlan, &[59, 254]),
    (Target::SourceMac, &[56, 81]),
    (Target::DestinationMac, &[80, 57]),
    (Target::NextHop, &[15]),
    (Target::NextHop, &[62]),
    (Target::BgpNextHop, &[18]),
    (Target::BgpNextHop, &[63]),
    (Target::SourceMask, &[9]),
    (Target::SourceMask, &[29]),
    (Target::DestinationMask, &[13]),
    (Target::DestinationMask, &[30]),
    (Target::IngressVrf, &[234]),
    (Target::EgressVrf, &[235]),
    (Target::MplsTopLabel, &[70]),
    (Target::ForwardingStatus, &[89]),
    (Target::FirewallEvent, &[233]),
    (Target::NatEvent, &[230]),
    (Target::Application, &[95]),
    (Target::InputName, &[82, 83]),
    (Target::IngressVrfName, &[236]),
];
/// The application's name, which needs no choice and no family.
const APPLICATION_NAME: u16 = 96;
const _: () = assert!(ROWS.len() < OPS_MAX);

/// How the details of one template's records are read.
#[derive(Clone, Debug)]
pub(crate) struct DetailPlan {
    ops: Box<[Op]>,
    /// Where records vary in length, the walk to the fields wanted.
    walk: Option<Box<[Stop]>>,
}

#[derive(Clone, Copy, Debug)]
struct Op {
    target: Target,
    /// Octets before the field; in records of variable length the slot that the walk leaves the field in.
    offset: usize,
    width: usize,
}

impl DetailPlan {
    /// Compiles the fields of a template of flows.
    pub(super) fn new(fields: &[Field]) -> Self {
        let place = |element: u16| {
            fields
                .iter()
                .position(|field| field.space == Space::Iana && field.element == element && field.length > 0)
        };
        let wanted: Vec<(Target, usize)> = ROWS
            .iter()
            .copied()
            .chain([(Target::ApplicationName, &[APPLICATION_NAME][..])])
            .filter_map(|(target, choices)| {
                Some((target, choices.iter().find_map(|element| place(*element))?))
            })
            .collect();
        let variable = fields.iter().any(|field| field.length == VARIABLE);
        let offset = |at: usize| fields.iter().take(at).map(|field| usize::from(field.length)).sum();
        let op = |(slot, (target, at)): (usize, &(Target, usize))| Op {
            target: *target,
            offset: if variable { slot } else { offset(*at) },
            width: fields.get(*at).map_or(0, |field| usize::from(field.length)),
        };
        let stop = |(at, field): (usize, &Field)| Stop {
            length: field.length,
            slot: wanted.iter().position(|(_, place)| *place == at).and_then(|slot| u8::try_from(slot).ok()),
        };
        Self {
            ops: wanted.iter().enumerate().map(op).collect(),
            walk: variable.then(|| fields.iter().enumerate().map(stop).collect()),
        }
    }

    /// Reads the details of one record.
    pub(super) fn read<'a>(&self, record: &'a [u8]) -> FlowDetails<'a> {
        let mut details = FlowDetails::default();
        let mut slots: [&[u8]; OPS_MAX] = [&[]; OPS_MAX];
        if let Some(walk) = &self.walk
            && !self.ops.is_empty()
            && walk_record(walk, record, &mut slots).is_none()
        {
            return details;
        }
        for op in &self.ops {
            let value = match self.walk {
                Some(_) => slots.get(op.offset).copied(),
                None => record.get(op.offset..op.offset + op.width),
            };
            match value {
                Some(value) if !value.is_empty() => set(&mut details, op.target, value),
                _ => {}
            }
        }
        details
    }
}

fn set<'a>(details: &mut FlowDetails<'a>, target: Target, value: &'a [u8]) {
    let (byte, half, word) = (low_u8(unsigned(value)), low_u16(unsigned(value)), low_u32(unsigned(value)));
    match target {
        Target::NatSource => address(&mut details.nat_source, value),
        Target::NatDestination => address(&mut details.nat_destination, value),
        Target::NatSourcePort => details.nat_source_port = Some(half),
        Target::NatDestinationPort => details.nat_destination_port = Some(half),
        Target::InputVlan => details.input_vlan = Some(half),
        Target::OutputVlan => details.output_vlan = Some(half),
        Target::SourceMac => details.source_mac = mac(value),
        Target::DestinationMac => details.destination_mac = mac(value),
        Target::NextHop => address(&mut details.next_hop, value),
        Target::BgpNextHop => address(&mut details.bgp_next_hop, value),
        Target::SourceMask => mask(&mut details.source_mask, byte),
        Target::DestinationMask => mask(&mut details.destination_mask, byte),
        Target::IngressVrf => details.ingress_vrf = Some(word),
        Target::EgressVrf => details.egress_vrf = Some(word),
        Target::MplsTopLabel => details.mpls_top_label = mpls_label(value),
        Target::ForwardingStatus => details.forwarding_status = Some(byte),
        Target::FirewallEvent => details.firewall_event = Some(byte),
        Target::NatEvent => details.nat_event = Some(byte),
        Target::Application => details.application = application(value),
        Target::InputName => details.input_name = text(value),
        Target::ApplicationName => details.application_name = text(value),
        Target::IngressVrfName => details.ingress_vrf_name = text(value),
    }
}

/// Stores an address unless it is all zero and another is known.
fn address(known: &mut Option<IpAddr>, value: &[u8]) {
    let read = match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(|octets| IpAddr::V4(Ipv4Addr::from_octets(octets))),
        _ => <[u8; 16]>::try_from(value).ok().map(|octets| IpAddr::V6(Ipv6Addr::from_octets(octets))),
    };
    if known.is_none() || read.is_some_and(|address| !address.is_unspecified()) {
        *known = read.or(*known);
    }
}

fn mask(known: &mut Option<u8>, bits: u8) {
    if known.is_none() || bits > 0 {
        *known = Some(bits);
    }
}

fn mac(value: &[u8]) -> Option<MacAddress> {
    <[u8; 6]>::try_from(value).ok().map(MacAddress)
}

/// Parses the label of an entry of MPLS' stack: its high 20 bits.
pub(super) fn mpls_label(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c]) >> 4)
}

/// Parses an application's id (RFC 6759, section 4): the engine's octet, then the selector.
pub(crate) fn application(value: &[u8]) -> Option<ApplicationId> {
    let (engine, selector) = value.split_first()?;
    Some(ApplicationId { engine: *engine, selector: unsigned(selector) })
}

/// Parses a name, which exporters pad with zeros or blanks; `None` where nothing or no text is left.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    let end = value.iter().position(|&octet| octet == 0).unwrap_or(value.len());
    let text = std::str::from_utf8(value.get(..end)?).ok()?.trim();
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(element: u16, length: u16) -> Field {
        Field { space: Space::Iana, element, length }
    }

    #[test]
    fn each_detail_is_read_from_its_element_in_records_of_one_length_and_of_many() {
        let fields = [
            field(225, 4),
            field(281, 16),
            field(227, 2),
            field(58, 2),
            field(56, 6),
            field(62, 16),
            field(9, 1),
            field(29, 1),
            field(70, 3),
            field(95, 4),
            field(233, 1),
        ];
        let record = [
            &[198, 51, 100, 9][..],
            &[0; 16],
            &[0x9C, 0x40, 0, 42, 0, 0, 0x5E, 0, 0x53, 1],
            &[0xFE; 16],
            &[24, 0, 0, 1, 0x71, 3, 0, 0, 80, 2],
        ]
        .concat();
        let expected = FlowDetails {
            nat_source: Some(IpAddr::from([198, 51, 100, 9])),
            nat_source_port: Some(40_000),
            input_vlan: Some(42),
            source_mac: Some(MacAddress([0, 0, 0x5E, 0, 0x53, 1])),
            next_hop: Some(IpAddr::from([0xFE; 16])),
            source_mask: Some(24),
            mpls_top_label: Some(23),
            application: Some(ApplicationId { engine: 3, selector: 80 }),
            firewall_event: Some(2),
            ..FlowDetails::default()
        };
        assert_eq!(DetailPlan::new(&fields).read(&record), expected);
        let named = [&fields[..], &[field(96, VARIABLE)]].concat();
        let record = [record.as_slice(), &[4], b"http"].concat();
        let with_name = FlowDetails { application_name: Some("http"), ..expected };
        assert_eq!(DetailPlan::new(&named).read(&record), with_name);
    }

    #[test]
    fn a_name_ends_at_its_padding_and_what_is_no_text_is_no_name() {
        for (value, expected) in [
            (&b"Gi0/1\0\0\0"[..], Some("Gi0/1")),
            (b"  uplink to B ", Some("uplink to B")),
            (b"\0\0", None),
            (b"\xFF\xFE", None),
            (b"a\x1bb", None),
        ] {
            assert_eq!(text(value), expected, "{value:?}");
        }
    }
}
