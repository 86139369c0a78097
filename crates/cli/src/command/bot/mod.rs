//! `grafolean bot`: a bot as a service (`ensemble`), for one round (`once`), or only to see what it would send; `all`
//! bots in one process. Which there are is the list in [`crate::protocols`].

mod all;
mod ensemble;
mod once;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, bail};
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{AnyProtocol, Registered, Signals, stop_on_signal},
    health::Health,
    private,
    protocol::Opening,
    sandbox::{Files, Sandbox},
    settings::{bot, own_token, value},
    sink::JsonLines,
    spool::Limits,
    time::{Clock, SystemClock},
    vault::{MissingKey, Vault},
};

use crate::{
    arguments::{BotCommand, RunBot},
    command::folders,
    config::Config,
    failure::Outcome,
    protocols,
};
pub(super) use ensemble::{Ensemble, settings};

/// Drops what no bot needs, for this thread and all that it starts; `None` where a person does not want it.
pub(crate) fn restrict(command: &BotCommand, config: &Config) -> anyhow::Result<Option<Sandbox>> {
    if !config.sandbox {
        return Ok(None);
    }
    let mut needed = Files::default();
    // A dry run keeps nothing, so it needs no folder.
    if !matches!(command, BotCommand::One(_, RunBot { dry_run: true, .. })) {
        let data = folders::data(config)?;
        private::create_folder(&data)
            .with_context(|| format!("cannot make the folder {}", data.display()))?;
        needed.written.push(data);
    }
    if let Some(key) = &config.state_key {
        let opened = Vault::open(key, MissingKey::Made);
        opened.with_context(|| format!("cannot use the key {}", key.display()))?;
        needed.written.push(key.clone());
    }
    // Certificates, where they are not those of the system.
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    // A new token in its file is used: one that is put into its place is another file.
    let tokens = protocols::ALL
        .iter()
        .flat_map(|protocol| own_token(protocol.name()))
        .chain([bot::BOT_TOKEN_FROM_FILE]);
    for setting in tokens.filter(|setting| !setting.secret) {
        let file = config.settings.read(&setting, value::path)?;
        needed.read.extend(
            file.as_deref()
                .and_then(Path::parent)
                .map(|folder| env::current_dir().unwrap_or_default().join(folder)),
        );
    }
    let run: &[Registered] = match command {
        BotCommand::One(_, RunBot { dry_run: true, .. }) => &[],
        BotCommand::One(protocol, _) => std::slice::from_ref(protocol),
        BotCommand::All(_) => protocols::ALL,
    };
    for folder in run.iter().flat_map(|protocol| protocol.writes(&config.settings)) {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        needed.written.push(folder);
    }
    needed.read.extend(config.sinks.iter().filter_map(|sink| sink.ca_file.clone()));
    needed.read.extend(protocols::ALL.iter().flat_map(|protocol| protocol.reads(&config.settings)));
    needed.read.extend(config.settings.read(&bot::CA_FILE, value::path)?.into_iter().chain(named));
    Ok(Some(Sandbox::begin(&needed)))
}

/// Runs a bot, or all.
pub(crate) async fn run(
    command: BotCommand,
    config: &Config,
    sandbox: Option<Sandbox>,
) -> anyhow::Result<Outcome> {
    match command {
        BotCommand::All(arguments) => all::run(&arguments, config, sandbox).await,
        BotCommand::One(protocol, arguments) => one(protocol, &arguments, config, sandbox).await,
    }
}

async fn one(
    protocol: &Registered,
    arguments: &RunBot,
    config: &Config,
    sandbox: Option<Sandbox>,
) -> anyhow::Result<Outcome> {
    // What is missing among the settings is told before a socket is opened.
    let backend = HttpBackend::new(config.backend(Some(protocol.name()))?)?;
    if let (true, Some(reason)) = (arguments.once, protocol.never_once()) {
        bail!("{reason}");
    }
    // A dry run keeps nothing, so it needs no folder.
    let data = if arguments.dry_run { None } else { Some(folders::data(config)?) };
    let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    let bot = open(protocol, data.clone(), config, &mut health).await?;
    let settings = settings(&backend, data.unwrap_or_default(), config);
    if !(arguments.once || arguments.dry_run) {
        let mut ensemble = Ensemble::new(health, Signals::listen()?).within(sandbox);
        ensemble.add(bot, backend, settings).await?;
        ensemble.run(config.metrics).await?;
        return Ok(Outcome::Good);
    }
    sandbox.map(Sandbox::close);
    let pipeline = bot.pipeline(Arc::new(backend), settings);
    match (arguments.once, arguments.dry_run) {
        (true, true) => once::print(pipeline).await,
        (true, false) => once::deliver(pipeline).await,
        (false, _) => {
            let stop = stop_on_signal()?;
            pipeline.dry_run(JsonLines { stop: stop.clone() }, &stop).await?;
            Ok(Outcome::Good)
        }
    }
}

/// Opens a protocol, which keeps what a restart is to survive below `data`.
async fn open(
    protocol: &Registered,
    data: Option<PathBuf>,
    config: &Config,
    health: &mut Health,
) -> anyhow::Result<Arc<dyn AnyProtocol>> {
    let folder = data.map(|data| folders::of_bot(&data, protocol.name()));
    let opening = Opening::new(&config.settings, health).with_folder(folder.as_deref());
    protocol.open(opening).await.map_err(|error| anyhow!(error))
}

/// How much the queue may hold.
fn limits(config: &Config) -> Limits {
    Limits { disk_bytes: config.spool_max_size, age: config.spool_max_age, ..Limits::default() }
}
