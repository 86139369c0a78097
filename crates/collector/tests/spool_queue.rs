//! The spool as a queue: what goes in comes out, within its limits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod spooling;

use std::{collections::HashMap, fs, sync::Arc, time::Duration};

use grafolean_collector::{
    model::{AccountId, Details, EntityId},
    report::{Children, Event, Events, Report},
    spool::{
        Access, Age, Content, Lane, Letters, Limits, ReasonKind, RejectedEntry, Settlement, Spool,
        SpoolError, SpoolFile, SpoolMetrics, TakeRequest,
    },
    time::Timestamp,
};
use spooling::{HandClock, Place, all_of, numbers, report, take_all, waiting};

#[tokio::test]
async fn what_is_accepted_waits_in_order_until_it_is_settled_also_after_a_restart() {
    let place = Place::new();
    let spool = place.open().await;
    for number in 0..5 {
        spool.accept(&[report(1, number, 3)]).await.unwrap();
    }
    spool.close().await.unwrap();

    let spool = place.open().await;
    let batch = take_all(&spool).await.unwrap();
    assert_eq!(numbers(&batch.entries), [0, 1, 2, 3, 4]);
    assert_eq!(batch.entries[2].report, report(1, 2, 3));
    let retired = batch.entries[..3].iter().map(|entry| entry.id).collect();
    spool.settle(Settlement { retired, rejected: vec![] }).await.unwrap();
    assert_eq!(waiting(&spool).await, [3, 4]);
    assert_eq!((spool.statistics().queue.reports, spool.statistics().queue.values), (2, 6));
    spool.close().await.unwrap();
    assert_eq!(waiting(&place.open().await).await, [3, 4]);
}

#[tokio::test]
async fn numbers_go_on_after_a_restart_while_anything_waits() {
    let place = Place::new();
    let spool = place.open().await;
    spool.accept(&[report(1, 0, 1), report(1, 1, 1)]).await.unwrap();
    let before = take_all(&spool).await.unwrap().entries;
    spool.close().await.unwrap();
    let spool = place.open().await;
    spool.accept(&[report(1, 2, 1)]).await.unwrap();
    let after = take_all(&spool).await.unwrap().entries;
    assert_eq!(before, after[..2]);
    assert!(after[2].id > after[1].id);
}

#[tokio::test(start_paused = true)]
async fn fresh_entries_come_first_then_the_newest_of_the_old_ones() {
    let place = Place::new();
    let spool = place.open().await;
    for number in 0..10 {
        spool.accept(&[report(1, number, 10)]).await.unwrap();
    }
    place.clock.pass(Duration::from_mins(10)).await;
    spool.accept(&[report(2, 10, 10)]).await.unwrap();
    let request = TakeRequest {
        fresh_within: Duration::from_mins(2),
        fresh_values: 1_000,
        old_values: 35,
        ..all_of(Lane::Values)
    };
    let fresh = spool.take(request.clone()).await.unwrap().unwrap();
    assert_eq!(
        (fresh.account, fresh.age, numbers(&fresh.entries)),
        (AccountId::new(2), Age::Fresh, vec![10])
    );
    spool.settle(Settlement { retired: vec![fresh.entries[0].id], rejected: vec![] }).await.unwrap();
    let old = spool.take(request.clone()).await.unwrap().unwrap();
    assert_eq!((old.age, numbers(&old.entries)), (Age::Old, vec![7, 8, 9]));
    assert_eq!(spool.take(TakeRequest { old_values: 0, ..request.clone() }).await.unwrap(), None);
    // One entry is given even if it is larger than the request.
    let one = spool.take(TakeRequest { old_values: 1, ..request }).await.unwrap().unwrap();
    assert_eq!(numbers(&one.entries), [9]);
}

#[tokio::test]
async fn accounts_take_turns_and_one_that_is_closed_is_passed_over() {
    let place = Place::new();
    let spool = place.open().await;
    spool.accept(&[report(1, 1, 1), report(2, 2, 1), report(3, 3, 1)]).await.unwrap();
    let mut request = all_of(Lane::Values);
    let mut served = vec![];
    for _ in 0..4 {
        let batch = spool.take(request.clone()).await.unwrap().unwrap();
        served.push(batch.account.number());
        request.after = Some(batch.account);
    }
    assert_eq!(served, [1, 2, 3, 1]);
    request.access = HashMap::from([(AccountId::new(2), Access::Closed)]);
    assert_eq!(spool.take(request.clone()).await.unwrap().unwrap().account.number(), 3);
    let first = spool.take(all_of(Lane::Values)).await.unwrap().unwrap().entries[0].id;
    let except = Access::FreshExcept(Arc::new([first].into()));
    request.access = (1..4).map(|account| (AccountId::new(account), except.clone())).collect();
    request.after = None;
    assert_eq!(spool.take(request).await.unwrap().unwrap().account.number(), 2);
}

