//! The conditions that a filter is made of.

use super::{
    FilterError,
    address::{self, EITHER, Ends},
    number::{self, Unit},
    parse::Parser,
    predicate::Predicate,
    token::Token,
};
use crate::{
    archive::End,
    protocol_name::protocol_name,
    query::{
        attribute::{Attribute, FORMATS, WAYS},
        named::FLAGS,
    },
    record::{ApplicationId, MacAddress},
};

/// Words that begin a condition, to suggest what was meant by one that does not.
const WORDS: [&str; 51] = [
    "src",
    "dst",
    "host",
    "ip",
    "net",
    "port",
    "as",
    "proto",
    "in",
    "out",
    "if",
    "exporter",
    "bytes",
    "packets",
    "flags",
    "tos",
    "dscp",
    "domain",
    "duration",
    "bps",
    "pps",
    "bpp",
    "format",
    "ipv4",
    "ipv6",
    "ingress",
    "egress",
    "forward",
    "reverse",
    "any",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "sctp",
    "gre",
    "esp",
    "not",
    "vlan",
    "mac",
    "mask",
    "nat",
    "nexthop",
    "bgpnexthop",
    "vrf",
    "mpls",
    "fwevent",
    "natevent",
    "fwstatus",
    "app",
    "ifname",
];
/// How alike a word has to be to one that exists, to be taken for it.
const NEAR: f64 = 0.5;

/// Parses the condition that begins with a word.
pub(super) fn read<'a>(parser: &mut Parser<'a>, first: Token<'a>) -> Result<Predicate, FilterError> {
    let word = first.text.to_ascii_lowercase();
    let mut plain = |attribute| number::read(parser, &[attribute], Unit::Plain);
    match word.as_str() {
        "bytes" => plain(Attribute::Bytes),
        "packets" => plain(Attribute::Packets),
        "tos" => plain(Attribute::Tos),
        "domain" => plain(Attribute::Domain),
        "bps" => plain(Attribute::BitRate),
        "pps" => plain(Attribute::PacketRate),
        "bpp" => plain(Attribute::PacketBytes),
        "dscp" => number::read(parser, &[Attribute::Dscp], Unit::Dscp),
        "duration" => number::read(parser, &[Attribute::Duration], Unit::Span),
        "src" | "source" => of_ends(parser, address::SOURCE),
        "dst" | "dest" | "destination" => of_ends(parser, address::DESTINATION),
        "host" | "ip" | "net" | "port" | "as" | "mask" => about(parser, EITHER, first),
        "exporter" => address::read(parser, &[End::Exporter]),
        "proto" | "protocol" => protocol(parser),
        "in" => of_side(parser, Attribute::Input, Attribute::InputVlan, Attribute::InputName),
        "out" => of_side(parser, Attribute::Output, Attribute::OutputVlan, Attribute::OutputName),
        "vlan" => number::read(parser, &[Attribute::InputVlan, Attribute::OutputVlan], Unit::Plain),
        "ifname" => name(parser, &[Attribute::InputName, Attribute::OutputName]),
        "mac" => mac(parser, &[Attribute::SourceMac, Attribute::DestinationMac]),
        "nat" => translated(parser),
        "nexthop" => address::read(parser, &[End::NextHop]),
        "bgpnexthop" => address::read(parser, &[End::BgpNextHop]),
        "vrf" => number::read(parser, &[Attribute::InputVrf, Attribute::OutputVrf], Unit::Plain),
        "mpls" => number::read(parser, &[Attribute::MplsLabel], Unit::Plain),
        "fwevent" => number::read(parser, &[Attribute::FirewallEvent], Unit::Plain),
        "natevent" => number::read(parser, &[Attribute::NatEvent], Unit::Plain),
        "fwstatus" => number::read(parser, &[Attribute::ForwardingStatus], Unit::Plain),
        "app" => application(parser),
        "if" => number::read(parser, &[Attribute::Input, Attribute::Output], Unit::Plain),
        "flags" => flags(parser),
        "format" => format(parser),
        _ => bare_word(parser, first, &word),
    }
}

