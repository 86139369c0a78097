//! The faults, a module for each kind.

mod backend;
mod clock;
mod disk;
mod files;
mod hub;
mod kill;
mod loop_disk;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use rand::{SeedableRng, rngs::StdRng};

use crate::{
    account::{Cost, Life, compare, compare_asked, each_second},
    backend::{Backend, Behaviour},
    clock::Lateness,
    device::{SnmpAgent, TcpDevice},
    process::{Process, Program},
    table::{Row, Verdict},
    world::{Ports, inventory, path_of_each_run},
};

/// What every scenario has at hand.
#[derive(Clone)]
pub(crate) struct Ground {
    /// The binary whose bots and hub are tried.
    pub(crate) binary: PathBuf,
    /// The folder for all that is written.
    pub(crate) folder: PathBuf,
    /// How late this machine was.
    pub(crate) lateness: Arc<Lateness>,
    /// The seed of all that is random.
    pub(crate) seed: u64,
    /// How long a scenario that goes on and on may take.
    pub(crate) time: Duration,
    /// Where a scenario has many faults, those whose words hold this.
    pub(crate) fault: String,
}

impl Ground {
    /// Returns a random generator of a scenario's own.
    fn random(&self, scenario: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ scenario.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Returns what a fault gives, if it is wanted.
    async fn wanted(&self, fault: &str, trying: impl Future<Output = Result<Row>>) -> Result<Option<Row>> {
        if fault.contains(&self.fault) { trying.await.map(Some) } else { Ok(None) }
    }

    /// Makes a folder of a scenario's own.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// A kind of faults.
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) about: &'static str,
}

/// All of them, in the order in which they are tried.
pub(crate) const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "kill", about: "kills and stops bots at random moments" },
    Scenario { name: "hub", about: "kills the hub at random moments" },
    Scenario { name: "backend", about: "has the backend, or what stands in between, go wrong in each way" },
    Scenario {
        name: "disk",
        about: "fills, freezes, breaks and takes away the disk, and cuts its power (needs root)",
    },
    Scenario { name: "files", about: "flips bits of a bot's files, and cuts them" },
    Scenario {
        name: "clock",
        about: "steps the clock by minutes to years, and suspends the bot (needs libfaketime)",
    },
];

/// Tries a scenario.
///
/// # Errors
/// The harness itself fails: a process that cannot be started, a port that cannot be had.
pub(crate) async fn run(name: &str, ground: &Ground) -> Result<Vec<Row>> {
    match name {
        "kill" => Box::pin(kill::rows(ground)).await,
        "hub" => hub::rows(ground).await,
        "backend" => backend::rows(ground).await,
        "disk" => Box::pin(disk::rows(ground)).await,
        "files" => Box::pin(files::rows(ground)).await,
        "clock" => clock::rows(ground).await,
        other => anyhow::bail!("no scenario is called {other:?}"),
    }
}

/// How long a run may take from its due time until its values are on disk, on a machine that is not late.
const SETTLE: Duration = Duration::from_millis(1_200);
/// How long a bot may take from its start until it knows its jobs.
const STARTING: Duration = Duration::from_secs(60);
/// How long a bot may take to end when it is asked to.
const ENDING: Duration = Duration::from_secs(90);

/// A bot with a backend and a device, and the lives that it had.
struct Trial {
    ground: Ground,
    protocol: &'static str,
    ports: Ports,
    backend: Backend,
    device: TcpDevice,
    _agent: Option<SnmpAgent>,
    program: Program,
    lives: Vec<Life>,
}

impl Trial {
    /// Prepares a bot in a folder of its own; `None` where the machine has nothing that it could measure.
    async fn prepare(ground: &Ground, protocol: &'static str, name: &str) -> Result<Option<Self>> {
        let folder = ground.place(name)?;
        Self::prepare_in(ground, protocol, &folder).await
    }

    /// The same, with its data in a given folder.
    async fn prepare_in(ground: &Ground, protocol: &'static str, folder: &Path) -> Result<Option<Self>> {
        let device = TcpDevice::open().await?;
        let agent = if protocol == "snmp" { SnmpAgent::start(&ground.place("agent")?).await? } else { None };
        if protocol == "snmp" && agent.is_none() {
            return Ok(None);
        }
        let ports = Ports { tcp: device.port(), snmp: agent.as_ref().map_or(161, SnmpAgent::port) };
        let backend = Backend::start(inventory(ports)).await?;
        let program = Program::bot(&ground.binary, protocol, &backend.url(), folder);
        let ground = ground.clone();
        Ok(Some(Self { ground, protocol, ports, backend, device, _agent: agent, program, lives: Vec::new() }))
    }

