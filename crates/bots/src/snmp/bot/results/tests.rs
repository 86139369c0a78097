//! What sensors come to, of devices that exist only as data.

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
    let known: Vec<(Oid, Value)> = objects.iter().map(|(name, value)| (oid(name), value.clone())).collect();
    let mut requests = 0;
    while let Some(request) = poll.next_request() {
        requests += 1;
        let answer = |(name, next): (&Oid, bool)| {
            let mut found = known.iter().filter(|(known, _)| if next { known > name } else { known == name });
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
