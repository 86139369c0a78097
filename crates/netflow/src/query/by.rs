//! By what flows are added up.

use std::{net::Ipv6Addr, time::Duration};

use grafolean_time::Timestamp;
use thiserror::Error;

use super::{
    attribute::{Attribute, NOT_TOLD, halves, joined},
    named::{dscp_name, flag_letters},
};
use crate::{
    archive::{End, NO_ADDRESS},
    protocol_name::protocol_name,
    record::{ApplicationId, MacAddress},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
/// The longest span by which flows are added up.
const SPAN_MAX: Duration = DAY.saturating_mul(366);

/// One thing by which flows are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    name: String,
    key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// An address, or its network of so many bits.
    Address(Ends<End>, Option<u32>),
    Number(Ends<Attribute>),
    /// A span of time, in microseconds.
    Time(i64),
}

/// Which end of a flow is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends<T> {
    One(T),
    /// A flow counts for its source's and for its destination's.
    Either(T, T),
}

/// The end of a flow for which it is counted, where either is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// A name that means nothing to add up by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{name:?} is invalid: expected {}, a network's length after an address (src/24), or a span of time (5m)",
    By::NAMES.join(", ")
)]
pub struct ByError {
    /// The name.
    pub name: String,
}

impl By {
    /// All names.
    pub const NAMES: [&'static str; 50] = [
        "src",
        "dst",
        "ip",
        "sport",
        "dport",
        "port",
        "proto",
        "flags",
        "exporter",
        "domain",
        "format",
        "in",
        "out",
        "if",
        "dir",
        "srcas",
        "dstas",
        "as",
        "tos",
        "dscp",
        "counter",
        "way",
        "natsrc",
        "natdst",
        "nexthop",
        "bgpnexthop",
        "natsport",
        "natdport",
        "invlan",
        "outvlan",
        "vlan",
        "srcmac",
        "dstmac",
        "mac",
        "srcmask",
        "dstmask",
        "invrf",
        "outvrf",
        "mpls",
        "fwstatus",
        "fwevent",
        "natevent",
        "app",
        "appname",
        "inname",
        "outname",
        "invrfname",
        "minute",
        "hour",
        "day",
    ];

    /// Parses one name; a network's length may follow that of an address (`src/24`), and a span of time stands for its bins
    /// (`5m`).
    ///
    /// # Errors
    /// Fails where it means nothing.
    pub fn parse(text: &str) -> Result<Self, ByError> {
        let text = text.trim();
        let (name, length) = text.split_once('/').map_or((text, None), |(name, length)| (name, Some(length)));
        let wrong = || ByError { name: text.to_owned() };
        let length = length.map(str::parse::<u32>).transpose().map_err(|_| wrong())?;
        let name = name.to_ascii_lowercase();
        let key = match address_named(&name) {
            Some(ends) => Key::Address(ends, length),
            None if length.is_some() => return Err(wrong()),
            None => number_named(&name).map(Key::Number).or_else(|| span_named(&name)).ok_or_else(wrong)?,
        };
        if matches!(key, Key::Address(_, Some(length)) if length > 128) {
            return Err(wrong());
        }
        Ok(Self { name: text.to_ascii_lowercase(), key })
    }

    /// Returns its name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        match self.key {
            Key::Number(Ends::One(attribute) | Ends::Either(attribute, _)) => !matches!(
                attribute,
                Attribute::Protocol
                    | Attribute::TcpFlags
                    | Attribute::Dscp
                    | Attribute::Format
                    | Attribute::Counter
                    | Attribute::TrafficDirection
                    | Attribute::SourceMac
                    | Attribute::DestinationMac
                    | Attribute::Application
                    | Attribute::InputName
                    | Attribute::OutputName
                    | Attribute::ApplicationName
                    | Attribute::InputVrfName
            ),
            _ => false,
        }
    }

    /// Whether a flow counts for each of its ends, so that groups add up to more than the total.
    pub fn is_either(&self) -> bool {
        matches!(self.key, Key::Address(Ends::Either(..), _) | Key::Number(Ends::Either(..)))
    }

    /// Returns the attributes that it is read from, in order; `time` is which of a flow's times is meant.
    pub(super) fn attributes(&self, side: Side, time: Attribute) -> Vec<Attribute> {
        match self.key {
            Key::Address(ends, _) => {
                let end = ends.at(side);
                vec![Attribute::High(end), Attribute::Low(end)]
            }
            Key::Number(ends) => vec![ends.at(side)],
            Key::Time(_) => vec![time],
        }
    }

    /// Builds keys of what was read, as many numbers as [`attributes`](Self::attributes) has.
    pub(super) fn reduce(&self, read: &mut [Vec<i64>]) {
        match (self.key, read) {
            (Key::Time(span), [times]) => {
                let told = times.iter_mut().filter(|time| **time != NOT_TOLD);
                told.for_each(|time| *time -= time.rem_euclid(span));
            }
            (Key::Address(_, Some(length)), [high, low]) => {
                for (high, low) in high.iter_mut().zip(low) {
                    (*high, *low) = network(*high, *low, length);
                }
            }
            _ => {}
        }
    }

    /// Removes its part from the front of a group's key, and writes it for people; `None` where it was not told.
    pub(super) fn written(&self, key: &mut impl Iterator<Item = i64>) -> Option<String> {
        let first = key.next()?;
        match self.key {
            Key::Address(_, length) => {
                let address = joined(first, key.next()?);
                (address != NO_ADDRESS).then(|| written_address(address, length))
            }
            _ if first == NOT_TOLD => None,
            Key::Number(Ends::One(attribute) | Ends::Either(attribute, _)) => {
                Some(written_number(attribute, first))
            }
            Key::Time(_) => Some(written_time(Timestamp::from_micros(first))),
        }
    }
}

