//! How the devices of an account are, a row each: pure, from what is set up, what is declared and the last values.
//!
//! A page that shows 10,000 devices needs a row of each, not their 300,000 values.

use std::collections::{BTreeMap, HashMap};

use grafolean_collector::{
    model::{Entity, EntityId, Sensor, SensorId},
    protocol::{Declaration, Output, Role},
    time::Timestamp,
};
use serde::Serialize;

use crate::points::Point;

/// A value counts as old when three of its intervals have passed, or this, if nobody knows the interval.
const OLD_AFTER_S: i64 = 600;
/// Beside three intervals, what a value may take on its way.
const GRACE_S: i64 = 5;
/// Different paths, but for their entity, whose part is remembered: about 10 MB. Beyond it each is looked for anew.
const SHAPES_MAX: usize = 100_000;

/// How one device is, as far as its values tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    id: EntityId,
    /// When its newest value was due, in seconds; null if it has none.
    newest: Option<f64>,
    /// How many series it has, those of what stands below it as well.
    series: usize,
    /// The longest interval at which it is measured, in seconds; 0 if none is known.
    interval: i64,
    /// By the part that a series plays: the worst value of those that are not old, the sum of what passes.
    roles: BTreeMap<&'static str, Part>,
}

/// What the series of one part amount to.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Part {
    v: f64,
    /// The first of them by name.
    p: String,
}

/// All devices of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Overview {
    now: f64,
    /// Series that belong to no device.
    others: usize,
    devices: Vec<Row>,
}

/// What is put into an overview, path by path.
pub(crate) struct Survey<'a> {
    roles: Roles<'a>,
    owners: BTreeMap<EntityId, usize>,
    overview: Overview,
    oldest: Vec<Timestamp>,
}

impl<'a> Survey<'a> {
    /// Creates the survey of these entities.
    pub(crate) fn of(
        entities: &[Entity],
        sensors: &[Sensor],
        declared: &'a [Declaration],
        now: Timestamp,
    ) -> Self {
        let intervals: BTreeMap<SensorId, Option<i64>> =
            sensors.iter().map(|sensor| (sensor.id, sensor.default_interval)).collect();
        let mut survey = Self {
            roles: Roles::of(declared),
            owners: BTreeMap::new(),
            overview: Overview { now: now.as_seconds_f64(), ..Overview::default() },
            oldest: Vec::new(),
        };
        for entity in entities.iter().filter(|entity| entity.entity_type == "device") {
            let interval = longest_interval(entity, &intervals);
            let age = if interval > 0 { 3 * interval + GRACE_S } else { OLD_AFTER_S };
            survey.owners.insert(entity.id, survey.overview.devices.len());
            survey
                .oldest
                .push(Timestamp::from_micros(now.micros().saturating_sub(age.saturating_mul(1_000_000))));
            let row = Row { id: entity.id, newest: None, series: 0, interval, roles: BTreeMap::new() };
            survey.overview.devices.push(row);
        }
        for entity in entities {
            let above = entity.parent.and_then(|parent| survey.owners.get(&parent)).copied();
            if let Some(place) = above.filter(|_| entity.entity_type != "device") {
                survey.owners.insert(entity.id, place);
            }
        }
        survey
    }

    /// Adds the last value of a path.
    pub(crate) fn add(&mut self, path: &str, last: Point) {
        let entity = entity_of(path);
        let Some((id, &place)) = entity.and_then(|id| Some((id, self.owners.get(&id)?))) else {
            self.overview.others += 1;
            return;
        };
        let Some((row, oldest)) = self.overview.devices.get_mut(place).zip(self.oldest.get(place)) else {
            return;
        };
        row.series += 1;
        let time = last.time.as_seconds_f64();
        row.newest = Some(row.newest.map_or(time, |newest| newest.max(time)));
        if last.time < *oldest {
            return;
        }
        if let Some((name, role)) = self.roles.of_path(path, id) {
            let part = row.roles.entry(name);
            part.and_modify(|part| part.v = joined(role, part.v, last.value))
                .or_insert_with(|| Part { v: last.value, p: path.to_owned() });
        }
    }

