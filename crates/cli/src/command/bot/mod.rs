//! `grafolean bot`: a bot as a service (`ensemble`), for one round (`once`), or only to see what it would send; `all`
//! bots in one process. Which there are is the list in [`crate::protocols`].

mod all;
mod ensemble;
mod once;

use std::{path::PathBuf, sync::Arc};

use anyhow::{anyhow, bail};
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{AnyProtocol, Registered, Signals, stop_on_signal},
    health::Health,
    protocol::Opening,
    sink::JsonLines,
    spool::Limits,
    time::{Clock, SystemClock},
};

use crate::{
    arguments::{BotCommand, RunBot},
    command::folders,
    config::Config,
    failure::Outcome,
};
pub(super) use ensemble::{Ensemble, settings};

/// Runs a bot, or all.
pub(crate) async fn run(command: BotCommand, config: &Config) -> anyhow::Result<Outcome> {
    match command {
        BotCommand::All(arguments) => all::run(&arguments, config).await,
        BotCommand::One(protocol, arguments) => one(protocol, &arguments, config).await,
    }
}

async fn one(protocol: &Registered, arguments: &RunBot, config: &Config) -> anyhow::Result<Outcome> {
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
        let mut ensemble = Ensemble::new(health, Signals::listen()?);
        ensemble.add(bot, backend, settings).await?;
        ensemble.run(config.metrics).await?;
        return Ok(Outcome::Good);
    }
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
