//! `grafolean check`: what a bot would meet.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use world::{Fill, Run, World, may_ping, text};

fn check(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let output = world.bot().arg("check").args(arguments).finished();
    (output.status.code(), text(&output.stdout))
}

fn report(world: &World, arguments: &[&str]) -> Value {
    serde_json::from_str(&check(world, &[&["--json"], arguments].concat()).1).unwrap()
}

#[tokio::test]
async fn a_bot_that_would_work_is_told_with_all_that_it_would_poll() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1", "10.0.0.300"], interval: 60 }).await;
    let (code, told) = check(&world, &[]);
    assert_eq!(code, Some(0), "{told}");
    let (account, entity) = (world.account, world.entities[0]);
    for line in [
        format!("account   {account} \"Office\""),
        "  values    PUT yes, POST yes".to_owned(),
        "  entities  read yes, write no".to_owned(),
        "polled    1 devices by protocol ping".to_owned(),
        format!("  entity {entity} \"device 127.0.0.1\" of account {account}, 127.0.0.1, every 60 s"),
        "the bot would work".to_owned(),
    ] {
        assert!(told.lines().any(|told| told == line), "{line:?} is not in\n{told}");
    }
    assert!(told.contains(&format!("entity {} \"device 10.0.0.300\"", world.entities[1])), "{told}");
    assert!(
        told.contains(&format!("it needs POST, PUT and DELETE on accounts/{account}/entities")),
        "{told}"
    );
    let report = report(&world, &["ping"]);
    assert_eq!((&report["works"], &report["problems"]), (&json!(true), &json!([])));
    assert_eq!(report["bot"]["name"], "pinger");
    assert_eq!(report["polled"][0]["intervals"], json!([60]));
    assert!(report["not_polled"][0]["reason"].as_str().unwrap().contains("10.0.0.300"), "{report}");
}

#[tokio::test]
async fn a_token_that_is_refused_is_told_and_never_shown() {
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let secret = "00000000-1111-4222-8333-444444444444";
    let output = world.bot().args(["check", "--bot-token", secret]).finished();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = text(&output.stdout) + &text(&output.stderr);
    assert!(told.contains("the backend does not know this token (401)"), "{told}");
    assert!(told.contains("the bot would not work") && !told.contains(secret), "{told}");
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named() {
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let permissions = format!("/accounts/{}/bots/{}/permissions", world.account, world.bot.id);
    let (_, listed) = world.ask("GET", &permissions);
    let of_values = |it: &&Value| it["resource_prefix"].as_str().unwrap().ends_with("/values");
    let of_values = listed["list"].as_array().unwrap().iter().find(of_values).unwrap();
    assert_eq!(world.ask("DELETE", &format!("{permissions}/{}", of_values["id"])).0, 204);
    let (code, told) = check(&world, &[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("  values    PUT no, POST no"), "{told}");
    let needs = format!("the token may not send values: it needs PUT on accounts/{}/values", world.account);
    assert!(
        report(&world, &[])["problems"].as_array().unwrap().iter().any(|problem| *problem == needs),
        "{told}"
    );
}

#[tokio::test]
async fn a_backend_that_is_none_is_told_with_what_was_tried() {
    let mut world = World::start(Fill { devices: &[], interval: 60 }).await;
    let (code, told) = check(&world, &["--backend-url", &world.url().replace("/api", "")]);
    assert_eq!(code, Some(1));
    assert!(told.contains("this does not look like the API's address: it usually ends in /api"), "{told}");
    let (code, told) = check(&world, &[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("nothing would be polled: enable protocol ping"), "{told}");
    world.stop_hub();
    let (code, told) = check(&world, &[]);
    assert_eq!(code, Some(1));
    assert!(told.contains("the backend cannot be reached") && told.contains("Connection refused"), "{told}");
}

/// As the units of the package run: one file of settings with a token for each bot, and none for all.
#[tokio::test]
async fn without_a_name_each_bot_that_has_a_token_is_checked() {
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let token = world.bot.token.expose_secret();
    let run = |tokens: &[&str]| {
        let mut check = world.bot();
        check.arg("check").env_remove("BOT_TOKEN");
        tokens.iter().fold(&mut check, |check, name| check.env(name, token)).finished()
    };
    let one = run(&["BOT_TOKEN_PING"]);
    assert_eq!(one.status.code(), Some(0), "{one:?}");
    assert!(text(&one.stdout).contains("polled    1 devices by protocol ping"), "{one:?}");
    // The second token is a ping bot's, which is wrong for SNMP: the verdict is of all.
    let two = run(&["BOT_TOKEN_PING", "BOT_TOKEN_SNMP"]);
    assert_eq!(two.status.code(), Some(1), "{two:?}");
    assert_eq!(text(&two.stdout).matches("the bot would ").count(), 2, "{two:?}");
    let none = run(&[]);
    assert!(none.status.code() == Some(2) && text(&none.stderr).contains("BOT_TOKEN"), "{none:?}");
}
