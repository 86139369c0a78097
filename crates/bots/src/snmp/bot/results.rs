//! Values of what came: pure arithmetic over a harvest.

use std::collections::HashMap;

use thiserror::Error;

use super::memory::SensorMemory;
use crate::snmp::{
    Oid, Value, What, counted,
    counter::{Continuity, MOST_EXCEEDED, NoRate, Reading, Uptime},
    interfaces::DISCONTINUITY,
    plan::{Harvest, Missing, Row},
    settings::{Fetch, Sensor},
};

/// What a sensor came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Path below the device's, and number.
    pub(super) values: Vec<(String, f64)>,
    /// Results that were asked for, as far as is known.
    pub(super) wanted: usize,
    /// Those whose objects all came.
    pub(super) complete: usize,
    /// What did not.
    pub(super) absent: Vec<Absent>,
    /// Values that came to nothing in a path.
    pub(super) empty_names: usize,
}

/// A value that is not there.
#[derive(Debug)]
pub(super) struct Absent {
    /// `$1` is 1.
    pub(super) number: usize,
    pub(super) why: Why,
}

/// Why a value is not there.
#[derive(Debug, Error)]
pub(super) enum Why {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("it is {0}, no number")]
    NoNumber(&'static str),
    #[error("it has no row {0:?}")]
    NoRow(Box<[u32]>),
    #[error(transparent)]
    NoRate(#[from] NoRate),
    #[error("the expression has no finite result")]
    NotFinite,
}

/// What is known of the device beside the harvest.
pub(super) struct Circumstances<'a> {
    pub(super) uptime: Option<Uptime>,
    /// Bits a second that interfaces can carry, by their index.
    pub(super) speeds: &'a HashMap<u32, u64>,
}

/// Makes a sensor's values, and remembers its counters for the next time.
pub(super) fn measure(
    sensor: &Sensor,
    harvest: &Harvest,
    memory: &mut SensorMemory,
    circumstances: &Circumstances<'_>,
) -> Outcome {
    let continuity = match (circumstances.uptime, memory.uptime) {
        (Some(now), Some(before)) => now.continuity(&before),
        _ => Continuity::Unknown,
    };
    let discontinuities = discontinuities(sensor, harvest);
    let bench = Bench { sensor, harvest, memory, speeds: circumstances.speeds, continuity, discontinuities };
    let mut outcome = Outcome::default();
    let first_walk = sensor.fetches.iter().find_map(|fetch| match fetch {
        Fetch::Walk(root) => Some(root),
        Fetch::Get(_) => None,
    });
    match first_walk {
        None => bench.result(&[], &mut outcome),
        Some(root) => {
            let column = harvest.column(root);
            for row in column.map_or(&[][..], |column| &column.rows) {
                bench.result(&row.index, &mut outcome);
            }
        }
    }
    bench.count_cut_walks(&mut outcome);
    let is_whole =
        first_walk.is_none_or(|root| harvest.column(root).is_some_and(|column| column.end.is_ok()));
    let rows = outcome.wanted;
    let came: Vec<_> = (0..sensor.fetches.len()).map(|place| bench.readings(place)).collect();
    let discontinuities = bench.discontinuities;
    remember(sensor, harvest, memory, came);
    memory.discontinuities.extend(discontinuities.iter().filter(|(_, ticks)| **ticks > 0));
    memory.discontinuities.retain(|interface, _| discontinuities.get(interface) != Some(&0));
    if is_whole {
        memory.rows = rows;
    }
    if circumstances.uptime.is_some() {
        memory.uptime = circumstances.uptime;
    }
    outcome
}

/// All that one sensor's results are made of.
struct Bench<'a> {
    sensor: &'a Sensor,
    harvest: &'a Harvest,
    memory: &'a SensorMemory,
    speeds: &'a HashMap<u32, u64>,
    continuity: Continuity,
    /// When interfaces began to count, by their index, of those that tell it.
    discontinuities: HashMap<u32, u32>,
}

