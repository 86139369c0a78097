//! Series as metrics, by the conventions of Prometheus: what a declared series is called, counted in and labelled by where
//! values leave for others than a Grafolean backend. Scrapes and exports use the same names.
//!
//! ```text
//!  entity.{entity}.snmp.if.in-octets.{index}.{interface}     By/s
//!                 │    └────┬───────┘ └──┬──┘ └────┬────┘      │
//!  grafolean_     snmp_  if_in_octets_   │         │         bytes_per_second
//!  {entity="core-1", entity_id="7", address="192.0.2.1", index="3", interface="eth0"}
//! ```

use std::collections::HashMap;

use super::{Declaration, Output};

/// What names of metrics begin with.
const PREFIX: &str = "grafolean";

/// The name of values of which no declaration speaks; their path is a label.
pub const UNDECLARED: &str = "grafolean_value";

/// The longest value of a label, in bytes: what is longer is cut.
const MOST_LABEL_BYTES: usize = 256;

/// Labels that a metric has of its account and its device.
const OF_THE_DEVICE: [&str; 4] = ["account", "entity", "entity_id", "address"];

/// Names that Prometheus gives a meaning of its own.
const RESERVED: [&str; 4] = ["job", "instance", "le", "quantile"];

/// Units by the symbols of UCUM, as names end, and what a value is multiplied by: Prometheus counts in base units.
const UNITS: [(&str, &str, f64); 29] = [
    ("s", "seconds", 1.0),
    ("ms", "seconds", 1e-3),
    ("us", "seconds", 1e-6),
    ("ns", "seconds", 1e-9),
    ("min", "seconds", 60.0),
    ("h", "seconds", 3_600.0),
    ("d", "seconds", 86_400.0),
    ("By", "bytes", 1.0),
    ("kBy", "bytes", 1e3),
    ("MBy", "bytes", 1e6),
    ("GBy", "bytes", 1e9),
    ("KiBy", "bytes", 1_024.0),
    ("MiBy", "bytes", 1_048_576.0),
    ("GiBy", "bytes", 1_073_741_824.0),
    ("By/s", "bytes_per_second", 1.0),
    ("bit", "bits", 1.0),
    ("bit/s", "bits_per_second", 1.0),
    ("/s", "per_second", 1.0),
    ("1/s", "per_second", 1.0),
    ("1", "ratio", 1.0),
    ("%", "ratio", 1e-2),
    ("Cel", "celsius", 1.0),
    ("K", "kelvin", 1.0),
    ("V", "volts", 1.0),
    ("A", "amperes", 1.0),
    ("W", "watts", 1.0),
    ("J", "joules", 1.0),
    ("Hz", "hertz", 1.0),
    ("m", "meters", 1.0),
];

/// A series as a metric; all of them are gauges.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name: `grafolean_ping_rtt_avg_seconds`.
    pub name: String,
    /// What its values are counted in, as its name ends; `None` where a pure name says all.
    pub unit: Option<&'static str>,
    /// What a value means, in a sentence.
    pub help: String,
    /// The labels beside those of the account and the device, in the order of the path.
    pub labels: Vec<String>,
    /// Whether it is of a device: it has the labels `entity`, `entity_id` and `address`.
    pub of_a_device: bool,
    output: Output,
    factor: f64,
    literals: usize,
}

/// One path read as a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled<'a> {
    /// Of which metric it is.
    pub metric: &'a Metric,
    /// The id of its device, as it stands in the path.
    pub entity: Option<&'a str>,
    /// Labels beside those of the account and the device.
    pub labels: Vec<(&'a str, String)>,
}

