//! The spools of a bot: one as a rule, one for each backend and process of a bot in Python.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;
use grafolean_collector::spool::{DeadLetter, DeadLetterId, Letters, SpoolFile, Statistics};

use crate::{command::folders, failure::Hint};

const FILE: &str = "spool.sqlite";
/// Folders between that of a protocol and a spool: `python/<backend and token>/<process>`.
const DEPTH: usize = 2;

/// A spool and its place below the folder for all data, which `--protocol` takes too.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) file: SpoolFile,
}

/// Opens the spools of a bot.
pub(super) fn spools(protocol: &str, data: &Path) -> anyhow::Result<Vec<Found>> {
    let folder = folders::of_bot(data, protocol);
    let mut files = Vec::new();
    search(&folder, DEPTH, &mut files);
    files.sort();
    if files.is_empty() {
        return Err(anyhow::anyhow!("there is no spool {}", folder.join(FILE).display()))
            .hint("give the bot's own --data, and --protocol if it is not ping; a bot makes its spool when it starts");
    }
    let found = files.into_iter().map(|file| {
        let place = file.parent().and_then(|place| place.strip_prefix(data).ok()).unwrap_or(&folder);
        Ok(Found { name: place.display().to_string(), file: SpoolFile::open(file)? })
    });
    found.collect()
}

/// A folder that has a spool itself has no others below.
fn search(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let file = folder.join(FILE);
    if file.exists() {
        files.push(file);
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            search(&entry.path(), depth, files);
        }
    }
}

/// Adds up what is in several spools.
pub(super) fn statistics(spools: &[Found]) -> anyhow::Result<Statistics> {
    let mut all = Statistics::default();
    for spool in spools {
        let one = spool.file.statistics()?;
        all.queue += one.queue;
        all.held += one.held;
        all.oldest = [all.oldest, one.oldest].into_iter().flatten().min();
        all.dead_letters += one.dead_letters;
        all.trouble = all.trouble.or(one.trouble);
        for sink in one.sinks {
            match all.sinks.iter_mut().find(|known| known.name == sink.name) {
                Some(known) => {
                    known.waiting += sink.waiting;
                    known.oldest = [known.oldest, sink.oldest].into_iter().flatten().min();
                    known.dead_letters += sink.dead_letters;
                }
                None => all.sinks.push(sink),
            }
        }
    }
    Ok(all)
}

/// Returns the one spool that holds a dead letter: each counts its own.
pub(super) fn holder(spools: &[Found], id: DeadLetterId) -> anyhow::Result<&SpoolFile> {
    if let [only] = spools {
        return Ok(&only.file);
    }
    let holds = |found: &&Found| found.file.dead_letter(id).is_ok();
    let holders: Vec<&Found> = spools.iter().filter(holds).collect();
    match *holders {
        [one] => Ok(&one.file),
        [] => bail!("no spool holds dead letter {}", id.number()),
        [first, ..] => {
            let names: Vec<&str> = holders.iter().map(|found| found.name.as_str()).collect();
            let fault = format!("dead letter {} is in several spools: {}", id.number(), names.join(", "));
            Err(anyhow::anyhow!(fault)).hint(format!("name one of them, as --protocol {}", first.name))
        }
    }
}

/// Returns dead letters of all spools, each with the name of its spool, the newest first.
pub(super) fn dead_letters<'a>(
    spools: &'a [Found],
    of: Letters<'_>,
    limit: u32,
) -> anyhow::Result<Vec<(&'a str, DeadLetter)>> {
    let mut letters = Vec::new();
    for spool in spools {
        letters.extend(
            spool.file.dead_letters(of, None, limit)?.into_iter().map(|letter| (spool.name.as_str(), letter)),
        );
    }
    letters.sort_by_key(|(_, letter)| std::cmp::Reverse(letter.rejected_at));
    letters.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(letters)
}
