//! Bots that are killed and stopped at random moments, with a backend that is there and one that is away.

use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use rand::RngExt;
use tokio::time::{Instant, sleep};

use super::{ENDING, Ground, STARTING, Trial};
use crate::{
    account::{Cost, Life, Series},
    backend::{Backend, Behaviour},
    clock,
    device::Exporter,
    process::Program,
    table::Row,
    world::{EXPORTER, Ports, free_udp_port, inventory},
};

const NAME: &str = "kill";
/// The longest that a bot lives.
const LIFE_MAX: u64 = 7_000;

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    let (ping, tcp, snmp, flows, stops, hangs) = tokio::join!(
        bot(ground, "ping", 1),
        bot(ground, "tcp", 2),
        bot(ground, "snmp", 3),
        netflow(ground),
        second_signal(ground),
        stop_while_the_backend_hangs(ground),
    );
    Ok(vec![ping?, tcp?, snmp?, flows?, stops?, hangs?])
}

/// Kills a bot again and again; one life in five ends by SIGTERM, and during one in three the backend is away.
async fn bot(ground: &Ground, protocol: &'static str, number: u64) -> Result<Row> {
    let fault = format!("kill -9 of the {protocol} bot");
    let Some(mut trial) = Trial::prepare(ground, protocol, &format!("kill-{protocol}")).await? else {
        return Ok(Row::skipped(NAME, fault, "this machine has no snmpd"));
    };
    if protocol == "ping" && !may_ping(&trial).await {
        return Ok(Row::skipped(NAME, fault, "this user may not open ICMP sockets"));
    }
    let mut random = ground.random(number);
    let until = Instant::now() + ground.time;
    let (mut kills, mut recovery) = (0, Duration::ZERO);
    while Instant::now() < until {
        let away = random.random_ratio(1, 3) && kills > 0;
        trial.backend.behave(if away { Behaviour::Everything(503) } else { Behaviour::Sound });
        let (process, ready) = trial.start().await?;
        recovery = recovery.max(ready.saturating_sub(process.started));
        sleep(Duration::from_millis(random.random_range(0..LIFE_MAX))).await;
        if random.random_ratio(1, 5) && !away {
            trial.stop(process, ready).await?;
        } else {
            trial.kill(process, ready).await?;
            kills += 1;
        }
    }
    trial.settle().await?;
    let (waiting, dead) = (trial.waiting().await?, trial.spool("/dead_letters").await?);
    Ok(trial
        .row(NAME, fault, kills)
        .recovered_in(recovery)
        .said("starts with the last good configuration")
        .unless(waiting == 0, format!("{waiting} values still wait after a stop in good order"))
        .unless(dead == 0, format!("{dead} values became dead letters")))
}

/// Whether the ping bot may open a socket here.
async fn may_ping(trial: &Trial) -> bool {
    let mut program = trial.program.clone();
    program.arguments = ["ping", "-c", "1", "127.0.0.1"].map(str::to_owned).to_vec();
    program.output().await.is_ok()
}

/// What a kill may cost of flows.
const FLOWS_LOST_MAX: Duration = Duration::from_secs(5);

/// Kills the flow bot; all bytes that were sent while it listened are stored, but for the last five seconds before a kill.
async fn netflow(ground: &Ground) -> Result<Row> {
    let fault = "kill -9 of the netflow bot, fed 200 flows/s (in bytes)";
    let folder = ground.place("kill-netflow")?;
    let backend = Backend::start(inventory(Ports::default())).await?;
    let port = free_udp_port()?;
    let program = Program::bot(&ground.binary, "netflow", &backend.url(), &folder).with("NETFLOW_PORT", port);
    let mut random = ground.random(4);
    let until = Instant::now() + ground.time;
    let (mut kills, mut lives, mut exporter) = (0, Vec::new(), None);
    loop {
        let mut process = program.start()?;
        let ready = process.printed(" jobs=", STARTING).await?;
        if exporter.is_none() {
            exporter = Some(Exporter::start(port)?);
        }
        let last = Instant::now() >= until;
        let life = if last { 10_000 } else { random.random_range(5_000..20_000) };
        sleep(Duration::from_millis(life)).await;
        let ended = clock::now();
        if last {
            if let Some(exporter) = &exporter {
                exporter.stop();
            }
            // bins of a minute close some seconds after their end
            sleep(Duration::from_secs(100)).await;
            process.signal(Signal::SIGTERM);
            anyhow::ensure!(
                process.ended(ENDING).await?.success(),
                "the flow bot does not stop in good order"
            );
            lives.push(Life { ready, ended });
            break;
        }
        process.signal(Signal::SIGKILL);
        process.ended(ENDING).await?;
        lives.push(Life { ready, ended });
        kills += 1;
    }
    let sent = exporter.map(|exporter| exporter.sent()).unwrap_or_default();
    let stored = backend.series(&format!("netflow.1min.ingress.entity.{EXPORTER}"));
    Ok(flows_row(fault, kills, &sent, &stored, &lives, ground))
}