/// Parses a condition of one word.
fn bare_word<'a>(parser: &mut Parser<'a>, first: Token<'a>, word: &str) -> Result<Predicate, FilterError> {
    match word {
        "ipv4" | "ip4" | "inet" => Ok(address::ipv4()),
        "ipv6" | "ip6" | "inet6" => {
            let told = Predicate::Address { end: End::Source, network: 0, mask: 0 };
            Ok(Predicate::All(vec![told, Predicate::Not(Box::new(address::ipv4()))]))
        }
        "ingress" => Ok(exactly(Attribute::Direction, 0)),
        "egress" => Ok(exactly(Attribute::Direction, 1)),
        "any" => Ok(Predicate::Constant(true)),
        _ if address::is_address(first.text) => address::network(parser, first, EITHER),
        _ if WAYS.iter().any(|way| way.name() == word) => {
            Ok(exactly(Attribute::TrafficDirection, Attribute::TrafficDirection.of_word(word.as_bytes())))
        }
        _ => named_protocol(word)
            .map(|found| exactly(Attribute::Protocol, found))
            .ok_or_else(|| unknown(parser, first)),
    }
}

fn of_ends(parser: &mut Parser<'_>, ends: Ends) -> Result<Predicate, FilterError> {
    if parser.peek().is_some_and(|token| token.text.eq_ignore_ascii_case("in")) {
        return address::read(parser, ends);
    }
    let token = parser.expect("\"host\", \"net\", \"port\", \"as\" or an address")?;
    about(parser, ends, token)
}

fn about<'a>(parser: &mut Parser<'a>, ends: Ends, token: Token<'a>) -> Result<Predicate, FilterError> {
    let of_ends = |source, destination| -> Vec<Attribute> {
        ends.iter().map(|end| if *end == End::Source { source } else { destination }).collect()
    };
    match token.text.to_ascii_lowercase().as_str() {
        "host" | "ip" | "net" => address::read(parser, ends),
        "port" => {
            number::read(parser, &of_ends(Attribute::SourcePort, Attribute::DestinationPort), Unit::Port)
        }
        "as" => number::read(parser, &of_ends(Attribute::SourceAs, Attribute::DestinationAs), Unit::Plain),
        "mask" => {
            number::read(parser, &of_ends(Attribute::SourceMask, Attribute::DestinationMask), Unit::Plain)
        }
        "mac" => mac(parser, &of_ends(Attribute::SourceMac, Attribute::DestinationMac)),
        _ if address::is_address(token.text) => address::network(parser, token, ends),
        _ => {
            let expected = "expected \"host\", \"net\", \"port\", \"as\" or an address";
            Err(parser.wrong(token, &format!("{:?} is invalid here: {expected}", token.text)))
        }
    }
}

pub(super) fn exactly(attribute: Attribute, number: i64) -> Predicate {
    Predicate::Number { attribute, least: number, greatest: number }
}

fn protocol(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let token = parser.expect("a protocol")?;
    let number = token.text.parse::<u8>().ok().map(i64::from);
    let known = number.or_else(|| named_protocol(&token.text.to_ascii_lowercase()));
    let wrong = || {
        let expected = "expected a name (tcp) or a number from 0 to 255";
        parser.wrong(token, &format!("{:?} is not an IP protocol: {expected}", token.text))
    };
    known.map(|known| exactly(Attribute::Protocol, known)).ok_or_else(wrong)
}

/// Returns a protocol by IANA's name, or as `icmp6`.
fn named_protocol(word: &str) -> Option<i64> {
    let word = match word {
        "icmp6" | "icmpv6" => "ipv6-icmp",
        "ospf" => "ospfigp",
        word => word,
    };
    (0..=u8::MAX).find(|number| protocol_name(*number).eq_ignore_ascii_case(word)).map(i64::from)
}

/// Parses what a side's interface has to be: `if 3`, `vlan 10`, `ifname Gi0/1`.
fn of_side(
    parser: &mut Parser<'_>,
    interface: Attribute,
    vlan: Attribute,
    named: Attribute,
) -> Result<Predicate, FilterError> {
    let token = parser.expect("\"if\"")?;
    match token.text.to_ascii_lowercase().as_str() {
        "if" => number::read(parser, &[interface], Unit::Plain),
        "vlan" => number::read(parser, &[vlan], Unit::Plain),
        "ifname" => name(parser, &[named]),
        _ => Err(parser.wrong(
            token,
            "\"if\" is missing before this: write \"in if 3\", \"in vlan 10\" or \"in ifname Gi0/1\"",
        )),
    }
}