    /// Returns what was found.
    pub(crate) fn overview(self) -> Overview {
        self.overview
    }
}

/// Shares are as bad as the worst of them, traffic is what passes in all; of round trips the first is shown.
fn joined(role: Role, one: f64, other: f64) -> f64 {
    match role {
        Role::Loss => one.max(other),
        Role::TrafficIn | Role::TrafficOut => one + other,
        Role::RoundTrip => one,
        _ => one.min(other),
    }
}

fn longest_interval(entity: &Entity, usual: &BTreeMap<SensorId, Option<i64>>) -> i64 {
    let uses = entity.protocols.iter().flat_map(BTreeMap::values).flat_map(|how| &how.sensors);
    let of = |used: &grafolean_collector::model::SensorUse| {
        used.interval.or_else(|| usual.get(&used.sensor).copied().flatten())
    };
    uses.filter_map(of).max().unwrap_or(0)
}

/// The entity that a path names: by the contract the segment after `entity` is its id, wherever in a path it stands.
pub(crate) fn entity_of(path: &str) -> Option<EntityId> {
    let rest = match path.strip_prefix("entity.") {
        Some(rest) => rest,
        None => path.split_once(".entity.")?.1,
    };
    rest.split('.').next()?.parse().ok().map(EntityId::new)
}

/// The outputs that play a part, and those that might be taken for them.
struct Roles<'a> {
    outputs: Vec<&'a Output>,
    /// What was found for a path without the id of its entity: devices have the same series.
    known: HashMap<String, Option<(&'static str, Role)>>,
}

impl<'a> Roles<'a> {
    fn of(declared: &'a [Declaration]) -> Self {
        let mut outputs: Vec<_> = declared
            .iter()
            .filter(|declaration| declaration.outputs.iter().any(|output| output.role.is_some()))
            .flat_map(|declaration| &declaration.outputs)
            .collect();
        // What has the most letters of its own says most.
        outputs.sort_by_key(|output| std::cmp::Reverse(letters(&output.path)));
        Self { outputs, known: HashMap::new() }
    }

    /// Returns the part that a path plays, of which `id` is its entity.
    fn of_path(&mut self, path: &str, id: EntityId) -> Option<(&'static str, Role)> {
        let shape = path.replacen(&id.to_string(), "", 1);
        if let Some(known) = self.known.get(&shape) {
            return *known;
        }
        let found = self.find(path);
        if self.known.len() < SHAPES_MAX {
            self.known.insert(shape, found);
        }
        found
    }

    fn find(&self, path: &str) -> Option<(&'static str, Role)> {
        let playing = self.outputs.iter().filter(|output| output.role.is_some());
        // Most paths play none: only what might is compared with all.
        if !playing.clone().any(|output| ends_alike(&output.path, path) && output.matches(path)) {
            return None;
        }
        let role = self.outputs.iter().find(|output| output.matches(path))?.role?;
        Some((name_of(role)?, role))
    }
}

/// Whether a path begins and ends as a pattern does: quick to see, and true of few.
fn ends_alike(pattern: &str, path: &str) -> bool {
    let (begin, end) = (pattern.split('{').next(), pattern.rsplit('}').next());
    let word = pattern.split_once("}.").and_then(|(_, rest)| rest.split(['.', '{']).next());
    path.starts_with(begin.unwrap_or_default())
        && path.ends_with(end.unwrap_or_default())
        && word.is_none_or(|word| path.contains(word))
}

fn letters(pattern: &str) -> usize {
    let mut inside = false;
    let of_its_own = |letter: &char| {
        inside = (inside || *letter == '{') && *letter != '}';
        !inside && *letter != '}'
    };
    pattern.chars().filter(of_its_own).count()
}

