//! A hub that is killed while values come in.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use hyper::Method;
use nix::sys::signal::Signal;
use rand::RngExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ENDING, Ground, STARTING};
use crate::{
    account::{Cost, Series},
    client::{self, Client},
    clock,
    process::{Process, Program},
    table::Row,
};

const NAME: &str = "hub";
const PERSON: &str = "torture";
const PASSWORD: &str = "a password of this run alone";
const WRITERS: u32 = 4;
/// Values of a request.
const BATCH: u32 = 25;
const LIFE_MAX: u64 = 4_000;

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    Ok(vec![kills(ground).await?, restored(ground).await?])
}

/// A hub in a folder, that stays at its address.
struct Hub {
    program: Program,
    address: String,
    account: i64,
    process: Option<Process>,
}

impl Hub {
    async fn make(ground: &Ground, folder: &Path) -> Result<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = free.local_addr()?.to_string();
        drop(free);
        let arguments = ["hub", "--data", "hub", "--listen", &address].map(str::to_owned).to_vec();
        let program = Program {
            binary: ground.binary.clone(),
            before: Vec::new(),
            arguments,
            environment: Vec::new(),
            folder: folder.to_owned(),
        };
        let mut hub = Self { program, address, account: 0, process: None };
        hub.start().await?;
        let secret = hub.setup_secret().await?;
        client::first_person(&hub.address, &secret, PERSON, PASSWORD).await?;
        hub.account = hub.client().await?.make("/admin/accounts", &json!({"name": "Torture"})).await?;
        Ok(hub)
    }

    /// Starts it; returns how long it took until it answered.
    async fn start(&mut self) -> Result<Duration> {
        let process = self.program.start()?;
        let began = Instant::now();
        let started = process.started;
        let process = self.process.insert(process);
        while tokio::net::TcpStream::connect(&self.address).await.is_err() {
            anyhow::ensure!(process.runs(), "the hub ended: {:#?}", process.printed.tail(5));
            anyhow::ensure!(began.elapsed() < STARTING, "the hub does not listen on {}", self.address);
            sleep(Duration::from_millis(20)).await;
        }
        Ok(clock::now().saturating_sub(started))
    }

    /// Returns the secret that makes the first person, as it stands in the address that the hub prints.
    async fn setup_secret(&mut self) -> Result<String> {
        const BEFORE: &str = "#setup=";
        let process = self.process.as_mut().context("the hub does not run")?;
        process.printed(BEFORE, STARTING).await?;
        let line = process.printed.find(BEFORE).context("the line is gone")?;
        let secret = line.text.split(BEFORE).nth(1).and_then(|rest| rest.split_whitespace().next());
        Ok(secret.context("the hub's address has no secret")?.to_owned())
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.signal(signal);
            let status = process.ended(ENDING).await?;
            anyhow::ensure!(signal == Signal::SIGKILL || status.success(), "the hub ended with {status}");
        }
        Ok(())
    }

    async fn client(&self) -> Result<Client> {
        Client::login(&self.address, PERSON, PASSWORD).await
    }

    /// Reads all values of a path.
    async fn series(&self, client: &Client, path: &str) -> Result<Series> {
        let (status, body) = client
            .send(Method::GET, &format!("/accounts/{}/values/{path}?limit=100000", self.account), None)
            .await?;
        anyhow::ensure!(status == 200, "{path} was answered {status}: {body}");
        let data = body.get("paths").and_then(|paths| paths.get(path)).and_then(|found| found.get("data"));
        let mut series = Series::default();
        for point in data.and_then(Value::as_array).into_iter().flatten() {
            let number = |name: &str| point.get(name).and_then(Value::as_f64);
            if let (Some(time), Some(value)) = (number("t").and_then(clock::parse), number("v")) {
                series.add(time, value);
            }
        }
        Ok(series)
    }
}

/// What was acknowledged: writer, second, value.
type Acknowledged = Arc<Mutex<Vec<(u32, u32)>>>;

fn path_of(writer: u32, number: u32) -> String {
    format!("torture.{writer}.{}", number % BATCH)
}

/// The second of a batch, and the value that all of it has.
const FIRST_SECOND: u32 = 1_700_000_000;

/// Writes batches one after the other, and notes those that the hub acknowledged.
async fn write(
    client: Client,
    account: i64,
    writer: u32,
    next: Arc<Mutex<u32>>,
    sent: Acknowledged,
    stop: Arc<AtomicBool>,
) {
    while !stop.load(Ordering::Relaxed) {
        let number = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next
        };
        let value = |row: u32| json!({"p": path_of(writer, row), "t": FIRST_SECOND + number, "v": number});
        let batch: Value = (0..BATCH).map(value).collect();
        match client.send(Method::PUT, &format!("/accounts/{account}/values/"), Some(&batch)).await {
            Ok((204, _)) => sent.lock().unwrap_or_else(PoisonError::into_inner).push((writer, number)),
            // it was killed: whether it had stored this batch is not known
            _ => return,
        }
    }
}

