//! The example bot, as a process of its own, against a hub.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{Read, Write},
    net::SocketAddr,
    os::unix::{ffi::OsStringExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
    time::Duration,
};

use grafolean_collector::model::{
    AccountId, Attachment, CredentialId, EntityId, NewEntity, SensorId, SensorUse,
};
use grafolean_hub::{
    Hub, Options,
    points::{Order, PathFilter, Span},
    serve,
    setup::BotAccess,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

const SOURCE: &str = include_str!("../../collector/examples/my_protocol.rs");

/// The example's binary; cargo has built it with the tests of the workspace, else it does so here.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = ["build", "--workspace", "--example", "my_protocol", "--message-format=json"];
    let built = Command::new(env!("CARGO")).args(build).stderr(Stdio::inherit()).output().unwrap();
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let binary = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next();
    binary.unwrap()
});

/// A hub with an account, and a door that is open and one that is shut.
struct World {
    folder: TempDir,
    hub: Arc<Hub>,
    address: SocketAddr,
    account: AccountId,
    access: BotAccess,
    credential: CredentialId,
    sensors: [SensorId; 2],
    doors: [SocketAddr; 2],
    _open: TcpListener,
}

impl World {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(Hub::open(&folder.path().join("hub"), Options::default()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, hub.clone(), CancellationToken::new()));
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let shut = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let doors = [&open, &shut].map(|door| door.local_addr().unwrap());
        drop(shut);
        let setup = hub.setup();
        setup.first_person("admin").await.unwrap();
        let account = setup.account("Office").await.unwrap();
        let access = setup.bot(account, "doorman", "myprotocol").await.unwrap();
        let credential = setup.credential(account, "none", "myprotocol", Default::default()).await.unwrap();
        let mut sensors = Vec::new();
        for door in doors {
            let details = json!({"port": door.port().to_string()}).as_object().unwrap().clone();
            let name = format!("door {}", door.port());
            sensors.push(setup.sensor(account, &name, "myprotocol", Some(1), details).await.unwrap());
        }
        let sensors = sensors.try_into().unwrap();
        Self { folder, hub: hub.clone(), address, account, access, credential, sensors, doors, _open: open }
    }

    async fn device(&self, sensor: SensorId) -> EntityId {
        let sensors = vec![SensorUse { sensor, interval: None }];
        let attachment = Attachment { credential: Some(self.credential), bot: None, sensors };
        let details = json!({"ipv4": "127.0.0.1"}).as_object().unwrap().clone();
        let entity = NewEntity {
            name: format!("door of {sensor}"),
            entity_type: "device".to_owned(),
            parent: None,
            details,
        };
        let protocols = BTreeMap::from([("myprotocol".to_owned(), attachment)]);
        self.hub.setup().entity(self.account, entity, protocols).await.unwrap()
    }

    fn bot(&self) -> Command {
        let token = self.folder.path().join("token");
        fs::write(&token, format!("{}\n", self.access.token.expose_secret())).unwrap();
        let mut command = example(self.folder.path());
        command.env("BACKEND_URL", format!("http://{}/api/", self.address)).env("BOT_TOKEN_FROM_FILE", token);
        command.env("JOBS_REFRESH_INTERVAL", "1").env("GRAFOLEAN_DATA", self.folder.path().join("bot"));
        command
    }

    /// Waits for values at a path, and gives the first; a minute is as good as never.
    async fn value(&self, path: &str) -> f64 {
        for _ in 0..600 {
            let (account, filter) = (self.account, path.parse::<PathFilter>().unwrap());
            let read = self.hub.points().read(move |reader| {
                let Some(row) = reader.paths(account, &filter, 1)?.rows.into_iter().next() else {
                    return Ok(None);
                };
                let window = reader.window(row.id, Span::ALL, Order::Ascending, 1)?;
                Ok(window.points.first().map(|point| point.value))
            });
            if let Some(value) = read.await.unwrap() {
                return value;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("no value at {path}")
    }
}

fn example(folder: &Path) -> Command {
    let mut command = Command::new(&*BINARY);
    command.env_clear().env("HOME", folder).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_is_a_whole_bot_in_forty_lines() {
    assert!(SOURCE.lines().count() <= 40 && SOURCE.lines().all(|line| line.chars().count() <= 110));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_in_forty_lines_measures_notices_changes_and_stops_in_good_order() {
    let world = World::begin().await;
    let first = world.device(world.sensors[0]).await;
    let socket = world.folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut bot = Process(world.bot().env("NOTIFY_SOCKET", &socket).spawn().unwrap());
    assert_eq!(next_notice(&systemd), "READY=1");
    let path =
        |entity, door: usize, name| format!("entity.{entity}.myprotocol.{}.{name}", world.doors[door].port());
    assert_eq!(world.value(&path(first, 0, "up")).await, 1.0);
    assert!(world.value(&path(first, 0, "seconds")).await > 0.0);
    let second = world.device(world.sensors[1]).await;
    assert_eq!(world.value(&path(second, 1, "up")).await, 0.0);
    kill(Pid::from_raw(i32::try_from(bot.0.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(next_notice(&systemd), "STOPPING=1");
    assert_eq!(bot.0.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_does_one_round_or_shows_what_it_would_send() {
    let world = World::begin().await;
    let entity = world.device(world.sensors[0]).await;
    let path = format!("entity.{entity}.myprotocol.{}.up", world.doors[0].port());
    let dry = world.bot().args(["--once", "--dry-run"]).stdout(Stdio::piped()).output().unwrap();
    assert!(dry.status.success(), "{dry:?}");
    let lines = String::from_utf8(dry.stdout).unwrap();
    let line = lines.lines().find(|line| line.contains(&path)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(line.trim()).unwrap()["v"], 1.0);
    assert!(!world.folder.path().join("bot").exists(), "a dry run keeps nothing");
    let once = world.bot().arg("--once").stdout(Stdio::piped()).output().unwrap();
    assert!(once.status.success(), "{once:?}");
    assert!(String::from_utf8(once.stdout).unwrap().contains("2 values delivered"));
    assert_eq!(world.value(&path).await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_observed_reads_its_configuration_on_sighup_and_ends_on_sigquit() {
    let world = World::begin().await;
    let first = world.device(world.sensors[0]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = world.bot();
    command.env("GRAFOLEAN_METRICS", free.to_string()).env("JOBS_REFRESH_INTERVAL", "1h");
    let mut bot = Process(command.spawn().unwrap());
    let path = |entity, door: usize| format!("entity.{entity}.myprotocol.{}.up", world.doors[door].port());
    assert_eq!(world.value(&path(first, 0)).await, 1.0);
    let metrics = get(free, "/metrics");
    let version = format!("grafolean_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!(metrics.contains(&version) && metrics.contains("protocol=\"myprotocol\""), "{metrics}");
    assert!(get(free, "/healthz").starts_with("HTTP/1.1 200"));
    let second = world.device(world.sensors[1]).await;
    let signal = |signal| kill(Pid::from_raw(i32::try_from(bot.0.id()).unwrap()), signal).unwrap();
    signal(Signal::SIGHUP);
    assert_eq!(world.value(&path(second, 1)).await, 0.0, "an hour before it was due");
    signal(Signal::SIGQUIT);
    assert_eq!(bot.0.wait().unwrap().code(), Some(0));
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_help_of_a_bot_names_its_settings_and_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let told = |argument| {
        let output = example(folder.path()).arg(argument).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let help = told("--help");
    for named in
        ["--once", "--dry-run", "--bot-token-myprotocol ", "[env: BOT_TOKEN_MYPROTOCOL]", "GRAFOLEAN_METRICS"]
    {
        assert!(help.contains(named), "{named} is not in {help}");
    }
    assert_eq!(told("--version"), format!("myprotocol-bot {}\n", env!("CARGO_PKG_VERSION")));
}

/// A case of the table that all doors share.
#[derive(serde::Deserialize)]
struct Case {
    case: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    environment_hex: BTreeMap<String, String>,
    #[serde(default)]
    in_force: BTreeMap<String, (Option<String>, String)>,
    error: Option<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap()).collect()
}

#[test]
fn settings_are_read_alike_at_the_binary_and_at_serve() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../collector/tests/settings/cases.json")).unwrap();
    for case in cases {
        let folder = tempfile::tempdir().unwrap();
        let (here, home) = (folder.path().join("here"), folder.path().join("home"));
        fs::create_dir(&here).unwrap();
        fs::create_dir(&home).unwrap();
        for (name, text) in &case.files {
            let path = here.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut binary = Command::new(env!("CARGO_BIN_EXE_grafolean"));
        binary.args(["config", "--json"]);
        let mut serve = Command::new(&*BINARY);
        serve.arg("--settings");
        for (door, mut command) in [("binary", binary), ("serve", serve)] {
            command.env_clear().env("HOME", &home).current_dir(&here).envs(&case.environment);
            for (name, hex) in &case.environment_hex {
                command.env(name, OsString::from_vec(bytes(hex)));
            }
            let output = command.output().unwrap();
            let told = String::from_utf8(output.stderr).unwrap().replace(here.to_str().unwrap(), "HERE");
            let Case { case, in_force, error, .. } = &case;
            if let Some(error) = error {
                assert_eq!(output.status.code(), Some(2), "{door}, {case}");
                assert!(told.starts_with(&format!("error: {error}")), "{door}, {case}: {told}");
                assert!(!told.contains("5f3a"), "{door}, {case}: {told}");
                continue;
            }
            assert!(output.status.success(), "{door}, {case}: {told}");
            let shown = String::from_utf8(output.stdout).unwrap().replace(home.to_str().unwrap(), "HOME");
            let shown: Value = serde_json::from_str(&shown).unwrap();
            for (name, (value, origin)) in in_force {
                let found = (&shown[name]["value"], &shown[name]["origin"]);
                assert_eq!(found, (&json!(value), &json!(origin)), "{door}, {case}: {name}");
            }
        }
    }
}

#[test]
fn a_bot_that_lacks_its_settings_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let told = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(told(&mut example(folder.path())).contains("error: backend_url is not set: give --backend-url"));
    let without_token = told(example(folder.path()).env("BACKEND_URL", "http://127.0.0.1:1/api"));
    assert!(without_token.contains("error: bot_token is not set: give --bot-token"), "{without_token}");
}

fn next_notice(systemd: &UnixDatagram) -> String {
    let mut notice = [0; 256];
    let length = systemd.recv(&mut notice).unwrap();
    String::from_utf8_lossy(&notice[..length]).trim().to_owned()
}
