//! Who can be asked.

use grafolean_collector::{
    backend::{BackendError, http::HttpBackend},
    cause::Cause,
    health::statuses_at,
    settings::SettingsError,
    status::BotStatus,
    why::Finding,
};
use serde_json::Value;
use tracing::warn;

use crate::{config::Config, protocols};

/// The backend, and what bots that run here say of themselves.
pub(super) struct Sources {
    pub(super) backend: HttpBackend,
    /// Of the process at the address of `--metrics`; empty where none is named.
    pub(super) local: Vec<BotStatus>,
}

/// What came of asking the hub.
pub(super) enum Asked {
    /// Its answer.
    Hub(Value),
    /// The backend is no hub.
    NoHub,
    /// It could not be asked, and that is what is wrong.
    Failed(Finding),
}

impl Sources {
    /// Finds them. A bot that does not answer at its address says nothing.
    pub(super) async fn find(config: &Config, protocol: Option<&str>) -> anyhow::Result<Self> {
        let backend = HttpBackend::new(settings(config, protocol)?)?;
        let local = match config.metrics {
            None => Vec::new(),
            Some(address) => statuses_at(address).await.unwrap_or_else(|error| {
                warn!(%address, %error, "no bot can be observed there");
                Vec::new()
            }),
        };
        Ok(Self { backend, local })
    }

    /// Asks the hub.
    pub(super) async fn ask(&self, resource: &str, query: Vec<(&'static str, String)>) -> Asked {
        if let Err(error) = self.backend.status().await {
            return Asked::Failed(self.unreachable(&error));
        }
        match self.backend.ask_hub(resource, query).await {
            Ok(Some(answer)) => Asked::Hub(answer),
            Ok(None) => Asked::NoHub,
            Err(error) => Asked::Failed(self.unreachable(&error)),
        }
    }

    fn unreachable(&self, error: &BackendError) -> Finding {
        let cause = match error {
            BackendError::Forbidden { .. } => Cause::NoReadRight,
            // What refuses to say who it is is no API.
            BackendError::Refused { .. } => Cause::NotTheApi,
            error => error.cause(),
        };
        Finding::of(cause, format!("{}: {}", self.backend.url(), error.with_causes()))
    }
}

/// Returns how to reach the backend: with the token of the protocol that is asked about, else with any.
fn settings(
    config: &Config,
    protocol: Option<&str>,
) -> Result<grafolean_collector::backend::http::HttpSettings, SettingsError> {
    let names = protocols::ALL.iter().map(|protocol| Some(protocol.name()));
    let first = protocol.filter(|name| protocols::named(name).is_some());
    [first, None]
        .into_iter()
        .chain(names)
        .find_map(|name| config.backend(name).ok())
        .map_or_else(|| config.backend(None), Ok)
}