/// Kills a hub again and again while values come in; all that it acknowledged is there at the end.
async fn kills(ground: &Ground) -> Result<Row> {
    let fault = "kill -9 of the hub while values come in (acknowledged ones are due)";
    let mut hub = Hub::make(ground, &ground.place("hub-kill")?).await?;
    let (sent, mut random) = (Acknowledged::default(), ground.random(20));
    let next: Vec<_> = (0..WRITERS).map(|_| Arc::new(Mutex::new(0))).collect();
    let until = Instant::now() + ground.time;
    let (mut times, mut recovery) = (0, Duration::ZERO);
    while Instant::now() < until {
        let client = hub.client().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .zip(&next)
            .map(|(writer, next)| {
                let (client, next, sent, stop) =
                    (client.clone(), Arc::clone(next), Arc::clone(&sent), Arc::clone(&stop));
                tokio::spawn(write(client, hub.account, writer, next, sent, stop))
            })
            .collect();
        sleep(Duration::from_millis(random.random_range(100..LIFE_MAX))).await;
        hub.end(Signal::SIGKILL).await?;
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await?;
        }
        times += 1;
        recovery = recovery.max(hub.start().await?);
    }
    let cost = compare_acknowledged(&hub, &sent).await?;
    hub.end(Signal::SIGTERM).await?;
    let check = Program {
        arguments: ["hub", "check", "--data", "hub"].map(str::to_owned).to_vec(),
        ..hub.program.clone()
    };
    let sound = check.output().await;
    let said = sound
        .as_ref()
        .map_or_else(ToString::to_string, |out| out.lines().last().unwrap_or_default().to_owned());
    Ok(Row::of(NAME, fault, times, cost)
        .recovered_in(recovery)
        .said(said.clone())
        .unless(sound.is_ok(), said))
}

async fn compare_acknowledged(hub: &Hub, sent: &Acknowledged) -> Result<Cost> {
    let client = hub.client().await?;
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut cost = Cost::default();
    for writer in 0..WRITERS {
        for row in 0..BATCH {
            let stored = hub.series(&client, &path_of(writer, row)).await?;
            for (_, number) in sent.iter().filter(|(by, _)| *by == writer) {
                cost.due += 1;
                let time = Duration::from_secs(u64::from(FIRST_SECOND + number));
                match stored.values.get(&time) {
                    None => cost.lost += 1,
                    Some(value) if *value != f64::from(*number) => cost.doubled += 1,
                    Some(_) => {}
                }
            }
        }
    }
    Ok(cost)
}

/// A hub that is restored from a backup has all that it had acknowledged before that was begun.
async fn restored(ground: &Ground) -> Result<Row> {
    let fault = "the hub's folder is lost, and restored from a backup made while values came in";
    let folder = ground.place("hub-restored")?;
    let mut hub = Hub::make(ground, &folder).await?;
    let client = hub.client().await?;
    let (sent, stop) = (Acknowledged::default(), Arc::new(AtomicBool::new(false)));
    let next = Arc::new(Mutex::new(0));
    let writer = tokio::spawn(write(client, hub.account, 0, next, Arc::clone(&sent), Arc::clone(&stop)));
    sleep(Duration::from_secs(3)).await;
    let before = Acknowledged::new(Mutex::new(sent.lock().unwrap_or_else(PoisonError::into_inner).clone()));
    let run = |arguments: &[&str]| Program {
        arguments: arguments.iter().map(|it| (*it).to_owned()).collect(),
        ..hub.program.clone()
    };
    run(&["hub", "backup", "saved", "--data", "hub"]).output().await?;
    sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::Relaxed);
    writer.await?;
    let restore = run(&["hub", "restore", "saved", "--data", "hub"]);
    hub.end(Signal::SIGKILL).await?;
    std::fs::rename(folder.join("hub"), folder.join("lost"))?;
    restore.output().await?;
    let recovery = hub.start().await?;
    let client = hub.client().await?;
    let mut cost = Cost::default();
    let numbers = before.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for row in 0..BATCH {
        let stored = hub.series(&client, &path_of(0, row)).await?;
        for (_, number) in &numbers {
            cost.due += 1;
            let there = stored.values.contains_key(&Duration::from_secs(u64::from(FIRST_SECOND + number)));
            cost.lost += u64::from(!there);
        }
    }
    hub.end(Signal::SIGTERM).await?;
    Ok(Row::of(NAME, fault, 1, cost)
        .recovered_in(recovery)
        .said("what came after the backup is gone with the folder"))
}