impl Metric {
    /// Returns the metric of a series that a protocol declares.
    ///
    /// ```
    /// use grafolean_collector::protocol::{Metric, Output};
    ///
    /// let output = Output::new("entity.{entity}.ping.p{n}.rtt", "s", "Round-trip time", "How long a reply took");
    /// let metric = Metric::of("ping", &output);
    /// assert_eq!((metric.name.as_str(), metric.labels.as_slice()), ("grafolean_ping_rtt_seconds", &["n".to_owned()][..]));
    /// ```
    pub fn of(protocol: &str, output: &Output) -> Self {
        let segments: Vec<&str> = output.path.split('.').collect();
        let of_a_device = segments.contains(&"{entity}");
        let mut words = vec![PREFIX.to_owned(), word(protocol)];
        if !of_a_device {
            words.push("account".to_owned());
        }
        let (mut labels, mut before, mut named) = (Vec::new(), "", false);
        for (at, &segment) in segments.iter().enumerate() {
            let entity_follows = segment == "entity" && segments.get(at + 1) == Some(&"{entity}");
            let is_protocol = !named && segment == protocol;
            named |= is_protocol;
            if segment.contains('{') {
                labels.extend(
                    placeholders(segment).filter(|name| *name != "entity").map(|name| label(name, before)),
                );
            } else if !entity_follows && !is_protocol {
                words.push(word(segment));
            }
            if !segment.contains('{') {
                before = segment;
            }
        }
        let unit = UNITS.iter().find(|(symbol, ..)| *symbol == output.unit);
        let mut name = words.join("_");
        let literals = output.path.split(['{', '}']).step_by(2).map(str::len).sum();
        match unit {
            Some((_, suffix, _)) if name.ends_with(&format!("_{suffix}")) => {}
            Some((_, suffix, _)) => name = format!("{name}_{suffix}"),
            None if words.len() == 2 + usize::from(!of_a_device) => name.push_str("_value"),
            None => {}
        }
        Self {
            name,
            unit: unit.map(|(_, suffix, _)| *suffix),
            help: output.meaning.to_string(),
            labels,
            of_a_device,
            output: output.clone(),
            factor: unit.map_or(1.0, |(.., factor)| *factor),
            literals,
        }
    }

    /// Returns a value in the unit of the metric.
    pub fn value(&self, value: f64) -> f64 {
        value * self.factor
    }

    /// Returns the pattern of the paths that are read as it.
    pub fn path(&self) -> &str {
        &self.output.path
    }

    /// Reads a path; `None` if it is not of this series.
    pub fn read<'a>(&'a self, path: &'a str) -> Option<Sampled<'a>> {
        let mut entity = None;
        let mut names = self.labels.iter();
        let mut labels = Vec::with_capacity(self.labels.len());
        for (name, text) in self.output.captures(path)? {
            if name == "entity" {
                entity = Some(text);
            } else {
                labels.push((names.next()?.as_str(), unescaped(text)));
            }
        }
        Some(Sampled { metric: self, entity, labels })
    }
}

/// The metrics of some protocols.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Vec<Metric>);

impl Metrics {
    /// Returns the metrics of all series that some protocols declare.
    pub fn of<'a>(declarations: impl IntoIterator<Item = &'a Declaration>) -> Self {
        let of_one = |declaration: &'a Declaration| {
            declaration.outputs.iter().map(|output| Metric::of(&declaration.name, output))
        };
        let mut metrics: Vec<_> = declarations.into_iter().flat_map(of_one).collect();
        // Metrics of one name are one family, which has one sentence of help.
        let mut helps: HashMap<String, String> = HashMap::new();
        for metric in &mut metrics {
            metric.help = helps.entry(metric.name.clone()).or_insert_with(|| metric.help.clone()).clone();
        }
        // What says most of a path is asked first: `{name}` may stand for several segments.
        metrics.sort_by_key(|metric| std::cmp::Reverse(metric.literals));
        Self(metrics)
    }

    /// Finds the metric of a path: of those that fit the one whose pattern says most of it.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<Sampled<'a>> {
        self.0.iter().find_map(|metric| metric.read(path))
    }

    /// Returns all of them, by name.
    pub fn by_name(&self) -> Vec<&Metric> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by(|a, b| (&a.name, a.path()).cmp(&(&b.name, b.path())));
        all
    }
}

