//! What series are called in Prometheus: names, units and labels follow from what protocols declare. A scrape of the hub,
//! remote write and `grafolean protocols --prometheus` all read it here.
//!
//! ```text
//!  entity.{entity}.ping.p{n}.rtt              in s   grafolean_ping_rtt_seconds{account, account_id, entity, entity_id,
//!                                                    address, n}
//!  entity.{entity}.snmp.if.in-octets.{index}.{interface}
//!                                           in By/s  grafolean_snmp_if_in_octets_bytes_per_second{.., index, interface}
//!  netflow.{interval}.{direction}.entity.{entity}.topip.{address}
//!                                             in By  grafolean_netflow_exporter_topip_bytes{.., exporter, exporter_id,
//!                                                    interval, direction, address}
//! ```
//! Segments of the path are the name, what stands in braces are labels, and the unit ends the name, as the conventions of
//! Prometheus have it (<https://prometheus.io/docs/practices/naming/>); values are in base units. An entity at the start is
//! what was measured: its labels are `entity` (the name), `entity_id` and `address`. One that follows is who reported it:
//! `exporter`, `exporter_id`, and `address` unless the path has one itself.

mod labels;
mod metric;
mod unit;

pub use labels::{Match, Owner};
pub use metric::{Metric, TEMPLATE, UNDECLARED, check_template};
pub use unit::Scale;

use std::{collections::HashMap, sync::Arc};

use super::Output;
use labels::{Piece, captured};

/// A declared series as Prometheus has it. All are gauges: a value holds for its own time.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// The pattern of its path.
    pub path: String,
    /// What it is called.
    pub metric: Arc<Metric>,
    /// What makes a value of the path one of the metric.
    pub scale: Scale,
    pieces: Vec<Piece>,
}

impl Mapping {
    /// Returns the mapping of a series that a protocol declares; the names of metrics follow a template of `{protocol}`,
    /// `{name}` and `{unit}`.
    ///
    /// ```
    /// use grafolean_collector::protocol::{Output, prometheus::{Mapping, TEMPLATE}};
    ///
    /// let output = Output::new("entity.{entity}.ping.p{n}.rtt", "ms", "Round-trip time", "How long a reply took");
    /// let mapping = Mapping::of("ping", &output, TEMPLATE);
    /// assert_eq!(mapping.metric.name, "grafolean_ping_rtt_seconds");
    /// assert_eq!(mapping.labels(), ["account", "account_id", "entity", "entity_id", "address", "n"]);
    /// assert_eq!(mapping.scale.of(12.5), 0.0125);
    /// ```
    pub fn of(protocol: &str, output: &Output, template: &str) -> Self {
        let (pieces, words) = labels::pieces(protocol, &output.path);
        let (unit, scale) = unit::of(output);
        let metric = Arc::new(Metric::new(protocol, &words, unit, &output.meaning, template));
        Self { path: output.path.to_string(), metric, scale, pieces }
    }

    /// Returns the names of its labels, in the order of the path.
    pub fn labels(&self) -> Vec<String> {
        labels::names(&self.pieces)
    }

    /// Returns the labels of a path, if it is of this series.
    fn matched<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        let mut found = Match { metric: &self.metric, scale: self.scale, entity: None, labels: Vec::new() };
        captured(&self.pieces, path, &mut found).then_some(found)
    }

    /// How much of a path it says: of several mappings of a path, the one that says most counts.
    fn weight(&self) -> usize {
        let texts =
            self.pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.len() } else { 0 });
        texts.sum()
    }
}

/// Mappings of several protocols.
#[derive(Clone, Debug)]
pub struct Mappings {
    declared: Vec<Mapping>,
    /// That of what no protocol declares.
    others: Arc<Metric>,
}

impl Default for Mappings {
    fn default() -> Self {
        Self { declared: Vec::new(), others: Arc::new(Metric::undeclared()) }
    }
}