    /// Starts the bot, and waits until it knows its jobs.
    async fn start(&self) -> Result<(Process, Duration)> {
        let mut process = self.program.start()?;
        let ready = process.printed(" jobs=1", STARTING).await?;
        Ok((process, ready))
    }

    /// Notes that the bot had nothing to measure between two moments.
    fn pause(&mut self, ready: &mut Duration, from: Duration, to: Duration) {
        self.lives.push(Life { ready: *ready, ended: from });
        *ready = to;
    }

    /// Ends the trial: the backend is sound, the bot sends all that it has and stops.
    async fn settle(&mut self) -> Result<()> {
        self.backend.behave(Behaviour::Sound);
        let (mut process, ready) = self.start().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.drain(&mut process).await?;
        self.stop(process, ready).await
    }

    /// Waits until nothing waits in the spool of a bot that runs, but for what it has just measured.
    async fn drain(&self, process: &mut Process) -> Result<()> {
        let began = crate::clock::now();
        let until = tokio::time::Instant::now() + Duration::from_secs(180);
        let path = path_of_each_run(self.protocol, self.ports);
        loop {
            let newest = self.backend.series(&path).values.keys().next_back().copied();
            if newest.is_some_and(|newest| newest > began) && self.waiting().await? <= 12 {
                return Ok(());
            }
            anyhow::ensure!(process.runs(), "the bot ended: {:#?}", process.printed.tail(5));
            let said = process.printed.tail(5);
            anyhow::ensure!(
                tokio::time::Instant::now() < until,
                "the spool is not emptied within 3 minutes: {said:#?}"
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Stops a bot in good order.
    async fn stop(&mut self, mut process: Process, ready: Duration) -> Result<()> {
        let ended = crate::clock::now();
        process.signal(nix::sys::signal::Signal::SIGTERM);
        let status = process.ended(ENDING).await?;
        anyhow::ensure!(status.success(), "a bot that was told to stop ended with {status}");
        self.lives.push(Life { ready, ended });
        Ok(())
    }

    /// Kills a bot.
    async fn kill(&mut self, mut process: Process, ready: Duration) -> Result<()> {
        let ended = crate::clock::now();
        process.signal(nix::sys::signal::Signal::SIGKILL);
        process.ended(ENDING).await?;
        self.lives.push(Life { ready, ended });
        Ok(())
    }

    /// Returns how many values wait in the spool.
    async fn waiting(&self) -> Result<u64> {
        self.spool("/waiting/values").await
    }

    /// Returns a number of `grafolean spool list --json`.
    async fn spool(&self, place: &str) -> Result<u64> {
        let mut program = self.program.clone();
        program.before.clear();
        program.environment.retain(|(name, _)| !name.starts_with("LD_") && !name.contains("FAKETIME"));
        program.arguments =
            ["spool", "list", "--json", "--protocol", self.protocol].map(str::to_owned).to_vec();
        let listed: serde_json::Value = serde_json::from_str(&program.output().await?)?;
        Ok(listed.pointer(place).and_then(serde_json::Value::as_u64).unwrap_or_default())
    }

    /// Makes a row of what came, of what was owed.
    fn row(&self, scenario: &'static str, fault: impl Into<String>, times: u64) -> Row {
        let mut row = Row::of(scenario, fault, times, self.cost());
        if let (Verdict::Broken(why), Some(first)) = (&mut row.verdict, self.lives.first()) {
            let came = self.backend.series(&path_of_each_run(self.protocol, self.ports));
            let second = |time: &Duration| format!("{:.1}", time.as_secs_f64() - first.ready.as_secs_f64());
            let list =
                |times: &mut dyn Iterator<Item = &Duration>| times.map(second).collect::<Vec<_>>().join(" ");
            let (asked, came) = (self.device.asked(), list(&mut came.values.keys()));
            why.push_str(&format!(
                " (seconds since the start: asked {}, stored {came})",
                list(&mut asked.iter())
            ));
        }
        row
    }

    /// Returns what came, of what was owed.
    fn cost(&self) -> Cost {
        let came = self.backend.series(&path_of_each_run(self.protocol, self.ports));
        let late = |life: &Life| self.ground.lateness.between(life.ready, life.ended);
        let owed = each_second(&self.lives, |life| SETTLE + late(life) * 2);
        match self.protocol {
            "tcp" => compare_asked(&owed, &self.device.asked(), &came),
            _ => compare(&owed, &came),
        }
    }
}
