//! One call for the author of a bot.

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::Value;
use tokio::runtime;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use super::{CollectorSettings, Pipeline, Signals};
use crate::{
    backend::http::HttpBackend,
    error_chain::error_chain,
    health::{Endpoint, Health},
    protocol::Protocol,
    settings::{self, Resolved, Setting, Sources, bot, own_token, value},
    sink::JsonLines,
    time::{Clock, SystemClock},
};

/// How long threads that still compute are waited for at the end.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// After how long it is tried again to declare a protocol.
const DECLARED_AGAIN: Duration = Duration::from_secs(300);

/// The heading of settings in `--help`.
const HEADING: &str = "Settings";

/// The exit code of a run in which a job failed.
const RUN_FAILED: u8 = 1;

/// The exit code of what could not be done.
const COULD_NOT: u8 = 2;

/// Runs a bot as its command line and its [settings](crate::settings) say, until SIGTERM, SIGINT or SIGQUIT; returns what
/// `main` is to return.
///
/// `--once` performs every job once, `--dry-run` prints values instead of sending them, `--settings` prints what is in
/// force, `--help` all settings. What is wrong is printed to stderr. Logs go where the program's `tracing` subscriber
/// writes them, nowhere without one.
pub fn serve<P: Protocol>(bot: P) -> ExitCode {
    let served = with_arguments(bot, std::env::args_os());
    served.unwrap_or_else(|error| {
        // There is no other place to say it.
        let _ = writeln!(io::stderr(), "error: {}", error_chain(&*error));
        ExitCode::from(COULD_NOT)
    })
}

fn with_arguments<P: Protocol>(
    bot: P,
    arguments: impl Iterator<Item = OsString>,
) -> Result<ExitCode, Box<dyn Error>> {
    let table = table::<P>(bot.name());
    let matches = match command(&bot, &table).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(told) => {
            told.print()?;
            return Ok(ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(COULD_NOT)));
        }
    };
    let file = matches.get_one::<PathBuf>("config").cloned();
    let sources = Sources::of_process(settings::given(&table, &matches), file)?;
    let resolved = Resolved::of(&sources, &table)?;
    if matches.get_flag("settings") {
        writeln!(io::stdout(), "{:#}", Value::Object(resolved.as_json()))?;
        return Ok(ExitCode::SUCCESS);
    }
    for unknown in resolved.unknown().iter().filter(|unknown| unknown.nearest.is_some()) {
        warn!("{unknown}");
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(bot, &resolved, &matches));
    runtime.shutdown_timeout(LAST_GRACE);
    outcome
}

/// The settings of every bot, this one's own token, and what its protocol declares.
fn table<P: Protocol>(name: &str) -> Vec<Setting> {
    bot::ALL.into_iter().chain(own_token(name)).chain(P::SETTINGS.iter().copied()).collect()
}

fn command<P: Protocol>(bot: &P, table: &[Setting]) -> Command {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new(format!("{}-bot", bot.name()))
        .about(format!("Measures what the backend says, over the protocol {}", bot.name()))
        .version(bot.version().to_owned())
        .max_term_width(100)
        .arg(switch("once", "Run every job once, deliver what it gave, and exit"))
        .arg(switch("dry-run", "Print values as JSON lines; send nothing and keep nothing").id("dry_run"))
        .arg(switch("settings", "Print every setting, its value and where it comes from, and exit"))
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Read this TOML file, not one from the usual places [env: GRAFOLEAN_CONFIG]"),
        )
        .args(settings::flags(table, HEADING))
}

async fn run<P: Protocol>(
    protocol: P,
    resolved: &Resolved,
    matches: &ArgMatches,
) -> Result<ExitCode, Box<dyn Error>> {
    let (once, dry_run) = (matches.get_flag("once"), matches.get_flag("dry_run"));
    let backend = HttpBackend::new(resolved.backend(Some(protocol.name()))?)?;
    // A dry run keeps nothing, so it needs no folder.
    let data = if dry_run { PathBuf::new() } else { resolved.data()? };
    let settings = CollectorSettings::of(resolved, backend.url(), data)?;
    let signals = Signals::listen()?;
    let stop = signals.stop.clone();
    if !once && !dry_run {
        until_stopped(protocol, backend, settings, resolved, signals).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let pipeline = Pipeline::new(Arc::new(protocol), Arc::new(backend), settings);
    let sink = JsonLines { stop: stop.clone() };
    let summary = match (once, dry_run) {
        (true, false) => {
            let once = pipeline.run_once(&stop).await?;
            writeln!(io::stdout(), "{}, {} values delivered", once.summary, once.delivered)?;
            once.summary
        }
        (true, true) => pipeline.dry_run_once(sink, &stop).await?,
        (false, _) => {
            pipeline.dry_run(sink, &stop).await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    info!(%summary, "done");
    Ok(if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(RUN_FAILED) })
}

async fn until_stopped<P: Protocol>(
    protocol: P,
    backend: HttpBackend,
    settings: CollectorSettings,
    resolved: &Resolved,
    Signals { stop, reload }: Signals,
) -> Result<(), Box<dyn Error>> {
    let mut health = Health::new(protocol.version(), SystemClock.now());
    let (name, backend) = (protocol.name().to_owned(), Arc::new(backend));
    let declaration = protocol.declaration();
    let pipeline = Pipeline::new(Arc::new(protocol), Arc::clone(&backend), settings.clone());
    let collector = pipeline.with_reload(reload).open(&mut health).await?;
    let endpoint = match resolved.read(&bot::METRICS, value::address)? {
        Some(address) => Some(Endpoint::bind(address).await.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot listen on {address} for {}: {error}", bot::METRICS.name),
            )
        })?),
        None => None,
    };
    // The endpoint outlives the bot by nothing: both end with the token.
    let (observed, stop_observing) = (Arc::new(health), stop.child_token());
    let serving = endpoint.map(|endpoint| tokio::spawn(endpoint.run(observed, stop_observing.clone())));
    let ran = match can_begin(&backend, &settings, &name, &stop).await {
        true => {
            let declaring =
                declaration.map(|it| AbortOnDropHandle::new(tokio::spawn(declare(backend, name, it))));
            let ran = collector.run(stop).await;
            drop(declaring);
            ran
        }
        false => Ok(()),
    };
    stop_observing.cancel();
    if let Some(serving) = serving {
        serving.await?;
    }
    Ok(ran?)
}

/// Declares what the bot reads and measures, once the hub takes it.
async fn declare(backend: Arc<HttpBackend>, name: String, declaration: Value) {
    while let Err(error) = backend.declare(&name, &declaration).await {
        warn!(
            error = error_chain(&error),
            "the protocol {name} is not declared: the hub's page has no forms for it"
        );
        tokio::time::sleep(DECLARED_AGAIN).await;
    }
}

/// Waits until the backend is ready, unless a configuration from an earlier time lets the bot begin without it; false
/// if it was stopped before.
pub async fn can_begin(
    backend: &HttpBackend,
    settings: &CollectorSettings,
    protocol: &str,
    stop: &CancellationToken,
) -> bool {
    settings.last_good(protocol).load().await.is_some() || backend.wait_until_ready(stop).await.is_some()
}