impl Mappings {
    /// Returns the mappings of what protocols declare, by a template for their names.
    pub fn of<'a>(declared: impl IntoIterator<Item = (&'a str, &'a [Output])>, template: &str) -> Self {
        let declared = declared.into_iter();
        let all =
            declared.flat_map(|(protocol, outputs)| outputs.iter().map(move |output| (protocol, output)));
        let mut declared: Vec<_> =
            all.map(|(protocol, output)| Mapping::of(protocol, output, template)).collect();
        // Metrics of one name are one family, which has one unit and one sentence of help.
        let mut families: HashMap<String, Arc<Metric>> = HashMap::new();
        for mapping in &mut declared {
            let family = families.entry(mapping.metric.name.clone());
            mapping.metric = Arc::clone(family.or_insert_with(|| Arc::clone(&mapping.metric)));
        }
        declared.sort_by_key(|mapping| std::cmp::Reverse(mapping.weight()));
        Self { declared, ..Self::default() }
    }

    /// Returns what a path is called. One that no protocol declares is [`UNDECLARED`], and its path is a label.
    pub fn get<'a>(&'a self, path: &'a str) -> Match<'a> {
        let declared = self.declared.iter().find_map(|mapping| mapping.matched(path));
        declared.unwrap_or_else(|| Match::undeclared(&self.others, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Role;

    const OUTPUTS: [Output; 7] = [
        Output::new("entity.{entity}.ping.p{n}.rtt", "s", "RTT", "How long"),
        Output::new("entity.{entity}.ping.loss", "1", "Loss", "Share").playing(Role::Loss),
        Output::new("entity.{entity}.ping.if.in-octets.{index}.{interface}", "By/s", "In", "In"),
        Output::new("entity.{entity}.ping.{output_path}", "", "Any", "As the sensor says"),
        Output::new("ping.{interval}.{direction}", "By", "Bytes", "All"),
        Output::new("ping.{interval}.{direction}.entity.{entity}.topip.{address}", "By", "Top", "Top"),
        Output::new("entity.{entity}.ping.{job}.{entity_id}.{job}", "1", "Odd", "Names that are taken"),
    ];

    #[test]
    fn names_units_and_labels_follow_from_the_declaration() {
        let of = |place: usize| Mapping::of("ping", &OUTPUTS[place], TEMPLATE);
        let names: Vec<_> = (0..6).map(|place| of(place).metric.name.clone()).collect();
        assert_eq!(
            names,
            [
                "grafolean_ping_rtt_seconds",
                "grafolean_ping_loss_ratio",
                "grafolean_ping_if_in_octets_bytes_per_second",
                "grafolean_ping_value",
                "grafolean_ping_bytes",
                "grafolean_ping_exporter_topip_bytes",
            ]
        );
        assert_eq!(of(0).labels(), ["account", "account_id", "entity", "entity_id", "address", "n"]);
        assert_eq!(
            of(5).labels(),
            ["account", "account_id", "interval", "direction", "exporter", "exporter_id", "address"]
        );
        assert_eq!(
            of(6).labels(),
            [
                "account",
                "account_id",
                "entity",
                "entity_id",
                "address",
                "ping_job",
                "ping_entity_id",
                "ping_job_2"
            ]
        );
        let own = Mapping::of("ping", &OUTPUTS[0], "net:{name}_{unit}");
        assert_eq!((own.metric.name.as_str(), own.metric.unit.as_str()), ("net:rtt_seconds", "seconds"));
    }

    #[test]
    fn the_mapping_that_says_most_of_a_path_counts() {
        let mappings = Mappings::of([("ping", &OUTPUTS[..6])], TEMPLATE);
        let of = |path: &'static str| {
            let found = mappings.get(path);
            let labels: Vec<_> = found.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let entity = found.entity.map(|(id, label)| format!("{label} {id}"));
            (found.metric.name.clone(), entity.unwrap_or_default(), labels.join(","))
        };
        let some =
            |name: &str, entity: &str, labels: &str| (name.to_owned(), entity.to_owned(), labels.to_owned());
        assert_eq!(of("entity.7.ping.p0.rtt"), some("grafolean_ping_rtt_seconds", "entity 7", "n=0"));
        assert_eq!(
            of("entity.7.ping.if.in-octets.3.eth0.100"),
            some("grafolean_ping_if_in_octets_bytes_per_second", "entity 7", "index=3,interface=eth0.100")
        );
        assert_eq!(
            of("entity.7.ping.cpu.load"),
            some("grafolean_ping_value", "entity 7", "output_path=cpu.load")
        );
        assert_eq!(
            of("ping.1min.ingress.entity.9.topip.10%2e0%2e0%2e1"),
            some(
                "grafolean_ping_exporter_topip_bytes",
                "exporter 9",
                "interval=1min,direction=ingress,address=10.0.0.1"
            )
        );
        assert_eq!(
            of("ping.1min.ingress"),
            some("grafolean_ping_bytes", "", "interval=1min,direction=ingress")
        );
        assert_eq!(of("entity.seven.ping.loss"), some("grafolean_value", "", "path=entity.seven.ping.loss"));
        assert_eq!(of("entity.7.other"), some("grafolean_value", "entity 7", "path=entity.7.other"));
    }

    #[test]
    fn metrics_of_one_name_have_one_help_and_one_unit() {
        const TWICE: [Output; 2] = [
            Output::new("entity.{entity}.x.memory.used", "By", "", "The first"),
            Output::new("entity.{entity}.x.memory.{pool}.used", "KiBy", "", "The second"),
        ];
        let mappings = Mappings::of([("x", &TWICE[..])], TEMPLATE);
        let (all, pool) =
            (mappings.get("entity.1.x.memory.used"), mappings.get("entity.1.x.memory.heap.used"));
        assert!(Arc::ptr_eq(all.metric, pool.metric));
        assert_eq!(
            (all.metric.help.as_str(), all.scale.of(2.0), pool.scale.of(2.0)),
            ("The first", 2.0, 2_048.0)
        );
    }
}
