//! The conditions that a filter is made of.

use std::net::{IpAddr, Ipv4Addr};

use super::{FilterError, parse::Parser, predicate::Predicate, token::Token};
use crate::{
    archive::{End, mapped},
    protocol_name::protocol_name,
    query::lane::Lane,
};

/// Words that begin a condition, to tell what was meant by one that is none.
const WORDS: [&str; 30] = [
    "src", "dst", "host", "ip", "net", "port", "as", "proto", "in", "out", "if", "exporter", "bytes",
    "packets", "flags", "tos", "domain", "ipv4", "ipv6", "ingress", "egress", "any", "tcp", "udp", "icmp",
    "icmp6", "sctp", "gre", "esp", "not",
];
/// TCP's control bits from the lowest on, by their letters.
const FLAGS: &str = "FSRPAUECN";
/// How alike a word has to be to one that exists, to be taken for it.
const NEAR: f64 = 0.5;

/// Which ends of a flow a condition is about.
type Ends = &'static [End];

const SOURCE: Ends = &[End::Source];
const DESTINATION: Ends = &[End::Destination];
const EITHER: Ends = &[End::Source, End::Destination];

/// Reads the condition that begins with a word.
pub(super) fn read<'a>(parser: &mut Parser<'a>, first: Token<'a>) -> Result<Predicate, FilterError> {
    let word = first.text.to_ascii_lowercase();
    match word.as_str() {
        "src" | "source" => of_ends(parser, SOURCE),
        "dst" | "dest" | "destination" => of_ends(parser, DESTINATION),
        "host" | "ip" | "net" | "port" | "as" => about(parser, EITHER, first),
        "exporter" => {
            let token = parser.expect("an address")?;
            network(parser, token, &[End::Exporter])
        }
        "proto" | "protocol" => protocol(parser),
        "in" => interface(parser, &[Lane::Input]),
        "out" => interface(parser, &[Lane::Output]),
        "if" => number(parser, &[Lane::Input, Lane::Output]),
        "bytes" => number(parser, &[Lane::Bytes]),
        "packets" => number(parser, &[Lane::Packets]),
        "tos" => number(parser, &[Lane::Tos]),
        "domain" => number(parser, &[Lane::Domain]),
        "flags" => flags(parser),
        "ipv4" | "ip4" | "inet" => Ok(ipv4()),
        "ipv6" | "ip6" | "inet6" => {
            let told = Predicate::Address { end: End::Source, network: 0, mask: 0 };
            Ok(Predicate::All(vec![told, Predicate::Not(Box::new(ipv4()))]))
        }
        "ingress" => Ok(exactly(Lane::Direction, 0)),
        "egress" => Ok(exactly(Lane::Direction, 1)),
        "any" => Ok(Predicate::Constant(true)),
        _ if is_address(first.text) => network(parser, first, EITHER),
        _ => named_protocol(&word)
            .map(|found| exactly(Lane::Protocol, found))
            .ok_or_else(|| unknown(parser, first)),
    }
}

fn of_ends(parser: &mut Parser<'_>, ends: Ends) -> Result<Predicate, FilterError> {
    let token = parser.expect("\"host\", \"net\", \"port\", \"as\" or an address")?;
    about(parser, ends, token)
}

fn about<'a>(parser: &mut Parser<'a>, ends: Ends, token: Token<'a>) -> Result<Predicate, FilterError> {
    let lanes = |source, destination| -> Vec<Lane> {
        ends.iter().map(|end| if *end == End::Source { source } else { destination }).collect()
    };
    match token.text.to_ascii_lowercase().as_str() {
        "host" | "ip" | "net" => {
            let token = parser.expect("an address or network")?;
            network(parser, token, ends)
        }
        "port" => number(parser, &lanes(Lane::SourcePort, Lane::DestinationPort)),
        "as" => number(parser, &lanes(Lane::SourceAs, Lane::DestinationAs)),
        _ if is_address(token.text) => network(parser, token, ends),
        _ => Err(parser.wrong(
            token,
            &format!(
                "{:?} does not follow: write \"host\", \"net\", \"port\", \"as\" or an address",
                token.text
            ),
        )),
    }
}

fn is_address(text: &str) -> bool {
    let address = text.split('/').next().unwrap_or(text);
    address.parse::<IpAddr>().is_ok() || (text.contains('/') && padded(address).is_some())
}

