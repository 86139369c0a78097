//! What a person decides about a collector.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    deliver::DeliverySettings,
    refresh::{self, Idleness, LastGood},
    remote_write::{self, Authentication, RemoteWriteSettings},
    run,
    schedule::FirstRun,
    settings::{Resolved, SettingsError, bot, value},
    spool::Limits,
};

/// What a person decides about a collector, apart from how its backend is reached.
#[derive(Clone, Debug)]
pub struct CollectorSettings {
    /// Names the backend, usually by its address: a configuration that another one gave is never used.
    pub source: String,
    /// Where everything is kept; each bot has a folder of its own in it.
    pub data: PathBuf,
    /// The file of the key that encrypts what a bot keeps of its configuration; None is one beside it.
    pub state_key: Option<PathBuf>,
    /// How often the configuration is read.
    pub refresh_interval: Duration,
    /// How many runs may go on at once.
    pub concurrency: NonZeroUsize,
    /// What it means that there is nothing to measure.
    pub idleness: Idleness,
    /// When a job runs first that was added while the bot works.
    pub first_run: FirstRun,
    /// How much may wait for the backend.
    pub spool: Limits,
    /// How fast the backend may be filled.
    pub delivery: DeliverySettings,
    /// Where values go beside the backend.
    pub sinks: Vec<RemoteWriteSettings>,
}

impl CollectorSettings {
    /// The usual ones for a backend and a folder.
    pub fn new(source: impl ToString, data: impl Into<PathBuf>) -> Self {
        Self {
            source: source.to_string(),
            data: data.into(),
            state_key: None,
            refresh_interval: refresh::DEFAULT_INTERVAL,
            concurrency: run::DEFAULT_CONCURRENCY,
            idleness: Idleness::default(),
            first_run: FirstRun::default(),
            spool: Limits::default(),
            delivery: DeliverySettings::default(),
            sinks: Vec::new(),
        }
    }

    /// Reads those that a person set, for a backend that is named so and a folder.
    ///
    /// # Errors
    /// Names a setting that cannot be.
    pub fn of(
        resolved: &Resolved,
        source: impl ToString,
        data: impl Into<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let interval = resolved.required(&bot::JOBS_REFRESH_INTERVAL, "120", value::interval)?;
        let disk_bytes = resolved.required(&bot::SPOOL_MAX_SIZE, "1GiB", value::size)?;
        let age = resolved.required(&bot::SPOOL_MAX_AGE, "7days", value::positive_span)?;
        Ok(Self {
            state_key: resolved.read(&bot::STATE_KEY_FILE, value::path)?,
            refresh_interval: interval.duration(),
            spool: Limits { disk_bytes, age, ..Limits::default() },
            sinks: sinks(resolved, Limits { disk_bytes, age, ..Limits::default() })?,
            ..Self::new(source, data)
        })
    }

    /// Returns where a bot keeps the last good configuration.
    pub(super) fn last_good(&self, protocol: &str) -> LastGood {
        LastGood::new(&self.folder_of(protocol), &self.source).with_key(self.state_key.as_deref())
    }

    /// Returns the folder of one bot.
    pub fn folder_of(&self, protocol: &str) -> PathBuf {
        self.data.join(protocol)
    }
}

/// The name of the sink that has a setting of its own.
const OF_ITS_OWN_SETTING: &str = "remote_write";

/// Reads where values go beside the backend: the receiver that has settings of its own, and those of a file. As much may
/// wait for each as `limits` say, unless the file says otherwise.
///
/// # Errors
/// Names a setting that cannot be.
pub fn sinks(resolved: &Resolved, limits: Limits) -> Result<Vec<RemoteWriteSettings>, SettingsError> {
    let read = |text: &str| remote_write::read_sinks(Path::new(text), limits);
    let mut sinks = resolved.read(&bot::SINKS, read)?.unwrap_or_default();
    let own = |text: &str| {
        if sinks.iter().any(|sink| sink.sink.name == OF_ITS_OWN_SETTING) {
            return Err(format!("the file of sinks has one named {OF_ITS_OWN_SETTING} too"));
        }
        let mut own = RemoteWriteSettings::new(OF_ITS_OWN_SETTING, value::receiver_url(text)?);
        (own.sink.disk_bytes, own.sink.age) = (limits.disk_bytes, limits.age);
        if let Some(token) = resolved.secret(&bot::REMOTE_WRITE_TOKEN) {
            own.authentication = Authentication::Bearer(token.clone());
        }
        own.ca_file = resolved.read(&bot::CA_FILE, value::existing_file).ok().flatten();
        Ok(own)
    };
    let own = resolved.read(&bot::REMOTE_WRITE_URL, own)?;
    sinks.splice(..0, own);
    Ok(sinks)
}
