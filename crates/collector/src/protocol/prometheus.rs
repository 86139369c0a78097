//! What the series of a protocol are called in Prometheus: names, units and labels follow from what it declares.
//!
//! ```text
//!  entity.{entity}.ping.p{n}.rtt              in s   grafolean_ping_rtt_seconds{account, entity, entity_id, address, n}
//!  entity.{entity}.snmp.if.in-octets.{index}.{interface}
//!                                           in By/s  grafolean_snmp_if_in_octets_bytes_per_second{.., index, interface}
//!  netflow.{interval}.{direction}.entity.{entity}.topip.{address}
//!                                             in By  grafolean_netflow_exporter_topip_bytes{.., exporter, exporter_id,
//!                                                    interval, direction, address}
//! ```
//! Segments of the path are the name, what stands in braces are labels, and the unit ends the name, as the conventions of
//! Prometheus have it (<https://prometheus.io/docs/practices/naming/>). An entity at the start is what was measured: its
//! labels are `entity` (the name), `entity_id` and `address`. One that follows is who reported it: `exporter`,
//! `exporter_id`, and `address` unless the path has one itself.

use std::{collections::BTreeSet, sync::Arc};

use super::{Output, Role};
use crate::model::EntityId;

/// The name that is given unless a person has another template.
pub const TEMPLATE: &str = "grafolean_{protocol}_{name}_{unit}";

/// What a metric is: the same for all of its series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// Its unit, as a word: `seconds`. Empty if it has none.
    pub unit: String,
    /// What it means, in a sentence.
    pub help: String,
}

/// A declared series as Prometheus has it. All are gauges: a value holds for its own time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The pattern of its path.
    pub path: String,
    /// What it is called.
    pub metric: Arc<Metric>,
    pieces: Vec<Piece>,
}

/// A path that a mapping was found for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// What the value is.
    pub metric: &'a Arc<Metric>,
    /// The entity whose value it is, and the label for its name.
    pub entity: Option<(EntityId, &'static str)>,
    /// The labels that stand in the path.
    pub labels: Vec<(&'a str, &'a str)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Label(String),
    Entity { label: &'static str },
}

/// The label of what was measured, and of what reported.
const ENTITY: &str = "entity";
const EXPORTER: &str = "exporter";

impl Mapping {
    /// Returns the mapping of a series that a protocol declares; the names of metrics follow a template of `{protocol}`,
    /// `{name}` and `{unit}`.
    pub fn of(protocol: &str, output: &Output, template: &str) -> Self {
        let (pieces, words) = pieces(protocol, &output.path);
        let unit = unit(output);
        let mut name = words.join("_");
        if name.is_empty() && unit.is_empty() {
            "value".clone_into(&mut name);
        }
        let filled =
            template.replace("{protocol}", protocol).replace("{name}", &name).replace("{unit}", &unit);
        let metric = Metric { name: metric_name(&filled), unit, help: output.meaning.to_string() };
        Self { path: output.path.to_string(), metric: Arc::new(metric), pieces }
    }

    /// Returns the names of its labels, in the order of the path.
    pub fn labels(&self) -> Vec<String> {
        let mut labels = vec!["account".to_owned()];
        for piece in &self.pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Label(name) => labels.push(name.clone()),
                Piece::Entity { label } => {
                    labels.extend([(*label).to_owned(), format!("{label}_id"), "address".to_owned()]);
                }
            }
        }
        let mut seen = BTreeSet::new();
        labels.retain(|label| seen.insert(label.clone()));
        labels
    }

    /// Returns the labels of a path, if it is of this series.
    fn matched<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        let mut found = Match { metric: &self.metric, entity: None, labels: Vec::new() };
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
#[derive(Clone, Debug, Default)]
pub struct Mappings(Vec<Mapping>);