/// Parses a name, which is told apart by upper and lower case.
fn name(parser: &mut Parser<'_>, attributes: &[Attribute]) -> Result<Predicate, FilterError> {
    let token = parser.expect("a name")?;
    let of = |attribute: &Attribute| exactly(*attribute, attribute.of_word(token.text.as_bytes()));
    Ok(Predicate::any_of(attributes.iter().map(of)))
}

fn mac(parser: &mut Parser<'_>, attributes: &[Attribute]) -> Result<Predicate, FilterError> {
    let token = parser.expect("a MAC address")?;
    let address = MacAddress::parse(token.text).ok_or_else(|| {
        let expected = "expected one as 00:00:5e:00:53:01";
        parser.wrong(token, &format!("{:?} is not a MAC address: {expected}", token.text))
    })?;
    let number = address.to_number().cast_signed();
    Ok(Predicate::any_of(attributes.iter().map(|attribute| exactly(*attribute, number))))
}

/// Parses conditions on what a translation made of addresses and ports.
fn translated(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let (mut ends, mut ports): (&[End], &[Attribute]) =
        (&[End::NatSource, End::NatDestination], &[Attribute::NatSourcePort, Attribute::NatDestinationPort]);
    if parser.take_word(&["src", "source"]) {
        (ends, ports) = (&[End::NatSource], &[Attribute::NatSourcePort]);
    } else if parser.take_word(&["dst", "dest", "destination"]) {
        (ends, ports) = (&[End::NatDestination], &[Attribute::NatDestinationPort]);
    }
    if parser.take_word(&["port"]) {
        return number::read(parser, ports, Unit::Port);
    }
    parser.take_word(&["host", "ip", "net"]);
    address::read(parser, ends)
}

/// Parses an application by engine and number, or by its name.
fn application(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let token = parser.expect("an application, as 13:453 or by its name")?;
    let number = ApplicationId::parse(token.text).and_then(ApplicationId::to_number);
    Ok(match number {
        Some(number) => exactly(Attribute::Application, number.cast_signed()),
        None => {
            exactly(Attribute::ApplicationName, Attribute::ApplicationName.of_word(token.text.as_bytes()))
        }
    })
}

/// Parses letters that have to be set; after `=` no others may be.
fn flags(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let only = parser.take_word(&["=", "=="]);
    let token = parser.expect("letters of TCP flags")?;
    let bit = |letter: char| FLAGS.find(letter.to_ascii_uppercase()).map(|place| 1_i64 << place);
    let set = token.text.chars().try_fold(0, |set, letter| bit(letter).map(|bit| set | bit));
    let set = set.ok_or_else(|| {
        let message = format!(
            "{:?} is not TCP flags: expected letters of {FLAGS} (FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, NS)",
            token.text
        );
        parser.wrong(token, &message)
    })?;
    Ok(if only { exactly(Attribute::TcpFlags, set) } else { Predicate::Flags { set } })
}

fn format(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let names = FORMATS.map(|format| format.name()).join(", ");
    let token = parser.expect(&names)?;
    match Attribute::Format.of_word(token.text.to_ascii_lowercase().as_bytes()) {
        number if number >= 0 => Ok(exactly(Attribute::Format, number)),
        _ => Err(parser.wrong(token, &format!("{:?} is not a format: expected {names}", token.text))),
    }
}

fn unknown(parser: &Parser<'_>, token: Token<'_>) -> FilterError {
    let hint = match nearest(token.text, WORDS.into_iter()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "a condition begins with src, dst, host, net, port, proto, if, bytes, ... or is the name of a protocol".to_owned(),
    };
    parser.wrong(token, &format!("{:?} is not a word of a filter: {hint}", token.text))
}

/// Returns the word that is most like another, if one is like it at all.
pub(super) fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_ascii_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(known, &word);
    let found = words.map(|known| (known, likeness(known))).max_by(|a, b| a.1.total_cmp(&b.1));
    found.filter(|(_, likeness)| *likeness >= NEAR).map(|(known, _)| known)
}