#[tokio::test]
async fn only_the_newest_look_at_a_parent_waits() {
    let place = Place::new();
    let spool = place.open().await;
    let look = |parent: i64, second: i64| {
        Report::Children(Children {
            account: AccountId::new(1),
            parent: EntityId::new(parent),
            time: Timestamp::from_seconds(second),
            entity_type: "interface".to_owned(),
            key: "snmp_index".to_owned(),
            children: vec![],
        })
    };
    spool.accept(&[look(1, 10), look(2, 10)]).await.unwrap();
    spool.accept(&[look(1, 20)]).await.unwrap();
    let batch = spool.take(all_of(Lane::Entities)).await.unwrap().unwrap();
    let reports: Vec<_> = batch.entries.into_iter().map(|entry| entry.report).collect();
    assert_eq!(reports, [look(2, 10), look(1, 20)]);
    assert_eq!(spool.statistics().queue.reports, 2);
    assert!(take_all(&spool).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limits_the_oldest_goes_and_is_counted() {
    let place = Place::new();
    let one = {
        let spool = place.open().await;
        spool.accept(&[report(1, 0, 1)]).await.unwrap();
        let bytes = spool.statistics().queue.bytes;
        spool.close().await.unwrap();
        bytes
    };
    let limits = Limits { disk_bytes: 4 * one + 3, age: Duration::from_hours(1), ..Limits::default() };
    let metrics = SpoolMetrics::default();
    let spool =
        Spool::open(place.path(), limits, Arc::new(place.clock.clone()), metrics.clone()).await.unwrap();
    for number in 1..10 {
        spool.accept(&[report(1, number, 1)]).await.unwrap();
    }
    assert_eq!(waiting(&spool).await, [6, 7, 8, 9]);
    place.clock.pass(Duration::from_mins(50)).await;
    spool.accept(&[report(1, 10, 1)]).await.unwrap();
    place.clock.pass(Duration::from_mins(11)).await;
    spool.look().await.unwrap();
    assert_eq!(waiting(&spool).await, [10]);
    let told = exposition(&metrics);
    assert!(told.contains(r#"grafolean_spool_dropped_values_total{limit="disk"} 7"#), "{told}");
    assert!(told.contains(r#"grafolean_spool_dropped_values_total{limit="age"} 3"#), "{told}");
    assert!(told.contains("grafolean_spool_queue_values 1"), "{told}");
}

#[tokio::test]
async fn a_second_bot_on_the_same_spool_is_refused_by_name() {
    let place = Place::new();
    let spool = place.open().await;
    let second =
        Spool::open(place.path(), Limits::default(), Arc::new(place.clock.clone()), SpoolMetrics::default())
            .await;
    let Err(error @ SpoolError::InUse { .. }) = second else { panic!("the second was let in") };
    let text = error.to_string();
    assert!(text.contains("ping/spool.sqlite is in use by process"), "{text}");
    spool.close().await.unwrap();
    place.open().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let place = Place::new();
    let file = place.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("spool.sqlite");
    let Err(error @ SpoolError::Folder { .. }) =
        Spool::open(&path, Limits::default(), Arc::new(HandClock::new()), SpoolMetrics::default()).await
    else {
        panic!("opened within a file")
    };
    assert!(error.to_string().starts_with(&format!("cannot write the spool {}", path.display())), "{error}");
}

#[tokio::test]
async fn a_dead_letter_is_listed_retried_and_dropped_from_outside_while_the_bot_runs() {
    let place = Place::new();
    let missing = SpoolFile::open(place.path()).unwrap_err();
    assert!(matches!(missing, SpoolError::Missing { .. }));
    let spool = place.open().await;
    let rejected = (0..3).map(|number| rejected_entry(number, f64::NAN)).collect();
    spool.settle(Settlement { retired: vec![], rejected }).await.unwrap();

    let file = SpoolFile::open(place.path()).unwrap();
    let page = file.dead_letters(Letters::All, None, 2).unwrap();
    assert_eq!(page.len(), 2);
    let next = file.dead_letters(Letters::All, Some(page[1].id), 2).unwrap();
    assert_eq!(next.len(), 1);
    assert_eq!((next[0].kind, next[0].reason.as_str()), (ReasonKind::Invalid, "not a number"));
    let Content::Report(Report::Values(values)) = &next[0].content else { panic!("{:?}", next[0].content) };
    assert!(values.values[0].0 == "p.0" && values.values[0].1.is_nan());

    file.drop_letter(page[0].id).unwrap();
    assert!(matches!(file.drop_letter(page[0].id), Err(SpoolError::NoSuchLetter { .. })));
    file.retry(next[0].id).unwrap();
    spool.look().await.unwrap();
    assert_eq!(take_all(&spool).await.unwrap().entries.len(), 1);
    assert_eq!((spool.statistics().dead_letters, file.statistics().unwrap().dead_letters), (1, 1));
    assert!(matches!(file.dead_letter(next[0].id), Err(SpoolError::NoSuchLetter { .. })));

    // While no bot runs the mark stays, and the next start takes it up.
    spool.close().await.unwrap();
    assert_eq!(file.retry_all(Letters::All).unwrap(), 1);
    let spool = place.open().await;
    spool.look().await.unwrap();
    assert_eq!((spool.statistics().dead_letters, spool.statistics().queue.reports), (0, 2));
}

fn rejected_entry(number: usize, value: f64) -> RejectedEntry {
    let path = format!("p.{number}");
    RejectedEntry::of_value(
        AccountId::new(1),
        Timestamp::from_seconds(1),
        (path, value),
        ReasonKind::Invalid,
        "not a number",
    )
}

#[tokio::test(start_paused = true)]
async fn no_virtual_time_passes_while_the_disk_is_awaited() {
    let place = Place::new();
    let started = tokio::time::Instant::now();
    let ticking = tokio::spawn(async { tokio::time::sleep(Duration::from_hours(24)).await });
    let spool = place.open().await;
    for number in 0..20 {
        spool.accept(&[report(1, number, 1)]).await.unwrap();
    }
    assert_eq!(waiting(&spool).await.len(), 20);
    assert_eq!(started.elapsed(), Duration::ZERO);
    ticking.await.unwrap();
}

fn exposition(metrics: &SpoolMetrics) -> String {
    let mut registry = prometheus_client::registry::Registry::default();
    metrics.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_leaps_makes_nothing_older_and_nothing_younger() {
    let place = Place::new();
    let limits = Limits { age: Duration::from_hours(7 * 24), ..Limits::default() };
    let spool = place.open_within(limits).await;
    spool.accept(&[report(1, 0, 1)]).await.unwrap();
    for days in [8, -30, 3_650, -3_650] {
        place.clock.leap(days * 86_400);
        spool.accept(&[report(1, 1, 1)]).await.unwrap();
        spool.look().await.unwrap();
        assert_eq!(waiting(&spool).await[0], 0, "{days} days");
    }
    place.clock.pass(Duration::from_hours(7 * 24 - 1)).await;
    spool.accept(&[report(1, 2, 1)]).await.unwrap();
    assert_eq!(waiting(&spool).await.len(), 6);
    place.clock.pass(Duration::from_hours(2)).await;
    spool.look().await.unwrap();
    assert_eq!(waiting(&spool).await, [2], "age is time that passed");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_leapt_between_two_runs_drops_nothing_at_once() {
    for leap in [8, 3_650, -3_650] {
        let place = Place::new();
        let limits = Limits { age: Duration::from_hours(7 * 24), ..Limits::default() };
        let spool = place.open_within(limits).await;
        spool.accept(&[report(1, 0, 1)]).await.unwrap();
        spool.close().await.unwrap();
        place.clock.leap(leap * 86_400);
        let spool = place.open_within(limits).await;
        spool.look().await.unwrap();
        assert_eq!(waiting(&spool).await, [0], "{leap} days");
        // A day may count at most: six more make a week.
        place.clock.pass(Duration::from_hours(7 * 24 + 1)).await;
        spool.look().await.unwrap();
        assert!(waiting(&spool).await.is_empty(), "{leap} days");
    }
}

#[tokio::test]
async fn events_wait_in_a_lane_of_their_own_also_in_a_file_of_a_time_without_them() {
    let place = Place::new();
    let spool = place.open().await;
    spool.accept(&[report(1, 0, 3)]).await.unwrap();
    spool.close().await.unwrap();
    let file = rusqlite::Connection::open(place.path()).unwrap();
    file.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'lane BETWEEN 0 AND 2', 'lane BETWEEN 0 AND 1') WHERE name = 'entry';
         PRAGMA writable_schema = RESET;",
    )
    .unwrap();
    assert!(file.execute("UPDATE entry SET lane = 2", ()).is_err(), "it holds its rows to two lanes");
    drop(file);
    let event = Event {
        id: "1".to_owned(),
        time: Timestamp::from_seconds(1_700_000_000),
        entity: EntityId::new(7),
        name: "IF-MIB::linkDown".to_owned(),
        source: "192.0.2.1".to_owned(),
        count: 1,
        details: Details::new(),
    };
    let told = Report::Events(Events { account: AccountId::new(1), events: vec![event] });
    let spool = place.open().await;
    spool.accept(std::slice::from_ref(&told)).await.unwrap();
    spool.close().await.unwrap();
    let spool = place.open().await;
    assert_eq!(waiting(&spool).await, [0], "what waited before");
    assert!(spool.take(all_of(Lane::Entities)).await.unwrap().is_none());
    let batch = spool.take(all_of(Lane::Events)).await.unwrap().unwrap();
    assert_eq!(batch.entries[0].report, told);
}
