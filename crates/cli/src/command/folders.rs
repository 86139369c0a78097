//! Where data lies: `DIR` of the hub and of all bots, `DIR/<protocol>` of one bot.

use std::path::{Path, PathBuf};

use crate::config::{Choice, Config, ConfigError, Setting};

/// Gives the folder for all that is kept.
pub(super) fn data(config: &Config) -> Result<PathBuf, ConfigError> {
    match &config.data {
        Some(choice) => Ok(choice.value()),
        None => Err(ConfigError::Missing { setting: Setting::Data, example: "DIR" }),
    }
}

/// Gives the demo's: apart from real data, unless somebody names a folder.
pub(super) fn demo(config: &Config) -> Result<PathBuf, ConfigError> {
    match &config.data {
        Some(Choice::Usual(folder)) => Ok(folder.join("demo")),
        _ => data(config),
    }
}

/// Gives the folder of one bot.
pub(super) fn of_bot(data: &Path, protocol: &str) -> PathBuf {
    data.join(protocol)
}

/// Gives where the NetFlow bot, whose folder this is, keeps raw flows.
pub(super) fn flow_archive(netflow: &Path) -> PathBuf {
    netflow.join("archive")
}
