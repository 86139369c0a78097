//! What sensors come to, of devices that exist only as data.

use grafolean_collector::model::SensorId;
use serde_json::{Value as Json, json};

use super::*;
use crate::snmp::interfaces::DISCONTINUITY;
use crate::snmp::{
    AskError, Oid, Varbind,
    bot::Memory,
    plan::{Dialect, Limits, Poll, Wanted},
    settings::PollPolicy,
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
fn result(sensor: &Sensor, objects: &[(&str, Value)], second: u64, silent_from: u32) -> PollResult {
    let mut wanted = Wanted::default();
    sensor.fetches.iter().for_each(|fetch| wanted.add(fetch));
    for column in [&DISCONTINUITY[..], Column::Description.arcs(), Column::Name.arcs()] {
        wanted.walk(Oid::new(column).unwrap());
    }
    let mut poll = Poll::new(&wanted, oid(UPTIME), Dialect::Next, Limits::default(), PollPolicy::default());
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
        poll.take(answer, Moment::new(1, second * 1_000_000));
    }
    poll.into_result()
}

struct Device {
    sensor: Sensor,
    memory: Memory,
    speeds: HashMap<u32, u64>,
    dialect: Dialect,
}

impl Device {
    fn new(sensor: Sensor) -> Self {
        Self { sensor, memory: Memory::default(), speeds: HashMap::new(), dialect: Dialect::Bulk }
    }

    fn measure(&mut self, objects: &[(&str, Value)], second: u64) -> Outcome {
        self.measure_until(objects, second, u32::MAX)
    }

