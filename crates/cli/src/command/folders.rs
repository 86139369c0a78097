//! Where data lies: `DIR` of the hub and of all bots, `DIR/<protocol>` of one bot.

use std::path::{Path, PathBuf};

use grafolean_collector::settings::{SettingsError, bot};

use crate::config::Config;

/// Returns the folder for all that is kept.
pub(super) fn data(config: &Config) -> Result<PathBuf, SettingsError> {
    config.settings.data()
}

/// Returns the demo's: apart from real data, unless somebody names a folder.
pub(super) fn demo(config: &Config) -> Result<PathBuf, SettingsError> {
    let folder = data(config)?;
    Ok(if config.settings.is_explicit(&bot::DATA) { folder } else { folder.join("demo") })
}

/// Returns the folder of one bot.
pub(super) fn of_bot(data: &Path, protocol: &str) -> PathBuf {
    data.join(protocol)
}

/// Returns where the NetFlow bot, whose folder this is, keeps raw flows.
pub(super) fn flow_archive(netflow: &Path) -> PathBuf {
    netflow.join("archive")
}
