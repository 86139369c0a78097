//! A hub in a folder of its own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use grafolean_collector::{
    model::{AccountId, Attachment, EntityId, NewEntity, SensorUse},
    time::Timestamp,
};
use grafolean_hub::{
    Hub, Options,
    points::{Order, PathFilter, Span},
    setup::{BotAccess, Setup},
};
use nix::sys::signal::Signal;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Process, Run, STARTING, grafolean};

/// A hub with an account, a ping bot of it, and devices.
pub struct World {
    pub folder: TempDir,
    pub account: AccountId,
    pub bot: BotAccess,
    pub entities: Vec<EntityId>,
    password: SecretString,
    hub: Option<Process>,
    /// What the hub is started with beside where it listens and its folder.
    pub hub_arguments: Vec<&'static str>,
    /// Where the hub listens, once it did.
    address: String,
}

/// What a hub is filled with.
pub struct Fill<'a> {
    /// The addresses of devices that are pinged.
    pub devices: &'a [&'a str],
    /// How often.
    pub interval: u32,
}

/// What the hub stored: by path, each time and value.
pub type Stored = BTreeMap<String, Vec<(Timestamp, f64)>>;

impl World {
    /// Fills a hub for the ping bot and starts it.
    pub async fn start(fill: Fill<'_>) -> Self {
        Self::start_for("ping", fill).await
    }

    /// Fills a hub for the bot of a protocol and starts it.
    pub async fn start_for(protocol: &str, fill: Fill<'_>) -> Self {
        // A process that another test starts meanwhile would hold the hub's lock until it is wholly there.
        let alone = || {
            let _alone = STARTING.write().unwrap();
            Runtime::new().unwrap().block_on(Self::filled(protocol, fill))
        };
        let mut world = thread::scope(|scope| scope.spawn(alone).join().unwrap());
        world.start_hub();
        world
    }

