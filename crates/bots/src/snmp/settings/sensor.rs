//! What is measured: objects, what is made of them, and where the result belongs.

use grafolean_collector::{
    details::{self, DetailsError},
    model::Details,
};
use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

use crate::snmp::{
    Expression, ExpressionError, Oid, OutputPath, OutputPathError, Rows,
    mib::{NameError, Names},
};

/// A sensor's details, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// `$1` to `$N`.
    pub fetches: Vec<Fetch>,
    /// What is made of them.
    pub expression: Expression,
    /// Where the result belongs.
    pub output_path: OutputPath,
    /// Places of objects, from 0, that are read as they stand although the device says that they are counters.
    pub gauges: Vec<usize>,
    /// Whether rows that a table whole in itself lacks are nothing that is missing: a profile is for devices of many kinds.
    pub skips_partial_rows: bool,
}

/// What is read for one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// One object.
    Get(Oid),
    /// All below.
    Walk(Oid),
}

impl Fetch {
    /// Returns the object, or the one below which all is read.
    pub const fn oid(&self) -> &Oid {
        match self {
            Self::Get(oid) | Self::Walk(oid) => oid,
        }
    }
}

/// Why a sensor cannot be measured.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SensorError {
    /// A field is missing or invalid.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// Nothing to read, or more than anyone reads.
    #[error("it reads {0} objects: expected 1 to {max}", max = Sensor::MAX_FETCHES)]
    Number(usize),
    /// One of the OIDs is none.
    #[error("its OID ${number}: {error}")]
    Oid {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        error: NameError,
    },
    /// The expression makes no sense.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The output path makes no sense.
    #[error(transparent)]
    OutputPath(#[from] OutputPathError),
}

/// The fields of a sensor, as people fill them in.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
pub struct SensorFields {
    /// What is read: the first is `$1` in the expression, and so on.
    #[schemars(title = "Objects", length(min = 1, max = 100))]
    pub oids: Vec<ObjectFields>,
    /// What is made of the objects, as `$1 * 8`; empty is 0. A counter is taken as its rate a second.
    #[serde(default)]
    #[schemars(title = "Expression")]
    pub expression: String,
    /// Where the result belongs, below `entity.<id>.snmp.`. `{$1}` is the text of an object, `{$index}` the row of a
    /// walk.
    #[schemars(title = "Output path")]
    pub output_path: String,
}

/// One object of a sensor.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct ObjectFields {
    /// Its object identifier, as numbers, `1.3.6.1.2.1.1.3.0`, or as a name, `SNMPv2-MIB::sysUpTime.0`.
    #[schemars(
        title = "OID",
        regex(
            pattern = r#"^\s*(\.?[0-9]+(\.[0-9]+)+|([A-Za-z][A-Za-z0-9-]*::)?[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+|\."[^"]*"|\.'[^']*')*)\s*$"#
        )
    )]
    pub oid: String,
    /// Whether it is one object, or all below it are read.
    #[schemars(title = "Method")]
    pub fetch_method: Method,
    /// How a counter is taken: as its rate a second, or, as some devices call by that name what is a reading, as it stands.
    #[serde(default)]
    #[schemars(title = "Counter")]
    pub counter: CounterUse,
}

/// How a counter is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum CounterUse {
    /// As its rate a second.
    #[default]
    Rate,
    /// As it stands.
    Gauge,
}

/// Whether one object is read, or all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Method {
    /// The object itself.
    Get,
    /// All below it.
    Walk,
}

impl Sensor {
    /// The most objects one result is made of.
    pub const MAX_FETCHES: usize = 100;

    /// Reads a sensor's details, whose objects may have the names that are built in.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right.
    pub fn read(details: &Details) -> Result<Self, SensorError> {
        Self::named(details, Names::builtin())
    }

