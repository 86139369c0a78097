//! Bots that do not run, may not do what they should, or are others than was meant.

use std::process::Command;

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    doors::injected,
    scene::{Device, Scene, causes, in_own_network},
    world::{World, until},
};

#[tokio::test]
async fn a_bot_that_was_never_started() {
    if !in_own_network("bots::a_bot_that_was_never_started", &[]) {
        return;
    }
    let scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    scene.named("router", "bot_never_seen");
}

#[tokio::test]
async fn a_bot_that_was_killed() {
    if !in_own_network("bots::a_bot_that_was_killed", &[]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.told();
    scene.bot.take().unwrap().end(Signal::SIGKILL);
    injected();
    scene.named("router", "bot_silent");
    scene.named(&scene.path("success"), "bot_silent");
}

#[tokio::test]
async fn a_bot_that_was_stopped_says_so_at_once() {
    if !in_own_network("bots::a_bot_that_was_stopped_says_so_at_once", &[]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.told();
    scene.bot.take().unwrap().end(Signal::SIGTERM);
    let answers = scene.api("router", "");
    assert_eq!(causes(&answers), ["bot_silent"], "{answers:#}");
    let evidence = answers[0]["findings"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("was stopped"), "{evidence}");
}

#[tokio::test]
async fn an_account_without_a_bot() {
    if !in_own_network("bots::an_account_without_a_bot", &[]) {
        return;
    }
    let mut scene =
        Scene::with("ping", async |setup, account| vec![Device::snmp(161).add(setup, account).await]).await;
    scene.start_bot();
    scene.named("switch", "no_bot");
}

#[tokio::test]
async fn two_bots_and_the_wrong_one_named() {
    if !in_own_network("bots::two_bots_and_the_wrong_one_named", &[]) {
        return;
    }
    let mut scene = Scene::with("ping", async |setup, account| {
        let idle = setup.bot(account, "idle", "ping").await.unwrap().id;
        vec![
            Device::ping("127.0.0.1")
                .add_with(setup, account, |attachment| attachment.bot = Some(idle))
                .await,
        ]
    })
    .await;
    scene.start_bot();
    scene.named("router", "other_bot");
}

/// Takes a right from the bot.
fn take_right(scene: &Scene, resource: &str) {
    let bot = scene.world.bot.id;
    let rights = format!("/accounts/{}/bots/{bot}/permissions", scene.world.account);
    let (status, held) = scene.ask("GET", &rights, &Value::Null);
    assert_eq!(status, 200, "{held}");
    let of = |right: &Value| right["resource_prefix"].as_str().unwrap().ends_with(resource);
    let taken: Vec<_> = held["list"].as_array().unwrap().iter().filter(|right| of(right)).collect();
    assert!(!taken.is_empty(), "{held}");
    for right in taken {
        let (status, answer) = scene.ask("DELETE", &format!("{rights}/{}", right["id"]), &Value::Null);
        assert_eq!(status, 204, "{answer}");
    }
    injected();
}

#[tokio::test]
async fn a_bot_that_may_not_store_values() {
    if !in_own_network("bots::a_bot_that_may_not_store_values", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    take_right(&scene, "values");
    scene.named("router", "no_write_right");
}

#[tokio::test]
async fn a_bot_that_may_not_read_entities() {
    if !in_own_network("bots::a_bot_that_may_not_read_entities", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    take_right(&scene, "entities");
    scene.named("router", "no_read_right");
}

#[tokio::test]
async fn a_token_that_was_revoked() {
    if !in_own_network("bots::a_token_that_was_revoked", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.told();
    let bot = format!("/accounts/{}/bots/{}", scene.world.account, scene.world.bot.id);
    let (status, answer) = scene.ask("DELETE", &bot, &Value::Null);
    assert_eq!(status, 204, "{answer}");
    injected();
    scene.named_as("router", "token_refused", "bot_gone");
}

#[tokio::test]
async fn a_bot_that_is_set_to_another_backend() {
    if !in_own_network("bots::a_bot_that_is_set_to_another_backend", &[]) {
        return;
    }
    let mut scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let other =
        World::with("ping", async |setup, account| vec![Device::ping("127.0.0.1").add(setup, account).await])
            .await;
    let mut command = scene.bot_command();
    command.env("BACKEND_URL", other.url()).env("BOT_TOKEN", other.bot.token.expose_secret());
    scene.start_bot_by(command);
    scene.named_as("router", "other_backend", "bot_never_seen");
}

#[tokio::test]
async fn a_bot_with_the_token_of_another_protocol() {
    if !in_own_network("bots::a_bot_with_the_token_of_another_protocol", &[]) {
        return;
    }
    let mut scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let mut command = scene.world.bot();
    command.args([
        "bot",
        "tcp",
        "--metrics",
        "127.0.0.1:9300",
        "--jobs-refresh-interval",
        "1",
        "--log",
        "error",
    ]);
    scene.start_bot_by(command);
    scene.named("router", "bot_protocol");
}

#[tokio::test]
async fn a_configuration_that_was_not_read_yet_is_awaited() {
    if !in_own_network("bots::a_configuration_that_was_not_read_yet_is_awaited", &[]) {
        return;
    }
    let mut scene =
        Scene::with("ping", async |setup, account| vec![Device::ping("127.0.0.1").add(setup, account).await])
            .await;
    let mut command = scene.world.bot();
    command.args(["bot", "ping", "--metrics", "127.0.0.1:9300", "--log", "error"]);
    scene.start_bot_by(command);
    scene.told();
    let place = format!("/accounts/{}/entities", scene.world.account);
    let (_, entity) = scene.ask("GET", &format!("{place}/{}", scene.entity), &Value::Null);
    let body = json!({"name": "newcomer", "entity_type": "device", "details": {"ipv4": "127.0.0.2"}, "protocols": entity["protocols"]});
    let (status, made) = scene.ask("POST", &place, &body);
    assert_eq!(status, 201, "{made}");
    let answers = scene.api("newcomer", "");
    assert_eq!((causes(&answers), &answers[0]["verdict"]), (vec![], &json!("waiting")), "{answers:#}");
    assert!(
        answers[0]["summary"].as_str().unwrap().contains("not read this configuration yet"),
        "{answers:#}"
    );
    let (code, _) = scene.command_line("newcomer", &[]);
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn findings_are_each_cause_once() {
    if !in_own_network("bots::findings_are_each_cause_once", &[]) {
        return;
    }
    let mut scene = Scene::with("ping", async |setup, account| {
        let mut entities = Vec::new();
        for (name, address) in [("one", "192.0.2.1"), ("two", "192.0.2.2"), ("three", "127.0.0.1")] {
            entities.push(Device { name, ..Device::ping(address) }.add(setup, account).await);
        }
        entities
    })
    .await;
    scene.start_bot();
    let findings = format!("/hub/accounts/{}/findings", scene.world.account);
    let read = || scene.ask("GET", &findings, &Value::Null).1["list"].clone();
    until(|| read()[0]["devices"] == 2);
    let found = read();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["cause"]), (1, &json!("no_route")), "{found:#}");
    let output = command_output(scene.world.bot().args(["findings"]));
    assert_eq!(output.0, Some(1), "{}", output.1);
    assert!(output.1.contains("no_route: 2 devices by ping (one, two), since "), "{}", output.1);
    let (_, _, metrics) = scene.world.exchange_as(&scene.session(), "GET", "/metrics", "");
    let line =
        format!("grafolean_hub_findings_devices{{account=\"{}\",cause=\"no_route\"}} 2", scene.world.account);
    assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
}

fn command_output(command: &mut Command) -> (Option<i32>, String) {
    let output = crate::world::Run::finished(command);
    (output.status.code(), crate::world::text(&output.stdout) + &crate::world::text(&output.stderr))
}
