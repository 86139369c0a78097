//! A hub, a bot and devices in a network of their own, asked why.

use std::{
    collections::BTreeMap,
    env,
    process::{Command, Stdio},
};

use grafolean_collector::model::{AccountId, Attachment, EntityId, NewEntity, SensorUse};
use grafolean_hub::setup::Setup;
use serde_json::{Value, json};

use crate::{
    doors::injected,
    world::{Process, Run, World, text, until},
};

/// Where bots are observed; every scene has a network of its own.
const OBSERVED: &str = "127.0.0.1:9300";

/// How often a sound set-up is looked at, each time with what the bot has said since: some ten runs.
const SPOKEN: usize = 4;

const INSIDE: &str = "GRAFOLEAN_TEST_NETWORK";

/// Whether the caller runs in a network namespace of its own, with loopback up. If not, the test named `test` is run again in
/// a new one, and its failure is a failure here; without the right to make one it is skipped.
pub(crate) fn in_own_network(test: &str, tools: &[&str]) -> bool {
    for tool in tools {
        let found = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .any(|dir| std::path::Path::new(dir).join(tool).exists());
        if !found {
            eprintln!("skipped: no {tool} on this machine");
            return false;
        }
    }
    if env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        return true;
    }
    let may = Command::new("unshare").args(["--net", "--mount", "ip", "link"]).stdout(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no network namespace may be made here (it takes root)");
        return false;
    }
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    assert!(command.status().unwrap().success(), "{test} failed in its network");
    false
}

/// Runs a tool that has to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let path = "/usr/sbin:/sbin:/usr/bin:/bin";
    let output = Command::new(program).args(arguments).env("PATH", path).finished();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    injected();
}

/// A device as it is set up.
pub(crate) struct Device {
    pub(crate) protocol: &'static str,
    pub(crate) name: &'static str,
    pub(crate) details: Value,
    pub(crate) credential: Value,
    pub(crate) sensors: Vec<Value>,
    pub(crate) interval: Option<u32>,
}

impl Device {
    /// A device that is asked for its uptime each second over SNMPv2c.
    pub(crate) fn snmp(port: u16) -> Self {
        Self {
            protocol: "snmp",
            name: "switch",
            details: json!({"ipv4": "127.0.0.1", "snmp_port": port.to_string()}),
            credential: quick(json!({"version": "snmpv2c", "snmpv12_community": "public"})),
            sensors: vec![uptime()],
            interval: Some(1),
        }
    }

    /// A device that is pinged each second.
    pub(crate) fn ping(address: &str) -> Self {
        Self {
            protocol: "ping",
            name: "router",
            details: json!({"ipv4": address}),
            credential: json!({"n_packets": "1", "timeout": "0.3", "retry": "0"}),
            sensors: vec![json!({})],
            interval: Some(1),
        }
    }

    /// An exporter of flows.
    pub(crate) fn exporter(address: &str) -> Self {
        Self {
            protocol: "netflow",
            name: "exporter",
            details: json!({"ipv4": address}),
            credential: json!({}),
            sensors: vec![json!({})],
            interval: Some(60),
        }
    }

    pub(crate) async fn add(&self, setup: &Setup<'_>, account: AccountId) -> EntityId {
        self.add_with(setup, account, |_| {}).await
    }

    pub(crate) async fn add_with(
        &self,
        setup: &Setup<'_>,
        account: AccountId,
        change: impl FnOnce(&mut Attachment),
    ) -> EntityId {
        let object = |value: &Value| value.as_object().unwrap().clone();
        let (protocol, name) = (self.protocol, self.name);
        let credential = format!("credential of {name}");
        let credential =
            setup.credential(account, &credential, protocol, object(&self.credential)).await.unwrap();
        let mut sensors = Vec::new();
        for (number, details) in self.sensors.iter().enumerate() {
            let sensor = format!("sensor {number} of {name}");
            let sensor =
                setup.sensor(account, &sensor, protocol, self.interval, object(details)).await.unwrap();
            sensors.push(SensorUse { sensor, interval: None });
        }
        let mut attachment = Attachment { credential: Some(credential), bot: None, sensors };
        change(&mut attachment);
        let details = object(&self.details);
        let entity =
            NewEntity { name: name.to_owned(), entity_type: "device".to_owned(), parent: None, details };
        setup.entity(account, entity, BTreeMap::from([(protocol.to_owned(), attachment)])).await.unwrap()
    }
}

/// A credential by which a device that is silent is given up soon.
pub(crate) fn quick(mut credential: Value) -> Value {
    credential["snmp_timeout"] = json!("0.3");
    credential["snmp_retries"] = json!("0");
    credential
}

/// A sensor that reads one object.
pub(crate) fn object(oid: &str, method: &str, expression: &str, path: &str) -> Value {
    json!({"oids": [{"oid": oid, "fetch_method": method}], "expression": expression, "output_path": path})
}

/// A sensor that reads sysUpTime, which every agent has.
pub(crate) fn uptime() -> Value {
    object("1.3.6.1.2.1.1.3.0", "get", "$1", "up")
}