    fn measure_until(&mut self, objects: &[(&str, Value)], second: u64, silent_from: u32) -> Outcome {
        let result = result(&self.sensor, objects, second, silent_from);
        let uptime = match result.value(&oid(UPTIME)) {
            Ok((Value::TimeTicks(ticks), at)) => Some(Uptime { ticks: *ticks, boots: None, at: *at }),
            _ => None,
        };
        let memory = self.memory.of(SensorId::new(1), &self.sensor);
        measure(
            &self.sensor,
            &result,
            memory,
            &RunContext { uptime, speeds: &self.speeds, dialect: self.dialect },
        )
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
    assert!(
        restarted.absent.iter().all(|absent| matches!(absent.why, MissingReason::NoRate(NoRate::Restarted)))
    );
}

#[test]
fn more_than_the_declared_speed_is_stored_but_for_a_wrap_that_nothing_else_vouches_for() {
    let mut device = traffic();
    device.speeds = HashMap::from([(1, 8_000)]);
    device.measure(&[vec![up(1000)], table(3_000_000, 3_000_000)].concat(), 0);
    let peak = device.measure(&[vec![up(1060)], table(4_000_000, 4_000_000)].concat(), 60);
    assert_eq!(peak.values.len(), 2);
    let cleared = device.measure(&[vec![up(1120)], table(50, 50)].concat(), 120);
    assert_eq!(cleared.values.len(), 1, "the other one's speed is unknown");
    assert!(matches!(
        cleared.absent[0].why,
        MissingReason::NoRate(NoRate::Implausible { is_wrap: true, .. })
    ));
    assert_eq!((cleared.complete, cleared.wanted), (1, 2), "what is withheld is not complete");
    let text = cleared.absent[0].to_string();
    assert!(text.starts_with("$2 of row 1: ") && text.contains("a counter that wrapped"), "{text}");
}

#[test]
fn a_speed_that_is_always_exceeded_is_a_lie_also_when_the_counter_wraps() {
    let mut device = traffic();
    device.speeds = HashMap::from([(1, 8_000)]);
    for minute in 0..20_u32 {
        // The counter wraps at minute 12.
        let count = (u32::MAX - 11_500_000).wrapping_add(1_000_000 * minute);
        let objects = [vec![up(1000 + 60 * minute)], table(count, 0)].concat();
        let outcome = device.measure(&objects, u64::from(60 * minute));
        assert_eq!(outcome.values.len(), if minute == 0 { 0 } else { 2 }, "minute {minute}");
    }
}

#[test]
fn a_clock_of_ours_that_is_set_changes_no_rate_and_the_devices_counts() {
    let mut device = traffic();
    device.measure(&[vec![up(1000)], table(0, 0)].concat(), 0);
    // The answer was under way for twelve seconds.
    let late = device.measure(&[vec![up(1060)], table(6_000, 6_000)].concat(), 72);
    assert_eq!(late.values[0].1, 800.0);
    // The device's clock was set, or this machine slept: for how long it counted nobody knows.
    let set = device.measure(&[vec![up(1300)], table(7_000, 7_000)].concat(), 92);
    assert!(
        set.values.is_empty()
            && set.absent.iter().all(|it| matches!(it.why, MissingReason::NoRate(NoRate::Unsure)))
    );
    assert_eq!((set.complete, set.wanted), (0, 2));
    let next = device.measure(&[vec![up(1320)], table(8_000, 8_000)].concat(), 112);
    assert_eq!(next.values[0].1, 400.0);
}

#[test]
fn a_device_without_an_uptime_is_measured_by_our_clock_and_one_that_lost_it_has_a_gap() {
    let mut device = traffic();
    device.measure(&table(0, 0), 0);
    assert_eq!(device.measure(&table(6_000, 6_000), 60).values[0].1, 800.0);
    assert!(device.measure(&[vec![up(5_000)], table(7_000, 7_000)].concat(), 70).values.is_empty());
    assert_eq!(device.measure(&[vec![up(5_010)], table(8_000, 8_000)].concat(), 80).values[0].1, 800.0);
    assert!(device.measure(&table(9_000, 9_000), 90).values.is_empty());
    assert_eq!(device.measure(&table(10_000, 10_000), 100).values[0].1, 800.0);
}

#[test]
fn a_row_that_did_not_come_while_the_device_restarted_begins_anew() {
    let mut device = traffic();
    device.measure(&[vec![up(1000)], table(1_000, 1_000)].concat(), 0);
    // Restarted, and silent from the table on.
    device.measure_until(&[vec![up(30)], table(10, 10)].concat(), 60, 2);
    let back = device.measure(&[vec![up(90)], table(70_000, 70_000)].concat(), 120);
    assert!(back.values.is_empty(), "{:?}", back.values);
}

#[test]
fn an_index_that_was_given_to_another_interface_begins_anew() {
    let mut device = traffic();
    let renamed = |objects: Vec<(&'static str, Value)>| {
        let rename = |(oid, value)| (oid, if oid == "1.3.6.1.2.1.2.2.1.2.2" { name("ppp7") } else { value });
        objects.into_iter().map(rename).collect::<Vec<_>>()
    };
    device.measure(&[vec![up(1000)], table(0, 0)].concat(), 0);
    let reused = device.measure(&renamed([vec![up(1060)], table(600, 3_000_000)].concat()), 60);
    assert_eq!(reused.values, [("in.1.eth0-1".to_owned(), 80.0)]);
    assert!(matches!(reused.absent[0].why, MissingReason::NoRate(NoRate::Renamed)));
    assert_eq!((reused.complete, reused.wanted), (2, 2), "a first reading is complete");
    let next = device.measure(&renamed([vec![up(1120)], table(1_200, 3_000_600)].concat()), 120);
    assert_eq!(next.values[1], ("in.2.ppp7".to_owned(), 80.0));
}

#[test]
fn a_name_that_only_some_runs_bring_says_nothing() {
    let mut device = traffic();
    device.measure(&[vec![up(1000)], table(0, 0)].concat(), 0);
    // With the interfaces, each five minutes, come their short names.
    let short = ("1.3.6.1.2.1.31.1.1.1.1.1", name("e1"));
    let synced = device.measure(&[vec![up(1060)], table(600, 600), vec![short]].concat(), 60);
    assert_eq!(synced.values.len(), 2);
}

#[test]
fn an_index_that_was_given_to_another_is_noticed_also_where_no_name_is_in_the_path() {
    for oid in [("1.3.6.1.2.1.2.2.1.10", "walk"), ("1.3.6.1.2.1.2.2.1.10.2", "get")] {
        let mut device = Device::new(sensor(&[oid], "$1", "in"));
        let mut objects = [vec![up(1000)], table(0, 0)].concat();
        device.measure(&objects, 0);
        objects[0] = up(1060);
        objects[2].1 = name("ppp7");
        objects[4].1 = Value::Counter32(6_000);
        let reused = device.measure(&objects, 60);
        assert!(
            reused.absent.iter().any(|it| matches!(it.why, MissingReason::NoRate(NoRate::Renamed))),
            "{oid:?}"
        );
    }
}

#[test]
fn a_number_that_cannot_be_read_is_missing_and_the_next_rate_spans_it() {
    let get = ("1.3.6.1.4.1.9.0", "get");
    for (before, after) in [
        (Value::Counter64(1_000), Value::Counter64(13_000)),
        (Value::Counter32(1_000), Value::Counter32(13_000)),
    ] {
        let mut device = Device::new(sensor(&[get], "$1", "x"));
        device.measure(&[up(1000), (get.0, before.clone())], 0);
        let bad = device.measure(&[up(1060), (get.0, Value::Unreadable(before.kind()))], 60);
        assert!(bad.values.is_empty() && matches!(bad.absent[0].why, MissingReason::Unreadable(_)));
        assert_eq!((bad.complete, bad.wanted), (0, 1));
        let next = device.measure(&[up(1120), (get.0, after)], 120);
        assert_eq!(next.values, [("x".to_owned(), 100.0)]);
    }
}

#[test]
fn a_discontinuity_that_follows_the_uptime_is_ignored_after_three_looks_and_said_once() {
    let mut device = traffic();
    let mut said = Vec::new();
    for minute in 0..8_u32 {
        let seconds = 1000 + 60 * minute;
        let follows = ("1.3.6.1.2.1.31.1.1.1.19.1", Value::TimeTicks(seconds * 100 + 7));
        let objects = [vec![up(seconds)], table(600 * minute, 600 * minute), vec![follows]].concat();
        let outcome = device.measure(&objects, u64::from(60 * minute));
        let expected = match minute {
            0 => 0,
            1..=2 => 1,
            _ => 2,
        };
        assert_eq!(outcome.values.len(), expected, "minute {minute}");
        if outcome.values.len() == 1 {
            assert!(matches!(outcome.absent[0].why, MissingReason::NoRate(NoRate::Discontinuity)));
            assert_eq!((outcome.complete, outcome.wanted), (1, 2));
        }
        said.extend(outcome.followers);
    }
    assert_eq!(said, [1]);
}

#[test]
fn an_interface_that_began_to_count_anew_is_a_gap_and_the_others_are_not() {
    let mut device = traffic();
    let began = |second: u32| ("1.3.6.1.2.1.31.1.1.1.19.1", Value::TimeTicks(second * 100));
    let mut objects = |second: u32, first, began| {
        let objects = [vec![up(1000 + second)], table(first, 600 * second), vec![began]].concat();
        device.measure(&objects, u64::from(second)).values.len()
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
    objects[0] = up(1060);
    let outcome = device.measure(&objects, 60);
    assert_eq!(outcome.values.len(), 1);
    assert_eq!((outcome.complete, outcome.wanted), (1, 2));
    assert!(matches!(&outcome.absent[0].why, MissingReason::NoRow(index) if **index == [2]));
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
    assert!(matches!(cut.absent[0].why, MissingReason::Missing(Missing::Failed(AskError::Timeout))));
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

#[test]
fn over_v1_a_64_bit_counter_is_said_to_be_out_of_reach() {
    let high = [("1.3.6.1.2.1.2.2.1.2", "walk"), ("1.3.6.1.2.1.31.1.1.1.6", "walk")];
    let alone = [("1.3.6.1.2.1.31.1.1.1.6", "walk")];
    let single = [("1.3.6.1.2.1.31.1.1.1.6.1", "get")];
    for (oids, wanted) in [(&high[..], 2), (&alone[..], 1), (&single[..], 1)] {
        for dialect in [Dialect::Next, Dialect::Bulk] {
            let last = format!("${}", oids.len());
            let mut device = Device::new(sensor(oids, &last, "in"));
            device.dialect = dialect;
            let outcome = device.measure(&[vec![up(1000)], table(0, 0)].concat(), 0);
            let is_said = outcome.absent.iter().any(|absent| matches!(absent.why, MissingReason::Counter64));
            assert_eq!(is_said, dialect == Dialect::Next, "{oids:?} {:?}", outcome.absent);
            assert!(!outcome.absent.is_empty(), "a table without rows is said in every version");
            if is_said {
                assert_eq!((outcome.complete, outcome.wanted), (0, wanted), "{oids:?}");
            }
        }
    }
}

#[test]
fn a_row_without_a_value_costs_itself_alone() {
    let oids = [("1.3.6.1.2.1.2.2.1.2", "walk"), ("1.3.6.1.2.1.31.1.1.1.18", "walk")];
    let mut device = Device::new(sensor(&oids, "1", "alias.{$index}.{$2}"));
    let alias = |row: u32| (oid(&format!("1.3.6.1.2.1.31.1.1.1.18.{row}")), row);
    let mut wanted = Wanted::default();
    device.sensor.fetches.iter().for_each(|fetch| wanted.add(fetch));
    let mut poll = Poll::new(&wanted, oid(UPTIME), Dialect::Next, Limits::default(), PollPolicy::default());
    while let Some(request) = poll.next_request() {
        let crate::snmp::Request::Next(oids) = &request else {
            poll.take(
                Ok(vec![Varbind { oid: oid(UPTIME), value: Ok(Value::TimeTicks(1)) }]),
                Moment::default(),
            );
            continue;
        };
        let next = |after: &Oid| {
            let cells = (1..=4)
                .map(|row| (oid(&format!("1.3.6.1.2.1.2.2.1.2.{row}")), row))
                .chain((1..=4).map(alias));
            let (oid, row) =
                cells.into_iter().find(|(oid, _)| oid > after).unwrap_or((oid("1.3.6.1.9.0"), 0));
            let is_hole = row == 2 && oid == alias(2).0;
            let value = if is_hole { Err(crate::snmp::Exception::NoSuchInstance) } else { Ok(name("p")) };
            Varbind { oid, value }
        };
        poll.take(Ok(oids.iter().map(next).collect()), Moment::default());
    }
    let result = poll.into_result();
    let memory = device.memory.of(SensorId::new(1), &device.sensor);
    let speeds = HashMap::new();
    let circumstances = RunContext { uptime: None, speeds: &speeds, dialect: Dialect::Bulk };
    let outcome = measure(&device.sensor, &result, memory, &circumstances);
    let paths: Vec<_> = outcome.values.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["alias.1.p", "alias.3.p", "alias.4.p"]);
    assert_eq!((outcome.complete, outcome.wanted), (3, 4));
}

#[test]
fn memory_of_an_older_bot_keeps_its_limits_and_costs_one_rate() {
    let older = r#"{"limits":{"oids":7,"varbinds":60,"most_varbinds":2000,"columns":16,"clean_runs":3},"speeds":{"1":8000},
        "sensors":{"1":{"uptime":{"ticks":100000,"boots":null,"at":1700000000000000},"discontinuities":{},"rows":2,
        "counters":[{"oid":"1.3.6.1.2.1.2.2.1.2","readings":[]},{"oid":"1.3.6.1.2.1.2.2.1.10","readings":[
        [[1],{"width":"32","count":5,"at":1700000000000000,"exceeded":0}]]}]}}}"#;
    let mut device = traffic();
    device.memory = serde_json::from_str(older).unwrap();
    assert_eq!((device.memory.limits.oids(&PollPolicy::default()), device.memory.rows()), (7, Some(2)));
    assert!(device.measure(&[vec![up(1060)], table(600, 600)].concat(), 60).values.is_empty());
    assert_eq!(device.measure(&[vec![up(1120)], table(1_200, 1_200)].concat(), 120).values.len(), 2);
}
