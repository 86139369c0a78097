//! What the SNMP bot declares beside its fields: its series, and what a new account has from the start.

use grafolean_collector::{
    model::Interval,
    protocol::{Defaults, Output, Role},
};
use serde_json::{Value, json};

/// The description of each interface, by its index.
const IF_DESCR: &str = "1.3.6.1.2.1.2.2.1.2";

pub(super) const OUTPUTS: &[Output] = &[
    Output::new(
        "entity.{entity}.snmp.completeness",
        "1",
        "Completeness",
        "Share of what was due in a run that was read, from 0 to 1; 0 where the device did not answer",
    )
    .playing(Role::Completeness),
    Output::new(
        "entity.{entity}.snmp.if.in-octets.{index}.{interface}",
        "By/s",
        "Traffic in",
        "Rate of octets that entered an interface, by its index and description; a sensor that every account starts with",
    )
    .playing(Role::TrafficIn),
    Output::new(
        "entity.{entity}.snmp.if.out-octets.{index}.{interface}",
        "By/s",
        "Traffic out",
        "Rate of octets that left an interface, by its index and description; a sensor that every account starts with",
    )
    .playing(Role::TrafficOut),
    Output::new(
        "entity.{entity}.snmp.{output_path}",
        "",
        "As the sensor says",
        "What the sensor's expression makes of its objects; none where an object is missing or a counter began anew",
    ),
];

pub(super) fn defaults() -> Defaults {
    let by_interface = |oid: &str, path: &str| walks([IF_DESCR, oid], "$2", path);
    let temperatures = ["1.3.6.1.4.1.2021.13.16.2.1.2", "1.3.6.1.4.1.2021.13.16.2.1.3"];
    Defaults::none()
        .credential(
            "Default SNMP credential (SNMPv2c, 'public')",
            json!({"version": "snmpv2c", "snmpv12_community": "public"}),
        )
        .sensor(
            "Traffic IN [bps]",
            Interval::MINUTE,
            by_interface("1.3.6.1.2.1.2.2.1.10", "if.in-octets.{$index}.{$1}"),
        )
        .sensor(
            "Traffic OUT [bps]",
            Interval::MINUTE,
            by_interface("1.3.6.1.2.1.2.2.1.16", "if.out-octets.{$index}.{$1}"),
        )
        .sensor(
            "Linux lmsensors - temperature [°C]",
            Interval::MINUTE,
            walks(temperatures, "$2 / 1000.0", "lmsensors.temp.{$index}.{$1}"),
        )
}

fn walks(oids: [&str; 2], expression: &str, output_path: &str) -> Value {
    json!({
        "oids": oids.map(|oid| json!({"oid": oid, "fetch_method": "walk"})),
        "expression": expression,
        "output_path": output_path,
    })
}