/// A hub with a bot at work.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) entity: EntityId,
    pub(crate) protocol: &'static str,
    session: String,
    pub(crate) bot: Option<Process>,
    /// What lies before the hub, for the bot and the command line.
    pub(crate) backend: Option<String>,
}

impl Scene {
    /// Sets up a device, starts the hub and the bot.
    pub(crate) async fn of(device: Device) -> Self {
        let mut scene = Self::without_bot(device).await;
        scene.start_bot();
        scene
    }

    pub(crate) async fn without_bot(device: Device) -> Self {
        let protocol = device.protocol;
        Self::with(protocol, async |setup, account| vec![device.add(setup, account).await]).await
    }

    /// Sets up what a test wants; what it asks for is the first entity.
    pub(crate) async fn with(
        protocol: &'static str,
        fill: impl AsyncFnOnce(&Setup<'_>, AccountId) -> Vec<EntityId> + Send,
    ) -> Self {
        let world = World::with(protocol, fill).await;
        let (session, entity) = (world.session(), world.entities[0]);
        Self { world, entity, protocol, session, bot: None, backend: None }
    }

    pub(crate) fn start_bot(&mut self) {
        let command = self.bot_command();
        self.start_bot_by(command);
    }

    pub(crate) fn start_bot_by(&mut self, mut command: Command) {
        if let Some(backend) = &self.backend {
            command.env("BACKEND_URL", backend);
        }
        self.bot = Some(Process::start(&mut command));
        injected();
    }

    pub(crate) fn bot_command(&self) -> Command {
        let mut command = self.world.bot();
        command.args([
            "bot",
            self.protocol,
            "--metrics",
            OBSERVED,
            "--jobs-refresh-interval",
            "1",
            "--log",
            "error",
        ]);
        command
    }

    pub(crate) fn path(&self, below: &str) -> String {
        format!("entity.{}.{}.{below}", self.entity, self.protocol)
    }

    /// Waits until a value is stored at a path of the device.
    pub(crate) fn wait_for(&self, below: &str) {
        self.world.wait_for_value(&self.path(below));
    }

    /// The session of the person who may do everything.
    pub(crate) fn session(&self) -> String {
        self.session.clone()
    }

    /// Waits until a path of the device is explained as sound, whatever is wrong with others.
    pub(crate) fn sound_path(&self, below: &str) {
        self.wait_for(below);
        let path = self.path(below);
        until(|| causes(&self.api(&path, "")).is_empty());
    }

    /// Waits until the bot has said what it knows of a run.
    pub(crate) fn told(&self) {
        until(|| self.status()["status"]["jobs"][0]["runs"][0].is_object());
    }

    /// Asks the hub as the person who may do everything.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.world.ask_as(&self.session, method, path, &body)
    }

    /// What the command line answers, with its exit code.
    pub(crate) fn command_line(&self, about: &str, more: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.world.bot();
        if let Some(backend) = &self.backend {
            command.env("BACKEND_URL", backend);
        }
        command.args(["why", about, "--json", "--metrics", OBSERVED]).args(more);
        let output = command.finished();
        let answers = serde_json::from_slice(&output.stdout);
        (output.status.code(), answers.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr))))
    }

    /// What the API answers.
    pub(crate) fn api(&self, about: &str, more: &str) -> Value {
        let path = format!("/hub/accounts/{}/why?about={about}{more}", self.world.account);
        let (status, answer) = self.ask("GET", &path, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["list"].clone()
    }

    /// Returns the last status that the bot told the hub, and when it came; null while there is none.
    pub(crate) fn status(&self) -> Value {
        let (_, rows) =
            self.ask("GET", &format!("/hub/accounts/{}/status", self.world.account), &Value::Null);
        let id = json!(self.world.bot.id);
        rows["list"].as_array().unwrap().iter().find(|row| row["bot"] == id).cloned().unwrap_or_default()
    }

    /// Does something each time that the bot has spoken anew, several times.
    pub(crate) fn each_time_it_speaks(&self, what: impl Fn()) {
        let mut last = Value::Null;
        for _ in 0..SPOKEN {
            until(|| !self.status()["received"].is_null() && self.status()["received"] != last);
            last = self.status()["received"].clone();
            what();
        }
    }

    /// Waits until the device is explained as sound, and sees that it stays so, whichever way it is asked about.
    pub(crate) fn sound(&self, path: &str) {
        self.wait_for(path);
        let about = [self.entity.to_string(), self.path(path)];
        self.each_time_it_speaks(|| {
            for about in &about {
                let (code, answers) = self.command_line(about, &[]);
                assert_eq!((causes(&answers), code), (vec![], Some(0)), "{about}: {answers:#}");
                let answers = self.api(about, "");
                assert_eq!(causes(&answers), Vec::<String>::new(), "{about}: {answers:#}");
            }
        });
    }
}

/// The first cause of each answer.
pub(crate) fn causes(answers: &Value) -> Vec<String> {
    let answers = answers.as_array().unwrap_or_else(|| panic!("no list: {answers}"));
    let first = |answer: &Value| answer["findings"][0]["cause"].as_str().map(str::to_owned);
    answers.iter().filter_map(first).collect()
}