/// Reads an address, or a network as `10.0.0.0/8` or `10/8`.
fn network(parser: &Parser<'_>, token: Token<'_>, ends: &[End]) -> Result<Predicate, FilterError> {
    let wrong = |message: String| parser.wrong(token, &message);
    let (text, length) =
        token.text.split_once('/').map_or((token.text, None), |(text, length)| (text, Some(length)));
    let address = text.parse::<IpAddr>().ok().or_else(|| padded(text).filter(|_| length.is_some()));
    let address = address.ok_or_else(|| {
        wrong(format!("{:?} is no address: write 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32", token.text))
    })?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => bits,
        Some(length) => length.parse::<u32>().ok().filter(|length| *length <= bits).ok_or_else(|| {
            wrong(format!("/{length} is no length of a network: write a number from 0 to {bits}"))
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

fn ipv4() -> Predicate {
    Predicate::Address { end: End::Source, network: 0xFFFF << 32, mask: u128::MAX << 32 }
}

fn exactly(lane: Lane, number: i64) -> Predicate {
    Predicate::Number { lane, least: number, greatest: number }
}

fn protocol(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let token = parser.expect("a protocol")?;
    let known = token
        .text
        .parse::<u8>()
        .ok()
        .map(i64::from)
        .or_else(|| named_protocol(&token.text.to_ascii_lowercase()));
    let known = known.ok_or_else(|| {
        parser
            .wrong(token, &format!("{:?} is no IP protocol: write a name (tcp) or a number (6)", token.text))
    })?;
    Ok(exactly(Lane::Protocol, known))
}

/// Finds a protocol by IANA's name, or as `icmp6`.
fn named_protocol(word: &str) -> Option<i64> {
    let word = match word {
        "icmp6" | "icmpv6" => "ipv6-icmp",
        "ospf" => "ospfigp",
        word => word,
    };
    (0..=u8::MAX).find(|number| protocol_name(*number).eq_ignore_ascii_case(word)).map(i64::from)
}

fn interface(parser: &mut Parser<'_>, lanes: &[Lane]) -> Result<Predicate, FilterError> {
    let token = parser.expect("\"if\"")?;
    if !token.text.eq_ignore_ascii_case("if") {
        return Err(parser.wrong(token, "\"if\" is missing before this: write \"in if 3\""));
    }
    number(parser, lanes)
}

/// Reads what a number has to be, in any of some lanes.
fn number(parser: &mut Parser<'_>, lanes: &[Lane]) -> Result<Predicate, FilterError> {
    let of = |least, greatest| {
        Predicate::any_of(lanes.iter().map(|&lane| Predicate::Number { lane, least, greatest }))
    };
    if parser.take_word(&["in"]) {
        return list(parser, of);
    }
    const SIGNS: [&str; 7] = ["=", "==", "!=", "<=", ">=", "<", ">"];
    let sign = parser.peek().filter(|token| SIGNS.contains(&token.text)).map(|token| token.text);
    if sign.is_some() {
        parser.next();
    }
    let token = parser.expect("a number")?;
    let (least, greatest) = range(parser, token)?;
    if sign.is_some() && least != greatest {
        return Err(parser.wrong(token, "a range is compared with nothing: leave the sign out"));
    }
    Ok(match sign {
        Some("<") => of(0, least - 1),
        Some("<=") => of(0, least),
        Some(">") => of(least.saturating_add(1), i64::MAX),
        Some(">=") => of(least, i64::MAX),
        // told, and another: of both ends where both are meant
        Some("!=") => {
            let differs = |&lane: &Lane| {
                let told = Predicate::Number { lane, least: 0, greatest: i64::MAX };
                Predicate::All(vec![told, Predicate::Not(Box::new(exactly(lane, least)))])
            };
            Predicate::All(lanes.iter().map(differs).collect())
        }
        _ => of(least, greatest),
    })
}

fn list(parser: &mut Parser<'_>, of: impl Fn(i64, i64) -> Predicate) -> Result<Predicate, FilterError> {
    let open = parser.expect("\"[\"")?;
    if open.text != "[" {
        return Err(parser.wrong(open, "\"[\" is missing before this: write \"in [80 443]\""));
    }
    let mut choices = Vec::new();
    loop {
        let token = parser.expect("a number or \"]\"")?;
        match token.text {
            "]" if choices.is_empty() => return Err(parser.wrong(token, "the list is empty")),
            "]" => return Ok(Predicate::Any(choices)),
            "," => {}
            _ => {
                let (least, greatest) = range(parser, token)?;
                choices.push(of(least, greatest));
            }
        }
    }
}

/// Reads `443`, `1024-65535`, `10k`.
fn range(parser: &Parser<'_>, token: Token<'_>) -> Result<(i64, i64), FilterError> {
    let wrong =
        || parser.wrong(token, &format!("{:?} is no number: write 443, 1024-65535, 10k or 5M", token.text));
    if let Some(number) = scaled(token.text) {
        return Ok((number, number));
    }
    let (least, greatest) = token.text.split_once('-').ok_or_else(wrong)?;
    let (least, greatest) = (scaled(least).ok_or_else(wrong)?, scaled(greatest).ok_or_else(wrong)?);
    if least > greatest {
        return Err(parser.wrong(token, "the range ends before it begins"));
    }
    Ok((least, greatest))
}

fn scaled(text: &str) -> Option<i64> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "" => 1,
        "k" | "K" => 1_000,
        "m" | "M" => 1_000_000,
        "g" | "G" => 1_000_000_000,
        "t" | "T" => 1_000_000_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

fn flags(parser: &mut Parser<'_>) -> Result<Predicate, FilterError> {
    let token = parser.expect("letters of TCP flags")?;
    let bit = |letter: char| FLAGS.find(letter.to_ascii_uppercase()).map(|place| 1_i64 << place);
    let set = token.text.chars().try_fold(0, |set, letter| bit(letter).map(|bit| set | bit));
    let set = set.ok_or_else(|| {
        let message = format!(
            "{:?} are no TCP flags: write letters of {FLAGS} (FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, NS)",
            token.text
        );
        parser.wrong(token, &message)
    })?;
    Ok(Predicate::Flags { set })
}

fn unknown(parser: &Parser<'_>, token: Token<'_>) -> FilterError {
    let word = token.text.to_ascii_lowercase();
    let likeness = |known: &&str| strsim::normalized_damerau_levenshtein(known, &word);
    let nearest = WORDS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = match nearest.filter(|nearest| likeness(nearest) >= NEAR) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "a condition begins with src, dst, host, net, port, proto, if, bytes, ... or is the name of a protocol".to_owned(),
    };
    parser.wrong(token, &format!("{:?} is no word of a filter: {hint}", token.text))
}
