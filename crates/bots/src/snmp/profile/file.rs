//! A profile as it is written.

use std::collections::BTreeMap;

use grafolean_collector::model::Interval;
use serde::Deserialize;
use thiserror::Error;

use super::{Criteria, Metric, Profile, metric::Written};
use crate::snmp::mib::{NameError, Names};

/// Why a text is no profile.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ProfileError {
    /// It is not TOML, or has other fields.
    #[error("{0}")]
    Toml(String),
    /// What it says of devices is wrong.
    #[error("match {number}: {error}")]
    Match {
        /// Which one, from 1.
        number: usize,
        /// What is wrong.
        error: NameError,
    },
    /// One of its metrics is wrong.
    #[error("metric {number} ({path}): {why}")]
    Metric {
        /// Which one, from 1.
        number: usize,
        /// Its path.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It measures nothing.
    #[error("it has no metric: expected at least one [[metric]]")]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    vendor: Option<String>,
    #[serde(default)]
    parts: Option<Vec<String>>,
    #[serde(default, rename = "match")]
    matches: Vec<MatchFields>,
    #[serde(default, rename = "metric")]
    metrics: Vec<MetricFields>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchFields {
    #[serde(default)]
    sys_object_id: Vec<String>,
    #[serde(default)]
    sys_descr: Vec<String>,
    #[serde(default)]
    answers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricFields {
    objects: Vec<String>,
    path: String,
    expression: Option<String>,
    unit: Option<String>,
    title: Option<String>,
    part: Option<String>,
    every: Option<i64>,
    kind: Option<String>,
    valid: Option<[f64; 2]>,
    #[serde(default)]
    when: BTreeMap<String, Vec<Value>>,
    #[serde(default)]
    states: BTreeMap<String, Vec<Value>>,
}

/// A number, or the word for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    Number(i64),
    Word(String),
}

/// Reads a profile of this name.
pub(super) fn read(name: &str, text: &str, names: &Names) -> Result<Profile, ProfileError> {
    let file: File =
        toml::from_str(text).map_err(|error| ProfileError::Toml(error.to_string().trim().to_owned()))?;
    if file.metrics.is_empty() {
        return Err(ProfileError::Empty);
    }
    let mut matches = Vec::new();
    for (place, fields) in file.matches.into_iter().enumerate() {
        let error = |error| ProfileError::Match { number: place + 1, error };
        let oids =
            |texts: Vec<String>| texts.iter().map(|text| names.parse(text)).collect::<Result<Vec<_>, _>>();
        matches.push(Criteria {
            sys_object_id: oids(fields.sys_object_id).map_err(error)?,
            sys_descr: fields.sys_descr,
            answers: oids(fields.answers).map_err(error)?,
        });
    }
    let mut metrics = Vec::new();
    for (place, fields) in file.metrics.into_iter().enumerate() {
        let path = fields.path.clone();
        let error = |why| ProfileError::Metric { number: place + 1, path: path.clone(), why };
        let every = match fields.every {
            None => None,
            Some(seconds) => Some(Interval::from_seconds(seconds).map_err(|why| error(why.to_string()))?),
        };
        let written = Written {
            objects: fields.objects,
            path: fields.path,
            expression: fields.expression,
            unit: fields.unit,
            title: fields.title,
            part: fields.part,
            every,
            kind: fields.kind,
            valid: fields.valid,
            when: fields.when,
            states: fields.states,
        };
        metrics.push(Metric::of(written, names).map_err(error)?);
    }
    Ok(Profile {
        name: name.to_owned(),
        title: file.title,
        vendor: file.vendor,
        parts: file.parts,
        matches,
        metrics,
    })
}
