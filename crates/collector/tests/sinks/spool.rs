//! Several consumers of one spool: positions, limits, dead letters, and what a sink costs the others (nothing).

use std::{sync::Arc, time::Duration};

use grafolean_collector::{
    model::AccountId,
    spool::{
        Content, EntryId, Lane, Letters, Limits, ReasonKind, RejectedEntry, Settlement, SinkNumber,
        SinkSettings, SinkSettlement, SinkStart, Spool, SpoolFile, SpoolMetrics,
    },
    time::Timestamp,
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::spooling::{Place, all_of, numbers, report, take_all, waiting};

/// Everything that is there.
const ALL: usize = usize::MAX;

async fn open(place: &Place, limits: Limits, sinks: &[SinkSettings]) -> Spool {
    let metrics = SpoolMetrics::default();
    let clock = Arc::new(place.clock.clone());
    Spool::open_with_sinks(place.path(), limits, sinks.to_vec(), clock, metrics).await.unwrap()
}

async fn fed(spool: &Spool, sink: SinkNumber) -> Vec<usize> {
    numbers(&spool.feed(sink, ALL).await.unwrap().map(|batch| batch.entries).unwrap_or_default())
}

async fn retire(spool: &Spool, ids: Vec<EntryId>) {
    spool.settle(Settlement { retired: ids, rejected: vec![] }).await.unwrap();
}

async fn retire_all(spool: &Spool) {
    if let Some(batch) = take_all(spool).await {
        retire(spool, batch.entries.iter().map(|entry| entry.id).collect()).await;
    }
}

async fn advance(spool: &Spool, sink: SinkNumber, up_to: EntryId) {
    spool.advance(sink, SinkSettlement { up_to, rejected: vec![] }).await.unwrap();
}

async fn advance_all(spool: &Spool, sink: SinkNumber) {
    if let Some(batch) = spool.feed(sink, ALL).await.unwrap() {
        advance(spool, sink, batch.up_to).await;
    }
}

/// Rows of a table as any tool sees them.
fn rows(place: &Place, table: &str) -> usize {
    let file = rusqlite::Connection::open(place.path()).unwrap();
    file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// What a spool with two sinks ought to hold.
#[derive(Default)]
struct Model {
    accepted: usize,
    backend: Vec<usize>,
    sinks: [usize; 2],
}

#[tokio::test]
async fn whatever_happens_in_whatever_order_each_consumer_gets_every_entry_once() {
    let sinks = [SinkSettings::new("near"), SinkSettings::new("far")];
    for seed in 0..24 {
        println!("seed {seed}");
        let (place, mut dice, mut model) = (Place::new(), StdRng::seed_from_u64(seed), Model::default());
        let mut spool = open(&place, Limits::default(), &sinks).await;
        for _ in 0..150 {
            match dice.random_range(0..10) {
                0..4 => {
                    let number = model.accepted;
                    spool.accept(&[report(1, number, 3), report(2, number + 1, 1)]).await.unwrap();
                    model.backend.extend([number, number + 1]);
                    model.accepted += 2;
                }
                4..6 => {
                    let account = dice.random_range(0..2);
                    let request = all_of(Lane::Values);
                    let request = grafolean_collector::spool::TakeRequest {
                        after: (account == 1).then_some(AccountId::new(1)),
                        ..request
                    };
                    let Some(batch) = spool.take(request).await.unwrap() else { continue };
                    let some: Vec<_> = batch.entries.into_iter().filter(|_| dice.random()).collect();
                    let gone = numbers(&some);
                    model.backend.retain(|number| !gone.contains(number));
                    retire(&spool, some.iter().map(|entry| entry.id).collect()).await;
                }
                6..9 => {
                    let place = dice.random_range(0..2);
                    let sink = spool.sink(["near", "far"][place]).unwrap();
                    let values = *[1, 2, 7, ALL].choose(&mut dice).unwrap();
                    let Some(batch) = spool.feed(sink, values).await.unwrap() else {
                        assert_eq!(model.sinks[place], model.accepted);
                        continue;
                    };
                    let given = numbers(&batch.entries);
                    let first = model.sinks[place];
                    assert_eq!(given, (first..first + given.len()).collect::<Vec<_>>());
                    let done = dice.random_range(1..=given.len());
                    model.sinks[place] += done;
                    advance(&spool, sink, batch.entries[done - 1].id).await;
                }
                _ => {
                    spool.close().await.unwrap();
                    spool = open(&place, Limits::default(), &sinks).await;
                }
            }
            let state = spool.statistics();
            assert_eq!(state.queue.reports, model.backend.len() as u64);
            for (sink, done) in state.sinks.iter().zip(model.sinks) {
                assert_eq!(sink.waiting.reports, (model.accepted - done) as u64, "{}", sink.name);
                let values: usize =
                    (done..model.accepted).map(|number| if number % 2 == 0 { 3 } else { 1 }).sum();
                assert_eq!(sink.waiting.values, values as u64, "{}", sink.name);
            }
        }
        for name in ["near", "far"] {
            advance_all(&spool, spool.sink(name).unwrap()).await;
        }
        while spool.statistics().queue.reports > 0 {
            retire_all(&spool).await;
        }
        spool.look().await.unwrap();
        spool.close().await.unwrap();
        assert_eq!((rows(&place, "entry"), rows(&place, "kept"), rows(&place, "only")), (0, 0, 0));
        // Numbers go on where they were, or a sink would pass over what comes next.
        let spool = open(&place, Limits::default(), &sinks).await;
        spool.accept(&[report(1, 7, 1)]).await.unwrap();
        assert_eq!(fed(&spool, spool.sink("far").unwrap()).await, [7]);
    }
}

#[tokio::test]
async fn a_new_sink_begins_with_what_comes_or_with_what_waits_and_one_that_is_gone_holds_nothing() {
    let place = Place::new();
    let spool = open(&place, Limits::default(), &[]).await;
    spool.accept(&[report(1, 0, 1)]).await.unwrap();
    spool.close().await.unwrap();

    let waiting_too = SinkSettings { start: SinkStart::Waiting, ..SinkSettings::new("waiting") };
    let spool = open(&place, Limits::default(), &[SinkSettings::new("now"), waiting_too.clone()]).await;
    let (now, old) = (spool.sink("now").unwrap(), spool.sink("waiting").unwrap());
    assert_eq!(spool.sink("other"), None);
    assert_eq!((fed(&spool, now).await, fed(&spool, old).await), (vec![], vec![0]));
    spool.accept(&[report(1, 1, 1)]).await.unwrap();
    assert_eq!((fed(&spool, now).await, fed(&spool, old).await), (vec![1], vec![0, 1]));
    retire_all(&spool).await;
    advance_all(&spool, now).await;
    spool.close().await.unwrap();
    assert_eq!((rows(&place, "entry"), rows(&place, "kept")), (0, 2));

    // The one that was never served is gone: what only it needed goes with it.
    let spool = open(&place, Limits::default(), &[SinkSettings::new("now")]).await;
    let file = SpoolFile::open(place.path()).unwrap();
    assert_eq!(file.statistics().unwrap().sinks.len(), 1);
    spool.accept(&[report(1, 2, 1)]).await.unwrap();
    assert_eq!(fed(&spool, spool.sink("now").unwrap()).await, [2]);
    assert_eq!(rows(&place, "kept"), 0);
    spool.close().await.unwrap();
    open(&place, Limits::default(), &[]).await.close().await.unwrap();
    assert_eq!((rows(&place, "sink"), rows(&place, "kept"), rows(&place, "entry")), (0, 0, 1));
    // It is new again.
    let spool = open(&place, Limits::default(), &[waiting_too]).await;
    assert_eq!(fed(&spool, spool.sink("waiting").unwrap()).await, [2]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_sink_loses_at_its_own_limits_and_costs_no_other_anything() {
    let place = Place::new();
    let small = SinkSettings { disk_bytes: 2_000, ..SinkSettings::new("small") };
    let brief = SinkSettings { age: Duration::from_hours(1), ..SinkSettings::new("brief") };
    let patient = SinkSettings::new("patient");
    let spool = open(&place, Limits::default(), &[small, brief, patient]).await;
    for number in 0..100 {
        spool.accept(&[report(1, number, 10)]).await.unwrap();
        if number == 49 {
            place.clock.pass(Duration::from_hours(2)).await;
        }
    }
    spool.look().await.unwrap();
    let sinks = spool.statistics().sinks;
    assert!(sinks[0].waiting.bytes <= 2_000 && sinks[0].waiting.reports > 0, "{:?}", sinks[0]);
    assert_eq!(sinks[0].waiting.values + sinks[0].lost.values, 1_000);
    assert_eq!((sinks[1].waiting.values, sinks[1].lost.values), (500, 500));
    assert_eq!((sinks[2].waiting.values, sinks[2].lost.values), (1_000, 0));
    assert_eq!(waiting(&spool).await.len(), 100, "the backend lost nothing");
    assert_eq!(fed(&spool, spool.sink("brief").unwrap()).await, (50..100).collect::<Vec<_>>());
    assert_eq!(fed(&spool, spool.sink("patient").unwrap()).await, (0..100).collect::<Vec<_>>());

    // The other way round: what the backend's limits drop is still there for a sink.
    spool.close().await.unwrap();
    let tight = Limits { disk_bytes: 1, ..Limits::default() };
    let spool = open(&place, tight, &[SinkSettings::new("patient")]).await;
    spool.accept(&[report(1, 100, 1)]).await.unwrap();
    assert_eq!(waiting(&spool).await, Vec::<usize>::new());
    assert_eq!(fed(&spool, spool.sink("patient").unwrap()).await, (0..101).collect::<Vec<_>>());
}

#[tokio::test]
async fn dead_letters_are_a_sinks_own_and_go_back_to_it_alone() {
    let place = Place::new();
    let sinks = [SinkSettings::new("a"), SinkSettings::new("b")];
    let spool = open(&place, Limits::default(), &sinks).await;
    let (a, b) = (spool.sink("a").unwrap(), spool.sink("b").unwrap());
    spool.accept(&[report(1, 5, 1)]).await.unwrap();
    let letter = |sink: &str, value: i64| {
        let (account, time) = (AccountId::new(1), Timestamp::from_seconds(1_700_000_000 + value));
        let value = (format!("of.{sink}"), value as f64);
        RejectedEntry::of_value(account, time, value, ReasonKind::Refused, "no").of_sink(sink)
    };
    let up_to = spool.feed(a, ALL).await.unwrap().unwrap().up_to;
    spool.advance(a, SinkSettlement { up_to, rejected: vec![letter("a", 1), letter("a", 2)] }).await.unwrap();
    retire(&spool, vec![]).await;
    spool.settle(Settlement { retired: vec![], rejected: vec![letter("", 3)] }).await.unwrap();
    retire_all(&spool).await;
    advance_all(&spool, b).await;

    let file = SpoolFile::open(place.path()).unwrap();
    let of = |letters| file.dead_letters(letters, None, 10).unwrap().len();
    assert_eq!(
        (of(Letters::All), of(Letters::Backend), of(Letters::Sink("a")), of(Letters::Sink("b"))),
        (3, 1, 2, 0)
    );
    let statistics = file.statistics().unwrap();
    assert_eq!((statistics.dead_letters, statistics.sinks[0].dead_letters), (1, 2));
    let first = &file.dead_letters(Letters::Sink("a"), None, 1).unwrap()[0];
    assert_eq!(first.sink.as_deref(), Some("a"));
    assert!(matches!(first.content, Content::Report(_)));

    // Each goes back to the one who did not take it, and to no other.
    assert_eq!(file.retry_all(Letters::Sink("a")).unwrap(), 2);
    spool.look().await.unwrap();
    assert_eq!(
        (fed(&spool, a).await, fed(&spool, b).await, waiting(&spool).await),
        (vec![1, 2], vec![], vec![])
    );
    assert_eq!(file.retry_all(Letters::All).unwrap(), 1);
    spool.look().await.unwrap();
    assert_eq!(
        (fed(&spool, a).await, fed(&spool, b).await, waiting(&spool).await),
        (vec![1, 2], vec![], vec![3])
    );
    retire_all(&spool).await;
    advance_all(&spool, a).await;
    spool.accept(&[report(1, 9, 1)]).await.unwrap();
    assert_eq!((fed(&spool, a).await, fed(&spool, b).await), (vec![9], vec![9]));
    retire_all(&spool).await;
    advance_all(&spool, a).await;
    advance_all(&spool, b).await;
    assert_eq!((rows(&place, "entry"), rows(&place, "kept"), rows(&place, "only")), (0, 0, 0));
    assert_eq!(file.drop_all(Letters::All).unwrap(), 0);
}

#[tokio::test]
async fn a_broken_file_keeps_what_waits_for_sinks_and_where_they_stand() {
    let place = Place::new();
    let sinks = [SinkSettings::new("a")];
    let spool = open(&place, Limits::default(), &sinks).await;
    for number in 0..50 {
        spool.accept(&[report(1, number, 20)]).await.unwrap();
    }
    retire_all(&spool).await;
    let batch = spool.feed(spool.sink("a").unwrap(), ALL).await.unwrap().unwrap();
    advance(&spool, spool.sink("a").unwrap(), batch.entries[9].id).await;
    spool.accept(&[report(1, 50, 1)]).await.unwrap();
    spool.close().await.unwrap();
    // The first page holds the header and the schema.
    let mut bytes = std::fs::read(place.path()).unwrap();
    bytes[100..4_000].fill(0x5A);
    std::fs::write(place.path(), bytes).unwrap();
    let spool = open(&place, Limits::default(), &sinks).await;
    assert_eq!(fed(&spool, spool.sink("a").unwrap()).await, (10..=50).collect::<Vec<_>>());
    assert_eq!(waiting(&spool).await, [50]);
}

#[tokio::test]
async fn a_file_of_a_time_without_sinks_is_used_as_it_is() {
    let place = Place::new();
    let spool = place.open().await;
    spool.accept(&[report(1, 0, 1)]).await.unwrap();
    spool.close().await.unwrap();
    let old = rusqlite::Connection::open(place.path()).unwrap();
    old.execute_batch(
        "ALTER TABLE dead_letter DROP COLUMN sink; DROP TABLE kept; DROP TABLE only; DROP TABLE sink;",
    )
    .unwrap();
    drop(old);
    // A tool that looks at it before any bot does.
    let file = SpoolFile::open(place.path()).unwrap();
    assert_eq!(file.statistics().unwrap().queue.reports, 1);
    assert_eq!(file.dead_letters(Letters::All, None, 10).unwrap().len(), 0);
    assert_eq!((file.retry_all(Letters::All).unwrap(), file.drop_all(Letters::Sink("a")).unwrap()), (0, 0));
    let waiting_too = SinkSettings { start: SinkStart::Waiting, ..SinkSettings::new("a") };
    let spool = open(&place, Limits::default(), &[waiting_too]).await;
    assert_eq!(fed(&spool, spool.sink("a").unwrap()).await, [0]);
}
