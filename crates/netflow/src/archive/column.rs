//! The columns of a file.

use super::{End, Record};
use crate::record::{ApplicationId, MacAddress};

/// A column: its name, how it is written, and what it tells.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in the file.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it tells, for people.
    pub meaning: &'static str,
}

/// What a column holds, and where it is taken from.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A moment that is always known: `TIMESTAMP`, microseconds of UTC.
    Moment(fn(&Record) -> i64),
    /// A moment, null where it was not told.
    MomentIfTold(fn(&Record) -> Option<i64>),
    /// An address as text, null where it was not told.
    Address(End),
    /// The high 64 bits of an address, `UINT64`, where IPv4 is mapped into IPv6.
    High(End),
    /// The low 64 bits.
    Low(End),
    /// A small number, `UINT8` or `UINT16` by its bits, null where it was not told.
    Small(u8, fn(&Record) -> Option<i32>),
    /// A number of 32 bits, kept in `INT64`, which every tool has; null where it was not told.
    Number(fn(&Record) -> Option<i64>),
    /// A number that is always known.
    Known(fn(&Record) -> i64),
    /// A factor, `DOUBLE`.
    Factor(fn(&Record) -> f64),
    /// One of a few words.
    Word(fn(&Record) -> &'static str),
    /// A number that is written as text, null where it was not told.
    Text(fn(&Record) -> Option<u64>, fn(u64) -> String),
    /// A name, null where it was not told.
    Name(fn(&Record) -> Option<&'static str>),
}

/// All columns, in the order of a file. A file of an older version may lack some: what it lacks was not told.
pub const COLUMNS: &[Column] = &[
    column("received", Kind::Moment(Record::received), "when its datagram came, by the collector's clock"),
    column("exporter", Kind::Address(End::Exporter), "address that the datagram came from"),
    column("exporter_high", Kind::High(End::Exporter), "high 64 bits of that address"),
    column("exporter_low", Kind::Low(End::Exporter), "low 64 bits of it"),
    column("format", Kind::Word(Record::told_by), "netflow1, netflow5, netflow7, netflow9, ipfix or sflow5"),
    column("domain", Kind::Known(Record::domain), "engine, source id, observation domain or sub-agent"),
    column(
        "first",
        Kind::MomentIfTold(Record::first),
        "when its first packet passed, by the exporter's clock",
    ),
    column("last", Kind::MomentIfTold(Record::last), "when its last packet passed"),
    column("src", Kind::Address(End::Source), "source address"),
    column("src_high", Kind::High(End::Source), "high 64 bits of it"),
    column("src_low", Kind::Low(End::Source), "low 64 bits of it"),
    column("dst", Kind::Address(End::Destination), "destination address"),
    column("dst_high", Kind::High(End::Destination), "high 64 bits of it"),
    column("dst_low", Kind::Low(End::Destination), "low 64 bits of it"),
    column("src_port", Kind::Small(16, Record::source_port), "source port"),
    column("dst_port", Kind::Small(16, Record::destination_port), "destination port"),
    column("proto", Kind::Small(8, Record::protocol), "IP protocol number"),
    column("tcp_flags", Kind::Small(16, Record::tcp_flags), "TCP's control bits, of all packets together"),
    column("tos", Kind::Small(8, Record::tos), "type of service or traffic class"),
    column("bytes", Kind::Number(Record::bytes), "as exported; times `sampling` is what passed"),
    column("packets", Kind::Number(Record::packets), "as exported"),
    column("sampling", Kind::Factor(Record::sampling), "packets of which one was seen; 1 where all were"),
    column("in_if", Kind::Number(Record::input), "SNMP index of the interface of arrival"),
    column("out_if", Kind::Number(Record::output), "SNMP index of the interface of departure"),
    column("direction", Kind::Small(8, Record::direction), "0 ingress, 1 egress"),
    column("src_as", Kind::Number(Record::source_as), "autonomous system of the source"),
    column("dst_as", Kind::Number(Record::destination_as), "autonomous system of the destination"),
    column(
        "counter",
        Kind::Word(Record::counter),
        "which counter `bytes` is: delta, total, post, initiator, layer2",
    ),
    column(
        "way",
        Kind::Word(Record::biflow),
        "forward; reverse for the reverse direction that the same record told",
    ),
    column("nat_src", Kind::Address(End::NatSource), "source address after translation"),
    column("nat_src_high", Kind::High(End::NatSource), "high 64 bits of it"),
    column("nat_src_low", Kind::Low(End::NatSource), "low 64 bits of it"),
    column("nat_dst", Kind::Address(End::NatDestination), "destination address after translation"),
    column("nat_dst_high", Kind::High(End::NatDestination), "high 64 bits of it"),
    column("nat_dst_low", Kind::Low(End::NatDestination), "low 64 bits of it"),
    column("nat_src_port", Kind::Small(16, Record::nat_source_port), "source port after translation"),
    column(
        "nat_dst_port",
        Kind::Small(16, Record::nat_destination_port),
        "destination port after translation",
    ),
    column("in_vlan", Kind::Small(16, Record::input_vlan), "VLAN of arrival"),
    column("out_vlan", Kind::Small(16, Record::output_vlan), "VLAN of departure"),
    column("src_mac", Kind::Text(Record::source_mac, mac), "MAC address that the frames came from"),
    column("dst_mac", Kind::Text(Record::destination_mac, mac), "MAC address that the frames went to"),
    column("next_hop", Kind::Address(End::NextHop), "next router of the route that was taken"),
    column("next_hop_high", Kind::High(End::NextHop), "high 64 bits of it"),
    column("next_hop_low", Kind::Low(End::NextHop), "low 64 bits of it"),
    column("bgp_next_hop", Kind::Address(End::BgpNextHop), "next router by BGP"),
    column("bgp_next_hop_high", Kind::High(End::BgpNextHop), "high 64 bits of it"),
    column("bgp_next_hop_low", Kind::Low(End::BgpNextHop), "low 64 bits of it"),
    column("src_mask", Kind::Small(8, Record::source_mask), "bits of the source's prefix"),
    column("dst_mask", Kind::Small(8, Record::destination_mask), "bits of the destination's prefix"),
    column("in_vrf", Kind::Number(Record::ingress_vrf), "routing table of arrival"),
    column("out_vrf", Kind::Number(Record::egress_vrf), "routing table of departure"),
    column("mpls_label", Kind::Number(Record::mpls_top_label), "outermost label of MPLS"),
    column(
        "forwarding_status",
        Kind::Small(8, Record::forwarding_status),
        "element 89: above 63 forwarded, 127 dropped, 191 consumed",
    ),
    column(
        "firewall_event",
        Kind::Small(8, Record::firewall_event),
        "1 created, 2 deleted, 3 denied, 4 alert, 5 updated",
    ),
    column(
        "nat_event",
        Kind::Small(8, Record::nat_event),
        "element 230: what a translation of addresses did",
    ),
    column("app", Kind::Text(Record::application, application), "application by engine and number, as 3:80"),
    column(
        "in_if_name",
        Kind::Name(Record::input_name),
        "name of the interface of arrival, as the exporter told it then",
    ),
    column("out_if_name", Kind::Name(Record::output_name), "name of the interface of departure"),
    column("app_name", Kind::Name(Record::application_name), "name of the application"),
    column("in_vrf_name", Kind::Name(Record::ingress_vrf_name), "name of the routing table of arrival"),
];

const fn column(name: &'static str, kind: Kind, meaning: &'static str) -> Column {
    Column { name, kind, meaning }
}

fn mac(number: u64) -> String {
    MacAddress::from_number(number).to_string()
}

fn application(number: u64) -> String {
    ApplicationId::from_number(number).to_string()
}

impl Column {
    /// Returns the column as Parquet's message format writes it.
    pub fn declaration(&self) -> String {
        let name = self.name;
        match self.kind {
            Kind::Moment(_) => format!("required int64 {name} (TIMESTAMP(MICROS,true));"),
            Kind::MomentIfTold(_) => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
            Kind::Address(_) | Kind::Text(..) | Kind::Name(_) => format!("optional binary {name} (STRING);"),
            Kind::High(_) | Kind::Low(_) => format!("optional int64 {name} (INTEGER(64,false));"),
            Kind::Small(bits, _) => format!("optional int32 {name} (INTEGER({bits},false));"),
            Kind::Number(_) => format!("optional int64 {name};"),
            Kind::Known(_) => format!("required int64 {name};"),
            Kind::Factor(_) => format!("required double {name};"),
            Kind::Word(_) => format!("required binary {name} (STRING);"),
        }
    }
}
