//! `grafolean bot`: a bot as a service (`ensemble`), for one round (`once`), or only to see what it would send; `all`
//! bots in one process.
//!
//! A further bot is a line in [`BotCommand`], one in [`Protocol`] and a function in `open`.

mod all;
mod ensemble;
mod once;
mod open;

use std::{path::PathBuf, sync::Arc};

use anyhow::bail;
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{Pipeline, Signals, stop_on_signal},
    health::Health,
    protocol,
    settings::SettingsError,
    sink::JsonLines,
    spool::Limits,
    time::{Clock, SystemClock},
};

use crate::{
    arguments::{BotCommand, RunBot},
    command::folders,
    config::{Config, Protocol},
    failure::Outcome,
};
pub(super) use ensemble::{Ensemble, settings};
pub(super) use open::{ping, snmp};

/// Runs a bot, or all.
pub(crate) async fn run(command: BotCommand, config: &Config) -> anyhow::Result<Outcome> {
    // What is missing among the settings is told before a socket is opened.
    let backend = |protocol| anyhow::Ok(HttpBackend::new(config.backend(Some(protocol))?)?);
    let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    match command {
        BotCommand::All(arguments) => all::run(&arguments, config).await,
        BotCommand::Ping(arguments) => {
            let backend = backend(Protocol::Ping)?;
            let bot = open::ping(&mut health)?;
            begin(bot, backend, health, &arguments, config).await
        }
        BotCommand::Netflow(arguments) => {
            let backend = backend(Protocol::Netflow)?;
            if arguments.once {
                bail!(
                    "flows come by themselves, so there is nothing to do --once: leave it out, or see what would be \
                     sent by --dry-run, or what arrives by `grafolean flow tail`"
                );
            }
            let folder = folder(Protocol::Netflow, &arguments, config)?;
            let bot = open::netflow(folder, config, &mut health)?;
            begin(bot, backend, health, &arguments, config).await
        }
        BotCommand::Snmp(arguments) => {
            let backend = backend(Protocol::Snmp)?;
            let bot = open::snmp(folder(Protocol::Snmp, &arguments, config)?, &mut health)?;
            begin(bot, backend, health, &arguments, config).await
        }
    }
}

/// Gives where a bot keeps what it knows; a dry run keeps nothing.
fn folder(protocol: Protocol, arguments: &RunBot, config: &Config) -> Result<Option<PathBuf>, SettingsError> {
    let kept = !arguments.dry_run;
    kept.then(|| Ok(folders::of_bot(&folders::data(config)?, protocol.name()))).transpose()
}

async fn begin<B: protocol::Protocol>(
    bot: B,
    backend: HttpBackend,
    health: Health,
    arguments: &RunBot,
    config: &Config,
) -> anyhow::Result<Outcome> {
    // A dry run keeps nothing, so it needs no folder.
    let data = if arguments.dry_run { PathBuf::new() } else { folders::data(config)? };
    let settings = settings(&backend, data, config);
    if !(arguments.once || arguments.dry_run) {
        let mut ensemble = Ensemble::new(health, Signals::listen()?);
        ensemble.add(bot, backend, settings).await?;
        ensemble.run(config.metrics).await?;
        return Ok(Outcome::Good);
    }
    let pipeline = Pipeline::new(Arc::new(bot), Arc::new(backend), settings);
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

/// How much the queue may hold.
fn limits(config: &Config) -> Limits {
    Limits { disk_bytes: config.spool_max_size, age: config.spool_max_age, ..Limits::default() }
}
