//! From what is written in four places to a configuration that cannot be wrong.
//!
//! A [`Setting`] has one name; [`layers`] finds what is written under it, the strongest place first (flag,
//! environment, `.env`, TOML file); [`Config`] reads each text once and keeps, for `grafolean config`, what is in
//! force and where it came from. Nothing below looks at a flag, a variable or a file again.

mod error;
mod layers;
mod origin;
mod setting;
mod token;
mod toml_file;
pub(crate) mod value;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use grafolean_collector::{
    backend::http::{BaseUrl, HttpSettings},
    model::Interval,
};
use grafolean_netflow::receive::Listen;
use secrecy::ExposeSecret;
use tracing_subscriber::filter::Targets;

pub(crate) use error::ConfigError;
pub(crate) use layers::{Layers, Sources, gather};
pub(crate) use origin::{Origin, Place};
pub(crate) use setting::Setting;
pub(crate) use token::{Protocol, Tokens};

/// All that can be set, read and checked.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) backend_url: Option<BaseUrl>,
    pub(crate) tokens: Tokens,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) jobs_refresh_interval: Interval,
    pub(crate) data: Option<Choice<PathBuf>>,
    pub(crate) spool_max_size: u64,
    pub(crate) spool_max_age: Duration,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) netflow: Listen,
    pub(crate) flow_archive: FlowArchive,
    pub(crate) flow_archive_max_size: u64,
    pub(crate) flow_archive_max_age: Duration,
    pub(crate) listen: Choice<SocketAddr>,
    pub(crate) log: Option<Targets>,
    pub(crate) log_format: LogFormat,
    pub(crate) color: Color,
    /// Each setting with its value and its origin, in the order of [`Setting::ALL`].
    pub(crate) in_force: Vec<InForce>,
}

/// A value, and whether somebody asked for this very one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice<T> {
    /// Somebody said so: this or none.
    Said(T),
    /// Nobody said so: another may be as good.
    Usual(T),
}

impl<T: Clone> Choice<T> {
    /// Gives the value.
    pub(crate) fn value(&self) -> T {
        match self {
            Self::Said(value) | Self::Usual(value) => value.clone(),
        }
    }
}

/// Whether raw flows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlowArchive {
    On,
    Off,
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

/// A setting as `grafolean config` shows it.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) setting: Setting,
    /// None where nothing is set.
    pub(crate) value: Option<String>,
    pub(crate) origin: Origin,
}

impl Config {
    /// Reads what is written; `data_home` is where a user's data belongs.
    pub(crate) fn resolve(layers: Layers, data_home: Option<PathBuf>) -> Result<Self, ConfigError> {
        let mut reading = Reading { layers, in_force: Vec::new() };
        let data_home = data_home.map(|home| home.join("grafolean").display().to_string());
        let backend_url = reading.optional(Setting::BackendUrl, value::backend_url)?;
        let tokens = Tokens::read(&mut reading)?;
        Ok(Self {
            backend_url,
            tokens,
            ca_file: reading.optional(Setting::CaFile, existing_file)?,
            jobs_refresh_interval: reading.required(Setting::JobsRefreshInterval, "120", value::interval)?,
            data: reading.chosen(Setting::Data, data_home.as_deref(), path)?,
            spool_max_size: reading.required(Setting::SpoolMaxSize, "1GiB", value::size)?,
            spool_max_age: reading.required(Setting::SpoolMaxAge, "7days", value::positive_span)?,
            metrics: reading.optional(Setting::Metrics, value::address)?,
            netflow: reading.netflow()?,
            flow_archive: reading.required(Setting::FlowArchive, "off", flow_archive)?,
            flow_archive_max_size: reading.required(Setting::FlowArchiveMaxSize, "10GiB", value::size)?,
            flow_archive_max_age: reading.required(
                Setting::FlowArchiveMaxAge,
                "7days",
                value::positive_span,
            )?,
            listen: reading.listen()?,
            log: reading.optional(Setting::Log, value::targets)?,
            log_format: reading.required(Setting::LogFormat, "text", log_format)?,
            color: reading.required(Setting::Color, "auto", color)?,
            in_force: reading.in_force,
        })
    }

    /// Gives how the backend is reached, by a bot's own token or by that of any; names what is not set.
    pub(crate) fn backend(&self, bot: Option<Protocol>) -> Result<HttpSettings, ConfigError> {
        let missing = |setting, example| ConfigError::Missing { setting, example };
        let url = self.backend_url.as_ref();
        let url = url.ok_or(missing(Setting::BackendUrl, "https://example.org/api"))?;
        let token = self.tokens.of(bot).cloned().ok_or(missing(Setting::BotToken, "TOKEN"))?;
        let ca_file = self.ca_file.clone();
        Ok(HttpSettings { ca_file, ..HttpSettings::new(url.to_string(), token) })
    }
}

/// Takes the settings out of the layers one by one, and notes what came from where.
struct Reading {
    layers: Layers,
    in_force: Vec<InForce>,
}

impl Reading {
    fn optional<T>(
        &mut self,
        setting: Setting,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        self.defaulted(setting, None, read)
    }

    fn required<T>(
        &mut self,
        setting: Setting,
        default: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let value = self.defaulted(setting, Some(default), read)?;
        value.ok_or(ConfigError::Missing { setting, example: "VALUE" })
    }

    fn defaulted<T>(
        &mut self,
        setting: Setting,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        let written = self.layers.get(&setting);
        let text = written.map(|written| written.text.expose_secret()).or(default);
        let shown =
            text.map(|text| if setting.is_secret() { "(hidden)".to_owned() } else { text.to_owned() });
        let origin = written.map_or(Origin::Default, |written| written.origin.clone());
        let value = text.map(read).transpose().map_err(|reason| ConfigError::Wrong {
            place: origin.place(setting),
            reason: format!("{}: {reason}", setting.name()),
        })?;
        self.in_force.push(InForce { setting, value: shown, origin });
        Ok(value)
    }

    fn chosen<T>(
        &mut self,
        setting: Setting,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Choice<T>>, ConfigError> {
        let choice = if self.layers.contains_key(&setting) { Choice::Said } else { Choice::Usual };
        Ok(self.defaulted(setting, default, read)?.map(choice))
    }

    /// Addresses are more than a port alone, so that they win over it.
    fn netflow(&mut self) -> Result<Listen, ConfigError> {
        let port = self.required(Setting::NetflowPort, "2055", value::port)?;
        let addresses = self.optional(Setting::NetflowListen, value::udp_addresses)?;
        let threads = self.required(Setting::NetflowThreads, "1", value::threads)?;
        let both_families = || vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
        Ok(Listen { threads, ..Listen::on(addresses.unwrap_or_else(both_families)) })
    }

    fn listen(&mut self) -> Result<Choice<SocketAddr>, ConfigError> {
        let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let choice = self.chosen(Setting::Listen, Some(&usual.to_string()), value::address)?;
        Ok(choice.unwrap_or(Choice::Usual(usual)))
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(text))
}

fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err(format!("there is no file {text}")) }
}

fn flow_archive(text: &str) -> Result<FlowArchive, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" | "true" | "1" => Ok(FlowArchive::On),
        "off" | "false" | "0" => Ok(FlowArchive::Off),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is no format: there are text and json")),
    }
}

fn color(text: &str) -> Result<Color, String> {
    match text {
        "auto" => Ok(Color::Auto),
        "always" => Ok(Color::Always),
        "never" => Ok(Color::Never),
        _ => Err(format!("{text:?} is no choice: there are auto, always and never")),
    }
}