impl Bench<'_> {
    /// Adds the result of one row, or what it lacks.
    fn result(&self, index: &[u32], outcome: &mut Outcome) {
        outcome.wanted += 1;
        let mut operands = vec![f64::NAN; self.sensor.fetches.len()];
        let mut is_complete = true;
        let mut is_measured = true;
        for (place, operand) in operands.iter_mut().enumerate() {
            let number = place + 1;
            if !self.sensor.expression.reads(number) {
                continue;
            }
            match self.operand(place, index) {
                Ok(value) => *operand = value,
                Err(why) => {
                    is_complete &= matches!(why, Why::NoRate(_));
                    is_measured = false;
                    outcome.absent.push(Absent { number, why });
                }
            }
        }
        let text =
            |number: usize| Some(self.value(number.checked_sub(1)?, index).ok()?.value.text().into_owned());
        let Some(filled) = self.sensor.output_path.fill(index, text) else {
            let unnamed = (1..=operands.len()).filter(|number| self.sensor.output_path.names(*number));
            let lost = unnamed.filter_map(|number| Some((number, self.value(number - 1, index).err()?)));
            outcome.absent.extend(lost.map(|(number, why)| Absent { number, why }));
            return;
        };
        outcome.complete += usize::from(is_complete);
        outcome.empty_names += filled.empty;
        if is_measured {
            match self.sensor.expression.evaluate(&operands) {
                Some(result) => outcome.values.push((filled.path, result)),
                None => outcome.absent.push(Absent { number: 0, why: Why::NotFinite }),
            }
        }
    }

    /// What a walk that was cut lacks is unknown; as many rows as there were last time, and at least one.
    fn count_cut_walks(&self, outcome: &mut Outcome) {
        let mut is_cut = false;
        for (place, fetch) in self.sensor.fetches.iter().enumerate() {
            let Fetch::Walk(root) = fetch else { continue };
            let end = self.harvest.column(root).map_or(Err(Missing::LeftOut), |column| column.end.clone());
            if let Err(missing) = end {
                is_cut = true;
                outcome.absent.push(Absent { number: place + 1, why: missing.into() });
            }
        }
        if is_cut {
            outcome.wanted =
                self.memory.rows.max(outcome.wanted + usize::from(outcome.complete == outcome.wanted));
        }
    }

    fn value(&self, place: usize, index: &[u32]) -> Result<Came<'_>, Why> {
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => {
                let (value, at) = self.harvest.value(oid)?;
                Ok(Came { value, at: *at, is_walked: false })
            }
            Some(Fetch::Walk(root)) => {
                let row = self.harvest.column(root).and_then(|column| column.row(index));
                let Row { value, at, .. } = row.ok_or_else(|| Why::NoRow(index.into()))?;
                Ok(Came { value, at: *at, is_walked: true })
            }
            None => Err(Missing::LeftOut.into()),
        }
    }

    /// The number that an object stands for: a counter's is its rate.
    fn operand(&self, place: usize, index: &[u32]) -> Result<f64, Why> {
        let Came { value, at, is_walked } = self.value(place, index)?;
        match Reading::of(value, at) {
            Some(reading) => Ok(self.rate(place, if is_walked { index } else { &[] }, &reading)?),
            None => value.number().ok_or(Why::NoNumber(value.kind())),
        }
    }

    fn rate(&self, place: usize, index: &[u32], reading: &Reading) -> Result<f64, NoRate> {
        let oid = match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid) | Fetch::Walk(oid)) => oid.arcs(),
            None => &[],
        };
        let counted = counted(oid, index);
        let interface = counted.and_then(|counted| counted.interface);
        let before = self.before(place, index);
        if before.is_some()
            && let Some(interface) = interface
            && let Some(began) = self.discontinuities.get(&interface)
            && self.memory.discontinuities.get(&interface).copied().unwrap_or(0) != *began
        {
            return Err(NoRate::Discontinuity);
        }
        let is_octets = counted.is_some_and(|counted| counted.what == What::Octets);
        let speed = interface.filter(|_| is_octets).and_then(|interface| self.speeds.get(&interface));
        reading.rate(before, self.continuity, speed.map(|bits| *bits as f64 / 8.0))
    }

    fn before(&self, place: usize, index: &[u32]) -> Option<&Reading> {
        self.memory.counters.get(place)?.readings.get(index)
    }

    /// The counters that came at a place, as they are remembered.
    fn readings(&self, place: usize) -> Vec<(Box<[u32]>, Reading)> {
        let one = |index: &[u32], value: &Value, at| {
            let mut reading = Reading::of(value, at)?;
            let before = self.before(place, index).map_or(0, |before| before.exceeded);
            reading.exceeded = match self.rate(place, index, &reading) {
                Err(NoRate::Implausible { .. }) => before.saturating_add(1),
                _ if before >= MOST_EXCEEDED => before,
                _ => 0,
            };
            Some((index.into(), reading))
        };
        match self.sensor.fetches.get(place) {
            Some(Fetch::Get(oid)) => self
                .harvest
                .value(oid)
                .ok()
                .and_then(|(value, at)| one(&[], value, *at))
                .into_iter()
                .collect(),
            Some(Fetch::Walk(root)) => {
                let rows = self.harvest.column(root).map_or(&[][..], |column| &column.rows);
                rows.iter().filter_map(|row| one(&row.index, &row.value, row.at)).collect()
            }
            None => Vec::new(),
        }
    }
}

