//! What a protocol declares, as plain values: for forms, pages, docs and exports.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    model::{Details, Interval},
    settings::Setting,
};

use super::Protocol;

/// A series that a protocol measures.
///
/// The path is a pattern: `{name}` stands for one or more segments, as in `entity.{entity}.ping.rtt.avg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Output {
    /// The pattern of its path.
    pub path: Cow<'static, str>,
    /// What a value is counted in, by the symbols of UCUM: `s`, `By`, `By/s`, `d`; `1` is a pure number, `bool` is 1 or 0.
    pub unit: Cow<'static, str>,
    /// A short name, for a chart's heading.
    pub title: Cow<'static, str>,
    /// What a value means and when there is none, in a sentence.
    pub meaning: Cow<'static, str>,
    /// The part that it plays for the state of its device, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// From where on people are to look at it, of a share; `None` colours nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

/// From where on people are to look at a share, in percent: of traffic it is the share of the interface's speed. Where `red` is
/// below `amber` less is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The figure is amber beyond this.
    pub amber: u8,
    /// Its device is degraded beyond this; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<u8>,
    /// The figure is red at this, and beyond it.
    pub red: u8,
}

/// The part that a series plays for the state of its device: pages know a device by these, whatever the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// The share of what was sent to the device that it answered: at 0 it is down.
    Reachability,
    /// The share that it did not answer.
    Loss,
    /// How long an answer takes.
    RoundTrip,
    /// The share of what it was asked for that came.
    Completeness,
    /// The share of what it sent by itself that was received.
    Coverage,
    /// What enters it; `{index}` in the path is the interface.
    TrafficIn,
    /// What leaves it; `{index}` in the path is the interface.
    TrafficOut,
}

impl Role {
    /// Returns from where on people look at such a share; `None` for what is no share.
    pub const fn usual_limits(self) -> Option<Limits> {
        Some(match self {
            Self::Reachability => Limits { amber: 100, degraded: Some(100), red: 0 },
            Self::Completeness => Limits { amber: 99, degraded: Some(95), red: 50 },
            Self::Coverage => Limits { amber: 95, degraded: Some(95), red: 50 },
            Self::TrafficIn | Self::TrafficOut => Limits { amber: 70, degraded: None, red: 90 },
            Self::Loss | Self::RoundTrip => return None,
        })
    }
}

impl Output {
    /// Creates the description of a series.
    pub const fn new(
        path: &'static str,
        unit: &'static str,
        title: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            path: Cow::Borrowed(path),
            unit: Cow::Borrowed(unit),
            title: Cow::Borrowed(title),
            meaning: Cow::Borrowed(meaning),
            role: None,
            limits: None,
        }
    }

    /// Returns it with the part that it plays for the state of its device, and the limits that are usual for it.
    #[must_use]
    pub const fn playing(mut self, role: Role) -> Self {
        self.role = Some(role);
        self.limits = role.usual_limits();
        self
    }

    /// Returns it with limits of its own.
    #[must_use]
    pub const fn limited(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Whether a path is of this series.
    ///
    /// ```
    /// use grafolean_collector::protocol::Output;
    ///
    /// let output = Output::new("entity.{entity}.ping.p{n}.rtt", "s", "Round-trip time", "How long a reply took");
    /// assert!(output.matches("entity.7.ping.p0.rtt"));
    /// assert!(!output.matches("entity.7.ping.p0.ok") && !output.matches("entity..ping.p0.rtt"));
    /// ```
    pub fn matches(&self, path: &str) -> bool {
        self.captures(path).is_some()
    }

    /// Returns what the names in braces stand for in a path, in their order; `None` if it is not of this series. A name
    /// that could stand for more stands for as little as it can.
    ///
    /// ```
    /// use grafolean_collector::protocol::Output;
    ///
    /// let output = Output::new("entity.{entity}.ping.p{n}.rtt", "s", "Round-trip time", "How long a reply took");
    /// assert_eq!(output.captures("entity.7.ping.p0.rtt"), Some(vec![("entity", "7"), ("n", "0")]));
    /// ```
    pub fn captures<'a>(&'a self, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut found = Vec::new();
        captures(&self.path, path, &mut found).then_some(found)
    }
}

