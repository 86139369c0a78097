//! `grafolean spool`: what a bot has not delivered. Works on the file, beside a running bot.
//!
//! `find` finds the spools of a bot, `letter` shows a dead letter as text and as JSON.

mod find;
mod letter;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use grafolean_collector::spool::{
    DeadLetter, DeadLetterId, Letters as Of, SinkStatistics, SpoolError, SpoolFile, Statistics,
};
use serde_json::json;

use super::folders;
use crate::{
    arguments::{DeadLetters, Spool, SpoolAction},
    config::Config,
    failure::Outcome,
};
use find::Found;

/// Shows or changes what a spool holds.
pub(crate) fn run(spool: Spool, config: &Config) -> anyhow::Result<Outcome> {
    let spools = find::spools(&spool.protocol, &folders::data(config)?)?;
    let of = match &spool.sink {
        Some(name) => Of::Sink(name),
        None => Of::All,
    };
    let mut out = io::stdout().lock();
    match spool.action {
        SpoolAction::List { limit, json } => {
            let (statistics, letters) = (find::statistics(&spools)?, find::dead_letters(&spools, of, limit)?);
            let statistics = of_sink(statistics, of)?;
            let letters = Letters { letters, several_spools: spools.len() > 1 };
            if json {
                list_json(&mut out, &statistics, &letters)
            } else {
                list(&mut out, &statistics, &letters)
            }?;
        }
        SpoolAction::Show { id, json } => {
            let id = DeadLetterId::new(id);
            let letter = find::holder(&spools, id)?.dead_letter(id)?;
            if json {
                print_json(&mut out, &letter::object(&letter))
            } else {
                letter::print(&mut out, &letter)
            }?;
        }
        SpoolAction::Retry(letters) => {
            let marked = each(&spools, &letters, |file| file.retry_all(of), SpoolFile::retry)?;
            writeln!(out, "{} will be sent again by the bot, within seconds if it runs", counted(marked))?;
        }
        SpoolAction::Drop { letters, yes } => {
            confirm(&letters, yes)?;
            let dropped = each(&spools, &letters, |file| file.drop_all(of), SpoolFile::drop_letter)?;
            writeln!(out, "{} deleted", counted(dropped))?;
        }
    }
    Ok(Outcome::Good)
}

/// Returns the statistics of the sink that was asked for.
fn of_sink(mut all: Statistics, of: Of<'_>) -> anyhow::Result<Statistics> {
    let Of::Sink(name) = of else { return Ok(all) };
    let Some(sink) = all.sinks.iter().find(|sink| sink.name == name) else {
        let known: Vec<_> = all.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let known =
            if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        bail!("the spool has no sink {name:?}: {known}");
    };
    (all.queue, all.oldest, all.dead_letters) = (sink.waiting, sink.oldest, sink.dead_letters);
    all.sinks = Vec::new();
    Ok(all)
}

/// Dead letters, each with the name of its spool.
struct Letters<'a> {
    letters: Vec<(&'a str, DeadLetter)>,
    several_spools: bool,
}

fn each(
    spools: &[Found],
    letters: &DeadLetters,
    all: impl Fn(&SpoolFile) -> Result<usize, SpoolError>,
    one: impl Fn(&SpoolFile, DeadLetterId) -> Result<(), SpoolError>,
) -> anyhow::Result<usize> {
    if letters.all {
        let mut changed = 0;
        for spool in spools {
            changed += all(&spool.file)?;
        }
        return Ok(changed);
    }
    for id in letters.ids.iter().map(|id| DeadLetterId::new(*id)) {
        one(find::holder(spools, id)?, id)?;
    }
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

fn list(out: &mut impl Write, statistics: &Statistics, letters: &Letters<'_>) -> anyhow::Result<()> {
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
    for sink in &statistics.sinks {
        let (name, waiting, dead) = (&sink.name, sink.waiting, sink.dead_letters);
        writeln!(
            out,
            "sink {name}: {} values in {} reports wait, {} bytes; dead letters {dead}",
            waiting.values, waiting.reports, waiting.bytes
        )?;
    }
    for (spool, dead) in &letters.letters {
        let of_spool = if letters.several_spools { format!("  in {spool}") } else { String::new() };
        writeln!(out, "{}{of_spool}", letter::line(dead))?;
    }
    let hidden =
        all_letters(statistics).saturating_sub(u64::try_from(letters.letters.len()).unwrap_or(u64::MAX));
    if hidden > 0 {
        writeln!(out, "and {hidden} older ones (--limit)")?;
    }
    Ok(())
}

fn all_letters(statistics: &Statistics) -> u64 {
    let of_sinks: u64 = statistics.sinks.iter().map(|sink| sink.dead_letters).sum();
    statistics.dead_letters.saturating_add(of_sinks)
}

fn list_json(out: &mut impl Write, statistics: &Statistics, letters: &Letters<'_>) -> anyhow::Result<()> {
    let queue = &statistics.queue;
    print_json(
        out,
        &json!({
            "waiting": {"values": queue.values, "reports": queue.reports, "bytes": queue.bytes},
            "oldest": statistics.oldest.map(|time| time.as_seconds_f64()),
            "dead_letters": statistics.dead_letters,
            "sinks": statistics.sinks.iter().map(sink_object).collect::<Vec<_>>(),
            "letters": letters.letters.iter().map(object_of_spool).collect::<Vec<_>>(),
        }),
    )
}

fn sink_object(sink: &SinkStatistics) -> serde_json::Value {
    let waiting = &sink.waiting;
    json!({
        "name": sink.name,
        "waiting": {"values": waiting.values, "reports": waiting.reports, "bytes": waiting.bytes},
        "oldest": sink.oldest.map(|time| time.as_seconds_f64()),
        "dead_letters": sink.dead_letters,
    })
}

fn object_of_spool((spool, letter): &(&str, DeadLetter)) -> serde_json::Value {
    let mut object = letter::object(letter);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("spool".to_owned(), json!(spool));
    }
    object
}

fn print_json(out: &mut impl Write, value: &serde_json::Value) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    Ok(writeln!(out)?)
}