impl<T: Copy> Ends<T> {
    fn at(self, side: Side) -> T {
        match (self, side) {
            (Self::One(only), _) => only,
            (Self::Either(source, _), Side::Source) => source,
            (Self::Either(_, destination), Side::Destination) => destination,
        }
    }
}

fn address_named(name: &str) -> Option<Ends<End>> {
    Some(match name {
        "src" => Ends::One(End::Source),
        "dst" => Ends::One(End::Destination),
        "ip" => Ends::Either(End::Source, End::Destination),
        "exporter" => Ends::One(End::Exporter),
        "natsrc" => Ends::One(End::NatSource),
        "natdst" => Ends::One(End::NatDestination),
        "nexthop" => Ends::One(End::NextHop),
        "bgpnexthop" => Ends::One(End::BgpNextHop),
        _ => return None,
    })
}

fn number_named(name: &str) -> Option<Ends<Attribute>> {
    Some(match name {
        "sport" => Ends::One(Attribute::SourcePort),
        "dport" => Ends::One(Attribute::DestinationPort),
        "port" => Ends::Either(Attribute::SourcePort, Attribute::DestinationPort),
        "proto" => Ends::One(Attribute::Protocol),
        "flags" => Ends::One(Attribute::TcpFlags),
        "domain" => Ends::One(Attribute::Domain),
        "format" => Ends::One(Attribute::Format),
        "in" => Ends::One(Attribute::Input),
        "out" => Ends::One(Attribute::Output),
        "if" => Ends::Either(Attribute::Input, Attribute::Output),
        "dir" => Ends::One(Attribute::Direction),
        "srcas" => Ends::One(Attribute::SourceAs),
        "dstas" => Ends::One(Attribute::DestinationAs),
        "as" => Ends::Either(Attribute::SourceAs, Attribute::DestinationAs),
        "tos" => Ends::One(Attribute::Tos),
        "dscp" => Ends::One(Attribute::Dscp),
        "counter" => Ends::One(Attribute::Counter),
        "way" => Ends::One(Attribute::TrafficDirection),
        "natsport" => Ends::One(Attribute::NatSourcePort),
        "natdport" => Ends::One(Attribute::NatDestinationPort),
        "invlan" => Ends::One(Attribute::InputVlan),
        "outvlan" => Ends::One(Attribute::OutputVlan),
        "vlan" => Ends::Either(Attribute::InputVlan, Attribute::OutputVlan),
        "srcmac" => Ends::One(Attribute::SourceMac),
        "dstmac" => Ends::One(Attribute::DestinationMac),
        "mac" => Ends::Either(Attribute::SourceMac, Attribute::DestinationMac),
        "srcmask" => Ends::One(Attribute::SourceMask),
        "dstmask" => Ends::One(Attribute::DestinationMask),
        "invrf" => Ends::One(Attribute::InputVrf),
        "outvrf" => Ends::One(Attribute::OutputVrf),
        "mpls" => Ends::One(Attribute::MplsLabel),
        "fwstatus" => Ends::One(Attribute::ForwardingStatus),
        "fwevent" => Ends::One(Attribute::FirewallEvent),
        "natevent" => Ends::One(Attribute::NatEvent),
        "app" => Ends::One(Attribute::Application),
        "appname" => Ends::One(Attribute::ApplicationName),
        "inname" => Ends::One(Attribute::InputName),
        "outname" => Ends::One(Attribute::OutputName),
        "invrfname" => Ends::One(Attribute::InputVrfName),
        _ => return None,
    })
}

fn span_named(name: &str) -> Option<Key> {
    let span = match name {
        "minute" => MINUTE,
        "hour" => MINUTE * 60,
        "day" => DAY,
        other => humantime::parse_duration(other).ok()?,
    };
    let whole = span.subsec_nanos() == 0 && !span.is_zero() && span <= SPAN_MAX;
    i64::try_from(span.as_micros()).ok().filter(|_| whole).map(Key::Time)
}

/// Lengths up to 32 are of IPv4's networks and longer ones of IPv6's; addresses of the other family stay whole.
fn network(high: i64, low: i64, length: u32) -> (i64, i64) {
    let address = joined(high, low);
    let v4 = high == 0 && low.cast_unsigned() >> 32 == 0xFFFF;
    let bits = match (v4, length) {
        (true, 0..=32) => length + 96,
        (false, 33..) if address != NO_ADDRESS => length,
        _ => return (high, low),
    };
    halves(address & u128::MAX.checked_shl(128 - bits).unwrap_or(0))
}

fn written_address(address: u128, length: Option<u32>) -> String {
    let address = Ipv6Addr::from_bits(address).to_canonical();
    match length {
        Some(length) if (length <= 32) == address.is_ipv4() => format!("{address}/{length}"),
        _ => address.to_string(),
    }
}

fn written_number(attribute: Attribute, number: i64) -> String {
    match attribute {
        Attribute::Protocol => {
            u8::try_from(number).map_or_else(|_| number.to_string(), |it| protocol_name(it).into_owned())
        }
        Attribute::TcpFlags => flag_letters(number),
        Attribute::Dscp => dscp_name(number),
        Attribute::SourceMac | Attribute::DestinationMac => {
            MacAddress::from_number(number.cast_unsigned()).to_string()
        }
        Attribute::Application => ApplicationId::from_number(number.cast_unsigned()).to_string(),
        _ => attribute.word(number).map_or_else(|| number.to_string(), str::to_owned),
    }
}

fn written_time(time: Timestamp) -> String {
    let since = Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}