    /// Reads a sensor's details, whose objects may have names.
    ///
    /// # Errors
    /// As [`Sensor::read`].
    pub fn named(details: &Details, names: &Names) -> Result<Self, SensorError> {
        let written: SensorFields = details::read(details)?;
        if !(1..=Self::MAX_FETCHES).contains(&written.oids.len()) {
            return Err(SensorError::Number(written.oids.len()));
        }
        let mut fetches = Vec::with_capacity(written.oids.len());
        for (place, ObjectFields { oid, fetch_method, .. }) in written.oids.iter().enumerate() {
            let oid = names.parse(oid).map_err(|error| SensorError::Oid { number: place + 1, error })?;
            fetches.push(match fetch_method {
                Method::Get => Fetch::Get(oid),
                Method::Walk => Fetch::Walk(oid),
            });
        }
        let is_gauge = |(_, object): &(usize, &ObjectFields)| object.counter == CounterUse::Gauge;
        let gauges = written.oids.iter().enumerate().filter(is_gauge).map(|(place, _)| place).collect();
        let is_walk = |fetch: &Fetch| matches!(fetch, Fetch::Walk(_));
        let rows = if fetches.iter().any(is_walk) { Rows::Walked } else { Rows::None };
        Ok(Self {
            expression: Expression::compile(&written.expression, fetches.len())?,
            output_path: OutputPath::compile(written.output_path.trim(), fetches.len(), rows)?,
            fetches,
            gauges,
            skips_partial_rows: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(details: Value) -> Result<Sensor, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        Sensor::read(&details).map_err(|error| error.to_string())
    }

    #[test]
    fn a_sensor_is_read_with_all_its_parts() {
        let sensor = read(json!({
            "oids": [{"oid": ".1.3.6.1.2.1.2.2.1.2", "fetch_method": "walk"}, {"oid": "1.3.6.1.2.1.1.3.0", "fetch_method": "get"}],
            "expression": "$2 / 100",
            "output_path": "up.{$index}.{$1}",
        }))
        .unwrap();
        assert_eq!(sensor.fetches[0], Fetch::Walk("1.3.6.1.2.1.2.2.1.2".parse().unwrap()));
        assert_eq!(sensor.expression.as_str(), "$2 / 100");
        assert_eq!(sensor.output_path.as_str(), "up.{$index}.{$1}");
    }

    #[test]
    fn objects_may_have_names() {
        let sensor = read(json!({
            "oids": [{"oid": "IF-MIB::ifName", "fetch_method": "walk"}, {"oid": "sysUpTime.0", "fetch_method": "get"}],
            "expression": "$2", "output_path": "up.{$1}",
        }))
        .unwrap();
        assert_eq!(sensor.fetches[0], Fetch::Walk("1.3.6.1.2.1.31.1.1.1.1".parse().unwrap()));
        assert_eq!(sensor.fetches[1], Fetch::Get("1.3.6.1.2.1.1.3.0".parse().unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let sensor = |oid: &str, method: &str, expression: &str, path: &str| {
            read(json!({"oids": [{"oid": oid, "fetch_method": method}], "expression": expression, "output_path": path}))
                .unwrap_err()
        };
        for (error, said) in [
            (read(json!({})).unwrap_err(), "`oids` is missing"),
            (read(json!({"oids": [], "output_path": "a"})).unwrap_err(), "it reads 0 objects"),
            (
                sensor("ifDescrs", "get", "$1", "a"),
                "its OID $1: no object is called \"ifDescrs\": did you mean ifDescr?",
            ),
            (
                sensor("1.3.6", "set", "$1", "a"),
                "`oids[0].fetch_method` is invalid: found \"set\", expected `get` or `walk`",
            ),
            (sensor("1.3.6", "get", "$2", "a"), "character 1: $2 is not among"),
            (sensor("1.3.6", "get", "$1", "a.{$index}"), "character 3: {$index} is the row"),
        ] {
            assert!(error.contains(said), "{error}");
        }
    }
}
