//! Injects faults into the bots and the hub as processes, and counts from outside what that costs.

mod account;
mod backend;
mod client;
mod clock;
mod device;
mod faults;
mod process;
mod table;
mod world;

use std::{
    io::Write,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Parser;
use indicatif::ProgressBar;

use clock::Lateness;
use faults::{Ground, SCENARIOS, Scenario};
use table::{Row, Verdict, page};

/// Kills bots and hubs, breaks their disks, clocks and backends, and counts what is lost
///
/// Every scenario runs the real binary against a backend that records what it takes. A value is due when the bot ran and knew
/// its jobs, or when the device was asked for it. The exit code is 1 if anything was lost that should not be.
#[derive(Parser)]
#[command(name = "grafolean-torture")]
struct Arguments {
    /// How long a scenario that repeats its fault goes on
    #[arg(long, default_value_t = 2)]
    minutes: u64,
    /// Of everything that is random; the one that was used is printed
    #[arg(long)]
    seed: Option<u64>,
    /// Only these scenarios: kill, hub, backend, disk, files, clock
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where a scenario has many faults, only those whose words hold this
    #[arg(long, default_value = "")]
    fault: String,
    /// The binary to try; by default the one that was built with this one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Try all scenarios at the same time
    #[arg(long)]
    side_by_side: bool,
    /// Write the table into this file, between the lines that mark it
    #[arg(long)]
    write: Option<PathBuf>,
    /// List the scenarios
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("the harness failed: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Prints a line; a closed pipe is nobody who reads.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[tokio::main]
async fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        SCENARIOS.iter().for_each(|it| say(&format!("{:<9} {}", it.name, it.about)));
        return Ok(true);
    }
    let beside = std::env::current_exe()?.with_file_name("grafolean");
    let binary = arguments.binary.clone().unwrap_or(beside);
    let binary = binary.canonicalize().with_context(|| format!("{} is not built", binary.display()))?;
    let folder = tempfile::tempdir()?;
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let ground = Ground {
        binary,
        folder: folder.path().to_owned(),
        lateness: Arc::new(Lateness::watch(folder.path().to_owned())),
        seed,
        time: Duration::from_secs(arguments.minutes * 60),
        fault: arguments.fault.clone(),
    };
    say(&format!("seed {seed}"));
    let rows = all(&ground, &arguments.only, arguments.side_by_side).await?;
    let broken = rows.iter().filter(|row| matches!(row.verdict, Verdict::Broken(_))).count();
    let skipped = rows.iter().filter(|row| matches!(row.verdict, Verdict::Skipped(_))).count();
    say(&format!("{} faults tried, {broken} broke a promise, {skipped} skipped", rows.len() - skipped));
    if let Some(file) = &arguments.write {
        let before = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        std::fs::write(file, between_marks(&before, &page(&rows, seed))?)?;
    }
    Ok(broken == 0)
}

async fn all(ground: &Ground, only: &[String], side_by_side: bool) -> Result<Vec<Row>> {
    if let Some(unknown) = only.iter().find(|name| SCENARIOS.iter().all(|it| it.name != **name)) {
        anyhow::bail!("no scenario is called {unknown:?}; --list names them");
    }
    let wanted = |it: &&Scenario| only.is_empty() || only.iter().any(|name| name == it.name);
    let mut going_on = Vec::new();
    let mut rows = Vec::new();
    for scenario in SCENARIOS.iter().filter(wanted) {
        let task = tokio::spawn(one(scenario, ground.clone()));
        if side_by_side {
            going_on.push(task);
        } else {
            rows.extend(task.await??);
        }
    }
    for task in going_on {
        rows.extend(task.await??);
    }
    Ok(rows)
}

async fn one(scenario: &Scenario, ground: Ground) -> Result<Vec<Row>> {
    let bar = ProgressBar::new_spinner().with_message(format!("{}: {}", scenario.name, scenario.about));
    bar.enable_steady_tick(Duration::from_millis(200));
    let began = Instant::now();
    let rows = faults::run(scenario.name, &ground).await;
    bar.finish_and_clear();
    let rows = rows?;
    rows.iter().for_each(|row| say(&row.line()));
    say(&format!("{:<9} took {:.0} s", scenario.name, began.elapsed().as_secs_f64()));
    Ok(rows)
}

const BEGIN: &str = "<!-- the table begins -->";
const END: &str = "<!-- the table ends -->";

/// Returns a page with another table between its marks.
fn between_marks(page: &str, table: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("the file has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the file has no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_written_anew() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(between_marks(&page, "new\n").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert!(between_marks("a", "new").is_err());
    }
}
