//! Files of a bot that were cut or had bits flipped while it did not run.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use rand::{RngExt, rngs::StdRng};
use tokio::time::sleep;

use super::{Ground, Trial};
use crate::{
    account::{Cost, Series},
    backend::{Backend, Behaviour},
    process::Program,
    table::Row,
    world::{inventory, path_of_each_run},
};

const NAME: &str = "files";
/// Places that are tried side by side.
const AT_ONCE: usize = 4;
/// Places for each minute that a run is given.
const PLACES_A_MINUTE: u64 = 24;
const PLACES_MAX: u64 = 500;

pub(super) async fn rows(ground: &Ground) -> Result<Vec<Row>> {
    let saved = saved(ground).await?;
    let mut rows = Vec::new();
    for (file, harm) in [
        ("spool.sqlite", Harm::Flip),
        ("spool.sqlite", Harm::Cut),
        ("spool.sqlite-wal", Harm::Flip),
        ("spool.sqlite-wal", Harm::Cut),
        ("state.sqlite", Harm::Flip),
        ("state.sqlite", Harm::Cut),
    ] {
        let words = match harm {
            Harm::Flip => "a bit of it flipped",
            Harm::Cut => "its end cut off",
        };
        let fault = format!("{file} of a bot that was killed has {words}");
        if let Some(row) = ground.wanted(&fault, harmed(ground, &saved, file, harm, &fault)).await? {
            rows.push(row);
        }
    }
    Ok(rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    Flip,
    Cut,
}

/// A bot's folder as a kill left it, and the values that it holds.
struct Saved {
    program: Program,
    folder: PathBuf,
    path: String,
    waiting: BTreeSet<Duration>,
    inventory: crate::backend::Inventory,
    _trial: Trial,
}

/// Lets a bot measure while its backend is away, and kills it.
async fn saved(ground: &Ground) -> Result<Saved> {
    let mut trial = Trial::prepare(ground, "tcp", "files").await?.context("nothing to measure")?;
    let (process, ready) = trial.start().await?;
    trial.backend.behave(Behaviour::Everything(503));
    sleep(Duration::from_secs(8)).await;
    trial.kill(process, ready).await?;
    let folder = ground.place("files")?.join("data");
    // what it holds is what it delivers when nothing happens to it
    let path = path_of_each_run("tcp", trial.ports);
    let inventory = inventory(trial.ports);
    let program = trial.program.clone();
    let mut saved = Saved { program, folder, path, waiting: BTreeSet::new(), inventory, _trial: trial };
    let (whole, _) = delivered(ground, &saved, "whole", |_| Ok(())).await?;
    let ended = saved._trial.lives.last().map_or(Duration::MAX, |life| life.ended);
    saved.waiting = whole.values.into_keys().filter(|time| *time <= ended).collect();
    anyhow::ensure!(saved.waiting.len() > 3, "only {} values wait after 8 s", saved.waiting.len());
    Ok(saved)
}

/// Copies the folder, harms the copy, and has a bot deliver what it finds there; returns what came and what was said.
async fn delivered(
    ground: &Ground,
    saved: &Saved,
    name: &str,
    harm: impl FnOnce(&Path) -> Result<()>,
) -> Result<(Series, String)> {
    let place = ground.place(&format!("files-{name}"))?;
    let data = place.join("data");
    copy(&saved.folder, &data)?;
    harm(&data.join("tcp"))?;
    let backend = Backend::start(saved.inventory.clone()).await?;
    let mut program = saved.program.clone();
    program.folder.clone_from(&place);
    program.arguments.push("--once".to_owned());
    program.environment.retain(|(name, _)| name != "BACKEND_URL" && name != "GRAFOLEAN_DATA");
    let program = program.with("BACKEND_URL", backend.url()).with("GRAFOLEAN_DATA", data.display());
    let mut process = program.start()?;
    let status = process.ended(super::ENDING).await?;
    // the last lines are read after its end
    sleep(Duration::from_millis(50)).await;
    anyhow::ensure!(status.success(), "a bot on {name} ended with {status}: {:#?}", process.printed.tail(5));
    let said = process.printed.warned_since(Duration::ZERO).unwrap_or_default();
    fs::remove_dir_all(&place)?;
    Ok((backend.series(&saved.path), said))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Harms a file at many places; what is missing afterwards has to be said, and no value may be another.
async fn harmed(ground: &Ground, saved: &Saved, file: &'static str, harm: Harm, fault: &str) -> Result<Row> {
    let size = fs::metadata(saved.folder.join("tcp").join(file)).map_or(0, |it| it.len());
    if size == 0 {
        return Ok(Row::skipped(NAME, fault, "a kill leaves no such file here"));
    }
    let mut random = ground.random(u64::from(harm == Harm::Cut) + size);
    let places = (ground.time.as_secs() * PLACES_A_MINUTE / 60).clamp(8, PLACES_MAX);
    let all: Vec<_> = (0..places).map(|_| place(&mut random, size, harm)).collect();
    let (mut cost, mut unsaid, mut said) = (Cost::default(), 0, String::new());
    for some in all.chunks(AT_ONCE) {
        let tries = some.iter().map(|(offset, bit)| {
            let name = format!("{file}-{offset}-{bit}");
            async move {
                delivered(ground, saved, &name, |folder| apply(&folder.join(file), harm, *offset, *bit)).await
            }
        });
        for outcome in futures_util::future::join_all(tries).await {
            let (came, words) = outcome?;
            let lost = saved.waiting.iter().filter(|time| !came.values.contains_key(*time)).count();
            cost.due += u64::try_from(saved.waiting.len()).unwrap_or_default();
            cost.lost += u64::try_from(lost).unwrap_or_default();
            cost.doubled += u64::try_from(came.values.values().filter(|value| **value != 1.0).count())
                .unwrap_or_default();
            // a log that ends early is one whose last writes never happened: nothing in it tells that there was more
            let end_of_log =
                file.ends_with("-wal") && harm == Harm::Cut && is_beginning(&saved.waiting, &came);
            unsaid += u64::from(lost > 0 && words.is_empty() && !end_of_log);
            if lost > 0 && said.is_empty() {
                said = words;
            }
        }
    }
    let kept = "what can be read is delivered";
    let earlier = "a log that was cut is as it was earlier: what was written last is gone";
    let said = match () {
        () if !said.is_empty() => said,
        () if cost.lost > 0 => earlier.to_owned(),
        () => kept.to_owned(),
    };
    Ok(Row::that_may_lose(NAME, fault, places, cost)
        .said(said)
        .unless(unsaid == 0, format!("{unsaid} times values were gone and nothing was said")))
}

/// Whether what came of the values that waited is the first of them, without a gap.
fn is_beginning(waiting: &BTreeSet<Duration>, came: &Series) -> bool {
    waiting
        .iter()
        .skip_while(|time| came.values.contains_key(*time))
        .all(|time| !came.values.contains_key(time))
}

fn place(random: &mut StdRng, size: u64, harm: Harm) -> (u64, u8) {
    let offset = random.random_range(0..size);
    (offset, if harm == Harm::Flip { random.random_range(0..8) } else { 0 })
}

fn apply(file: &Path, harm: Harm, offset: u64, bit: u8) -> Result<()> {
    let mut bytes = fs::read(file)?;
    let at = usize::try_from(offset)?;
    match harm {
        Harm::Cut => bytes.truncate(at),
        Harm::Flip => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }
    Ok(fs::write(file, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_told_from_an_early_end() {
        let waiting: BTreeSet<_> = (1..5).map(Duration::from_secs).collect();
        let came = |seconds: &[u64]| {
            let mut series = Series::default();
            seconds.iter().for_each(|second| series.add(Duration::from_secs(*second), 1.0));
            series
        };
        assert!(is_beginning(&waiting, &came(&[])));
        assert!(is_beginning(&waiting, &came(&[1, 2])));
        assert!(is_beginning(&waiting, &came(&[1, 2, 3, 4, 9])));
        assert!(!is_beginning(&waiting, &came(&[1, 3])));
    }

    #[test]
    fn a_flip_changes_one_bit_and_a_cut_the_length() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, [0, 0, 0]).unwrap();
        apply(&file, Harm::Flip, 1, 3).unwrap();
        assert_eq!(fs::read(&file).unwrap(), [0, 8, 0]);
        apply(&file, Harm::Cut, 2, 0).unwrap();
        assert_eq!(fs::read(&file).unwrap(), [0, 8]);
    }
}
