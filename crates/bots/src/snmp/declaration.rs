//! What the SNMP bot declares beside its fields: its series, and what a new account has from the start.

use grafolean_collector::{
    model::Interval,
    protocol::{Defaults, Output, Role},
};
use serde_json::{Value, json};

use super::profile::series;

/// The description of each interface, by its index.
const IF_DESCR: &str = "1.3.6.1.2.1.2.2.1.2";

const COMPLETENESS: Output = Output::new(
    "entity.{entity}.snmp.completeness",
    "1",
    "Completeness",
    "Share of what was due in a run that was read, from 0 to 1; 0 where the device did not answer",
)
.playing(Role::Completeness);

const TRAPS: Output = Output::new(
    "entity.{entity}.snmp.traps.count",
    "1",
    "Traps",
    "Traps and informs of the device since the last run; none before it sends one, and none without `traps`",
);

const TRAPS_BY_NAME: Output = Output::new(
    "entity.{entity}.snmp.traps.by-name.{trap}",
    "1",
    "Traps of a kind",
    "Traps and informs of one kind since the last run; none where none came",
);

const TRAPS_DROPPED: Output = Output::new(
    "entity.{entity}.snmp.traps.dropped",
    "1",
    "Traps that are not kept",
    "Traps and informs since the last run that are counted, but for which there was no room; none where none was",
);

const ANY: Output = Output::new(
    "entity.{entity}.snmp.{output_path}",
    "",
    "As the sensor says",
    "What the sensor's expression makes of its objects; none where an object is missing or a counter began anew",
);

/// What is always measured, then the vocabulary of profiles, then whatever else a sensor measures.
pub(super) const OUTPUTS: &[Output] = &{
    let mut outputs = [const { ANY }; series::ALL.len() + 5];
    put(&mut outputs, 0, COMPLETENESS);
    let mut place = 0;
    while place < series::ALL.len() {
        #[expect(clippy::indexing_slicing, reason = "in constants, where it cannot fail at run time")]
        put(&mut outputs, place + 1, series::ALL[place].output());
        place += 1;
    }
    put(&mut outputs, place + 1, TRAPS);
    put(&mut outputs, place + 2, TRAPS_BY_NAME);
    put(&mut outputs, place + 3, TRAPS_DROPPED);
    outputs
};

/// Puts one in; nothing is dropped, as nothing can be in constants.
const fn put(outputs: &mut [Output], place: usize, output: Output) {
    #[expect(clippy::indexing_slicing, reason = "in constants, where it cannot fail at run time")]
    std::mem::forget(std::mem::replace(&mut outputs[place], output));
}

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