impl Mappings {
    /// Returns the mappings of what protocols declare, by a template for their names.
    pub fn of<'a>(declared: impl IntoIterator<Item = (&'a str, &'a [Output])>, template: &str) -> Self {
        let declared = declared.into_iter();
        let all =
            declared.flat_map(|(protocol, outputs)| outputs.iter().map(move |output| (protocol, output)));
        let mut mappings: Vec<_> =
            all.map(|(protocol, output)| Mapping::of(protocol, output, template)).collect();
        mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.weight()));
        Self(mappings)
    }

    /// Returns what a path is called; `None` if no protocol declares it.
    pub fn get<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        self.0.iter().find_map(|mapping| mapping.matched(path))
    }
}

/// Checks a template for names: it has to hold what tells metrics apart.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_template(template: &str) -> Result<(), String> {
    let mut rest = template;
    let mut used = BTreeSet::new();
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("a brace is not closed in {template:?}"));
        };
        if !["protocol", "name", "unit"].contains(&name) {
            return Err(format!(
                "expected {{protocol}}, {{name}} or {{unit}}, found {{{name}}} in {template:?}"
            ));
        }
        used.insert(name);
        rest = after;
    }
    if used.contains("name") { Ok(()) } else { Err(format!("expected {{name}} somewhere in {template:?}")) }
}

/// Takes a pattern apart: what a path is matched against, and the words of the name.
fn pieces(protocol: &str, pattern: &str) -> (Vec<Piece>, Vec<String>) {
    let (mut pieces, mut words, mut rest) = (Vec::new(), Vec::new(), pattern);
    let begins_with_entity = pattern.starts_with("entity.{entity}");
    let mut literal = String::new();
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        literal.push_str(text);
        let is_entity = name == ENTITY;
        let mut segments: Vec<&str> = text.split('.').collect();
        // What stands before a brace within its segment, as `p` of `p{n}`, is no word.
        segments.pop();
        if is_entity && segments.last() == Some(&ENTITY) {
            segments.pop();
        }
        words.extend(segments.into_iter().filter(|word| !word.is_empty() && *word != protocol).map(word));
        pieces.push(Piece::Text(std::mem::take(&mut literal)));
        pieces.push(match (is_entity, begins_with_entity) {
            (true, true) => Piece::Entity { label: ENTITY },
            (true, false) => {
                words.push(EXPORTER.to_owned());
                Piece::Entity { label: EXPORTER }
            }
            (false, _) => Piece::Label(label_name(name)),
        });
        rest = after;
    }
    words.extend(rest.split('.').filter(|word| !word.is_empty() && *word != protocol).map(word));
    pieces.push(Piece::Text(rest.to_owned()));
    (pieces, words)
}

/// Matches a path; what is in braces stands for as little as can be, but for at least one character.
fn captured<'a>(pieces: &'a [Piece], path: &'a str, found: &mut Match<'a>) -> bool {
    let Some((piece, pieces)) = pieces.split_first() else { return path.is_empty() };
    if let Piece::Text(text) = piece {
        return path.strip_prefix(text.as_str()).is_some_and(|path| captured(pieces, path, found));
    }
    for (at, letter) in path.char_indices() {
        let Some((value, rest)) = path.split_at_checked(at + letter.len_utf8()) else { continue };
        let depth = found.labels.len();
        let entity = found.entity;
        match piece {
            Piece::Entity { label } => match value.parse::<i64>() {
                Ok(id) => found.entity = Some((EntityId::new(id), label)),
                Err(_) => continue,
            },
            Piece::Label(name) => found.labels.push((name, value)),
            Piece::Text(_) => {}
        }
        if captured(pieces, rest, found) {
            return true;
        }
        found.labels.truncate(depth);
        found.entity = entity;
    }
    false
}

