//! A hub that is set up from a shell, by files, from what others have; and its API's document, tried by others.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};
use world::{Run, World, text, until};

/// Runs the binary as the admin of the hub; it has to succeed.
#[track_caller]
fn told(world: &World, arguments: &[&str]) -> String {
    let output = world.admin().args(arguments).finished();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    text(&output.stdout)
}

#[track_caller]
fn refused(world: &World, arguments: &[&str]) -> String {
    let output: Output = world.admin().args(arguments).finished();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    text(&output.stderr)
}

/// The rows of a list of the world's account, by name.
fn named(world: &World, list: &str, name: &str) -> Value {
    let (status, body) = world.ask("GET", &format!("/accounts/{}/{list}", world.account));
    assert_eq!(status, 200, "{body}");
    let found = body["list"].as_array().unwrap().iter().find(|row| row["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {body}")).clone()
}

#[tokio::test]
async fn what_the_page_does_is_done_from_a_shell() {
    let world = World::with("ping", async |_, _| Vec::new()).await;
    let secret = world.folder.path().join("community");
    fs::write(&secret, "very secret\n").unwrap();
    let from_file = format!("snmpv12_community=@{}", secret.display());
    told(&world, &["hub", "add-account", "Branch"]);
    assert!(
        refused(&world, &["hub", "add-sensor", "s", "--protocol", "ping"])
            .contains("choose one with --account")
    );
    let credential =
        ["hub", "add-credential", "core", "--protocol", "snmp", "--account", "Office", "version=snmpv2c"];
    let made = told(&world, &[&credential[..], &[from_file.as_str()]].concat());
    assert!(made.contains("+ credential core") && !made.contains("very secret"), "{made}");
    assert_eq!(named(&world, "credentials", "core")["details"]["snmpv12_community"], json!("very secret"));
    let again = told(&world, &[&credential[..], &[from_file.as_str()]].concat());
    assert!(again.contains("0 changed"), "{again}");
    let sensor =
        ["hub", "add-sensor", "uptime", "--protocol", "snmp", "--interval", "60", "--account", "Office"];
    let oids = "oids:=[{\"oid\": \"1.3.6.1.2.1.1.3.0\", \"fetch_method\": \"get\"}]";
    told(&world, &[&sensor[..], &[oids, "expression=$1 / 100", "output_path=uptime"]].concat());
    let device =
        ["hub", "add-device", "192.0.2.7", "--name", "sw-7", "--with", "ping", "--with", "snmp=core"];
    told(&world, &[&device[..], &["--account", "Office", "snmp_port:=1161"]].concat());
    let made = named(&world, "entities", "sw-7");
    assert_eq!(made["details"], json!({"snmp_port": 1161, "ipv4": "192.0.2.7"}));
    assert_eq!(made["protocols"]["snmp"]["credential"], named(&world, "credentials", "core")["id"]);
    assert!(made["protocols"]["ping"]["sensors"].as_array().unwrap().len() == 1, "{made}");
    let unknown =
        refused(&world, &["hub", "add-device", "192.0.2.8", "--with", "snmp=none", "--account", "Office"]);
    assert!(unknown.contains("there is no credential \"none\""), "{unknown}");

    let made =
        told(&world, &["hub", "add-bot", "snmp elsewhere", "--protocol", "snmp", "--account", "Office"]);
    let token = made.lines().find_map(|line| line.trim().strip_prefix("BOT_TOKEN=")).unwrap();
    let check = world.bot().args(["check", "snmp"]).env("BOT_TOKEN", token).finished();
    assert!(text(&check.stdout).contains("snmp"), "{check:?}");
    let made = told(&world, &["hub", "add-user", "eve", "--account", "Office"]);
    let password = made.lines().find_map(|line| line.trim().strip_prefix("the password is ")).unwrap();
    let listing = |arguments: &[&str]| {
        world
            .admin()
            .env("GRAFOLEAN_HUB_USER", "eve")
            .env("GRAFOLEAN_HUB_PASSWORD", password)
            .args(arguments)
            .finished()
    };
    let refused = listing(&["hub", "add-account", "Hers"]);
    assert!(text(&refused.stderr).contains("403"), "she may read: {refused:?}");
    let wrong =
        world.admin().env("GRAFOLEAN_HUB_PASSWORD", "wrong").args(["hub", "add-account", "X"]).finished();
    assert!(text(&wrong.stderr).contains("does not accept this login (401)"), "{wrong:?}");
    assert!(!text(&wrong.stderr).contains("wrong password wrong"));
}

const INVENTORY: &str = r#"
account = "Kept"

[credentials.core]
protocol = "snmp"
version = "snmpv2c"
snmpv12_community = { file = "community" }

[sensors.often]
protocol = "ping"
interval = 5

[devices.core-1]
ipv4 = "192.0.2.1"
ping = { sensors = ["often"] }
snmp = { credential = "core" }

