//! Whatever happens on the way, every good value arrives and every bad one is kept with its reason.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod delivering;

use std::{collections::BTreeMap, time::Duration};

use delivering::{Behavior, DeliveryTest, pass};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Event {
    /// A report of an account: for each value whether it is good, invalid, or refused with a status.
    Accept(i64, Vec<Value>),
    Behavior(Behavior),
    Crash,
    Stop,
    Pass(u64),
}

#[derive(Clone, Copy, Debug)]
enum Value {
    Good,
    Invalid,
    Refused(u16),
}

fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        30 => Just(Value::Good),
        1 => Just(Value::Invalid),
        1 => prop::sample::select(vec![400_u16, 422, 404, 500, 503]).prop_map(Value::Refused),
    ];
    let behavior = prop::sample::select(vec![
        Behavior::Well,
        Behavior::Well,
        Behavior::Away,
        Behavior::Fails,
        Behavior::Unauthorized,
    ]);
    prop_oneof![
        8 => (1..4_i64, prop::collection::vec(value, 1..400)).prop_map(|(account, values)| Event::Accept(account, values)),
        3 => behavior.prop_map(Event::Behavior),
        1 => Just(Event::Crash),
        1 => Just(Event::Stop),
        4 => (1..120_000_u64).prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn every_good_value_is_stored_once_and_every_bad_one_is_one_dead_letter(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(happens(events));
    }
}

async fn happens(events: Vec<Event>) {
    let mut bench = DeliveryTest::new().await;
    bench.start();
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for (number, event) in events.into_iter().enumerate() {
        match event {
            Event::Accept(account, values) => {
                accept(&bench, number, account, &values, &mut good, &mut bad).await;
            }
            Event::Behavior(behavior) => bench.backend.world().behavior = behavior,
            Event::Crash => bench.crash().await,
            Event::Stop => {
                bench.stop().await;
                bench.start();
            }
            Event::Pass(millis) => pass(Duration::from_millis(millis)).await,
        }
    }
    bench.backend.world().behavior = Behavior::Well;
    // The slowest pause is ten minutes, the replay of all of it takes seconds.
    for _ in 0..60 {
        pass(Duration::from_mins(1)).await;
        if bench.waiting() == 0 {
            break;
        }
    }
    assert_eq!(bench.waiting(), 0, "values are left");
    assert_eq!(bench.backend.world().values, good);
    let mut dead: Vec<_> = bench.dead_letters().into_iter().map(|(path, _)| path).collect();
    dead.sort();
    bad.sort();
    assert_eq!(dead, bad);
}

async fn accept(
    bench: &DeliveryTest,
    number: usize,
    account: i64,
    values: &[Value],
    good: &mut BTreeMap<(i64, String, i64), f64>,
    bad: &mut Vec<String>,
) {
    let mut report = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let path = match value {
            Value::Invalid => format!("p.{number}.{place}."),
            Value::Good | Value::Refused(_) => format!("p.{number}.{place}"),
        };
        match value {
            Value::Good => {}
            Value::Invalid => bad.push(path.clone()),
            Value::Refused(status) => {
                bench.backend.world().poison.insert(path.clone(), *status);
                bad.push(path.clone());
            }
        }
        report.push((path, *value, place as f64));
    }
    let values: Vec<(&str, f64)> = report.iter().map(|(path, _, value)| (path.as_str(), *value)).collect();
    let time = bench.accept(account, &values).await;
    for (path, kind, value) in report {
        if matches!(kind, Value::Good) {
            good.insert((account, path, time.micros()), value);
        }
    }
}