/// Returns a name in the letters that names of metrics have.
fn word(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// Returns the label of a placeholder. One whose name is taken is called by the segment before it: `topip.{address}` is
/// `topip`.
fn label(name: &str, before: &str) -> String {
    let taken = OF_THE_DEVICE.contains(&name) || RESERVED.contains(&name) || name.starts_with("__");
    let label = word(if taken && !before.is_empty() { before } else { name });
    if label.starts_with(|first: char| first.is_ascii_digit()) { format!("_{label}") } else { label }
}

fn placeholders(segment: &str) -> impl Iterator<Item = &str> {
    segment.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// Returns a piece of a path as a device said it: two signs have to be escaped in paths.
fn unescaped(text: &str) -> String {
    let text = text.replace("%2e", ".").replace("%3a", ":");
    cut(&text).to_owned()
}

/// Returns as much of a label's value as is shown.
pub fn cut(text: &str) -> &str {
    let end = text
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8())
        .take_while(|&end| end <= MOST_LABEL_BYTES);
    text.get(..end.last().unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, outputs: &[(&'static str, &'static str)]) -> Declaration {
        let outputs: Vec<_> =
            outputs.iter().map(|(path, unit)| Output::new(path, unit, "", "What it is")).collect();
        serde_json::from_value(serde_json::json!({"name": name, "outputs": outputs})).unwrap()
    }

    fn check(protocol: &str, path: &'static str, unit: &'static str, name: &str, labels: &[&str]) {
        let metric = Metric::of(protocol, &Output::new(path, unit, "", ""));
        assert_eq!(metric.name, name);
        assert_eq!(metric.labels, labels);
    }

    #[test]
    fn a_name_is_the_protocol_what_the_path_says_and_the_unit() {
        check("ping", "entity.{entity}.ping.p{n}.ok", "bool", "grafolean_ping_ok", &["n"]);
        check("ping", "entity.{entity}.ping.rtt.avg", "s", "grafolean_ping_rtt_avg_seconds", &[]);
        check("ping", "entity.{entity}.ping.loss", "1", "grafolean_ping_loss_ratio", &[]);
        let octets = "entity.{entity}.snmp.if.in-octets.{index}.{interface}";
        let name = "grafolean_snmp_if_in_octets_bytes_per_second";
        check("snmp", octets, "By/s", name, &["index", "interface"]);
        check("snmp", "entity.{entity}.snmp.{output_path}", "", "grafolean_snmp_value", &["output_path"]);
        let all = "netflow.{interval}.{direction}";
        check("netflow", all, "By", "grafolean_netflow_account_bytes", &["interval", "direction"]);
        let of_one = "netflow.{interval}.{direction}.entity.{entity}";
        check("netflow", of_one, "By", "grafolean_netflow_bytes", &["interval", "direction"]);
        let top = "netflow.{interval}.{direction}.entity.{entity}.topip.{address}";
        check("netflow", top, "By", "grafolean_netflow_topip_bytes", &["interval", "direction", "topip"]);
        check(
            "tcp",
            "entity.{entity}.tcp.{port}.tls.expires",
            "d",
            "grafolean_tcp_tls_expires_seconds",
            &["port"],
        );
        check("x", "entity.{entity}.x.sent-bytes", "By", "grafolean_x_sent_bytes", &[]);
    }

    #[test]
    fn of_the_metrics_that_fit_a_path_the_one_counts_that_says_most_of_it() {
        let declarations = [
            declared(
                "snmp",
                &[
                    ("entity.{entity}.snmp.{output_path}", ""),
                    ("entity.{entity}.snmp.if.in-octets.{index}.{interface}", "By/s"),
                ],
            ),
            declared(
                "netflow",
                &[
                    ("netflow.{interval}.{direction}", "By"),
                    ("netflow.{interval}.{direction}.entity.{entity}", "By"),
                    ("netflow.{interval}.{direction}.entity.{entity}.if.{interface}.topip.{address}", "By"),
                    ("netflow.coverage.entity.{entity}", "1"),
                ],
            ),
        ];
        let metrics = Metrics::of(&declarations);
        let read = |path| {
            let found = metrics.find(path)?;
            let labels: Vec<_> = found.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            Some(format!("{} {} {}", found.metric.name, found.entity.unwrap_or("-"), labels.join(",")))
        };
        let expected = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("entity.7.snmp.if.in-octets.3.ge-0%2e1"),
            expected("grafolean_snmp_if_in_octets_bytes_per_second 7 index=3,interface=ge-0.1")
        );
        assert_eq!(read("entity.7.snmp.a.b"), expected("grafolean_snmp_value 7 output_path=a.b"));
        assert_eq!(
            read("netflow.1min.ingress"),
            expected("grafolean_netflow_account_bytes - interval=1min,direction=ingress")
        );
        assert_eq!(
            read("netflow.1h.egress.entity.5.if.2.topip.10%2e0%2e0%2e1"),
            expected(
                "grafolean_netflow_if_topip_bytes 5 interval=1h,direction=egress,interface=2,topip=10.0.0.1"
            )
        );
        assert_eq!(read("netflow.coverage.entity.5"), expected("grafolean_netflow_coverage_ratio 5 "));
        assert_eq!(read("home.temperature"), None);
    }

    #[test]
    fn values_are_in_base_units_and_labels_are_bounded() {
        let days = Metric::of("tcp", &Output::new("entity.{entity}.tcp.{port}.tls.expires", "d", "", ""));
        assert_eq!(days.value(2.0), 172_800.0);
        let long = "é".repeat(300);
        assert_eq!(cut(&long).len(), 256);
    }
}
