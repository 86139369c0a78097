//! One thing that a profile measures, as a sensor.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use grafolean_collector::model::{Details, Interval, SensorId};
use serde_json::{Value as Json, json};

use super::{file::Value, series};
use crate::snmp::{
    Oid, Value as Read,
    mib::{Kind, Names},
    settings::{Fetch, Sensor},
};

/// What a value is counted in, by the symbols of UCUM.
pub type Unit = String;

/// One thing that a profile measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Which part of a profile it belongs to: `interfaces`, `cpu-memory`.
    pub part: String,
    /// A short name.
    pub title: String,
    /// What its values are counted in.
    pub unit: Unit,
    /// How often it is measured.
    pub every: Interval,
    /// What it reads, makes of it, and where the result belongs; one for all devices.
    pub sensor: Arc<Sensor>,
    kind: Option<Counting>,
}

/// Whether an object counts up for ever or is a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    Counter,
    Gauge,
}

/// A metric as it is written.
pub(super) struct Written {
    pub(super) objects: Vec<String>,
    pub(super) path: String,
    pub(super) expression: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) title: Option<String>,
    pub(super) part: Option<String>,
    pub(super) every: Option<Interval>,
    pub(super) kind: Option<String>,
    pub(super) valid: Option<[f64; 2]>,
    pub(super) when: BTreeMap<String, Vec<Value>>,
    pub(super) states: BTreeMap<String, Vec<Value>>,
}

impl Metric {
    /// Checks a metric and fills in what the vocabulary knows of its path.
    pub(super) fn of(written: Written, names: &Names) -> Result<Self, String> {
        let known = series::of(&written.path);
        let missing = |what: &str| {
            format!("its path is not one of the vocabulary: expected one of those, or a `{what}` beside it")
        };
        let unit = written.unit.or_else(|| Some(known?.unit.to_owned())).ok_or_else(|| missing("unit"))?;
        let title =
            written.title.or_else(|| Some(known?.title.to_owned())).ok_or_else(|| missing("title"))?;
        let part = written.part.or_else(|| Some(known?.part.to_owned())).ok_or_else(|| missing("part"))?;
        let every =
            written.every.or_else(|| Interval::from_seconds(known?.every_s).ok()).unwrap_or(Interval::MINUTE);
        let kind = match written.kind.as_deref() {
            None => None,
            Some("counter") => Some(Counting::Counter),
            Some("gauge") => Some(Counting::Gauge),
            Some(other) => return Err(format!("kind {other:?} is invalid: expected counter or gauge")),
        };
        let mut objects = Vec::new();
        for text in &written.objects {
            objects.push(object(text, names)?);
        }
        let valid = written.valid.or_else(|| known?.valid);
        let expression =
            expression(&written.expression, &objects, &written.when, &written.states, valid, names)?;
        let oids = objects.iter().map(|(oid, method)| match kind {
            Some(Counting::Gauge) => {
                json!({"oid": oid.to_string(), "fetch_method": method, "counter": "gauge"})
            }
            _ => json!({"oid": oid.to_string(), "fetch_method": method}),
        });
        let details =
            json!({"oids": oids.collect::<Vec<_>>(), "expression": expression, "output_path": written.path});
        let Json::Object(details) = details else { return Err("it is no sensor".to_owned()) };
        let read = Sensor::named(&details, names).map_err(|error| error.to_string())?;
        let sensor = Arc::new(Sensor { skips_partial_rows: true, ..read });
        let is_walk = sensor.fetches.iter().any(|fetch| matches!(fetch, Fetch::Walk(_)));
        if is_walk && !sensor.output_path.names_index() {
            return Err("it reads rows of a table: its path has to have {$index}".to_owned());
        }
        Ok(Self { part, title, unit, every, sensor, kind })
    }

    /// Returns the family of its path, by which it stands in for another: `cpu.*.load`.
    pub(super) fn family(&self) -> String {
        series::family(self.sensor.output_path.as_str())
    }

    /// Returns the number under which what it read last is remembered: always the same for one path.
    pub fn sensor_id(&self) -> SensorId {
        let path = self.sensor.output_path.as_str();
        SensorId::new(-1 - i64::from(crc32fast::hash(path.as_bytes())))
    }

    /// Returns the objects that a device has to have.
    pub(super) fn needs(&self) -> impl Iterator<Item = &Fetch> {
        let (expression, path) = (&self.sensor.expression, &self.sensor.output_path);
        let is_read = move |number: usize| expression.reads(number) || path.names(number);
        self.sensor
            .fetches
            .iter()
            .enumerate()
            .filter(move |(place, _)| is_read(place + 1))
            .map(|(_, fetch)| fetch)
    }

    /// Whether an object's first value is of the kind that it takes: a number, counted as it says.
    pub(super) fn takes(&self, oid: &Oid, value: &Read) -> bool {
        let read = self.sensor.fetches.iter().enumerate().filter(|(_, fetch)| fetch.oid() == oid);
        let mut numbers = read.filter(|(place, _)| self.sensor.expression.reads(place + 1));
        numbers.all(|_| {
            let is_counter = matches!(value, Read::Counter32(_) | Read::Counter64(_));
            value.number().is_some() && (is_counter || self.kind != Some(Counting::Counter))
        })
    }