struct Came<'a> {
    value: &'a Value,
    at: grafolean_collector::time::Timestamp,
    is_walked: bool,
}

/// When the interfaces that a sensor counts began to, as far as they tell.
fn discontinuities(sensor: &Sensor, harvest: &Harvest) -> HashMap<u32, u32> {
    let ticks = |value: &Value| match value {
        Value::TimeTicks(ticks) => Some(*ticks),
        _ => None,
    };
    let mut found = HashMap::new();
    for fetch in &sensor.fetches {
        let (Fetch::Get(oid) | Fetch::Walk(oid)) = fetch;
        match counted(oid.arcs(), &[]).map(|counted| counted.interface) {
            Some(None) => {
                let column = Oid::new(DISCONTINUITY).ok().and_then(|root| harvest.column(&root));
                let rows = column.map_or(&[][..], |column| &column.rows);
                found.extend(rows.iter().filter_map(|row| Some((*row.index.first()?, ticks(&row.value)?))));
            }
            Some(Some(interface)) => {
                let oid = Oid::new([&DISCONTINUITY[..], &[interface]].concat());
                let value = oid.ok().and_then(|oid| ticks(&harvest.value(&oid).ok()?.0));
                found.extend(value.map(|ticks| (interface, ticks)));
            }
            None => {}
        }
    }
    found
}

/// Keeps the counters that came. Those of a table that came whole are all there are; of what did not come the last ones
/// are kept.
fn remember(
    sensor: &Sensor,
    harvest: &Harvest,
    memory: &mut SensorMemory,
    came: Vec<Vec<(Box<[u32]>, Reading)>>,
) {
    for ((fetch, counters), came) in sensor.fetches.iter().zip(&mut memory.counters).zip(came) {
        if let Fetch::Walk(root) = fetch
            && harvest.column(root).is_some_and(|column| column.end.is_ok())
        {
            counters.readings.clear();
        }
        counters.readings.extend(came);
    }
}

#[cfg(test)]
mod tests {
    use grafolean_collector::{model::SensorId, time::Timestamp};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::snmp::{
        AskError, Oid, Varbind,
        bot::Memory,
        plan::{Dialect, Limits, Poll, Wanted},
        settings::Manners,
    };

    const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

    fn oid(text: &str) -> Oid {
        text.parse().unwrap()
    }

    fn sensor(oids: &[(&str, &str)], expression: &str, path: &str) -> Sensor {
        let oids: Vec<Json> =
            oids.iter().map(|(oid, method)| json!({"oid": oid, "fetch_method": method})).collect();
        let details = json!({"oids": oids, "expression": expression, "output_path": path});
        Sensor::read(details.as_object().unwrap()).unwrap()
    }

    /// What comes of a sensor when a device with these objects is asked at a second; silent from a request on.
    fn harvest(sensor: &Sensor, objects: &[(&str, Value)], second: i64, silent_from: u32) -> Harvest {
        let mut wanted = Wanted::default();
        sensor.fetches.iter().for_each(|fetch| wanted.add(fetch));
        wanted.walk(Oid::new(DISCONTINUITY).unwrap());
        let mut poll = Poll::new(&wanted, oid(UPTIME), Dialect::Next, Limits::default(), Manners::default());
        let known: Vec<(Oid, Value)> =
            objects.iter().map(|(name, value)| (oid(name), value.clone())).collect();
        let mut requests = 0;
        while let Some(request) = poll.next_request() {
            requests += 1;
            let answer = |(name, next): (&Oid, bool)| {
                let mut found =
                    known.iter().filter(|(known, _)| if next { known > name } else { known == name });
                match found.next() {
                    Some((name, value)) => Varbind { oid: name.clone(), value: Ok(value.clone()) },
                    None if next => {
                        Varbind { oid: name.clone(), value: Err(crate::snmp::Exception::EndOfMibView) }
                    }
                    None => Varbind { oid: name.clone(), value: Err(crate::snmp::Exception::NoSuchObject) },
                }
            };
            let (oids, next) = match &request {
                crate::snmp::Request::Get(oids) => (oids, false),
                crate::snmp::Request::Next(oids) | crate::snmp::Request::Bulk { oids, .. } => (oids, true),
            };
            let varbinds = oids.iter().map(|name| answer((name, next))).collect();
            let answer = if requests >= silent_from { Err(AskError::Timeout) } else { Ok(varbinds) };
            poll.take(answer, Timestamp::from_seconds(second));
        }
        poll.into_harvest()
    }

