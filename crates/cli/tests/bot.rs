//! `grafolean bot ping` against a hub, from the account to the stored values.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::Stdio,
};

use grafolean_collector::{
    model::EntityId,
    time::{Clock, SystemClock},
};
use nix::sys::signal::Signal;
use world::{Fill, Process, Run, World, json_lines, may_ping, request_to, text, until};

/// What dashboards hang on, for a device that answers three packets.
fn paths_of_answers(entity: EntityId) -> BTreeSet<String> {
    let packets = (0..3).flat_map(|packet| [format!("p{packet}.ok"), format!("p{packet}.rtt")]);
    let figures =
        ["success", "loss", "rtt.min", "rtt.avg", "rtt.max", "rtt.stddev", "jitter"].map(str::to_owned);
    packets.chain(figures).map(|name| format!("entity.{entity}.ping.{name}")).collect()
}

/// And for one that is silent.
fn paths_of_silence(entity: EntityId) -> BTreeSet<String> {
    ["p0.ok", "p1.ok", "p2.ok", "success", "loss"].map(|name| format!("entity.{entity}.ping.{name}")).into()
}

/// The second device never answers: the kernel refuses to send to the broadcast address.
async fn two_devices(interval: u32) -> World {
    World::start(Fill { devices: &["127.0.0.1", "127.255.255.255"], interval }).await
}

#[tokio::test]
async fn a_dry_run_prints_exactly_the_values_and_sends_none() {
    if !may_ping() {
        return;
    }
    let mut world = two_devices(60).await;
    let output = world.bot().args(["bot", "ping", "--once", "--dry-run"]).finished();
    assert!(output.status.success(), "a silent device is a measurement: {output:?}");
    let lines = json_lines(&output);
    let paths: BTreeSet<String> = lines.iter().map(|line| line["p"].as_str().unwrap().to_owned()).collect();
    let expected = &paths_of_answers(world.entities[0]) | &paths_of_silence(world.entities[1]);
    assert_eq!(paths, expected);
    assert_eq!(lines.len(), expected.len(), "none twice");
    for line in &lines {
        assert_eq!(line["account"].as_i64(), Some(world.account.number()), "{line}");
        assert_eq!(line.as_object().unwrap().keys().collect::<Vec<_>>(), ["account", "t", "p", "v"]);
        assert_eq!(line["t"].as_f64().unwrap().fract(), 0.0, "its due time: {line}");
    }
    assert!(!world.spool().exists(), "nothing is kept");
    assert!(world.stored().await.is_empty(), "nothing is sent");
}

#[tokio::test]
async fn one_run_of_every_job_stores_exactly_the_values() {
    if !may_ping() {
        return;
    }
    let mut world = two_devices(60).await;
    let output = world.bot().args(["bot", "ping", "--once"]).finished();
    assert!(output.status.success(), "{output:?}");
    let (answers, silence) = (paths_of_answers(world.entities[0]), paths_of_silence(world.entities[1]));
    let told = format!("2 runs, 0 failed, {} values delivered\n", answers.len() + silence.len());
    assert_eq!(text(&output.stdout), told);
    let stored = world.stored().await;
    assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), &answers | &silence);
    assert!(stored.values().all(|points| points.len() == 1), "each once: {stored:?}");
    for (entity, success) in [(world.entities[0], 1.0), (world.entities[1], 0.0)] {
        assert_eq!(stored[&format!("entity.{entity}.ping.success")][0].1, success);
        assert_eq!(stored[&format!("entity.{entity}.ping.p2.ok")][0].1, success);
    }
}

#[tokio::test]
async fn a_running_bot_stores_values_shows_its_health_and_stops_on_a_signal() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = free.local_addr().unwrap().to_string();
    drop(free);
    let mut bot = Process::start(world.bot().args(["bot", "ping", "--metrics", &metrics]));
    world.wait_for_value(&format!("entity.{}.ping.success", world.entities[0]));
    let get = |path: &str| {
        request_to(&metrics, &format!("GET {path} HTTP/1.1\r\nhost: {metrics}\r\nconnection: close\r\n\r\n"))
    };
    let (status, head, body) = get("/metrics");
    assert_eq!(status, 200);
    assert!(head.contains("application/openmetrics-text"), "{head}");
    for metric in [
        "grafolean_runs_started_total",
        "grafolean_delivery_delivered_values_total",
        "grafolean_ping_requests_sent_total",
    ] {
        let line = body
            .lines()
            .find(|line| line.starts_with(metric))
            .unwrap_or_else(|| panic!("no {metric} in\n{body}"));
        assert!(!line.ends_with(" 0"), "{line}");
    }
    assert_eq!((get("/healthz").0, get("/other").0), (200, 404));
    let ended = bot.end(Signal::SIGTERM);
    assert_eq!(ended.code(), Some(0));
    assert_eq!(world.waiting(), 0, "the spool is flushed");
}