    /// Whether its result is a rate, as the first value of each of its objects says.
    pub fn is_rate<'v>(&self, first: impl Fn(&Oid) -> Option<&'v Read>) -> bool {
        let read = (0..).zip(&self.sensor.fetches).filter(|(place, _)| {
            self.sensor.expression.reads(place + 1) && !self.sensor.gauges.contains(place)
        });
        read.map(|(_, fetch)| first(fetch.oid()))
            .any(|value| matches!(value, Some(Read::Counter32(_) | Read::Counter64(_))))
    }

    /// Returns the details of its sensor, as a backend has them.
    pub fn details(&self) -> Details {
        let oid = |(place, fetch): (usize, &Fetch)| {
            let method = if matches!(fetch, Fetch::Get(_)) { "get" } else { "walk" };
            if self.sensor.gauges.contains(&place) {
                json!({"oid": fetch.oid().to_string(), "fetch_method": method, "counter": "gauge"})
            } else {
                json!({"oid": fetch.oid().to_string(), "fetch_method": method})
            }
        };
        let mut details = Details::new();
        details.insert("oids".to_owned(), self.sensor.fetches.iter().enumerate().map(oid).collect());
        details.insert("expression".to_owned(), self.sensor.expression.as_str().into());
        details.insert("output_path".to_owned(), self.sensor.output_path.as_str().into());
        details
    }
}

/// An object, and whether it is one or a column: a scalar is written with its `.0`, or `get` or `walk` stand before it.
fn object(text: &str, names: &Names) -> Result<(Oid, &'static str), String> {
    let (said, name) = match text.split_once(' ') {
        Some(("get", name)) => (Some("get"), name),
        Some(("walk", name)) => (Some("walk"), name),
        _ => (None, text),
    };
    let oid = names.parse(name).map_err(|error| error.to_string())?;
    let method = said.unwrap_or_else(|| match names.lookup(&oid) {
        Some(named) if matches!(named.object.kind(), Kind::Column | Kind::Scalar) => {
            if named.index.is_empty() { "walk" } else { "get" }
        }
        _ if oid.arcs().last() == Some(&0) => "get",
        _ => "walk",
    });
    let is_scalar =
        names.lookup(&oid).is_some_and(|it| it.object.kind() == Kind::Scalar && it.index.is_empty());
    if is_scalar && said.is_none() {
        return Err(format!("{text} is a scalar: write {text}.0"));
    }
    Ok((oid, method))
}

/// The expression, with what keeps out rows that are not meant and values that say that there is none: a term that is 0, or
/// the root of a negative number, which is no value.
fn expression(
    written: &Option<String>,
    objects: &[(Oid, &str)],
    when: &BTreeMap<String, Vec<Value>>,
    states: &BTreeMap<String, Vec<Value>>,
    valid: Option<[f64; 2]>,
    names: &Names,
) -> Result<String, String> {
    let last = objects.len();
    let mut guards = String::new();
    let mut only = |place: usize, values: &[i64]| {
        let distance: Vec<_> = values.iter().map(|value| format!("(${place} - {value})")).collect();
        let _infallible = write!(guards, " + 0 * sqrt(0 - abs({}))", distance.join(" * "));
    };
    let mut base = written.clone().unwrap_or_else(|| format!("${last}"));
    if !states.is_empty() {
        let mut terms = Vec::new();
        let mut all = Vec::new();
        for (state, values) in states {
            let factor = match state.as_str() {
                "ok" => 0,
                "warning" => 1,
                "critical" => 2,
                other => return Err(format!("state {other:?} is invalid: expected ok, warning or critical")),
            };
            for number in numbers(values, last, objects, names)? {
                all.push(number);
                if factor > 0 {
                    terms.push(format!("{factor} * (${last} = {number})"));
                }
            }
        }
        // So it reads its object also where all is well whatever it says.
        base = if terms.is_empty() { format!("0 * ${last}") } else { terms.join(" + ") };
        only(last, &all);
    }
    for (operand, values) in when {
        let place = operand
            .strip_prefix('$')
            .and_then(|number| number.parse().ok())
            .filter(|it| (1..=last).contains(it));
        let place = place.ok_or_else(|| format!("when {operand:?} is invalid: expected $1 to ${last}"))?;
        let values = numbers(values, place, objects, names)?;
        only(place, &values);
    }
    if let Some([low, high]) = valid.filter(|_| states.is_empty()) {
        let _infallible = write!(guards, " + 0 * sqrt((({base}) - ({low})) * ({high} - ({base})))");
    }
    Ok(if guards.is_empty() { base } else { format!("({base}){guards}") })
}

fn numbers(
    values: &[Value],
    place: usize,
    objects: &[(Oid, &str)],
    names: &Names,
) -> Result<Vec<i64>, String> {
    let oid = objects.get(place.wrapping_sub(1)).map(|(oid, _)| oid);
    let syntax = oid.and_then(|oid| names.lookup(oid)).and_then(|named| named.object.syntax());
    let number = |value: &Value| match value {
        Value::Number(number) => Ok(*number),
        Value::Word(word) => syntax.and_then(|syntax| syntax.number(word)).ok_or_else(|| {
            let known: Vec<_> =
                syntax.map(|syntax| syntax.words().map(|(_, word)| word).collect()).unwrap_or_default();
            format!("{word:?} is no word of ${place}: expected a number or one of {}", known.join(", "))
        }),
    };
    values.iter().map(number).collect()
}