const fn name_of(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Reachability => "reachability",
        Role::Loss => "loss",
        Role::RoundTrip => "round-trip",
        Role::Completeness => "completeness",
        Role::Coverage => "coverage",
        Role::TrafficIn => "traffic-in",
        Role::TrafficOut => "traffic-out",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn survey(values: &[(&str, i64, f64)]) -> serde_json::Value {
        let entities: Vec<Entity> = serde_json::from_value(json!([
            {"id": 7, "name": "r1", "entity_type": "device", "details": {},
                "protocols": {"ping": {"sensors": [{"sensor": 1}, {"sensor": 2, "interval": 120}]}}},
            {"id": 8, "name": "port", "entity_type": "interface", "parent": 7, "details": {}},
        ]))
        .unwrap();
        let sensors: Vec<Sensor> = serde_json::from_value(
            json!([{"id": 1, "name": "s", "protocol": "ping", "default_interval": 60, "details": {}}]),
        )
        .unwrap();
        let declared: Vec<Declaration> = serde_json::from_value(json!([{"name": "ping", "about": "", "credential": {}, "sensor": {},
            "outputs": [
                {"path": "entity.{entity}.ping.ok", "unit": "1", "title": "", "meaning": "", "role": "reachability"},
                {"path": "entity.{entity}.snmp.in.{index}.{name}", "unit": "By/s", "title": "", "meaning": "", "role": "traffic-in"},
                {"path": "entity.{entity}.snmp.in.{index}.all", "unit": "By/s", "title": "", "meaning": ""},
            ]}]))
        .unwrap();
        let mut survey = Survey::of(&entities, &sensors, &declared, Timestamp::from_seconds(1_000));
        for (path, time, value) in values {
            survey.add(path, Point { time: Timestamp::from_seconds(*time), value: *value });
        }
        serde_json::to_value(survey.overview()).unwrap()
    }

    #[test]
    fn a_device_is_as_its_worst_share_and_the_sum_of_what_passes() {
        let found = survey(&[
            ("entity.7.ping.ok", 990, 1.0),
            ("entity.8.ping.ok", 980, 0.5),
            ("entity.7.snmp.in.1.a", 990, 10.0),
            ("entity.7.snmp.in.2.b", 990, 5.0),
            ("entity.7.snmp.in.2.all", 990, 15.0),
            ("office.temperature", 990, 21.0),
            ("entity.9.ping.ok", 990, 0.0),
        ]);
        assert_eq!((&found["others"], &found["devices"].as_array().unwrap().len()), (&json!(2), &1));
        let row = &found["devices"][0];
        assert_eq!((&row["id"], &row["series"], &row["interval"]), (&json!(7), &json!(5), &json!(120)));
        assert_eq!(row["newest"], json!(990.0));
        assert_eq!(row["roles"]["reachability"], json!({"v": 0.5, "p": "entity.7.ping.ok"}));
        assert_eq!(row["roles"]["traffic-in"], json!({"v": 15.0, "p": "entity.7.snmp.in.1.a"}));
    }

    #[test]
    fn what_is_old_plays_no_part() {
        let found =
            survey(&[("entity.7.ping.ok", 1_000 - 365, 1.0), ("entity.7.snmp.in.1.a", 1_000 - 366, 1.0)]);
        let row = &found["devices"][0];
        assert_eq!(row["newest"], json!(635.0));
        assert_eq!(row["roles"], json!({"reachability": {"v": 1.0, "p": "entity.7.ping.ok"}}));
    }

    #[test]
    fn the_entity_of_a_path_is_where_the_contract_puts_it() {
        for (path, id) in [
            ("entity.7.ping.ok", Some(7)),
            ("netflow.1min.ingress.entity.7.if.3", Some(7)),
            ("entity.seven.ping", None),
            ("identity.7.a", None),
            ("a.b", None),
        ] {
            assert_eq!(entity_of(path), id.map(EntityId::new), "{path}");
        }
    }
}