fn flows_row(
    fault: &str,
    kills: u64,
    sent: &[(Duration, u64)],
    stored: &Series,
    lives: &[Life],
    ground: &Ground,
) -> Row {
    let late = |life: &Life| ground.lateness.between(life.ready, life.ended) * 2;
    let last = lives.len().saturating_sub(1);
    let owed: u64 = sent
        .iter()
        .filter(|(when, _)| {
            lives.iter().enumerate().any(|(number, life)| {
                let cut = if number == last { Duration::ZERO } else { FLOWS_LOST_MAX + late(life) };
                *when >= life.ready && *when + cut <= life.ended
            })
        })
        .map(|(_, bytes)| bytes)
        .sum();
    let all: u64 = sent.iter().map(|(_, bytes)| bytes).sum();
    let came = Duration::try_from_secs_f64(stored.values.values().sum()).map_or(0, |sum| sum.as_secs());
    let cost =
        Cost { due: owed, lost: owed.saturating_sub(came), doubled: came.saturating_sub(all), missed: 0 };
    let ready = "templates, open bins and counters of the last 5 s at most are gone, as is said";
    Row::of(NAME, fault, kills, cost).said(ready)
}

/// A second signal ends a bot at once, whatever it waits for; what it had is still there.
async fn second_signal(ground: &Ground) -> Result<Row> {
    let fault = "SIGTERM twice while the backend hangs";
    let Some(mut trial) = Trial::prepare(ground, "tcp", "kill-twice").await? else {
        return Ok(Row::skipped(NAME, fault, "nothing to measure"));
    };
    let mut longest = Duration::ZERO;
    let times = 3;
    for _ in 0..times {
        trial.backend.behave(Behaviour::Sound);
        let (mut process, ready) = trial.start().await?;
        trial.backend.behave(Behaviour::Silent);
        sleep(Duration::from_secs(4)).await;
        let ended = clock::now();
        process.signal(Signal::SIGTERM);
        sleep(Duration::from_millis(300)).await;
        process.signal(Signal::SIGTERM);
        process.ended(Duration::from_secs(30)).await?;
        longest = longest.max(clock::now().saturating_sub(ended));
        trial.lives.push(Life { ready, ended });
    }
    trial.settle().await?;
    Ok(trial.row(NAME, fault, times).recovered_in(longest).said("ends at once; the spool keeps what it had"))
}

/// A bot that is told to stop while its backend hangs ends within its grace, and keeps what it had.
async fn stop_while_the_backend_hangs(ground: &Ground) -> Result<Row> {
    let fault = "SIGTERM while the backend hangs";
    let Some(mut trial) = Trial::prepare(ground, "tcp", "kill-hang").await? else {
        return Ok(Row::skipped(NAME, fault, "nothing to measure"));
    };
    let (process, ready) = trial.start().await?;
    trial.backend.behave(Behaviour::Silent);
    sleep(Duration::from_secs(5)).await;
    let told = clock::now();
    trial.stop(process, ready).await?;
    let took = clock::now().saturating_sub(told);
    trial.settle().await?;
    Ok(trial.row(NAME, fault, 1).recovered_in(took).said("ends in good order; the spool keeps what it had"))
}
