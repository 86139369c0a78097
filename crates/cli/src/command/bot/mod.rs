//! `grafolean bot`: a bot as a service (`service`), for one round (`once`), or only to see what it would send
//! (`dry_run`).
//!
//! A further bot is a line in [`BotCommand`] and one in [`run`].

mod dry_run;
mod live_dry_run;
mod once;
mod service;
mod web;

use std::sync::Arc;

use grafolean_bots::ping::{
    PingBot,
    engine::{Options, Pinger},
};
use grafolean_collector::{
    backend::http::HttpBackend,
    bot::Bot,
    health::Health,
    spool::Limits,
    time::{Clock, SystemClock},
};

use crate::{
    arguments::{BotCommand, RunBot},
    config::Config,
    failure::Outcome,
};
pub(super) use service::settings;

/// Runs a bot.
pub(crate) async fn run(command: BotCommand, config: &Config) -> anyhow::Result<Outcome> {
    // What is missing among the settings is told before a socket is opened.
    let backend = HttpBackend::new(config.backend()?)?;
    let mut health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    match command {
        BotCommand::Ping(arguments) => {
            let pinger = Pinger::open(Options::default())?;
            pinger.metrics().register(health.registry_of("ping"));
            begin(PingBot::new(pinger), backend, health, &arguments, config).await
        }
    }
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
        (false, false) => service::run(bot, backend, health, config).await,
    }
}

/// How much the queue may hold.
fn limits(config: &Config) -> Limits {
    Limits { disk_bytes: config.spool_max_size, age: config.spool_max_age, ..Limits::default() }
}