    /// Fills a hub as told, with an account and a bot, and starts it.
    pub async fn with(
        protocol: &str,
        fill: impl AsyncFnOnce(&Setup<'_>, AccountId) -> Vec<EntityId> + Send,
    ) -> Self {
        let alone = || {
            let _alone = STARTING.write().unwrap();
            Runtime::new().unwrap().block_on(Self::made(protocol, fill))
        };
        let mut world = thread::scope(|scope| scope.spawn(alone).join().unwrap());
        world.start_hub();
        world
    }

    /// With its only entity.
    pub fn map_first(self) -> (Self, EntityId) {
        let first = self.entities[0];
        (self, first)
    }

    async fn made(protocol: &str, fill: impl AsyncFnOnce(&Setup<'_>, AccountId) -> Vec<EntityId>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = open(&folder.path().join("hub"));
        let setup = hub.setup();
        let password = setup.first_person("admin").await.unwrap().unwrap();
        let account = setup.account("Office").await.unwrap();
        let bot = setup.bot(account, "pinger", protocol).await.unwrap();
        let entities = fill(&setup, account).await;
        drop(hub);
        Self {
            folder,
            account,
            bot,
            entities,
            password,
            hub: None,
            hub_arguments: Vec::new(),
            address: "127.0.0.1:0".to_owned(),
        }
    }

    async fn filled(protocol: &str, fill: Fill<'_>) -> Self {
        Self::made(protocol, async |setup, account| Self::devices(setup, account, protocol, fill).await).await
    }

    async fn devices(setup: &Setup<'_>, account: AccountId, protocol: &str, fill: Fill<'_>) -> Vec<EntityId> {
        let quick = json!({"n_packets": "3", "sleep_packets": "0.01", "timeout": "0.5", "retry": "0"});
        let quick = quick.as_object().unwrap().clone();
        let credential = setup.credential(account, "quick", protocol, quick).await.unwrap();
        let sensor =
            setup.sensor(account, "often", protocol, Some(fill.interval), Default::default()).await.unwrap();
        let mut entities = Vec::new();
        for address in fill.devices {
            let sensors = vec![SensorUse { sensor, interval: None }];
            let attachment = Attachment { credential: Some(credential), bot: None, sensors };
            let details = json!({"ipv4": address}).as_object().unwrap().clone();
            let name = format!("device {address}");
            let entity = NewEntity { name, entity_type: "device".to_owned(), parent: None, details };
            let protocols = BTreeMap::from([(protocol.to_owned(), attachment)]);
            entities.push(setup.entity(account, entity, protocols).await.unwrap());
        }
        entities
    }

    /// Starts the hub, after the first time at the same address.
    pub fn start_hub(&mut self) {
        let mut command = grafolean(self.folder.path());
        command
            .args(["hub", "--data", "hub", "--log", "warn", "--listen", &self.address])
            .args(&self.hub_arguments);
        let mut hub = Process::start(command.stdout(Stdio::piped()));
        let mut lines = BufReader::new(hub.stdout()).lines();
        let told = lines.next().unwrap().unwrap();
        let address = told.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        address.unwrap_or_else(|| panic!("no address in {told:?}")).clone_into(&mut self.address);
        thread::spawn(move || lines.for_each(drop));
        self.hub = Some(hub);
    }

    /// Kills the hub wherever it stands.
    pub fn kill_hub(&mut self) {
        if let Some(mut hub) = self.hub.take() {
            hub.end(Signal::SIGKILL);
        }
    }

    /// Stops the hub in good order.
    pub fn stop_hub(&mut self) {
        if let Some(mut hub) = self.hub.take() {
            assert!(hub.end(Signal::SIGTERM).success(), "the hub stops with exit code 0");
        }
    }

    /// The number of the hub's process, and where it listens.
    pub fn hub(&self) -> (u32, &str) {
        (self.hub.as_ref().unwrap().id(), &self.address)
    }

    /// The address of the API.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Asks the hub as the person who may do everything; returns the status and the body.
    pub fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        self.send(method, path, "")
    }

    /// The same with a body.
    pub fn tell(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.send(method, path, &body.to_string())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as(&self.session(), method, path, body)
    }

    /// Asks in a session; returns the status and the body.
    pub fn ask_as(&self, session: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, _, body) = self.exchange_as(session, method, path, body);
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// The same, with the body as it came: status, head, body.
    pub fn exchange_as(&self, session: &str, method: &str, path: &str, body: &str) -> (u16, String, String) {
        self.exchange(method, path, &format!("authorization: {session}\r\n"), body)
    }

    /// One request on a connection of its own: status, head, body.
    fn exchange(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let request = format!(
            "{method} /api{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        request_to(&self.address, &request)
    }

    /// Waits until the hub has stored a value at a path.
    pub fn wait_for_value(&self, path: &str) {
        let path = format!("/accounts/{}/values/{path}?sort=desc&limit=1", self.account);
        until(|| {
            let (status, body) = self.ask("GET", &path);
            let points = body["paths"].as_object().and_then(|paths| paths.values().next());
            status == 200
                && points.is_some_and(|points| points["data"].as_array().is_some_and(|data| !data.is_empty()))
        });
    }

    /// What waits in the bot's spool, as `grafolean spool list` tells it.
    pub fn waiting(&self) -> u64 {
        let listed = self.bot().args(["spool", "list", "--json"]).finished();
        assert!(listed.status.success(), "{listed:?}");
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        listed["waiting"]["values"].as_u64().unwrap()
    }

    /// The binary with the login of the person who may do everything.
    pub fn admin(&self) -> Command {
        let mut command = grafolean(self.folder.path());
        command.env("GRAFOLEAN_HUB_URL", self.url()).env("GRAFOLEAN_HUB_USER", "admin");
        command.env("GRAFOLEAN_HUB_PASSWORD", self.password());
        command
    }

    /// The password of the person who may do everything.
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }

    /// What stands in `Authorization` of that person's requests, for ten minutes.
    pub fn session(&self) -> String {
        let login = json!({"username": "admin", "password": self.password.expose_secret()});
        let (_, head, _) = self.exchange("POST", "/auth/login", "", &login.to_string());
        head.lines().find_map(|line| line.strip_prefix("x-jwt-token: ")).unwrap().to_owned()
    }

    /// The binary with the bot's settings in its environment.
    pub fn bot(&self) -> Command {
        let mut command = grafolean(self.folder.path());
        command.env("BACKEND_URL", self.url()).env("BOT_TOKEN", self.bot.token.expose_secret());
        command.env("GRAFOLEAN_DATA", self.folder.path().join("bot"));
        command
    }

    /// The bot's spool.
    pub fn spool(&self) -> PathBuf {
        self.folder.path().join("bot/ping/spool.sqlite")
    }

    /// Stops the hub and reads all that it stored.
    pub async fn stored(&mut self) -> Stored {
        self.stop_hub();
        let hub = open(&self.folder.path().join("hub"));
        let account = self.account;
        let read = hub.points().read(move |reader| {
            let all = "*".parse::<PathFilter>().unwrap();
            let mut stored = Stored::new();
            for row in reader.paths(account, &all, usize::MAX)?.rows {
                let window = reader.window(row.id, Span::ALL, Order::Ascending, 1_000_000)?;
                stored
                    .insert(row.path, window.points.iter().map(|point| (point.time, point.value)).collect());
            }
            Ok(stored)
        });
        read.await.unwrap()
    }
}

/// Waits for something that has to come; a minute is as good as never.
pub fn until(mut came: impl FnMut() -> bool) {
    let began = Instant::now();
    while !came() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a request as it is, and takes the answer apart: status, head, body.
pub fn request_to(address: &str, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn open(folder: &Path) -> Hub {
    Hub::open(folder, Options::default()).unwrap()
}
