//! `grafolean bot all`: every bot in one process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, process::Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use world::{Fill, Process, Run, World, grafolean, may_ping, text, until};

/// What the kernel says of each thread of a process that is at work.
fn holds_nothing_it_does_not_need(process: &Process, log: &str) {
    let said = log
        .lines()
        .find(|line| line.contains("is restricted to what it needs"))
        .unwrap_or_else(|| panic!("{log}"));
    let has_seccomp = !said.contains("system_calls=\"not\"");
    let mut threads = 0;
    for thread in fs::read_dir(format!("/proc/{}/task", process.id())).unwrap() {
        // One that has just ended says nothing.
        let Ok(status) = fs::read_to_string(thread.unwrap().path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        let in_effect = u64::from_str_radix(&field("CapEff:"), 16).unwrap();
        assert_eq!(in_effect & !0b1010, 0, "{status}");
        assert_eq!(field("NoNewPrivs:"), "1", "{status}");
        if has_seccomp {
            assert_eq!(field("Seccomp:"), "2", "{status}");
        }
        threads += 1;
    }
    assert!(threads > 1);
}

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
    holds_nothing_it_does_not_need(&bots, &fs::read_to_string(&log).unwrap());
    let mode = |name: &str| {
        let path = world.folder.path().join("bot").join(name);
        fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode()
            & 0o777
    };
    assert_eq!(["ping", "snmp"].map(mode), [0o700; 2]);
    let files = [
        "ping/spool.sqlite",
        "ping/spool.sqlite-wal",
        "ping/spool.lock",
        "ping/state.sqlite",
        "ping/state.key",
    ];
    assert_eq!(files.map(mode), [0o600; 5]);
    assert_eq!(mode("snmp/readings.sqlite"), 0o600);
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

/// The names of all rows of a list, with their ids.
fn names(world: &World, path: &str) -> Vec<(String, i64)> {
    let (status, body) = world.ask("GET", path);
    assert_eq!(status, 200, "{path}: {body}");
    let row = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["id"].as_i64().unwrap());
    body["list"].as_array().unwrap().iter().map(row).collect()
}

#[tokio::test]
async fn bots_in_the_hub_measure_what_people_add_at_once_in_any_account() {
    let mut world = World::with("tcp", async |_, _| Vec::new()).await;
    world.stop_hub();
    world.hub_arguments = vec!["--with-bots=tcp,snmp"];
    world.start_hub();
    let made = |path: &str, body: Value| {
        let (status, made) = world.tell("POST", path, &body);
        assert_eq!(status, 201, "{path}: {made}");
        made["id"].as_i64().unwrap()
    };
    let account = made("/admin/accounts", json!({"name": "made while the hub runs"}));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let below = |what: &str| format!("/accounts/{account}/{what}");
    let (_, credential) =
        names(&world, &below("credentials")).into_iter().find(|(name, _)| name == "TCP").unwrap();
    let sensor =
        json!({"name": "ours", "protocol": "tcp", "default_interval": 3_600, "details": {"port": port}});
    let sensor = made(&below("sensors"), sensor);
    // Neither the next look at the configuration, in two minutes, nor the next interval, within an hour, is waited for.
    let attached =
        json!({"credential": credential, "bot": null, "sensors": [{"sensor": sensor, "interval": null}]});
    let entity = json!({"name": "this machine", "entity_type": "device", "details": {"ipv4": "127.0.0.1"}, "protocols": {"tcp": attached}});
    let entity = made(&below("entities"), entity);
    let value = below(&format!("values/entity.{entity}.tcp.{port}.ok?limit=1"));
    until(|| {
        let (status, body) = world.ask("GET", &value);
        let paths = body["paths"].as_object().cloned().unwrap_or_default();
        status == 200 && paths.values().any(|path| path["data"][0]["v"] == json!(1.0))
    });
    let rights = |name: &str| {
        let (_, bot) = names(&world, "/bots").into_iter().find(|(known, _)| known == name).unwrap();
        let (_, body) = world.ask("GET", &format!("/users/{bot}/permissions"));
        let right =
            |right: &Value| (right["resource_prefix"].as_str().unwrap().to_owned(), right["methods"].clone());
        body["list"].as_array().unwrap().iter().map(right).collect::<Vec<_>>()
    };
    let of_account = |rights: Vec<(String, Value)>| {
        let prefix = format!("accounts/{account}/");
        let below = |(resource, methods): (String, Value)| {
            Some((resource.strip_prefix(&prefix)?.to_owned(), methods))
        };
        rights.into_iter().filter_map(below).collect::<Vec<_>>()
    };
    let (reading, all) = (json!(["GET"]), Value::Null);
    let expected = |entities: &Value| {
        [
            ("credentials", reading.clone()),
            ("entities", entities.clone()),
            ("sensors", reading.clone()),
            ("values", json!(["POST", "PUT"])),
        ]
        .map(|(what, methods)| (what.to_owned(), methods))
    };
    assert_eq!(of_account(rights("tcp, in this hub")), expected(&reading));
    assert_eq!(of_account(rights("snmp, in this hub")), expected(&all), "it keeps interfaces in step");
    assert_eq!(rights("tcp, in this hub").len(), 8, "four in each account");
    world.stop_hub();
    world.start_hub();
    let of_this_hub = names(&world, "/bots").iter().filter(|(name, _)| name.ends_with("in this hub")).count();
    assert_eq!(of_this_hub, 2, "they are found again");
}
