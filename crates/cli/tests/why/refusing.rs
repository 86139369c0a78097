//! Backends that answer, and take no values.

use serde_json::json;

use crate::{
    doors::injected,
    proxy::{Proxy, Rule},
    scene::{Device, Scene, causes, in_own_network},
    world::until,
};

fn is_of_values(path: &str) -> bool {
    path.split('?').next().is_some_and(|path| path.trim_end_matches('/').ends_with("/values"))
}

fn lets_pass(_: &str, _: &str) -> Option<(u16, &'static str)> {
    None
}

/// A backend that stores values for a while, and then answers by a rule.
async fn values_are_refused(test: &str, rule: Rule, cause: &str, part: &str) {
    if !in_own_network(test, &[]) {
        return;
    }
    let mut scene = Scene::without_bot(Device::ping("127.0.0.1")).await;
    let proxy = Proxy::before(scene.world.hub().1, lets_pass);
    scene.backend = Some(proxy.url());
    scene.start_bot();
    scene.wait_for("success");
    proxy.answer(rule);
    injected();
    scene.named("router", cause);
    scene.named(&scene.path("success"), cause);
    let evidence = scene.api("router", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains(part), "{evidence}");
    proxy.answer(lets_pass);
    until(|| causes(&scene.api("router", "")).is_empty());
}

#[tokio::test]
async fn a_backend_that_refuses_all_values() {
    let rule: Rule = |_, path| is_of_values(path).then_some((400, "no values today"));
    let test = "refusing::a_backend_that_refuses_all_values";
    values_are_refused(test, rule, "backend_refuses", "400").await;
}

#[tokio::test]
async fn a_backend_that_fails_on_values() {
    let rule: Rule = |_, path| is_of_values(path).then_some((500, "a programmer's day"));
    values_are_refused("refusing::a_backend_that_fails_on_values", rule, "backend_fails", "500").await;
}

#[tokio::test]
async fn a_backend_that_asks_for_patience() {
    let rule: Rule = |_, path| is_of_values(path).then_some((429, "slowly"));
    values_are_refused("refusing::a_backend_that_asks_for_patience", rule, "backend_busy", "429").await;
}

#[tokio::test]
async fn a_backend_that_has_no_room() {
    let rule: Rule = |_, path| is_of_values(path).then_some((503, "the disk is full"));
    values_are_refused("refusing::a_backend_that_has_no_room", rule, "backend_busy", "503").await;
}

#[tokio::test]
async fn a_gateway_with_nothing_behind_it() {
    let rule: Rule = |_, path| is_of_values(path).then_some((502, "bad gateway"));
    values_are_refused("refusing::a_gateway_with_nothing_behind_it", rule, "backend_away", "502").await;
}

#[tokio::test]
async fn a_queue_that_is_full() {
    if !in_own_network("refusing::a_queue_that_is_full", &[]) {
        return;
    }
    let credential = json!({"n_packets": "60", "sleep_packets": "0.002", "timeout": "0.2", "retry": "0"});
    let mut scene = Scene::without_bot(Device { credential, ..Device::ping("127.0.0.1") }).await;
    let proxy = Proxy::before(scene.world.hub().1, |_, path| is_of_values(path).then_some((500, "no")));
    scene.backend = Some(proxy.url());
    let mut command = scene.bot_command();
    command.args(["--spool-max-size", "20kB"]);
    scene.start_bot_by(command);
    scene.named_among("router", "queue_full");
    let answer = &scene.api("router", "")[0];
    // Why it is full is told first.
    assert_eq!(answer["findings"][0]["cause"], "backend_fails", "{answer:#}");
    let full = answer["findings"].as_array().unwrap().iter().find(|it| it["cause"] == "queue_full").unwrap();
    assert!(full["evidence"].as_str().unwrap().contains("bytes"), "{full}");
}

#[tokio::test]
async fn a_path_at_which_nothing_was_ever_stored() {
    if !in_own_network("refusing::a_path_at_which_nothing_was_ever_stored", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    scene.named(&scene.path("rtt.median"), "not_stored");
    scene.sound_path("success");
}
