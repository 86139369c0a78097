//! The settings of the SNMP bot's process: where names come from.

use std::path::PathBuf;

use grafolean_collector::settings::{Resolved, Setting, SettingsError, value};

use crate::snmp::mib::Names;

/// Folders with MIB files.
pub const SNMP_MIB_FOLDERS: Setting = Setting {
    name: "snmp_mib_folders",
    variable: "GRAFOLEAN_SNMP_MIB_FOLDERS",
    default: None,
    secret: false,
    placeholder: "FOLDERS",
    help: "Folders with MIB files, with : between them, beside those of net-snmp; read when a name or an object is met that \
           is not built in",
    check: |text| value::paths(text).map(drop),
};

/// All of them, in the order in which they are shown.
pub const PROCESS: [Setting; 1] = [SNMP_MIB_FOLDERS];

/// Returns the names that are in force: those that are built in, then those of MIB files.
///
/// # Errors
/// Fails where the setting is not what it may be.
pub fn names(settings: &Resolved) -> Result<Names, SettingsError> {
    let mut folders: Vec<PathBuf> = settings.read(&SNMP_MIB_FOLDERS, value::paths)?.unwrap_or_default();
    folders.extend(Names::system_folders());
    Ok(Names::with_folders(folders))
}
