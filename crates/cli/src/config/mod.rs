//! The binary's door to the settings: which there are ([`table`]), and each read once into a [`Config`] that cannot be
//! wrong. Where they may stand and how they are written is [`grafolean_collector::settings`]'.

mod own;
#[cfg(test)]
mod papers;
pub(crate) mod value;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use grafolean_collector::{
    backend::http::HttpSettings,
    collector::{self, Registered},
    model::Interval,
    remote_write::{Authentication, RemoteWriteSettings},
    settings::{Resolved, Setting, SettingsError, bot, own_token, value as read},
    spool::Limits,
};
use grafolean_hub::Proxies;
use secrecy::SecretString;
use tracing_subscriber::filter::Targets;

use crate::protocols;
pub(crate) use own::{LISTEN, OF_A_LOGIN, OF_EVERY_COMMAND, OF_THE_HUB, SANDBOX};

/// Returns all that can be set, in the order in which `grafolean config` prints it.
pub(crate) fn table() -> Vec<Setting> {
    let [first, rest @ ..] = bot::ALL;
    let tokens = protocols::ALL.iter().flat_map(|protocol| own_token(protocol.name()));
    let of_protocols = protocols::ALL.iter().flat_map(|protocol| protocol.settings().iter().copied());
    let (before, after): (Vec<_>, Vec<_>) =
        rest.into_iter().partition(|setting| setting.name.starts_with(bot::BOT_TOKEN.name));
    [first]
        .into_iter()
        .chain(before)
        .chain(tokens)
        .chain(after)
        .chain(of_protocols)
        .chain([SANDBOX, LISTEN])
        .chain(OF_THE_HUB)
        .chain(OF_A_LOGIN)
        .chain(OF_EVERY_COMMAND)
        .collect()
}

/// What is in force, read and checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Resolved,
    pub(crate) jobs_refresh_interval: Interval,
    pub(crate) state_key: Option<PathBuf>,
    pub(crate) spool_max_size: u64,
    pub(crate) spool_max_age: Duration,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) sandbox: bool,
    /// Where values go beside the backend.
    pub(crate) sinks: Vec<RemoteWriteSettings>,
    pub(crate) listen: SocketAddr,
    pub(crate) hub: HubSettings,
    pub(crate) login: LoginSettings,
    pub(crate) log: Option<Targets>,
    pub(crate) log_format: LogFormat,
    pub(crate) color: Color,
}

/// How the hub is reached, which bots run in it, and how long it keeps values.
#[derive(Clone, Debug)]
pub(crate) struct HubSettings {
    pub(crate) with_bots: Vec<&'static Registered>,
    pub(crate) inventory: Vec<PathBuf>,
    pub(crate) names: Vec<String>,
    pub(crate) proxies: Proxies,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) retention: Option<Duration>,
    pub(crate) retention_hours: Duration,
    pub(crate) event_retention: Duration,
    pub(crate) disk_reserve: u64,
    pub(crate) forward: Vec<RemoteWriteSettings>,
}

impl HubSettings {
    fn of(settings: &Resolved) -> Result<Self, SettingsError> {
        Ok(Self {
            with_bots: settings.required(&own::WITH_BOTS, "off", value::bots)?,
            inventory: settings.read(&own::INVENTORY, value::files)?.unwrap_or_default(),
            names: settings.read(&own::HUB_NAMES, value::host_names)?.unwrap_or_default(),
            proxies: settings.read(&own::HUB_PROXIES, value::proxies)?.unwrap_or_default(),
            tls_certificate: settings.read(&own::HUB_TLS_CERTIFICATE, read::existing_file)?,
            tls_key: settings.read(&own::HUB_TLS_KEY, read::existing_file)?,
            retention: settings.read(&own::HUB_RETENTION, read::positive_span)?,
            retention_hours: settings.required(&own::HUB_RETENTION_HOURS, "5years", value::span_or_off)?,
            event_retention: settings.required(&own::HUB_EVENT_RETENTION, "400days", read::positive_span)?,
            disk_reserve: settings.required(&own::HUB_DISK_RESERVE, "1GiB", read::size)?,
            forward: forward(settings)?,
        })
    }
}

/// How to log in to a hub that is set up from here.
#[derive(Clone, Debug)]
pub(crate) struct LoginSettings {
    pub(crate) url: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) ca_file: Option<PathBuf>,
}

impl LoginSettings {
    fn of(settings: &Resolved) -> Result<Self, SettingsError> {
        let url = settings.required(&own::HUB_URL, "http://127.0.0.1:8080/api", read::backend_url)?;
        Ok(Self {
            url: url.to_string(),
            user: settings.read(&own::HUB_USER, |text| Ok(text.trim().to_owned()))?,
            password: settings.secret(&own::HUB_PASSWORD).cloned(),
            ca_file: settings.read(&bot::CA_FILE, read::existing_file)?,
        })
    }
}

/// Reads where the hub sends what it stores: a token that is set is for the receiver that is given by its address.
fn forward(settings: &Resolved) -> Result<Vec<RemoteWriteSettings>, SettingsError> {
    let mut receivers = settings.read(&own::FORWARD, value::receivers)?.unwrap_or_default();
    let is_address = settings.get(&own::FORWARD).is_some_and(|text| text.contains("://"));
    for receiver in receivers.iter_mut().filter(|_| is_address) {
        if let Some(token) = settings.secret(&bot::REMOTE_WRITE_TOKEN) {
            receiver.authentication = Authentication::Bearer(token.clone());
        }
        receiver.ca_file = settings.read(&bot::CA_FILE, read::existing_file)?;
    }
    Ok(receivers)
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    Always,
    Never,
}

impl Config {
    /// Reads what is in force.
    pub(crate) fn of(settings: Resolved) -> Result<Self, SettingsError> {
        let spool_max_size = settings.required(&bot::SPOOL_MAX_SIZE, "1GiB", read::size)?;
        let spool_max_age = settings.required(&bot::SPOOL_MAX_AGE, "7days", read::positive_span)?;
        let limits = Limits { disk_bytes: spool_max_size, age: spool_max_age, ..Limits::default() };
        Ok(Self {
            jobs_refresh_interval: settings.required(&bot::JOBS_REFRESH_INTERVAL, "120", read::interval)?,
            state_key: settings.read(&bot::STATE_KEY_FILE, read::path)?,
            spool_max_size,
            spool_max_age,
            metrics: settings.read(&bot::METRICS, read::address)?,
            sandbox: settings.required(&own::SANDBOX, "on", read::switch)?,
            sinks: collector::sinks(&settings, limits)?,
            listen: settings.required(&LISTEN, "127.0.0.1:8080", read::address)?,
            hub: HubSettings::of(&settings)?,
            login: LoginSettings::of(&settings)?,
            log: settings.read(&own::LOG, value::targets)?,
            log_format: settings
                .required(&own::LOG_FORMAT, "text", |text| read::one_of(text, &own::LOG_FORMATS))?,
            color: settings.required(&own::COLOR, "auto", |text| read::one_of(text, &own::COLORS))?,
            settings,
        })
    }

    /// Returns how the backend is reached, by a bot's own token or by that of any; names what is not set.
    pub(crate) fn backend(&self, protocol: Option<&str>) -> Result<HttpSettings, SettingsError> {
        self.settings.backend(protocol)
    }
}
