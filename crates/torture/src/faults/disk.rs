//! A disk that is full, frozen, broken, gone or without power.

use std::{fs, time::Duration};

use anyhow::Result;
use tokio::time::sleep;

use super::{Ground, Trial, loop_disk::LoopDisk};
use crate::{account::Life, backend::Behaviour, clock, process::Process, table::Row};

const NAME: &str = "disk";
const STEADY: Duration = Duration::from_secs(4);

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    let (full, inodes, hang, hang_long) = (
        "the disk is full for 15 s",
        "the disk has no inodes for 15 s",
        "the disk hangs for 20 s",
        "the disk hangs for 70 s",
    );
    let outcomes = tokio::join!(
        ground.wanted(full, ailing(ground, full, "full", Ailment::Full)),
        ground.wanted(inodes, ailing(ground, inodes, "inodes", Ailment::Inodes)),
        ground.wanted(hang, ailing(ground, hang, "hang", Ailment::Hangs(20))),
        ground.wanted(POWER, power(ground)),
        ground.wanted(BROKEN, broken(ground)),
        ground.wanted(REMOVED, removed(ground)),
        ground.wanted(TWO, two_processes(ground)),
        async {
            if ground.time < LONG {
                return Ok(None);
            }
            ground.wanted(hang_long, ailing(ground, hang_long, "hang-long", Ailment::Hangs(70))).await
        },
    );
    let (a, b, c, d, e, f, g, h) = outcomes;
    Ok([a?, b?, c?, d?, e?, f?, g?, h?].into_iter().flatten().collect())
}

/// From so long on a run tries what takes long, too.
const LONG: Duration = Duration::from_secs(300);
const POWER: &str = "the power goes (ext4 shut down without its journal being flushed), the backend away";
const BROKEN: &str = "every access to the disk fails (EIO) for 15 s, then a restart on it mended";
const REMOVED: &str = "the bot's folder is removed while it runs, the backend there";
const HELD: &str = "another program holds the disk in a mount namespace of its own";
const TWO: &str = "a second process on the same folder";

/// What a disk suffers from for a while.
#[derive(Clone, Copy)]
enum Ailment {
    Full,
    Inodes,
    Hangs(u64),
}

/// Prepares a trial on a disk of its own, or the row that says why there can be none.
async fn on_own_disk(ground: &Ground, fault: &str, name: &str) -> Result<Result<(LoopDisk, Trial), Row>> {
    let disk = match LoopDisk::make(&ground.place(name)?, 48, 2_000) {
        Ok(disk) => disk,
        Err(why) => {
            let why = format!("no file system in a file can be mounted here: {why}");
            return Ok(Err(Row::skipped(NAME, fault, why)));
        }
    };
    let trial = Trial::prepare_in(ground, "tcp", disk.path()).await?;
    Ok(trial.map(|trial| (disk, trial)).ok_or_else(|| nothing(fault)))
}

fn nothing(fault: &str) -> Row {
    Row::skipped(NAME, fault, "nothing to measure")
}

/// The bot measures on while its disk ails: reports are held in memory, and written when it is well.
async fn ailing(ground: &Ground, fault: &str, name: &str, ailment: Ailment) -> Result<Row> {
    let (disk, mut trial) = match on_own_disk(ground, fault, &format!("disk-{name}")).await? {
        Ok(prepared) => prepared,
        Err(skipped) => return Ok(skipped),
    };
    let (mut process, ready) = trial.start().await?;
    sleep(STEADY).await;
    trial.backend.behave(Behaviour::Everything(503));
    let began = clock::now();
    match ailment {
        Ailment::Full => {
            let ballast = disk.fill()?;
            sleep(Duration::from_secs(15)).await;
            fs::remove_file(ballast)?;
        }
        Ailment::Inodes => {
            let folder = disk.take_inodes()?;
            sleep(Duration::from_secs(15)).await;
            fs::remove_dir_all(folder)?;
        }
        Ailment::Hangs(seconds) => {
            disk.freeze()?;
            sleep(Duration::from_secs(seconds)).await;
            disk.thaw()?;
        }
    }
    let well = clock::now();
    trial.backend.behave(Behaviour::Sound);
    trial.drain(&mut process).await?;
    let recovery = clock::now().saturating_sub(well);
    let said = process.printed.warned_since(began).unwrap_or_default();
    trial.stop(process, ready).await?;
    Ok(trial.row(NAME, fault, 1).recovered_in(recovery).said(said))
}

