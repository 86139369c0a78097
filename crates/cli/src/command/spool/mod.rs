//! `grafolean spool`: what a bot has not delivered. Works on the file, beside a running bot.
//!
//! `letter` shows a dead letter as text and as JSON.

mod letter;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use anyhow::{Context, bail};
use grafolean_collector::spool::{DeadLetter, DeadLetterId, SpoolFile, Statistics};
use serde_json::json;

use super::folders;
use crate::{
    arguments::{DeadLetters, Spool, SpoolAction},
    config::Config,
    failure::{Hint, Outcome},
};

/// Shows or changes what a spool holds.
pub(crate) fn run(spool: Spool, config: &Config) -> anyhow::Result<Outcome> {
    let file = open(&spool.protocol, folders::data(config)?)?;
    let mut out = io::stdout().lock();
    match spool.action {
        SpoolAction::List { limit, json } => {
            let (statistics, letters) = (file.statistics()?, file.dead_letters(None, limit)?);
            if json {
                list_json(&mut out, &statistics, &letters)
            } else {
                list(&mut out, &statistics, &letters)
            }?;
        }
        SpoolAction::Show { id, json } => {
            let letter = file.dead_letter(DeadLetterId::new(id))?;
            if json {
                print_json(&mut out, &letter::object(&letter))
            } else {
                letter::print(&mut out, &letter)
            }?;
        }
        SpoolAction::Retry(letters) => {
            let marked = each(&letters, || file.retry_all(), |id| file.retry(id))?;
            writeln!(out, "{} will be sent again by the bot, within seconds if it runs", counted(marked))?;
        }
        SpoolAction::Drop { letters, yes } => {
            confirm(&letters, yes)?;
            let dropped = each(&letters, || file.drop_all(), |id| file.drop_letter(id))?;
            writeln!(out, "{} deleted", counted(dropped))?;
        }
    }
    Ok(Outcome::Good)
}

fn open(protocol: &str, data: PathBuf) -> anyhow::Result<SpoolFile> {
    let path = folders::of_bot(&data, protocol).join("spool.sqlite");
    if !path.exists() {
        return Err(anyhow::anyhow!("there is no spool {}", path.display()))
            .hint("give the bot's own --data, and --protocol if it is not ping; a bot makes its spool when it starts");
    }
    Ok(SpoolFile::open(path)?)
}

fn each<E: Into<anyhow::Error>>(
    letters: &DeadLetters,
    all: impl FnOnce() -> Result<usize, E>,
    one: impl Fn(DeadLetterId) -> Result<(), E>,
) -> anyhow::Result<usize> {
    if letters.all {
        return all().map_err(Into::into);
    }
    letters.ids.iter().try_for_each(|id| one(DeadLetterId::new(*id)).map_err(Into::into))?;
    Ok(letters.ids.len())
}

/// Asks a person; a script has to say `--yes`.
fn confirm(letters: &DeadLetters, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        bail!("deleting is for good: say --yes");
    }
    let what = if letters.all { "all dead letters".to_owned() } else { counted(letters.ids.len()) };
    write!(io::stderr(), "delete {what} for good? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { bail!("nothing was deleted") }
}

fn counted(letters: usize) -> String {
    if letters == 1 { "1 dead letter".to_owned() } else { format!("{letters} dead letters") }
}

fn list(out: &mut impl Write, statistics: &Statistics, letters: &[DeadLetter]) -> anyhow::Result<()> {
    let queue = &statistics.queue;
    writeln!(
        out,
        "waiting       {} values in {} reports, {} bytes",
        queue.values, queue.reports, queue.bytes
    )?;
    if let Some(oldest) = statistics.oldest {
        writeln!(out, "oldest        accepted at {}", letter::date(oldest))?;
    }
    writeln!(out, "dead letters  {}", statistics.dead_letters)?;
    letters.iter().try_for_each(|dead| writeln!(out, "{}", letter::line(dead)))?;
    let hidden = statistics.dead_letters.saturating_sub(u64::try_from(letters.len()).unwrap_or(u64::MAX));
    if hidden > 0 {
        writeln!(out, "and {hidden} older ones (--limit)")?;
    }
    Ok(())
}

fn list_json(out: &mut impl Write, statistics: &Statistics, letters: &[DeadLetter]) -> anyhow::Result<()> {
    let queue = &statistics.queue;
    print_json(
        out,
        &json!({
            "waiting": {"values": queue.values, "reports": queue.reports, "bytes": queue.bytes},
            "oldest": statistics.oldest.map(|time| time.as_seconds_f64()),
            "dead_letters": statistics.dead_letters,
            "letters": letters.iter().map(letter::object).collect::<Vec<_>>(),
        }),
    )
}

fn print_json(out: &mut impl Write, value: &serde_json::Value) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    Ok(writeln!(out)?)
}
