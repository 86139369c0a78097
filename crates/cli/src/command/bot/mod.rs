//! `grafolean bot`: a bot as a service (`ensemble`), for one round (`once`), or only to see what it would send
//! (`dry_run`); `all` bots in one process.
//!
//! A further bot is a line in [`BotCommand`], one in [`Protocol`] and a function in `open`.

mod all;
mod dry_run;
mod ensemble;
mod live_dry_run;
mod once;
mod open;
mod web;

use std::{path::PathBuf, sync::Arc};

use anyhow::bail;
use grafolean_collector::{
    backend::http::HttpBackend,
    bot::Bot,
    collector::stop_on_signal,
    health::Health,
    spool::Limits,
    time::{Clock, SystemClock},
};

use crate::{
    arguments::{BotCommand, RunBot, RunNetflow},
    command::folders,
    config::{Config, ConfigError, Protocol},
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
        BotCommand::Netflow(RunNetflow { run: arguments, .. }) => {
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
fn folder(protocol: Protocol, arguments: &RunBot, config: &Config) -> Result<Option<PathBuf>, ConfigError> {
    let kept = !arguments.dry_run;
    kept.then(|| Ok(folders::of_bot(&folders::data(config)?, protocol.name()))).transpose()
}

async fn begin<B: Bot>(
    bot: B,
    backend: HttpBackend,
    health: Health,
    arguments: &RunBot,
    config: &Config,
) -> anyhow::Result<Outcome> {
    match (arguments.once, arguments.dry_run) {
        (true, true) => once::print(Arc::new(bot), &backend).await,
        (true, false) => once::deliver(Arc::new(bot), backend, config).await,
        (false, true) => live_dry_run::run(Arc::new(bot), backend, config).await,
        (false, false) => {
            let mut ensemble = Ensemble::new(health, stop_on_signal()?);
            let settings = settings(&backend, folders::data(config)?, config);
            ensemble.add(bot, backend, settings).await?;
            ensemble.run(config.metrics).await?;
            Ok(Outcome::Good)
        }
    }
}

/// How much the queue may hold.
fn limits(config: &Config) -> Limits {
    Limits { disk_bytes: config.spool_max_size, age: config.spool_max_age, ..Limits::default() }
}
