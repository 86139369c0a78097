//! Conditions on addresses.

use std::net::{IpAddr, Ipv4Addr};

use super::{FilterError, parse::Parser, predicate::Predicate, token::Token};
use crate::archive::{End, mapped};

/// Which ends of a flow a condition is about.
pub(super) type Ends = &'static [End];

pub(super) const SOURCE: Ends = &[End::Source];
pub(super) const DESTINATION: Ends = &[End::Destination];
pub(super) const EITHER: Ends = &[End::Source, End::Destination];

/// Parses an address or network, or a list of them.
pub(super) fn read(parser: &mut Parser<'_>, ends: &[End]) -> Result<Predicate, FilterError> {
    if parser.take_word(&["in"]) {
        let choices =
            parser.list("in [10.0.0.0/8 192.0.2.1]", |parser, token| network(parser, token, ends))?;
        return Ok(Predicate::Any(choices));
    }
    let token = parser.expect("an address or network")?;
    network(parser, token, ends)
}

pub(super) fn is_address(text: &str) -> bool {
    let address = text.split('/').next().unwrap_or(text);
    address.parse::<IpAddr>().is_ok() || (text.contains('/') && padded(address).is_some())
}

/// Parses an address, or a network as `10.0.0.0/8` or `10/8`.
pub(super) fn network(parser: &Parser<'_>, token: Token<'_>, ends: &[End]) -> Result<Predicate, FilterError> {
    let wrong = |message: String| parser.wrong(token, &message);
    let (text, length) =
        token.text.split_once('/').map_or((token.text, None), |(text, length)| (text, Some(length)));
    let address = text.parse::<IpAddr>().ok().or_else(|| padded(text).filter(|_| length.is_some()));
    let address = address.ok_or_else(|| {
        wrong(format!(
            "{:?} is not an address: expected one as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
            token.text
        ))
    })?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(length) => length.parse::<u32>().ok().filter(|length| *length <= bits).ok_or_else(|| {
            wrong(format!("/{length} is not the length of a network: expected a number from 0 to {bits}"))
        })?,
    };
    let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
    let network = mapped(address);
    if network & !mask != 0 {
        return Err(wrong(format!(
            "{} has bits beyond /{length}: write the network's first address",
            token.text
        )));
    }
    Ok(Predicate::any_of(ends.iter().map(|&end| Predicate::Address { end, network, mask })))
}

/// Fills up an IPv4 address that is cut after an octet.
fn padded(text: &str) -> Option<IpAddr> {
    let mut octets = [0; 4];
    for (at, part) in text.split('.').enumerate() {
        *octets.get_mut(at)? = part.parse().ok()?;
    }
    Some(IpAddr::V4(Ipv4Addr::from_octets(octets)))
}

pub(super) fn ipv4() -> Predicate {
    Predicate::Address { end: End::Source, network: 0xFFFF << 32, mask: u128::MAX << 32 }
}
