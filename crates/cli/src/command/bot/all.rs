//! All bots in one process.

use anyhow::{Context, bail};
use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{Registered, Signals},
    health::Health,
    sandbox::Sandbox,
    settings::own_token,
    time::{Clock, SystemClock},
};
use tracing::info;

use super::{
    ensemble::{Ensemble, settings},
    open,
};
use crate::{arguments::RunAll, command::folders, config::Config, failure::Outcome, protocols};

/// Runs every bot that has a token and was not left out, until they are stopped.
pub(super) async fn run(
    arguments: &RunAll,
    config: &Config,
    sandbox: Option<Sandbox>,
) -> anyhow::Result<Outcome> {
    let is_wanted =
        |protocol: &&Registered| arguments.without.iter().all(|without| without.name() != protocol.name());
    let (wanted, tokenless): (Vec<_>, Vec<_>) = protocols::ALL
        .iter()
        .filter(is_wanted)
        .partition(|protocol| config.settings.token(Some(protocol.name())).is_some());
    if wanted.is_empty() {
        if tokenless.is_empty() {
            bail!("every bot was left out by --without: there is nothing to do");
        }
        // No token at all: the error that names the settings.
        config.backend(None)?;
    }
    // What is wrong among the settings is told before a socket is opened.
    let backend = |protocol: &'static Registered| {
        anyhow::Ok((protocol, HttpBackend::new(config.backend(Some(protocol.name()))?)?))
    };
    let bots = wanted.into_iter().map(backend).collect::<anyhow::Result<Vec<_>>>()?;
    for protocol in tokenless {
        info!(
            "the {} bot is left out: {} is not set",
            protocol.name(),
            own_token(protocol.name())[0].variable
        );
    }
    let health = Health::new(env!("CARGO_PKG_VERSION"), SystemClock.now());
    let mut ensemble = Ensemble::new(health, Signals::listen()?).within(sandbox);
    for (protocol, backend) in bots {
        let name = protocol.name();
        let data = folders::data(config)?;
        let begun = async {
            let bot = open(protocol, Some(data.clone()), config, &mut ensemble.health).await?;
            let settings = settings(&backend, data, config);
            ensemble.add(bot, backend, settings).await
        };
        begun
            .await
            .with_context(|| format!("the {name} bot cannot begin (--without {name} runs the others)"))?;
    }
    ensemble.run(config.metrics).await?;
    Ok(Outcome::Good)
}
