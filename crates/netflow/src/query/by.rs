//! By what flows are added up.

use std::net::Ipv6Addr;

use grafolean_time::Timestamp;
use thiserror::Error;

use super::lane::{Lane, NOT_TOLD, joined};
use crate::{
    archive::{End, NO_ADDRESS},
    protocol_name::protocol_name,
};

const MICROS_A_MINUTE: i64 = 60_000_000;

/// One thing by which flows are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    name: String,
    key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// An address, or its network of so many bits.
    Address(End, Option<u32>),
    Number(Lane),
    /// A span of time, in microseconds.
    Time(i64),
}

/// A name that means nothing to add up by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {name:?} to add up by: there are {}, and networks as src/24", By::NAMES.join(", "))]
pub struct ByError {
    /// The name.
    pub name: String,
}

impl By {
    /// All names.
    pub const NAMES: [&'static str; 16] = [
        "src", "dst", "sport", "dport", "proto", "exporter", "domain", "in", "out", "dir", "srcas", "dstas",
        "tos", "minute", "hour", "day",
    ];

    /// Reads one name; of addresses a network's length may follow (`src/24`).
    ///
    /// # Errors
    /// Fails where it means nothing.
    pub fn parse(text: &str) -> Result<Self, ByError> {
        let text = text.trim();
        let (name, length) = text.split_once('/').map_or((text, None), |(name, length)| (name, Some(length)));
        let wrong = || ByError { name: text.to_owned() };
        let length = length.map(str::parse::<u32>).transpose().map_err(|_| wrong())?;
        let key = match (name.to_ascii_lowercase().as_str(), length) {
            ("src", length) => Key::Address(End::Source, length),
            ("dst", length) => Key::Address(End::Destination, length),
            ("exporter", length) => Key::Address(End::Exporter, length),
            (_, Some(_)) => return Err(wrong()),
            ("sport", _) => Key::Number(Lane::SourcePort),
            ("dport", _) => Key::Number(Lane::DestinationPort),
            ("proto", _) => Key::Number(Lane::Protocol),
            ("domain", _) => Key::Number(Lane::Domain),
            ("in", _) => Key::Number(Lane::Input),
            ("out", _) => Key::Number(Lane::Output),
            ("dir", _) => Key::Number(Lane::Direction),
            ("srcas", _) => Key::Number(Lane::SourceAs),
            ("dstas", _) => Key::Number(Lane::DestinationAs),
            ("tos", _) => Key::Number(Lane::Tos),
            ("minute", _) => Key::Time(MICROS_A_MINUTE),
            ("hour", _) => Key::Time(60 * MICROS_A_MINUTE),
            ("day", _) => Key::Time(24 * 60 * MICROS_A_MINUTE),
            _ => return Err(wrong()),
        };
        if matches!(key, Key::Address(_, Some(length)) if length > 128) {
            return Err(wrong());
        }
        Ok(Self { name: text.to_ascii_lowercase(), key })
    }

    /// Gives its name, as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.key, Key::Number(lane) if lane != Lane::Protocol)
    }

    /// Gives the lanes that it is read from, in order.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        match self.key {
            Key::Address(end, _) => vec![Lane::High(end), Lane::Low(end)],
            Key::Number(lane) => vec![lane],
            Key::Time(_) => vec![Lane::Received],
        }
    }

    /// Makes keys of what was read. Gives as many lanes as [`lanes`](Self::lanes).
    pub(super) fn reduce(&self, lanes: &mut [Vec<i64>]) {
        match (self.key, lanes) {
            (Key::Time(span), [times]) => times.iter_mut().for_each(|time| *time -= time.rem_euclid(span)),
            (Key::Address(_, Some(length)), [high, low]) => {
                for (high, low) in high.iter_mut().zip(low) {
                    (*high, *low) = network(*high, *low, length);
                }
            }
            _ => {}
        }
    }

    /// Takes its part from the front of a group's key, and writes it for people; `None` where it was not told.
    pub(super) fn written(&self, key: &mut impl Iterator<Item = i64>) -> Option<String> {
        let first = key.next()?;
        match self.key {
            Key::Address(_, length) => {
                let address = joined(first, key.next()?);
                (address != NO_ADDRESS).then(|| written_address(address, length))
            }
            Key::Number(_) if first == NOT_TOLD => None,
            Key::Number(Lane::Protocol) => Some(
                u8::try_from(first).map_or_else(|_| first.to_string(), |it| protocol_name(it).into_owned()),
            ),
            Key::Number(_) => Some(first.to_string()),
            Key::Time(_) => Some(written_time(Timestamp::from_micros(first))),
        }
    }
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
    super::lane::halves(address & u128::MAX.checked_shl(128 - bits).unwrap_or(0))
}

fn written_address(address: u128, length: Option<u32>) -> String {
    let address = Ipv6Addr::from_bits(address).to_canonical();
    match length {
        Some(length) if (length <= 32) == address.is_ipv4() => format!("{address}/{length}"),
        _ => address.to_string(),
    }
}

fn written_time(time: Timestamp) -> String {
    let since = std::time::Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}
