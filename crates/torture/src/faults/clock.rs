//! A clock that leaps, and a bot that is suspended.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::{Ground, Trial};
use crate::{account::Cost, backend::Behaviour, table::Row, world::path_of_each_run};

const NAME: &str = "clock";
const LIBRARY: &str = "faketime/libfaketime.so.1";
const SUSPENDED: &str = "the bot is suspended for 15 s (SIGSTOP)";
const STEADY: Duration = Duration::from_secs(5);

/// Steps of a clock, in seconds, and how people would say them.
const STEPS: [(&str, i64); 8] = [
    ("forward by 5 minutes", 300),
    ("back by 5 minutes", -300),
    ("forward by an hour", 3_600),
    ("back by an hour", -3_600),
    ("forward by 8 days", 8 * 86_400),
    ("back by 8 days", -8 * 86_400),
    ("forward by 10 years", 3_652 * 86_400),
    ("back by 10 years", -3_652 * 86_400),
];

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    let mut tasks = Vec::new();
    for (number, (words, step)) in STEPS.into_iter().enumerate() {
        for backlog in [false, true] {
            let ground = ground.clone();
            let fault =
                format!("the clock leaps {words}{}", if backlog { ", while values wait" } else { "" });
            tasks.push(tokio::spawn(async move {
                let place = format!("clock-{number}-{backlog}");
                ground.wanted(&fault, step_of(&ground, &place, &fault, step, backlog)).await
            }));
        }
    }
    let mut rows = vec![ground.wanted(SUSPENDED, suspended(ground)).await?];
    for task in tasks {
        rows.push(task.await??);
    }
    Ok(rows.into_iter().flatten().collect())
}

/// Returns libfaketime's file, where this machine has it.
fn library() -> Option<String> {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib/arm-linux-gnueabihf",
        "/usr/lib",
    ];
    folders.into_iter().map(|folder| format!("{folder}/{LIBRARY}")).find(|path| Path::new(path).exists())
}

/// Steps the bot's clock; each question that the device was asked is a value in the end.
async fn step_of(ground: &Ground, name: &str, fault: &str, step: i64, backlog: bool) -> Result<Row> {
    let Some(library) = library() else {
        return Ok(Row::skipped(NAME, fault, "this machine has no libfaketime (Debian: libfaketime)"));
    };
    let Some(mut trial) = Trial::prepare(ground, "tcp", name).await? else {
        return Ok(Row::skipped(NAME, fault, "nothing to measure"));
    };
    let time = trial.program.folder.join("time");
    fs::write(&time, "+0")?;
    trial.program = trial
        .program
        .with("LD_PRELOAD", library)
        .with("FAKETIME_TIMESTAMP_FILE", time.display())
        .with("FAKETIME_NO_CACHE", 1)
        .with("DONT_FAKE_MONOTONIC", 1);
    let (mut process, _) = trial.start().await?;
    if backlog {
        trial.backend.behave(Behaviour::Everything(503));
    }
    sleep(STEADY).await;
    let began = crate::clock::now();
    // in one piece: what is half written would be another time
    let next = time.with_extension("next");
    fs::write(&next, format!("{step:+}"))?;
    fs::rename(&next, &time)?;
    sleep(STEADY).await;
    trial.backend.behave(Behaviour::Sound);
    sleep(STEADY).await;
    // the pause between two attempts grows with an outage
    let path = path_of_each_run("tcp", trial.ports);
    for _ in 0..180 {
        if trial.backend.series(&path).values.len() + 3 >= trial.device.asked().len() {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    process.signal(Signal::SIGTERM);
    let asked = trial.device.asked().len();
    anyhow::ensure!(process.ended(super::ENDING).await?.success(), "the bot does not stop in good order");
    let asked = asked.max(trial.device.asked().len());
    let came = trial.backend.series(&path);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let lost = count(asked.saturating_sub(came.values.len()));
    let cost = Cost { due: count(asked), lost, doubled: came.doubled, missed: 0 };
    let said = process.printed.warned_since(began).unwrap_or_default();
    let enough =
        asked >= 10 || ground.lateness.between(Duration::ZERO, Duration::MAX) > Duration::from_secs(1);
    let few = format!("only {asked} runs in {:?}: the leap stopped measuring", STEADY * 3);
    Ok(Row::of(NAME, fault, 1, cost).said(said).unless(enough, few))
}

/// A bot that is suspended goes on when it is woken; what it missed is one run.
async fn suspended(ground: &Ground) -> Result<Row> {
    let fault = SUSPENDED;
    let Some(mut trial) = Trial::prepare(ground, "tcp", "clock-suspended").await? else {
        return Ok(Row::skipped(NAME, fault, "nothing to measure"));
    };
    let (process, ready) = trial.start().await?;
    sleep(STEADY).await;
    process.signal(Signal::SIGSTOP);
    let asleep = crate::clock::now();
    trial.lives.push(crate::account::Life { ready, ended: asleep });
    sleep(Duration::from_secs(15)).await;
    let woken = crate::clock::now();
    process.signal(Signal::SIGCONT);
    sleep(STEADY).await;
    trial.stop(process, woken).await?;
    Ok(trial.row(NAME, fault, 1).said("what was missed meanwhile is one run, and counted"))
}