/// The power goes again and again; what a bot had told of as accepted is there afterwards.
async fn power(ground: &Ground) -> Result<Row> {
    let fault = POWER;
    let (disk, mut trial) = match on_own_disk(ground, fault, "disk-power").await? {
        Ok(prepared) => prepared,
        Err(skipped) => return Ok(skipped),
    };
    let times = (ground.time.as_secs() / 15).clamp(3, 100);
    let mut recovery = Duration::ZERO;
    for _ in 0..times {
        trial.backend.behave(Behaviour::Sound);
        let (process, ready) = trial.start().await?;
        recovery = recovery.max(ready.saturating_sub(process.started));
        trial.backend.behave(Behaviour::Everything(503));
        sleep(STEADY + Duration::from_millis(1_500)).await;
        disk.cut_power()?;
        let cut = clock::now();
        kill(process).await?;
        trial.lives.push(Life { ready, ended: cut });
        if !disk.power_back()? {
            return Ok(Row::skipped(NAME, fault, HELD));
        }
    }
    trial.settle().await?;
    Ok(trial.row(NAME, fault, times).recovered_in(recovery).said("each report is synced before it counts"))
}

async fn kill(mut process: Process) -> Result<()> {
    process.signal(nix::sys::signal::Signal::SIGKILL);
    process.ended(super::ENDING).await.map(drop)
}

/// The disk answers every access with an error (EIO) under a bot that runs; it goes on once started on a sound one.
async fn broken(ground: &Ground) -> Result<Row> {
    let fault = BROKEN;
    let (disk, mut trial) = match on_own_disk(ground, fault, "disk-broken").await? {
        Ok(prepared) => prepared,
        Err(skipped) => return Ok(skipped),
    };
    let (mut process, ready) = trial.start().await?;
    sleep(STEADY).await;
    let began = clock::now();
    disk.cut_power()?;
    sleep(Duration::from_secs(15)).await;
    let (runs, told) = (process.runs(), clock::now());
    let said = process.printed.warned_since(began).unwrap_or_default();
    process.signal(nix::sys::signal::Signal::SIGTERM);
    process.ended(super::ENDING).await?;
    trial.lives.push(Life { ready, ended: told });
    if !disk.power_back()? {
        return Ok(Row::skipped(NAME, fault, HELD));
    }
    trial.settle().await?;
    Ok(trial.row(NAME, fault, 1).said(said).unless(runs, "the bot ended by itself"))
}

/// The folder of the spool is removed under a bot that runs.
async fn removed(ground: &Ground) -> Result<Row> {
    let fault = REMOVED;
    let Some(mut trial) = Trial::prepare(ground, "tcp", "disk-removed").await? else {
        return Ok(nothing(fault));
    };
    let (process, ready) = trial.start().await?;
    sleep(STEADY).await;
    let began = clock::now();
    fs::remove_dir_all(trial.program.folder.join("data"))?;
    sleep(STEADY).await;
    let said = process.printed.warned_since(began).unwrap_or_default();
    trial.stop(process, ready).await?;
    Ok(trial.row(NAME, fault, 1).said(said))
}

/// A second bot on the folder of the first is refused, and harms nothing.
async fn two_processes(ground: &Ground) -> Result<Row> {
    let fault = TWO;
    let Some(mut trial) = Trial::prepare(ground, "tcp", "disk-two").await? else {
        return Ok(nothing(fault));
    };
    let (process, ready) = trial.start().await?;
    sleep(STEADY).await;
    let mut second = trial.program.start()?;
    let status = second.ended(super::ENDING).await?;
    let said = second.printed.tail(1).join(" ");
    sleep(STEADY).await;
    trial.stop(process, ready).await?;
    let refused = !status.success();
    Ok(trial.row(NAME, fault, 1).said(said).unless(refused, "the second was not refused"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writable(folder: &std::path::Path) -> bool {
        fs::write(folder.join("probe"), b"x").is_ok()
    }

    #[test]
    fn a_disk_in_a_file_loses_what_was_not_synced_when_its_power_goes() {
        let folder = tempfile::tempdir().unwrap();
        let disk = match LoopDisk::make(folder.path(), 48, 2_000) {
            Ok(disk) => disk,
            Err(why) => return eprintln!("skipped: no file system in a file can be mounted here: {why}"),
        };
        assert!(writable(disk.path()));
        let synced = fs::File::create(disk.path().join("synced")).unwrap();
        std::io::Write::write_all(&mut &synced, b"kept").unwrap();
        synced.sync_all().unwrap();
        fs::write(disk.path().join("cached"), b"lost").unwrap();
        disk.cut_power().unwrap();
        assert!(!writable(disk.path()));
        drop(synced);
        if !disk.power_back().unwrap() {
            return eprintln!("skipped: {HELD}");
        }
        assert_eq!(fs::read(disk.path().join("synced")).unwrap(), b"kept");
        assert_ne!(fs::read(disk.path().join("cached")).unwrap_or_default(), b"lost");
    }
}