[devices.branch]
hostname = "branch.example.org"
ping = {}
"#;

#[tokio::test]
async fn an_account_is_kept_as_a_file_says_and_a_dry_run_shows_the_difference() {
    let mut world = World::with("ping", async |_, _| Vec::new()).await;
    let file = world.folder.path().join("devices.toml");
    fs::write(world.folder.path().join("community"), "very secret").unwrap();
    fs::write(&file, INVENTORY).unwrap();
    let inventory =
        |dry: &[&str]| told(&world, &[&["hub", "inventory", file.to_str().unwrap()][..], dry].concat());
    let shown = inventory(&["--dry-run"]);
    assert!(shown.contains("+ account Kept") && shown.contains("+ device core-1"), "{shown}");
    let (_, accounts) = world.ask("GET", "/accounts");
    assert!(!accounts.to_string().contains("Kept"), "nothing was changed: {accounts}");
    inventory(&[]);
    assert!(inventory(&["--dry-run"]).contains("account Kept: 0 would change"));
    fs::write(
        &file,
        INVENTORY.replace("interval = 5", "interval = 7").replace("[devices.branch]", "[devices.other]"),
    )
    .unwrap();
    let shown = inventory(&["--dry-run"]);
    assert!(shown.contains("~ sensor often: interval") && shown.contains("+ device other"), "{shown}");
    assert!(!shown.contains("- device branch"), "others stay unless that is wanted: {shown}");
    fs::write(&file, format!("others = \"delete\"\n{INVENTORY}")).unwrap();
    let shown = inventory(&[]);
    assert!(shown.contains("- sensor ") && !shown.contains("very secret"), "{shown}");

    // The hub itself keeps it so.
    world.stop_hub();
    fs::write(&file, INVENTORY.replace("Kept", "Kept by the hub")).unwrap();
    world.hub_arguments = vec!["--inventory", "devices.toml"];
    world.start_hub();
    until(|| {
        let (_, accounts) = world.ask("GET", "/accounts");
        let all = accounts["list"].as_array().unwrap();
        let Some(id) = all.iter().find(|row| row["name"] == "Kept by the hub").map(|row| row["id"].clone())
        else {
            return false;
        };
        let (_, devices) = world.ask("GET", &format!("/accounts/{id}/entities"));
        devices["list"].as_array().unwrap().len() == 2
    });
}

#[tokio::test]
async fn what_a_grafolean_has_is_taken_over_whole() {
    let world = World::with("ping", async |_, _| Vec::new()).await;
    let file = world.folder.path().join("devices.toml");
    fs::write(world.folder.path().join("community"), "very secret").unwrap();
    fs::write(&file, INVENTORY).unwrap();
    told(&world, &["hub", "inventory", file.to_str().unwrap()]);
    let password = world.folder.path().join("password");
    fs::write(&password, world.password()).unwrap();
    let import = ["import", "grafolean", &world.url(), "--from-user", "admin", "--from-account", "Kept"];
    let password = ["--from-password-file", password.to_str().unwrap()];
    let output = world.admin().args(import).args(password).finished();
    assert!(output.status.success(), "{output:?}");
    assert!(
        text(&output.stderr).contains("not taken over: stored values, people and their rights"),
        "{output:?}"
    );
    let taken = world.folder.path().join("taken.toml");
    fs::write(&taken, &output.stdout).unwrap();
    let same = told(&world, &["hub", "inventory", taken.to_str().unwrap(), "--dry-run"]);
    assert!(same.contains("account Kept: 0 would change"), "{same}");
    let more = ["--account", "Taken over", "--add"];
    let added = world.admin().args(import).args(password).args(more).finished();
    assert!(text(&added.stdout).contains("+ device core-1"), "{added:?}");
}

/// What Schemathesis does not try: what ends its own session, streams without an end, and sends packets.
const NOT_TRIED: &str =
    "/api/(auth/.*|admin/first|hub/login|hub/session|hub/events|hub/test/.*|persons/.*|users/.*)";

#[tokio::test]
async fn nothing_that_the_document_allows_or_forbids_makes_the_hub_fail() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/schemathesis/bin/st");
    if !program.exists() {
        eprintln!("skipped: no Schemathesis; ./test installs it");
        return;
    }
    let world = World::with("ping", async |_, _| Vec::new()).await;
    let mut command = std::process::Command::new(program);
    command
        .current_dir(world.folder.path())
        .args(["run", &format!("{}/openapi.json", world.url())])
        .args([
            "--checks",
            "not_a_server_error",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "10",
        ])
        .args(["--exclude-path-regex", NOT_TRIED, "--seed", "1", "--no-shrink", "--request-timeout", "30"])
        .args(["--header", &format!("Authorization: {}", world.session())]);
    let output = command.finished();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    let (status, _) = world.ask("GET", "/accounts");
    assert_eq!(status, 200, "it still answers");
}
