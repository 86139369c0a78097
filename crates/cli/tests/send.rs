//! `grafolean send`: one value, stored as it was said.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::process::Output;

use grafolean_collector::time::Timestamp;
use world::{Fill, Run, World, grafolean, text};

fn send(world: &World, arguments: &[&str]) -> Output {
    world.bot().arg("send").args(arguments).finished()
}

#[tokio::test]
async fn a_value_is_stored_at_its_time() {
    let mut world = World::start(Fill { devices: &[], interval: 60 }).await;
    let account = world.account.to_string();
    let sent = send(&world, &["office.temperature", "-3.5", "--time", "2023-11-14T22:13:20.25Z"]);
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(
        text(&sent.stdout),
        format!("sent office.temperature = -3.5 at 1700000000.250000 to account {account}\n")
    );
    assert!(send(&world, &["office.humidity", "40", "--account", &account]).status.success());
    let stored = world.stored().await;
    assert_eq!(stored["office.temperature"], [(Timestamp::from_micros(1_700_000_000_250_000), -3.5)]);
    assert_eq!(stored["office.humidity"].len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_the_reason() {
    let mut world = World::start(Fill { devices: &[], interval: 60 }).await;
    let refused = |arguments: &[&str], reason: &str| {
        let output = send(&world, arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = text(&output.stderr);
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains(&world.url().replace("http://", "?b=")), "{told}");
    };
    refused(&["office temperature", "1"], "' ' at character 7");
    refused(&["office.temperature\n", "1"], "'\\n' at character 19");
    refused(&["system.load", "1"], "belongs to the backend");
    refused(&["office.temperature", "warm"], "invalid value 'warm'");
    refused(&["office.temperature", "nan"], "not a finite number");
    refused(&["office.temperature", "1", "--time", "1700000000000"], "milliseconds");
    refused(&["office.temperature", "1", "--account", "1"], "lacks the permission (403)");
    refused(&["office.temperature", "1", "--bot-token", "not-mine"], "does not know this token (401)");
    refused(
        &["office.temperature", "1", "--backend-url", "http://127.0.0.1:1/api"],
        "no answer from http://127.0.0.1:1",
    );
    refused(
        &["office.temperature", "1", "--backend-url", world.url().trim_end_matches("/api")],
        "this does not look like the API's address: it usually ends in /api",
    );
    let bare = grafolean(world.folder.path()).args(["send", "a", "1"]).finished();
    assert!(text(&bare.stderr).contains("backend_url is not set: give --backend-url"), "{bare:?}");
    assert!(world.stored().await.is_empty(), "nothing of it was stored");
}