/// Returns the unit of a series as a word, by its symbol of UCUM.
fn unit(output: &Output) -> String {
    let word = match &*output.unit {
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "min" => "minutes",
        "h" => "hours",
        "d" => "days",
        "By" => "bytes",
        "By/s" => "bytes_per_second",
        "bit" => "bits",
        "bit/s" => "bits_per_second",
        "1/s" => "per_second",
        "%" => "percent",
        "Cel" => "celsius",
        "V" => "volts",
        "A" => "amperes",
        "W" => "watts",
        "Hz" => "hertz",
        "m" => "meters",
        "dB" => "decibels",
        "dB[mW]" => "dbm",
        "1" if output.role.is_some_and(is_share) => "ratio",
        "" | "1" | "bool" => "",
        other => return word(other).trim_matches('_').to_owned(),
    };
    word.to_owned()
}

/// Whether what plays this part is a share of something, 0 to 1.
fn is_share(role: Role) -> bool {
    match role {
        Role::Reachability | Role::Loss | Role::Completeness | Role::Coverage => true,
        Role::RoundTrip | Role::TrafficIn | Role::TrafficOut => false,
    }
}

/// Returns a text with nothing in it but what names may hold.
fn word(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect()
}

/// Returns a name of a metric (letters, digits, underscores, colons, no digit first), without underscores in a row.
fn metric_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for letter in text.chars() {
        let letter = if letter.is_ascii_alphanumeric() || letter == ':' { letter } else { '_' };
        if !(letter == '_' && name.ends_with('_')) {
            name.push(letter);
        }
    }
    let name = name.trim_matches('_');
    if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name.to_owned() }
}

fn label_name(name: &str) -> String {
    metric_name(&word(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUTS: [Output; 6] = [
        Output::new("entity.{entity}.ping.p{n}.rtt", "s", "RTT", "How long"),
        Output::new("entity.{entity}.ping.loss", "1", "Loss", "Share").playing(Role::Loss),
        Output::new("entity.{entity}.ping.if.in-octets.{index}.{interface}", "By/s", "In", "In"),
        Output::new("entity.{entity}.ping.{output_path}", "", "Any", "As the sensor says"),
        Output::new("ping.{interval}.{direction}", "By", "Bytes", "All"),
        Output::new("ping.{interval}.{direction}.entity.{entity}.topip.{address}", "By", "Top", "Top"),
    ];

    fn mappings() -> Mappings {
        Mappings::of([("ping", &OUTPUTS[..])], TEMPLATE)
    }

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
        assert_eq!(of(0).labels(), ["account", "entity", "entity_id", "address", "n"]);
        assert_eq!(
            of(5).labels(),
            ["account", "interval", "direction", "exporter", "exporter_id", "address"]
        );
        let own = Mapping::of("ping", &OUTPUTS[0], "net:{name}_{unit}");
        assert_eq!((own.metric.name.as_str(), own.metric.unit.as_str()), ("net:rtt_seconds", "seconds"));
    }

    #[test]
    fn the_mapping_that_says_most_of_a_path_counts() {
        let mappings = mappings();
        let of = |path: &'static str| {
            let found = mappings.get(path)?;
            let labels: Vec<_> = found.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let entity = found.entity.map(|(id, label)| format!("{label} {id}"));
            Some((found.metric.name.clone(), entity.unwrap_or_default(), labels.join(",")))
        };
        let some = |name: &str, entity: &str, labels: &str| {
            Some((name.to_owned(), entity.to_owned(), labels.to_owned()))
        };
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
            of("ping.1min.ingress.entity.9.topip.10.0.0.1"),
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
        assert_eq!((of("entity.seven.ping.loss"), of("temperature.cellar")), (None, None));
    }

    #[test]
    fn a_template_has_to_tell_metrics_apart() {
        for good in [TEMPLATE, "{name}", "net_{protocol}_{name}"] {
            assert_eq!(check_template(good), Ok(()));
        }
        for bad in ["", "net", "{protocol}_{unit}", "{name", "{path}_{name}"] {
            assert!(check_template(bad).is_err(), "{bad}");
        }
    }
}
