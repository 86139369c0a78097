//! The vocabulary of paths: what profiles measure, under one name whoever makes the device.

use grafolean_collector::protocol::{Output, Role};

/// A kind of series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    /// The pattern of its path; `{name}` stands for one or more segments.
    pub path: &'static str,
    /// What its values are counted in, by the symbols of UCUM.
    pub unit: &'static str,
    /// A short name.
    pub title: &'static str,
    /// The part of a profile that it belongs to.
    pub part: &'static str,
    /// How often it is measured, in seconds.
    pub every_s: i64,
    /// What its values can be; others say that there is none.
    pub valid: Option<[f64; 2]>,
    /// What a value means and when there is none, in a sentence.
    pub meaning: &'static str,
    /// The part that it plays for the state of its device.
    pub role: Option<Role>,
}

impl Series {
    /// Returns it as a protocol declares it.
    pub const fn output(&self) -> Output {
        let output = Output::new(self.path, self.unit, self.title, self.meaning);
        match self.role {
            Some(role) => output.playing(role),
            None => output,
        }
    }

    const fn playing(self, role: Role, meaning: &'static str) -> Self {
        Self { role: Some(role), meaning, ..self }
    }
}

/// Where the paths of the SNMP bot begin.
#[cfg(test)]
const PREFIX: &str = "entity.{entity}.snmp.";

const PERCENT: Option<[f64; 2]> = Some([0.0, 100.0]);
const DEGREES: Option<[f64; 2]> = Some([-100.0, 400.0]);
const BYTES: Option<[f64; 2]> = Some([0.0, 1e18]);
/// Volts and amperes that a device of a network can have; far beyond them its scale is wrong.
const VOLTS: Option<[f64; 2]> = Some([-1_000.0, 1_000.0]);
const AMPERES: Option<[f64; 2]> = Some([-5_000.0, 5_000.0]);
const WATTS: Option<[f64; 2]> = Some([-1e7, 1e7]);
const POSITIVE: Option<[f64; 2]> = Some([0.0, 1e9]);
const LEVEL: Option<[f64; 2]> = Some([-150.0, 100.0]);

