//! `grafolean spool`: a value that no backend takes, from the queue to its end.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::process::Output;

use grafolean_collector::{
    report::{Report, Values},
    spool::{Limits, Spool, SpoolMetrics},
    time::{SystemClock, Timestamp},
};
use serde_json::{Value, json};
use world::{Fill, Run, World, may_ping, text};

fn spool(world: &World, arguments: &[&str]) -> Output {
    world.bot().arg("spool").args(arguments).finished()
}

fn listed(world: &World) -> Value {
    serde_json::from_slice(&spool(world, &["list", "--json"]).stdout).unwrap()
}

/// Puts a good value and a poison into the bot's queue, as a bot would.
async fn measured(world: &World) {
    let limits = Limits::default();
    let spool = Spool::open(world.spool(), limits, std::sync::Arc::new(SystemClock), SpoolMetrics::default())
        .await
        .unwrap();
    let values = vec![("office.good".to_owned(), 1.0), ("office bad\n".to_owned(), 2.0)];
    let time = Timestamp::from_seconds(1_700_000_000);
    spool.accept(&[Report::Values(Values { account: world.account, time, values })]).await.unwrap();
    spool.close().await.unwrap();
}

#[tokio::test]
async fn a_poison_is_listed_shown_tried_again_and_dropped() {
    if !may_ping() {
        return;
    }
    let mut world = World::start(Fill { devices: &[], interval: 60 }).await;
    measured(&world).await;
    assert_eq!(listed(&world)["waiting"]["values"], 2);
    let deliver = |world: &World| world.bot().args(["bot", "ping", "--once"]).finished();
    assert!(deliver(&world).status.success());
    let list = listed(&world);
    assert_eq!((&list["waiting"]["values"], &list["dead_letters"]), (&json!(0), &json!(1)), "{list}");
    let letter = &list["letters"][0];
    assert_eq!((&letter["kind"], &letter["again"]), (&json!("invalid"), &json!(false)));
    assert!(letter["reason"].as_str().unwrap().contains("' ' at character 7"), "{letter}");
    assert_eq!(letter["content"]["values"], json!([{"p": "office bad\n", "t": 1_700_000_000.0, "v": 2.0}]));
    let id = letter["id"].to_string();
    let shown = text(&spool(&world, &["show", &id]).stdout);
    assert!(shown.contains("\"office bad\\n\" = 2") && shown.contains("2023-11-14T22:13:20Z"), "{shown}");

    let retried = text(&spool(&world, &["retry", &id]).stdout);
    assert!(retried.starts_with("1 dead letter will be sent again"), "{retried}");
    assert_eq!(listed(&world)["letters"][0]["again"], true);
    assert!(deliver(&world).status.success());
    let list = listed(&world);
    assert_eq!(list["dead_letters"], 1, "it is no better than before: {list}");
    assert_ne!(list["letters"][0]["id"].to_string(), id, "it was tried");

    let unasked = spool(&world, &["drop", "--all"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(text(&unasked.stderr).contains("say --yes"), "{unasked:?}");
    assert_eq!(text(&spool(&world, &["drop", "--all", "--yes"]).stdout), "1 dead letter deleted\n");
    assert_eq!(listed(&world)["dead_letters"], 0);
    assert_eq!(world.stored().await.keys().collect::<Vec<_>>(), ["office.good"]);
}

#[tokio::test]
async fn what_is_not_there_is_said_with_the_mend() {
    let world = World::start(Fill { devices: &[], interval: 60 }).await;
    let none = spool(&world, &["list"]);
    assert_eq!(none.status.code(), Some(2));
    let told = text(&none.stderr);
    assert!(told.contains("there is no spool") && told.contains("hint: give the bot's own --data"), "{told}");
    measured(&world).await;
    for (arguments, reason) in [(&["show", "99"][..], "99"), (&["retry", "99"], "99"), (&["retry"], "--all")]
    {
        let output = spool(&world, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&output.stderr).contains(reason), "{output:?}");
    }
}

/// Puts a value that no backend takes into a spool, as a bot in Python has one for each of its processes.
async fn refused(world: &World, place: &str, path: &str) {
    let file = world.spool().ancestors().nth(2).unwrap().join("python").join(place).join("spool.sqlite");
    let clock = std::sync::Arc::new(SystemClock);
    let spool = Spool::open(file, Limits::default(), clock, SpoolMetrics::default()).await.unwrap();
    let time = Timestamp::from_seconds(1_700_000_000);
    let values = vec![(path.to_owned(), 1.0)];
    spool.accept(&[Report::Values(Values { account: world.account, time, values })]).await.unwrap();
    spool.close().await.unwrap();
}

#[tokio::test]
async fn the_spools_of_a_bot_in_python_are_listed_together() {
    let world = World::start(Fill { devices: &[], interval: 60 }).await;
    refused(&world, "5f3a/1", "office.first").await;
    refused(&world, "5f3a/2", "office.second").await;
    let list = spool(&world, &["list", "--json", "--protocol", "python"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((&list["waiting"]["values"], &list["dead_letters"]), (&json!(2), &json!(0)), "{list}");
    let one = spool(&world, &["list", "--json", "--protocol", "python/5f3a/2"]);
    let one: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(one["waiting"]["values"], 1, "{one}");
    let unknown = spool(&world, &["show", "7", "--protocol", "python"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no spool holds dead letter 7"), "{unknown:?}");
}