/// Matches a path against a pattern; a name in braces stands for at least one character.
fn captures<'a>(pattern: &'a str, path: &'a str, found: &mut Vec<(&'a str, &'a str)>) -> bool {
    let Some((literal, rest)) = pattern.split_once('{') else { return pattern == path };
    let Some(path) = path.strip_prefix(literal) else { return false };
    let (name, rest) = rest.split_once('}').unwrap_or((rest, ""));
    let ends = path.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let before = found.len();
    ends.filter_map(|end| path.split_at_checked(end)).any(|(value, left)| {
        found.truncate(before);
        found.push((name, value));
        captures(rest, left, found)
    })
}

/// What an account has from the start: by it a device can be measured without further thought.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Defaults {
    /// Ways in.
    #[serde(default)]
    pub credentials: Vec<DefaultCredential>,
    /// What is measured.
    #[serde(default)]
    pub sensors: Vec<DefaultSensor>,
}

/// A credential that an account has from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefaultCredential {
    /// What people call it.
    pub name: String,
    /// What the protocol reads.
    #[serde(default)]
    pub details: Details,
}

/// A sensor that an account has from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefaultSensor {
    /// What people call it.
    pub name: String,
    /// How often it is measured unless an entity says otherwise; `None` leaves it to the protocol.
    #[serde(default)]
    pub interval: Option<Interval>,
    /// What the protocol reads.
    #[serde(default)]
    pub details: Details,
}

impl Defaults {
    /// Creates defaults of nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a credential. What is no JSON object has no fields.
    #[must_use]
    pub fn credential(mut self, name: &str, details: Value) -> Self {
        self.credentials.push(DefaultCredential { name: name.to_owned(), details: fields(details) });
        self
    }

    /// Adds a sensor. What is no JSON object has no fields.
    #[must_use]
    pub fn sensor(mut self, name: &str, interval: impl Into<Option<Interval>>, details: Value) -> Self {
        let interval = interval.into();
        self.sensors.push(DefaultSensor { name: name.to_owned(), interval, details: fields(details) });
        self
    }
}

fn fields(details: Value) -> Details {
    match details {
        Value::Object(details) => details,
        _ => Details::new(),
    }
}

/// A setting of a process, without the code that checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeclaredSetting {
    /// Its name, as a TOML file has it.
    pub name: String,
    /// Its variable in the environment.
    pub variable: String,
    /// What is in force where nobody sets it.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether its value is never shown.
    #[serde(default)]
    pub secret: bool,
    /// What it does, in a sentence.
    pub help: String,
}

impl From<&Setting> for DeclaredSetting {
    fn from(setting: &Setting) -> Self {
        Self {
            name: setting.name.to_owned(),
            variable: setting.variable.to_owned(),
            default: setting.default.map(str::to_owned),
            secret: setting.secret,
            help: setting.help.to_owned(),
        }
    }
}

/// All that a protocol declares. The same JSON describes a protocol of this binary and one of a bot outside it, in any
/// language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Declaration {
    /// The name under which backends and tokens know it.
    pub name: String,
    /// What it measures, in a sentence.
    #[serde(default)]
    pub about: String,
    /// The JSON Schema of a credential's details.
    #[serde(default)]
    pub credential: Value,
    /// The JSON Schema of a sensor's details.
    #[serde(default)]
    pub sensor: Value,
    /// The JSON Schema of what it reads of an entity's details.
    #[serde(default)]
    pub entity: Value,
    /// Whether its bot creates and changes entities, for which it needs the right.
    #[serde(default)]
    pub keeps_entities: bool,
    /// Whether a hub whose binary knows it tests devices before they are set up.
    #[serde(default)]
    pub testable: bool,
    /// The series that it measures.
    #[serde(default)]
    pub outputs: Vec<Output>,
    /// What a new account has from the start.
    #[serde(default)]
    pub defaults: Defaults,
    /// What can be set for its process.
    #[serde(default)]
    pub settings: Vec<DeclaredSetting>,
}

impl Declaration {
    /// Returns what a protocol declares.
    pub fn of<P: Protocol>() -> Self {
        Self {
            name: P::NAME.to_owned(),
            about: P::ABOUT.to_owned(),
            credential: schemars::schema_for!(P::Credential).to_value(),
            sensor: schemars::schema_for!(P::Sensor).to_value(),
            entity: schemars::schema_for!(P::Entity).to_value(),
            testable: P::TESTABLE,
            keeps_entities: P::KEEPS_ENTITIES,
            outputs: P::OUTPUTS.to_vec(),
            defaults: P::defaults(),
            settings: P::SETTINGS.iter().map(DeclaredSetting::from).collect(),
        }
    }
}