#[tokio::test]
async fn what_was_accepted_survives_a_kill_and_a_backend_that_is_away() {
    if !may_ping() {
        return;
    }
    let mut world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    assert!(world.bot().args(["bot", "ping", "--once"]).finished().status.success());
    world.stop_hub();
    let mut bot = Process::start(world.bot().args(["bot", "ping"]).stderr(Stdio::null()));
    until(|| world.waiting() > 30);
    bot.end(Signal::SIGKILL);
    let killed_at = SystemClock.now();
    let accepted = world.waiting();
    world.start_hub();
    let mut bot = Process::start(world.bot().args(["bot", "ping"]));
    until(|| world.waiting() == 0);
    assert_eq!(bot.end(Signal::SIGTERM).code(), Some(0));
    let stored = world.stored().await;
    let before = stored.values().flatten().filter(|(time, _)| *time <= killed_at).count();
    let once = stored.len();
    assert_eq!(u64::try_from(before - once).unwrap(), accepted, "beside those of the first, single run");
}

#[tokio::test]
async fn a_dry_run_goes_on_until_it_is_stopped() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    let mut bot = Process::start(world.bot().args(["bot", "ping", "--dry-run"]).stdout(Stdio::piped()));
    let mut lines = BufReader::new(bot.stdout()).lines().map(Result::unwrap);
    let second_run = lines.by_ref().filter(|line| line.contains(".ping.success")).nth(1).unwrap();
    assert!(second_run.contains(r#""v":1.0"#), "{second_run}");
    bot.signal(Signal::SIGINT);
    lines.for_each(drop);
    assert_eq!(bot.ended().code(), Some(0));
}

#[tokio::test]
async fn a_dry_run_that_nobody_reads_any_more_ends() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    let mut bot = Process::start(world.bot().args(["bot", "ping", "--dry-run"]).stdout(Stdio::piped()));
    let first = BufReader::new(bot.stdout()).lines().next().unwrap().unwrap();
    assert!(first.contains(r#""account":"#), "{first}");
    assert_eq!(bot.ended().code(), Some(0));
}

#[tokio::test]
async fn one_round_goes_by_the_last_good_configuration_while_the_backend_is_away() {
    if !may_ping() {
        return;
    }
    let mut world = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let once = |world: &World| world.bot().args(["bot", "ping", "--once"]).finished();
    world.stop_hub();
    let without = once(&world);
    assert_eq!(without.status.code(), Some(2), "{without:?}");
    assert!(text(&without.stderr).contains("there is no last good configuration either"), "{without:?}");
    world.start_hub();
    assert!(once(&world).status.success());
    world.stop_hub();
    let away = once(&world);
    assert!(away.status.success(), "{away:?}");
    assert_eq!(text(&away.stdout), "1 runs, 0 failed, 0 values delivered\n");
    assert_eq!(world.waiting(), 13);
    // Two rounds in one second would measure the same values twice, and the later ones would stand.
    let second = SystemClock.now().seconds();
    until(|| SystemClock.now().seconds() > second);
    world.start_hub();
    assert_eq!(text(&once(&world).stdout), "1 runs, 0 failed, 26 values delivered\n");
    assert_eq!(world.waiting(), 0);
}

#[tokio::test]
async fn a_bot_with_a_wrong_token_ends_with_an_error() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    for arguments in [&["bot", "ping"][..], &["bot", "ping", "--dry-run"], &["bot", "ping", "--once"]] {
        let output = world.bot().env("BOT_TOKEN", "a-wrong-secret").args(arguments).finished();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = text(&output.stderr);
        assert!(told.contains("error: ") && told.contains("token") && told.contains("401"), "{told}");
        assert!(!told.contains("a-wrong-secret"), "{told}");
    }
}
