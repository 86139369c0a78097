//! What the ping bot declares: the fields of a device's entity, and its series.

use grafolean_collector::{
    details::NoFields,
    model::Interval,
    protocol::{Defaults, Output, Role},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A sensor has no fields: what is measured follows from the credential.
pub type Sensor = NoFields;

/// What is read of a device's entity: the first of these that is given. People type names and addresses of either kind
/// into any of the three, so each is taken anywhere; of a name's addresses, one of the kind that its field promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Entity {
    /// IPv4 address, or a name of which one is looked up.
    #[schemars(title = "IPv4 address")]
    pub ipv4: Option<String>,
    /// IPv6 address, or a name of which one is looked up.
    #[schemars(title = "IPv6 address")]
    pub ipv6: Option<String>,
    /// Host name.
    #[schemars(title = "Host name")]
    pub hostname: Option<String>,
}

pub(super) const OUTPUTS: &[Output] = &[
    Output::new(
        "entity.{entity}.ping.p{n}.ok",
        "bool",
        "Packet answered",
        "1 if the n-th packet of a run was answered in time, else 0; counted from 0",
    ),
    Output::new(
        "entity.{entity}.ping.p{n}.rtt",
        "s",
        "Round-trip time of a packet",
        "Time until the n-th packet of a run was answered; none if it was not",
    ),
    Output::new(
        "entity.{entity}.ping.success",
        "1",
        "Success",
        "Share of a run's packets that were answered, 0 to 1",
    )
    .playing(Role::Reachability),
    Output::new(
        "entity.{entity}.ping.loss",
        "1",
        "Packet loss",
        "Share of a run's packets that were lost, 0 to 1",
    )
    .playing(Role::Loss),
    Output::new(
        "entity.{entity}.ping.rtt.min",
        "s",
        "Shortest round-trip time",
        "Of a run's answered packets; none if none was",
    ),
    Output::new(
        "entity.{entity}.ping.rtt.avg",
        "s",
        "Average round-trip time",
        "Of a run's answered packets; none if none was",
    )
    .playing(Role::RoundTrip),
    Output::new(
        "entity.{entity}.ping.rtt.max",
        "s",
        "Longest round-trip time",
        "Of a run's answered packets; none if none was",
    ),
    Output::new(
        "entity.{entity}.ping.rtt.p50",
        "s",
        "Median round-trip time",
        "Of a run's answered packets; none if they are too few to tell",
    ),
    Output::new(
        "entity.{entity}.ping.rtt.p90",
        "s",
        "90th percentile of the round-trip time",
        "Of a run's answered packets; none if they are too few to tell",
    ),
    Output::new(
        "entity.{entity}.ping.rtt.p99",
        "s",
        "99th percentile of the round-trip time",
        "Of a run's answered packets; none if they are too few to tell",
    ),
    Output::new(
        "entity.{entity}.ping.rtt.stddev",
        "s",
        "Deviation of the round-trip time",
        "Standard deviation over a run's answered packets; none for fewer than two",
    ),
    Output::new(
        "entity.{entity}.ping.jitter",
        "s",
        "Jitter",
        "Average difference of the round-trip times of packets that followed each other; none for fewer than two",
    ),
];

pub(super) fn defaults() -> Defaults {
    let credential = json!({"n_packets": "3", "sleep_packets": "1.0", "timeout": "1.0", "retry": "0"});
    Defaults::none().credential("Default ICMP ping credential (3 packets)", credential).sensor(
        "Default ICMP ping sensor",
        Interval::MINUTE,
        json!({}),
    )
}
