//! `grafolean import prometheus`: old values of a store of Prometheus' kind, window by window.

use std::{
    collections::{BTreeSet, HashSet},
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anyhow::{Context, bail};
use grafolean_collector::{
    backend::{Backend, BackendError, Stamp, http::HttpBackend},
    deliver::MAX_REQUEST_VALUES,
    history::{History, HistoryError, HistorySettings, KeptSeries},
    model::{AccountId, Sample},
    settings::{bot, value as read},
    time::{Clock, SystemClock, Timestamp},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use secrecy::SecretString;

use super::{path::PathTemplate, resume::Mark};
use crate::{
    arguments::ImportPrometheus,
    command::{folders, send::only_account},
    config::Config,
    failure::{Hint, Outcome},
};

/// What fails for a moment is tried so often, a second more apart each time.
const TRIES: u32 = 6;

/// The smallest part that is asked for at once.
const SMALLEST: Duration = Duration::from_secs(1);

/// What came of an import.
#[derive(Default)]
struct Totals {
    values: u64,
    /// Values that are no finite numbers: markers of series that ended, and results of a division by zero.
    not_finite: u64,
    /// Values of paths that the API does not take.
    no_path: u64,
    series: BTreeSet<String>,
}

/// Imports a range of values; one that was stopped goes on.
pub(super) async fn run(
    arguments: &ImportPrometheus,
    account: Option<&str>,
    config: &Config,
) -> anyhow::Result<Outcome> {
    let backend = HttpBackend::new(config.backend(None)?)?;
    let account = match account {
        Some(named) => account_of(&backend, named).await?,
        None => only_account(&backend).await?,
    };
    let now = SystemClock.now();
    let (from, to) = (arguments.from, arguments.to.unwrap_or(now));
    if from >= to {
        bail!("nothing lies between {from} and {to}: --from has to be before --to");
    }
    let template = PathTemplate::parse(&arguments.path_text).map_err(anyhow::Error::msg)?;
    let import = Import {
        history: History::new(HistorySettings {
            url: arguments.url.clone(),
            token: arguments.token_from_file.as_ref().map(token_of).transpose()?,
            ca_file: config.settings.read(&bot::CA_FILE, read::existing_file)?,
        })?,
        backend,
        account,
        template: &template,
        selectors: &arguments.selectors,
    };
    let what =
        (arguments.url.as_str(), &arguments.selectors, &arguments.path_text, account.number(), from.micros());
    let mark = Mark::of(&folders::data(config)?, &what);
    let begun = if arguments.again { None } else { mark.read()? };
    let start = begun.map_or(from, |done| done.clamp(from, to));
    let mut out = io::stdout();
    if let Some(done) = begun {
        writeln!(out, "it goes on at {done}; --again begins anew")?;
    }
    let bar = bar(from, start, to);
    let (mut totals, mut at) = (Totals::default(), start);
    while at < to {
        let until = (at + arguments.window).min(to);
        import.window(at, until, &mut totals).await.hint("the same command goes on where it stopped")?;
        mark.write(until)?;
        at = until;
        bar.set_position(at.since(from).as_secs());
        bar.set_message(format!("{} values", totals.values));
    }
    bar.finish_and_clear();
    mark.remove()?;
    writeln!(
        out,
        "{} values of {} series imported into account {account}",
        totals.values,
        totals.series.len()
    )?;
    if totals.not_finite > 0 {
        writeln!(out, "{} values that are no finite numbers were left out", totals.not_finite)?;
    }
    if totals.no_path > 0 {
        writeln!(
            out,
            "{} values were left out, as the API does not take their paths: choose another --path",
            totals.no_path
        )?;
    }
    Ok(Outcome::Good)
}

/// Returns the account of this id, or of this name.
async fn account_of(backend: &HttpBackend, named: &str) -> anyhow::Result<AccountId> {
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let accounts = backend.accounts().await?;
    let mut of_the_name = accounts.iter().filter(|account| account.name == named);
    match (of_the_name.next(), of_the_name.next()) {
        (Some(only), None) => Ok(only.id),
        (None, _) => {
            bail!("this token sees no account {named:?}: --account takes the name of one, or its id")
        }
        (Some(_), Some(_)) => bail!("this token sees several accounts {named:?}: choose one by its id"),
    }
}

fn token_of(file: &std::path::PathBuf) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(SecretString::from(text.trim()))
}

fn bar(from: Timestamp, start: Timestamp, to: Timestamp) -> ProgressBar {
    let bar = ProgressBar::new(to.since(from).as_secs());
    if !io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar.set_position(start.since(from).as_secs());
    bar.reset_eta();
    bar
}

struct Import<'a> {
    history: History,
    backend: HttpBackend,
    account: AccountId,
    template: &'a PathTemplate,
    selectors: &'a [String],
}

impl Import<'_> {
    /// Imports all of a window; one that is too much at once is halved.
    async fn window(&self, from: Timestamp, to: Timestamp, totals: &mut Totals) -> anyhow::Result<()> {
        let mut parts = vec![(from, to)];
        while let Some((from, to)) = parts.pop() {
            let mut series = Vec::new();
            let mut is_too_much = false;
            for selector in self.selectors {
                match self.read(selector, from, to).await {
                    Ok(more) => series.extend(more),
                    Err(error) if error.may_be_too_much() && to.since(from) > SMALLEST * 2 => {
                        is_too_much = true;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if is_too_much {
                let middle = from + to.since(from) / 2;
                parts.extend([(middle, to), (from, middle)]);
                continue;
            }
            self.store(series, totals).await?;
        }
        Ok(())
    }

    async fn read(
        &self,
        selector: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<KeptSeries>, HistoryError> {
        let mut tries = 1;
        loop {
            match self.history.read(selector, from, to).await {
                Err(error) if error.may_pass() && tries < TRIES => {
                    tokio::time::sleep(Duration::from_secs(u64::from(tries))).await;
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn store(&self, series: Vec<KeptSeries>, totals: &mut Totals) -> anyhow::Result<()> {
        let mut batch = Vec::with_capacity(MAX_REQUEST_VALUES);
        // Two selectors may select one series, and two series become one path.
        let mut seen = HashSet::new();
        for KeptSeries { labels, samples } in series {
            let path = self.template.path(&labels);
            for (time, value) in samples {
                if !value.is_finite() {
                    totals.not_finite += 1;
                    continue;
                }
                let Ok(sample) = Sample::checked(&path, time, value) else {
                    totals.no_path += 1;
                    continue;
                };
                if !seen.insert((sample.path.clone(), time)) {
                    continue;
                }
                batch.push(sample);
                totals.values += 1;
                if batch.len() == MAX_REQUEST_VALUES {
                    self.put(&batch).await?;
                    batch.clear();
                }
            }
            totals.series.insert(path);
        }
        self.put(&batch).await
    }

    async fn put(&self, batch: &[Sample]) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut tries = 1;
        loop {
            match self.backend.put_values(self.account, batch, Stamp::Due).await {
                Err(BackendError::Unreachable { .. } | BackendError::Failed { .. }) if tries < TRIES => {
                    tokio::time::sleep(Duration::from_secs(u64::from(tries))).await;
                    tries += 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }
}
