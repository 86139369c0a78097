//! What the NetFlow bot declares: the fields of an exporter's entity, and its series.

use std::net::IpAddr;

use grafolean_collector::protocol::{Defaults, Output, Role};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};

use super::{record::Factor, sampling::Override};

/// What is read of an exporter's entity. An exporter is known by the address from which its flows come.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Entity {
    /// IPv4 address from which its flows come.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "Option<String>", title = "IPv4 address", extend("format" = "ipv4"))]
    pub ipv4: Option<IpAddr>,
    /// IPv6 address from which its flows come.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "Option<String>", title = "IPv6 address", extend("format" = "ipv6"))]
    pub ipv6: Option<IpAddr>,
    /// How its counts are scaled, whatever it says itself: the number of packets of which one is sampled, as 1000, or
    /// off.
    #[serde(deserialize_with = "sampling")]
    #[schemars(with = "Option<String>", title = "Sampling", regex(pattern = r"^([1-9][0-9]*|off)$"))]
    pub netflow_sampling: Option<Override>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let address = text.map(|text| text.parse().map_err(|_| invalid(&text, "an address")));
    Ok(address.transpose()?.map(|address: IpAddr| address.to_canonical()))
}

fn sampling<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Override>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match text.parse::<u32>() {
        Ok(interval) if interval > 0 => Ok(Some(Override::Factor(Factor::one_in(interval)))),
        _ if text.eq_ignore_ascii_case("off") => Ok(Some(Override::Off)),
        _ => Err(invalid(&text, "the packets of which one is sampled, as 1000, or \"off\"")),
    }
}

fn invalid<E: Error>(text: &str, expected: &str) -> E {
    E::invalid_value(Unexpected::Str(text), &expected)
}

/// The series, all but one for each interval: `1min`, `15min`, `1h`, `4h`, `24h` of UTC.
pub(super) const OUTPUTS: &[Output] = &[
    Output::new(
        "netflow.{interval}.{direction}",
        "By",
        "Bytes",
        "Bytes of an interval that entered (ingress) or left (egress) all exporters",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}",
        "By",
        "Bytes of an exporter",
        "Bytes of an interval, scaled by the sampling",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topip.{address}",
        "By",
        "Bytes of an address",
        "The addresses with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topprotocol.{protocol}",
        "By",
        "Bytes of a protocol",
        "The IP protocols with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topconn.{source}.{destination}",
        "By",
        "Bytes of a connection",
        "The pairs of addresses with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topdstports.{port}",
        "By",
        "Bytes of a destination port",
        "The destination ports with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topas.{system}",
        "By",
        "Bytes of an autonomous system",
        "The autonomous systems with the most bytes, of where traffic came from (ingress) or went to (egress); only where \
         flow_lists asks for topas",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topcountry.{country}",
        "By",
        "Bytes of a country",
        "The countries with the most bytes, by two letters; only where flow_lists asks for topcountry",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.topnet.{network}",
        "By",
        "Bytes of a network",
        "The networks of flow_networks with the most bytes; only where flow_lists asks for topnet",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.if.{interface}",
        "By",
        "Bytes of an interface",
        "By the interface's SNMP index; interfaces that had traffic within a day",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.if.{interface}.topip.{address}",
        "By",
        "Bytes of an address at an interface",
        "The addresses with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.{interval}.{direction}.entity.{entity}.if.{interface}.topprotocol.{protocol}",
        "By",
        "Bytes of a protocol at an interface",
        "The IP protocols with the most bytes; the others are left out",
    ),
    Output::new(
        "netflow.coverage.entity.{entity}",
        "1",
        "Coverage",
        "Share of what the exporter sent that was received and decoded, from 0 to 1; none where it sent nothing",
    )
    .playing(Role::Coverage),
    Output::new(
        "netflow.reconciled.entity.{entity}.if.{interface}",
        "1",
        "Flows by counters",
        "Bytes of a minute by flows, divided by those that the interface counted, in and out; 1 is the same. Where the \
         entity is measured over SNMP too; none where the interface was idle",
    ),
    Output::new(
        "netflow.reconciled.entity.{entity}.if.{interface}.{direction}",
        "1",
        "Flows by counters, one direction",
        "The same of what came in (ingress) or went out (egress), where flows tell directions",
    ),
];

/// What a person has to know to run it.
pub(super) const NOTES: &str = "\
An exporter is known by its source address, details.ipv4 (or ipv6) of an entity; one that nobody names is suggested. Values \
are bytes of 1min, 15min, 1h, 4h and 24h of UTC, reported 5 s after each ends. Sampling is scaled in; details.netflow_sampling of \
an entity (a number, or \"off\") overrides what the exporter says. DIR/netflow keeps templates and open bins, so that a \
restart goes on where it was.

Examples:
  grafolean bot netflow --backend-url https://example.org/api \\
    --bot-token-from-file /run/secrets/token --netflow-port 9995
  grafolean bot netflow --netflow-listen [::]:2055,[::]:6343 --netflow-threads 4
  grafolean bot netflow --dry-run        what would be sent, minute by minute
  grafolean flow send --to 127.0.0.1:2055 --for 2m   flows to try it with";

/// Why there is no single round.
pub(super) const NEVER_ONCE: &str = "flows come by themselves, so there is nothing to do --once: leave it out, or see what \
                                     would be sent by --dry-run, or what arrives by `grafolean flow tail`";

pub(super) fn defaults() -> Defaults {
    let nothing = || serde_json::json!({});
    Defaults::none().credential("Default NetFlow credential", nothing()).sensor(
        "Default NetFlow sensor",
        None,
        nothing(),
    )
}