    struct Device {
        sensor: Sensor,
        memory: Memory,
        speeds: HashMap<u32, u64>,
    }

    impl Device {
        fn new(sensor: Sensor) -> Self {
            Self { sensor, memory: Memory::default(), speeds: HashMap::new() }
        }

        fn measure(&mut self, objects: &[(&str, Value)], second: i64) -> Outcome {
            self.measure_until(objects, second, u32::MAX)
        }

        fn measure_until(&mut self, objects: &[(&str, Value)], second: i64, silent_from: u32) -> Outcome {
            let harvest = harvest(&self.sensor, objects, second, silent_from);
            let uptime = match harvest.value(&oid(UPTIME)) {
                Ok((Value::TimeTicks(ticks), at)) => Some(Uptime { ticks: *ticks, boots: None, at: *at }),
                _ => None,
            };
            let memory = self.memory.of(SensorId::new(1), &self.sensor);
            measure(&self.sensor, &harvest, memory, &Circumstances { uptime, speeds: &self.speeds })
        }
    }

    fn up(seconds: u32) -> (&'static str, Value) {
        (UPTIME, Value::TimeTicks(seconds * 100))
    }

    fn name(text: &str) -> Value {
        Value::Octets(text.as_bytes().into())
    }

    fn traffic() -> Device {
        let oids = [("1.3.6.1.2.1.2.2.1.2", "walk"), ("1.3.6.1.2.1.2.2.1.10", "walk")];
        Device::new(sensor(&oids, "$2 * 8", "in.{$index}.{$1}"))
    }

    fn table(first: u32, second: u32) -> Vec<(&'static str, Value)> {
        vec![
            ("1.3.6.1.2.1.2.2.1.2.1", name("eth0/1")),
            ("1.3.6.1.2.1.2.2.1.2.2", name("")),
            ("1.3.6.1.2.1.2.2.1.10.1", Value::Counter32(first)),
            ("1.3.6.1.2.1.2.2.1.10.2", Value::Counter32(second)),
        ]
    }

    #[test]
    fn counters_of_a_table_become_rates_by_row() {
        let mut device = traffic();
        let first = device.measure(&[vec![up(1000)], table(100, 500)].concat(), 0);
        assert!(first.values.is_empty());
        assert_eq!((first.complete, first.wanted), (2, 2), "a first reading is complete");
        let second = device.measure(&[vec![up(1060)], table(700, 500)].concat(), 60);
        assert_eq!(second.values, [("in.1.eth0-1".to_owned(), 80.0), ("in.2._".to_owned(), 0.0)]);
        assert_eq!(second.empty_names, 1);
    }

    #[test]
    fn a_restart_is_a_gap_for_every_row_and_a_wrap_is_none() {
        let mut device = traffic();
        device.measure(&[vec![up(1000)], table(u32::MAX - 99, 500)].concat(), 0);
        let wrapped = device.measure(&[vec![up(1060)], table(500, 560)].concat(), 60);
        assert_eq!(wrapped.values[0].1, 80.0);
        let restarted = device.measure(&[vec![up(20)], table(100_000, 900)].concat(), 120);
        assert!(restarted.values.is_empty(), "{:?}", restarted.values);
        assert!(restarted.absent.iter().all(|absent| matches!(absent.why, Why::NoRate(NoRate::Restarted))));
    }

    #[test]
    fn more_than_the_interface_can_carry_is_dropped() {
        let mut device = traffic();
        device.speeds = HashMap::from([(1, 8_000)]);
        device.measure(&[vec![up(1000)], table(0, 0)].concat(), 0);
        let spike = device.measure(&[vec![up(1060)], table(1_000_000, 1_000_000)].concat(), 60);
        assert_eq!(spike.values.len(), 1, "the other one's speed is unknown");
        assert!(matches!(spike.absent[0].why, Why::NoRate(NoRate::Implausible { .. })));
    }

