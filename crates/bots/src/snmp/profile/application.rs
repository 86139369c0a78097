//! The metrics that a device answers.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{Metric, Profile, System, probe::asked_as};
use crate::snmp::{Oid, Value, mib, settings::Fetch};

/// What a device has of all profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// What the device says of itself.
    pub system: System,
    /// Profiles of which it has anything, the most fitting first.
    pub matched: Vec<Matched>,
    /// The metrics that it answers.
    pub metrics: Vec<Applied>,
    /// Requests that it took to find out.
    pub requests: usize,
    /// Whether the device answered each of them.
    pub is_complete: bool,
}

/// A profile of which a device has something, or that is meant for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// Which one.
    pub profile: Arc<Profile>,
    /// Why.
    pub why: Why,
    /// How many of its metrics are measured.
    pub metrics: usize,
}

/// Why a profile is tried on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody chose it.
    Chosen,
    /// Its sysObjectID or sysDescr fits.
    System,
    /// It answers below this object.
    Answers(Oid),
    /// It is of a standard.
    Standard,
}

/// A metric that a device answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// Of which profile.
    pub profile: Arc<Profile>,
    /// The metric's place in it.
    place: usize,
}

/// A profile that is tried.
pub(super) struct Candidate {
    pub(super) profile: Arc<Profile>,
    pub(super) why: Why,
    pub(super) weight: usize,
}

impl Why {
    /// What is meant stands before what merely answers.
    pub(super) const fn order(&self) -> u8 {
        match self {
            Self::Chosen => 0,
            Self::System => 1,
            Self::Answers(_) => 2,
            Self::Standard => 3,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => out.write_str("it was chosen"),
            Self::System => out.write_str("sysObjectID or sysDescr is one of its"),
            Self::Answers(oid) => write!(out, "the device answers below {}", mib::name_of(oid)),
            Self::Standard => out.write_str("of a standard"),
        }
    }
}

impl Applied {
    /// Returns the metric.
    pub fn metric(&self) -> Option<&Metric> {
        self.profile.metrics.get(self.place)
    }
}

impl Application {
    /// Returns the metrics with their profiles.
    pub fn metrics(&self) -> impl Iterator<Item = (&Profile, &Metric)> {
        self.metrics.iter().filter_map(|applied| Some((&*applied.profile, applied.metric()?)))
    }

    /// Returns the name of the profile that is meant for the device, the most fitting one.
    pub fn name(&self) -> Option<&str> {
        self.matched.first().map(|matched| matched.profile.name.as_str())
    }

    /// Returns the metrics as sensors, as a backend takes them.
    pub fn sensors(&self) -> Vec<Json> {
        self.sensors_of(|_| true)
    }

    /// Returns some of the metrics as sensors, as a backend takes them.
    pub fn sensors_of(&self, is_meant: impl Fn(&Metric) -> bool) -> Vec<Json> {
        let title = |profile: &Profile, metric: &Metric| format!("{}: {}", profile.title, metric.title);
        let mut titles: HashMap<String, usize> = HashMap::new();
        for (profile, metric) in self.metrics() {
            *titles.entry(title(profile, metric)).or_default() += 1;
        }
        let sensor = |(profile, metric): (&Profile, &Metric)| {
            // Of two of one title the path says which is which.
            let title = title(profile, metric);
            let name = match titles.get(&title) {
                Some(1) | None => format!("{title} [{}]", metric.unit),
                Some(_) => format!("{title} [{}], {}", metric.unit, metric.sensor.output_path.as_str()),
            };
            json!({
                "name": name,
                "protocol": "snmp",
                "default_interval": metric.every.seconds(),
                "details": metric.details(),
            })
        };
        self.metrics().filter(|(_, metric)| is_meant(metric)).map(sensor).collect()
    }
}

/// Selects the metrics whose objects the device has, of each family of paths the first.
pub(super) fn apply(
    system: System,
    candidates: Vec<Candidate>,
    found: &BTreeMap<Oid, Value>,
    requests: usize,
) -> Application {
    let mut families = HashSet::new();
    let (mut metrics, mut matched) = (Vec::new(), Vec::new());
    let parts = candidates.iter().find(|it| it.why.order() < 2).and_then(|it| it.profile.parts.clone());
    for Candidate { profile, why, .. } in candidates {
        let before = metrics.len();
        for (place, metric) in profile.metrics.iter().enumerate() {
            let is_wanted = why != Why::Standard || parts.as_ref().is_none_or(|it| it.contains(&metric.part));
            let has = |fetch: &Fetch| {
                found.get(asked_as(fetch).oid()).is_some_and(|value| metric.takes(fetch.oid(), value))
            };
            if is_wanted && !families.contains(&metric.family()) && metric.needs().all(has) {
                families.insert(metric.family());
                metrics.push(Applied { profile: Arc::clone(&profile), place });
            }
        }
        let count = metrics.len() - before;
        if count > 0 || why.order() < 2 {
            matched.push(Matched { profile, why, metrics: count });
        }
    }
    Application { system, matched, metrics, requests, is_complete: true }
}