/// All of them, a more telling path before one that it is a case of.
pub const ALL: &[Series] = &[
    series("entity.{entity}.snmp.uptime", "s", "Uptime", "system", 60, None),
    series("entity.{entity}.snmp.processes", "1", "Processes", "system", 60, POSITIVE),
    series("entity.{entity}.snmp.users", "1", "Users", "system", 60, POSITIVE),
    series("entity.{entity}.snmp.sessions", "1", "Sessions", "firewall", 60, Some([0.0, 1e12])),
    series("entity.{entity}.snmp.sessions.{kind}", "1", "Sessions of a kind", "firewall", 60, Some([0.0, 1e12])),
    series("entity.{entity}.snmp.if.in-octets.{index}.{interface}", "By/s", "Traffic in", "interfaces", 60, None).playing(Role::TrafficIn, "Rate of octets that entered an interface, by its index and description; a sensor that every account starts with"),
    series("entity.{entity}.snmp.if.out-octets.{index}.{interface}", "By/s", "Traffic out", "interfaces", 60, None).playing(Role::TrafficOut, "Rate of octets that left an interface, by its index and description; a sensor that every account starts with"),
    series("entity.{entity}.snmp.if.in-packets.{index}.{interface}", "{packet}/s", "Unicast packets in", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.out-packets.{index}.{interface}", "{packet}/s", "Unicast packets out", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.in-errors.{index}.{interface}", "{packet}/s", "Packets in with errors", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.out-errors.{index}.{interface}", "{packet}/s", "Packets out with errors", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.in-discards.{index}.{interface}", "{packet}/s", "Packets in that were dropped", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.out-discards.{index}.{interface}", "{packet}/s", "Packets out that were dropped", "interfaces", 60, None),
    series("entity.{entity}.snmp.if.up.{index}.{interface}", "bool", "Whether the interface is up", "interfaces", 60, None),
    series("entity.{entity}.snmp.cpu.load", "%", "Processor load", "cpu-memory", 60, PERCENT),
    series("entity.{entity}.snmp.cpu.{processor}.load", "%", "Processor load", "cpu-memory", 60, PERCENT),
    series("entity.{entity}.snmp.load.{span}", "1", "Load average", "cpu-memory", 60, POSITIVE),
    series("entity.{entity}.snmp.memory.used", "By", "Memory used", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.free", "By", "Memory free", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.size", "By", "Memory", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.usage", "%", "Memory used", "cpu-memory", 60, PERCENT),
    series("entity.{entity}.snmp.memory.{pool}.used", "By", "Memory used", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.{pool}.free", "By", "Memory free", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.{pool}.size", "By", "Memory", "cpu-memory", 60, BYTES),
    series("entity.{entity}.snmp.memory.{pool}.usage", "%", "Memory used", "cpu-memory", 60, PERCENT),
    series("entity.{entity}.snmp.storage.{volume}.used", "By", "Storage used", "storage", 300, BYTES),
    series("entity.{entity}.snmp.storage.{volume}.free", "By", "Storage free", "storage", 300, BYTES),
    series("entity.{entity}.snmp.storage.{volume}.size", "By", "Storage", "storage", 300, BYTES),
    series("entity.{entity}.snmp.storage.{volume}.usage", "%", "Storage used", "storage", 300, PERCENT),
    series("entity.{entity}.snmp.storage.{volume}.state", "1", "Storage state: 0 ok, 1 warning, 2 critical", "storage", 300, None),
    series("entity.{entity}.snmp.disk.{disk}.state", "1", "Disk state: 0 ok, 1 warning, 2 critical", "storage", 300, None),
    series("entity.{entity}.snmp.disk.{disk}.read", "By/s", "Octets read", "storage", 60, None),
    series("entity.{entity}.snmp.disk.{disk}.written", "By/s", "Octets written", "storage", 60, None),
    series("entity.{entity}.snmp.temperature.{sensor}", "Cel", "Temperature", "sensors", 300, DEGREES),
    series("entity.{entity}.snmp.humidity.{sensor}", "%", "Relative humidity", "sensors", 300, PERCENT),
    series("entity.{entity}.snmp.voltage.{sensor}", "V", "Voltage", "sensors", 300, VOLTS),
    series("entity.{entity}.snmp.current.{sensor}", "A", "Current", "sensors", 300, AMPERES),
    series("entity.{entity}.snmp.power.{sensor}", "W", "Power", "sensors", 300, WATTS),
    series("entity.{entity}.snmp.frequency.{sensor}", "Hz", "Frequency", "sensors", 300, POSITIVE),
    series("entity.{entity}.snmp.signal.{sensor}", "dB[mW]", "Signal level", "sensors", 300, LEVEL),
    series("entity.{entity}.snmp.fan.{fan}.speed", "{rotation}/min", "Fan speed", "sensors", 300, POSITIVE),
    series("entity.{entity}.snmp.fan.{fan}.usage", "%", "Fan speed of its most", "sensors", 300, PERCENT),
    series("entity.{entity}.snmp.fan.{fan}.state", "1", "Fan state: 0 ok, 1 warning, 2 critical", "sensors", 300, None),
    series("entity.{entity}.snmp.psu.{supply}.state", "1", "Power supply state: 0 ok, 1 warning, 2 critical", "sensors", 300, None),
    series("entity.{entity}.snmp.state.{what}", "1", "State: 0 ok, 1 warning, 2 critical", "sensors", 300, None),
    series("entity.{entity}.snmp.ups.battery.charge", "%", "Battery charge", "ups", 60, PERCENT),
    series("entity.{entity}.snmp.ups.battery.runtime", "min", "Battery time left", "ups", 60, POSITIVE),
    series("entity.{entity}.snmp.ups.battery.voltage", "V", "Battery voltage", "ups", 60, VOLTS),
    series("entity.{entity}.snmp.ups.battery.current", "A", "Battery current", "ups", 60, AMPERES),
    series("entity.{entity}.snmp.ups.battery.temperature", "Cel", "Battery temperature", "ups", 60, DEGREES),
    series("entity.{entity}.snmp.ups.battery.state", "1", "Battery state: 0 ok, 1 warning, 2 critical", "ups", 60, None),
    series("entity.{entity}.snmp.ups.state", "1", "State of the supply: 0 mains, 1 battery or bypass, 2 none", "ups", 60, None),
    series("entity.{entity}.snmp.ups.input.{line}.voltage", "V", "Input voltage", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.input.{line}.current", "A", "Input current", "ups", 60, AMPERES),
    series("entity.{entity}.snmp.ups.input.{line}.frequency", "Hz", "Input frequency", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.input.{line}.power", "W", "Input power", "ups", 60, WATTS),
    series("entity.{entity}.snmp.ups.output.frequency", "Hz", "Output frequency", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.output.load", "%", "Output load", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.output.{line}.voltage", "V", "Output voltage", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.output.{line}.current", "A", "Output current", "ups", 60, AMPERES),
    series("entity.{entity}.snmp.ups.output.{line}.power", "W", "Output power", "ups", 60, WATTS),
    series("entity.{entity}.snmp.ups.output.{line}.load", "%", "Output load", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.bypass.{line}.voltage", "V", "Bypass voltage", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.bypass.{line}.current", "A", "Bypass current", "ups", 60, AMPERES),
    series("entity.{entity}.snmp.ups.bypass.{line}.power", "W", "Bypass power", "ups", 60, WATTS),
    series("entity.{entity}.snmp.ups.bypass.frequency", "Hz", "Bypass frequency", "ups", 60, Some([0.0, 1000.0])),
    series("entity.{entity}.snmp.ups.alarms", "1", "Alarms", "ups", 60, POSITIVE),
    series("entity.{entity}.snmp.bgp.{peer}.established", "bool", "Whether the session is established", "bgp", 60, None),
    series("entity.{entity}.snmp.bgp.{peer}.in-updates", "{update}/s", "Updates received", "bgp", 60, None),
    series("entity.{entity}.snmp.bgp.{peer}.out-updates", "{update}/s", "Updates sent", "bgp", 60, None),
    series("entity.{entity}.snmp.bgp.{peer}.uptime", "s", "Time in its state", "bgp", 60, None),
    series("entity.{entity}.snmp.bgp.{peer}.prefixes", "1", "Prefixes accepted", "bgp", 60, POSITIVE),
    series("entity.{entity}.snmp.poe.{group}.power", "W", "Power over Ethernet used", "poe", 300, POSITIVE),
    series("entity.{entity}.snmp.poe.{group}.capacity", "W", "Power over Ethernet there is", "poe", 300, POSITIVE),
    series("entity.{entity}.snmp.poe.{group}.state", "1", "State of the PoE supply: 0 on, 1 off, 2 faulty", "poe", 300, None),
    series("entity.{entity}.snmp.poe.port.{port}.delivering", "bool", "Whether the port gives power", "poe", 300, None),
    series("entity.{entity}.snmp.printer.{printer}.pages", "{page}/s", "Pages printed", "printer", 300, None),
    series("entity.{entity}.snmp.printer.supply.{supply}.level", "%", "Supply left", "printer", 300, PERCENT),
    series("entity.{entity}.snmp.printer.tray.{tray}.level", "%", "Paper left", "printer", 300, PERCENT),
    series("entity.{entity}.snmp.printer.{printer}.state", "1", "State of the printer: 0 ok, 1 warning, 2 down", "printer", 300, None),
    series("entity.{entity}.snmp.wireless.clients", "1", "Clients", "wireless", 60, POSITIVE),
    series("entity.{entity}.snmp.wireless.access-points", "1", "Access points", "wireless", 60, POSITIVE),
    series("entity.{entity}.snmp.wireless.{radio}.clients", "1", "Clients", "wireless", 60, POSITIVE),
    series("entity.{entity}.snmp.wireless.{radio}.signal", "dB[mW]", "Signal level", "wireless", 60, LEVEL),
    series("entity.{entity}.snmp.wireless.{radio}.noise", "dB[mW]", "Noise floor", "wireless", 60, LEVEL),
    series("entity.{entity}.snmp.wireless.{radio}.quality", "%", "Link quality", "wireless", 60, PERCENT),
    series("entity.{entity}.snmp.wireless.{radio}.in-rate", "bit/s", "Rate of the link, received", "wireless", 60, Some([0.0, 1e13])),
    series("entity.{entity}.snmp.wireless.{radio}.out-rate", "bit/s", "Rate of the link, sent", "wireless", 60, Some([0.0, 1e13])),
    series("entity.{entity}.snmp.wireless.{radio}.frequency", "Hz", "Frequency", "wireless", 300, Some([1e6, 1e12])),
    series("entity.{entity}.snmp.wireless.{radio}.power", "dB[mW]", "Power that is sent", "wireless", 300, LEVEL),
    series("entity.{entity}.snmp.wireless.{radio}.usage", "%", "Use of the channel", "wireless", 60, PERCENT),
];

const fn series(
    path: &'static str,
    unit: &'static str,
    title: &'static str,
    part: &'static str,
    every_s: i64,
    valid: Option<[f64; 2]>,
) -> Series {
    let meaning =
        "As a profile measures it; none where the device has no such object, or says that it knows no value";
    Series { path, unit, title, part, every_s, valid, meaning, role: None }
}

/// Returns the series of a metric's path, where it is one of the vocabulary.
pub fn of(output_path: &str) -> Option<&'static Series> {
    let path = format!("entity.7.snmp.{}", filled(output_path, "x"));
    ALL.iter().find(|series| series.output().matches(&path))
}

/// Returns the path with a star in each place: metrics of one family measure the same.
pub(super) fn family(output_path: &str) -> String {
    let starred = filled(output_path, "*");
    // The index of a row may come with its name or without.
    let mut segments: Vec<&str> = starred.split('.').collect();
    segments.dedup_by(|one, other| one == other && *one == "*");
    segments.join(".")
}

fn filled(output_path: &str, with: &str) -> String {
    let mut path = String::new();
    let mut rest = output_path;
    while let Some((literal, after)) = rest.split_once('{') {
        path.push_str(literal);
        path.push_str(with);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    path + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_known_by_its_pattern() {
        assert_eq!(of("cpu.{$index}.load").unwrap().unit, "%");
        assert_eq!(of("temperature.{$index}.{$1}").unwrap().part, "sensors");
        assert_eq!(of("ups.output.{$index}.load").unwrap().title, "Output load");
        assert_eq!(of("something.{$index}"), None);
        assert!(ALL.iter().all(|series| series.path.starts_with(PREFIX)));
    }

    #[test]
    fn a_family_is_the_path_without_its_rows() {
        assert_eq!(family("temperature.{$index}.{$1}"), "temperature.*");
        assert_eq!(family("temperature.{$index}"), "temperature.*");
        assert_eq!(family("cpu.load"), "cpu.load");
    }

    #[test]
    fn no_pattern_hides_behind_one_that_stands_before_it() {
        for (place, series) in ALL.iter().enumerate() {
            let path = filled(series.path.strip_prefix(PREFIX).unwrap(), "x");
            let first = of(&path).unwrap();
            assert_eq!(first.path, series.path, "{place}: {path}");
        }
    }
}