    #[test]
    fn a_speed_that_is_always_exceeded_is_a_lie() {
        let mut device = traffic();
        device.speeds = HashMap::from([(1, 8_000)]);
        let mut dropped = 0;
        for minute in 0..20_u32 {
            let objects = [vec![up(1000 + 60 * minute)], table(1_000_000 * minute, 0)].concat();
            let outcome = device.measure(&objects, i64::from(60 * minute));
            dropped += outcome
                .absent
                .iter()
                .filter(|it| matches!(it.why, Why::NoRate(NoRate::Implausible { .. })))
                .count();
            assert_eq!(
                outcome.values.len(),
                match minute {
                    0 => 0,
                    1..=5 => 1,
                    _ => 2,
                },
                "minute {minute}"
            );
        }
        assert_eq!(dropped, usize::from(MOST_EXCEEDED));
    }

    #[test]
    fn an_interface_that_began_to_count_anew_is_a_gap_and_the_others_are_not() {
        let mut device = traffic();
        let began = |second: u32| ("1.3.6.1.2.1.31.1.1.1.19.1", Value::TimeTicks(second * 100));
        let mut objects = |second: u32, first, began| {
            let objects = [vec![up(1000 + second)], table(first, 600 * second), vec![began]].concat();
            device.measure(&objects, i64::from(second)).values.len()
        };
        assert_eq!(objects(0, 5_000, began(0)), 0);
        assert_eq!(objects(60, 5_600, began(0)), 2);
        // Counted on beyond where it was, so that nothing else would tell.
        assert_eq!(objects(120, 9_000, began(1_090)), 1);
        assert_eq!(objects(180, 9_600, began(1_090)), 2);
        assert_eq!(objects(240, 9_900, began(0)), 1);
    }

    #[test]
    fn an_index_that_another_walk_lacks_is_named_and_the_rest_is_sent() {
        let mut device = traffic();
        let mut objects = [vec![up(1000)], table(0, 0)].concat();
        objects.pop();
        device.measure(&objects, 0);
        let outcome = device.measure(&objects, 60);
        assert_eq!(outcome.values.len(), 1);
        assert_eq!((outcome.complete, outcome.wanted), (1, 2));
        assert!(matches!(&outcome.absent[0].why, Why::NoRow(index) if **index == [2]));
    }

    #[test]
    fn a_get_is_the_same_for_every_row_and_one_value_without_rows() {
        let oids = [("1.3.6.1.2.1.2.2.1.2", "walk"), ("1.3.6.1.4.1.9.0", "get")];
        let mut both = Device::new(sensor(&oids, "$2 + 1", "x.{$index}"));
        let objects = [vec![up(1)], table(0, 0), vec![("1.3.6.1.4.1.9.0", Value::Integer(-5))]].concat();
        assert_eq!(both.measure(&objects, 0).values, [("x.1".to_owned(), -4.0), ("x.2".to_owned(), -4.0)]);
        let mut alone = Device::new(sensor(&[("1.3.6.1.4.1.9.0", "get")], "$1", "x"));
        assert_eq!(alone.measure(&objects, 0).values, [("x".to_owned(), -5.0)]);
    }

    #[test]
    fn a_walk_that_was_cut_gives_its_rows_and_is_incomplete() {
        let mut device = Device::new(sensor(&[("1.3.6.1.4.1.9", "walk")], "$1", "x.{$index}"));
        let objects: Vec<(&str, Value)> =
            [up(1), ("1.3.6.1.4.1.9.1", Value::Gauge32(1)), ("1.3.6.1.4.1.9.2", Value::Gauge32(2))].into();
        let whole = device.measure(&objects, 0);
        assert_eq!((whole.complete, whole.wanted), (2, 2));
        let cut = device.measure_until(&objects, 60, 4);
        assert_eq!(cut.values, [("x.1".to_owned(), 1.0)]);
        assert_eq!((cut.complete, cut.wanted), (1, 2), "as many rows as there were");
        assert!(matches!(cut.absent[0].why, Why::Missing(Missing::Failed(AskError::Timeout))));
    }

    #[test]
    fn memory_survives_being_written_down() {
        let mut device = traffic();
        device.measure(&[vec![up(1000)], table(100, 500)].concat(), 0);
        let written = serde_json::to_string(&device.memory).unwrap();
        device.memory = serde_json::from_str(&written).unwrap();
        let outcome = device.measure(&[vec![up(1060)], table(700, 500)].concat(), 60);
        assert_eq!(outcome.values.len(), 2);
        // A sensor that reads something else begins anew.
        device.sensor = sensor(&[("1.3.6.1.2.1.2.2.1.10", "walk")], "$1", "x.{$index}");
        assert!(device.measure(&[vec![up(1120)], table(900, 900)].concat(), 120).values.is_empty());
    }
}
