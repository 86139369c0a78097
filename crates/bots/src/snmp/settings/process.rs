//! The settings of the SNMP bot's process: where names come from.

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use grafolean_collector::settings::{Resolved, Setting, SettingsError, value};

use crate::snmp::{
    mib::Names,
    profile::{BadProfile, Library},
};

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

/// A folder with profiles.
pub const SNMP_PROFILE_FOLDER: Setting = Setting {
    name: "snmp_profile_folder",
    variable: "GRAFOLEAN_SNMP_PROFILE_FOLDER",
    default: None,
    secret: false,
    placeholder: "FOLDER",
    help: "Folder with profiles of your own, NAME.toml each, beside those that are built in",
    check: |text| value::path(text).map(drop),
};

/// Where traps arrive.
pub const TRAPS: Setting = Setting {
    name: "traps",
    variable: "GRAFOLEAN_TRAPS",
    default: None,
    secret: false,
    placeholder: "ADDRESSES",
    help: "Where the snmp bot receives traps and informs: a port (162, on all addresses) or addresses, with commas between \
           them; without it they are not received",
    check: |text| listening(text).map(drop),
};

/// Where names and profiles come from, in the order in which they are shown.
pub const NAMING: [Setting; 2] = [SNMP_MIB_FOLDERS, SNMP_PROFILE_FOLDER];

/// All of them, in the order in which they are shown.
pub const PROCESS: [Setting; 3] = [SNMP_MIB_FOLDERS, SNMP_PROFILE_FOLDER, TRAPS];

/// Reads ports and addresses to listen on; a port alone is on all addresses of both families.
fn listening(text: &str) -> Result<Vec<SocketAddr>, String> {
    let read = |part: &str| {
        let part = part.trim();
        let on_all = || part.parse().ok().map(|port: u16| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        part.parse().ok().or_else(on_all).filter(|address: &SocketAddr| address.port() > 0)
    };
    text.split(',').map(read).collect::<Option<Vec<_>>>().ok_or_else(|| {
        format!("expected a port (162), an address (192.0.2.1:162, [::1]:162) or several with commas between them, found {text:?}")
    })
}

/// Returns where traps and informs are received: nowhere unless the setting says so.
///
/// # Errors
/// Fails where the setting is not what it may be.
pub fn traps(settings: &Resolved) -> Result<Vec<SocketAddr>, SettingsError> {
    Ok(settings.read(&TRAPS, listening)?.unwrap_or_default())
}

/// Returns the profiles that are in force, and the files of the folder that are none.
///
/// # Errors
/// Fails where the setting is not what it may be.
pub fn profiles(settings: &Resolved, names: &Names) -> Result<(Library, Vec<BadProfile>), SettingsError> {
    let folder = settings.read(&SNMP_PROFILE_FOLDER, value::path)?;
    Ok(match folder {
        Some(folder) => Library::with_folder(&folder, names),
        None => (Library::builtin().clone(), Vec::new()),
    })
}

/// Returns the names that are in force: those that are built in, then those of MIB files.
///
/// # Errors
/// Fails where the setting is not what it may be.
pub fn names(settings: &Resolved) -> Result<Names, SettingsError> {
    let folders = settings.read(&SNMP_MIB_FOLDERS, value::paths)?.unwrap_or_default();
    Ok(Names::with_folders(folders).with_system_folders())
}

/// Returns the folders in which MIB files and profiles may be.
///
/// # Errors
/// Fails where a setting is not what it may be.
pub fn folders(settings: &Resolved) -> Result<Vec<PathBuf>, SettingsError> {
    let mut folders: Vec<PathBuf> = settings.read(&SNMP_MIB_FOLDERS, value::paths)?.unwrap_or_default();
    folders.extend(settings.read(&SNMP_PROFILE_FOLDER, value::path)?);
    folders.extend(mib_rs::searchpath::discover_system_paths().into_iter().map(PathBuf::from));
    Ok(folders)
}
