//! `grafolean bot`: a bot as a service (`service`), for one round (`once`), or only to see what it would send
//! (`dry_run`).
//!
//! A further bot is a line in [`BotCommand`] and one in [`run`].

mod dry_run;
mod live_dry_run;
mod once;
mod service;
mod web;

use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, bail};
use grafolean_bots::{
    netflow::{
        bot::{self as netflow, NetflowBot},
        receive::{Listen, ReceiveError},
    },
    ping::{
        PingBot,
        engine::{Options, Pinger},
    },
    snmp::{
        SnmpBot,
        engine::{Engine, SnmpMetrics},
    },
};
use grafolean_collector::{
    backend::http::HttpBackend,
    bot::Bot,
    health::Health,
    spool::Limits,
    time::{Clock, SystemClock},
};

use crate::{
    arguments::{BotCommand, RunBot, RunNetflow},
    command::folders,
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
        BotCommand::Netflow(RunNetflow { run: arguments, .. }) => {
            let bot = listen(&arguments, config)?;
            bot.metrics().register(health.registry_of("netflow"));
            begin(bot, backend, health, &arguments, config).await
        }
        BotCommand::Snmp(arguments) => {
            let metrics = SnmpMetrics::default();
            metrics.register(health.registry_of("snmp"));
            let engine = Engine::start(metrics)?;
            // A dry run keeps nothing: its rates begin anew.
            let bot = if arguments.dry_run { SnmpBot::new(engine) } else { remembering(engine, config)? };
            begin(bot, backend, health, &arguments, config).await
        }
    }
}

/// Opens the NetFlow bot. A dry run keeps nothing.
fn listen(arguments: &RunBot, config: &Config) -> anyhow::Result<NetflowBot> {
    if arguments.once {
        bail!(
            "flows come by themselves, so there is nothing to do --once: leave it out, or see what would be sent by \
             --dry-run, or what arrives by `grafolean flow tail`"
        );
    }
    let folder = match arguments.dry_run {
        true => None,
        false => Some(folders::of_bot(&folders::data(config)?, "netflow")),
    };
    let options =
        |address: SocketAddr| netflow::Options { listen: Listen::on([address]), folder: folder.clone() };
    let both = SocketAddr::from((Ipv6Addr::UNSPECIFIED, config.netflow_port));
    let opened = NetflowBot::open(&options(both), &SystemClock);
    Ok(match opened {
        // a machine without IPv6
        Err(error) if no_ipv6(&error) => {
            let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.netflow_port));
            NetflowBot::open(&options(v4), &SystemClock)?
        }
        opened => opened?,
    })
}

fn no_ipv6(error: &netflow::OpenError) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, Unsupported};
    let netflow::OpenError::Receive(ReceiveError::Bind { source, .. }) = error else { return false };
    // EAFNOSUPPORT has no kind of its own
    matches!(source.kind(), AddrNotAvailable | Unsupported) || source.raw_os_error() == Some(97)
}

/// An SNMP bot that keeps its last readings, so that a restart costs no rate.
fn remembering(engine: Engine, config: &Config) -> anyhow::Result<SnmpBot> {
    let folder = folders::of_bot(&folders::data(config)?, "snmp");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(SnmpBot::remembering(engine, &folder.join("readings.sqlite"))?)
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
