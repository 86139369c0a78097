//! `grafolean bot all`: every bot in one process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{fs, process::Stdio};

use nix::sys::signal::Signal;
use world::{Fill, Process, Run, World, grafolean, may_ping, text, until};

fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = grafolean(folder.path())
        .args(["bot", "all"])
        .args(arguments)
        .envs(environment.iter().copied())
        .finished();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    text(&output.stderr)
}

#[test]
fn what_is_missing_is_named_before_anything_is_opened() {
    let url = ("BACKEND_URL", "http://127.0.0.1:1/api");
    assert!(refused(&[], &[url]).contains("bot_token is not set"));
    assert!(refused(&[], &[("BOT_TOKEN_SNMP", "x")]).contains("backend_url is not set"));
    let all = ["ping", "snmp", "netflow", "tcp"].map(|name| ["--without", name]).concat();
    assert!(refused(&all, &[url, ("BOT_TOKEN", "x")]).contains("every bot was left out"));
    let mistyped = refused(&["--without", "pinng"], &[url]);
    assert!(mistyped.contains("ping, snmp, netflow, tcp"), "{mistyped}");
}

#[tokio::test]
async fn bots_share_a_process_and_each_has_its_own_token_and_folder() {
    if !may_ping() {
        return;
    }
    let world = World::start(Fill { devices: &["127.0.0.1"], interval: 1 }).await;
    let log = world.folder.path().join("log");
    let mut command = world.bot();
    let token =
        command.get_envs().find_map(|(name, value)| (name == "BOT_TOKEN").then_some(value?.to_owned()));
    command
        .env_remove("BOT_TOKEN")
        .env("BOT_TOKEN_PING", token.clone().unwrap())
        .env("BOT_TOKEN_SNMP", token.unwrap());
    command
        .args(["bot", "all", "--metrics", "127.0.0.1:0"])
        .stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let mut bots = Process::start(&mut command);
    world.wait_for_value(&format!("entity.{}.ping.success", world.entities[0]));
    let snmp = world.folder.path().join("bot/snmp/state.sqlite");
    until(|| snmp.exists());
    assert!(bots.end(Signal::SIGTERM).success());
    let told = fs::read_to_string(&log).unwrap();
    assert!(told.contains("the netflow bot is left out: BOT_TOKEN_NETFLOW is not set"), "{told}");
    assert!(!world.folder.path().join("bot/netflow").exists());
    // Both bots have the token of the ping bot: the SNMP bot says why it has nothing to do, and nothing else is wrong.
    assert!(told.contains("nothing is measured: the token is of a bot of protocol ping, not snmp"), "{told}");
    let warned = told.lines().filter(|line| line.contains("WARN"));
    assert!(
        !told.contains("ERROR") && warned.clone().all(|line| line.contains("nothing is measured")),
        "{told}"
    );
}
