//! All bots in one process.

use anyhow::{Context, bail};
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::Signals,
    health::Health,
    time::{Clock, SystemClock},
};
use tracing::info;

use super::{
    ensemble::{Ensemble, settings},
    open,
};
use crate::{
    arguments::RunAll,
    command::folders,
    config::{Config, Protocol},
    failure::Outcome,
};

/// Runs every bot that has a token and was not left out, until they are stopped.
pub(super) async fn run(arguments: &RunAll, config: &Config) -> anyhow::Result<Outcome> {
    let (wanted, tokenless): (Vec<_>, Vec<_>) = Protocol::ALL
        .into_iter()
        .filter(|protocol| !arguments.without.contains(protocol))
        .partition(|protocol| config.settings.token(Some(protocol.name())).is_some());
    if wanted.is_empty() {
        if tokenless.is_empty() {
            bail!("every bot was left out by --without: there is nothing to do");
        }
        // No token at all: the error that names the settings.
        config.backend(None)?;
    }
    // What is wrong among the settings is told before a socket is opened.
    let backend =
        |protocol: &Protocol| anyhow::Ok((*protocol, HttpBackend::new(config.backend(Some(*protocol))?)?));
    let bots = wanted.iter().map(backend).collect::<anyhow::Result<Vec<_>>>()?;
    for protocol in tokenless {
        info!("the {} bot is left out: {} is not set", protocol.name(), protocol.token().variable);
    }
    let health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    let mut ensemble = Ensemble::new(health, Signals::listen()?);
    for (protocol, backend) in bots {
        let opened = add(&mut ensemble, protocol, backend, config).await;
        opened.with_context(|| {
            let name = protocol.name();
            format!("the {name} bot cannot begin (--without {name} runs the others)")
        })?;
    }
    ensemble.run(config.metrics).await?;
    Ok(Outcome::Good)
}

async fn add(
    ensemble: &mut Ensemble,
    protocol: Protocol,
    backend: HttpBackend,
    config: &Config,
) -> anyhow::Result<()> {
    let data = folders::data(config)?;
    let (folder, settings) = (folders::of_bot(&data, protocol.name()), settings(&backend, data, config));
    match protocol {
        Protocol::Ping => {
            let bot = open::ping(&mut ensemble.health)?;
            ensemble.add(bot, backend, settings).await
        }
        Protocol::Snmp => {
            let bot = open::snmp(Some(folder), &mut ensemble.health)?;
            ensemble.add(bot, backend, settings).await
        }
        Protocol::Netflow => {
            let bot = open::netflow(Some(folder), config, &mut ensemble.health)?;
            ensemble.add(bot, backend, settings).await
        }
    }
}
