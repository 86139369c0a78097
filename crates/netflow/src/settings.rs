//! The settings of the NetFlow bot's process: where flows arrive, and whether raw ones are kept.

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use grafolean_collector::{
    protocol::OpenError,
    settings::{Resolved, Setting, SettingsError, value},
};

use super::{
    archive, copies,
    places::{Lists, PlaceFiles, Prefer},
    receive::{Listen, handed_over},
};

/// The UDP port on which flows arrive.
pub const NETFLOW_PORT: Setting = Setting {
    name: "netflow_port",
    variable: "NETFLOW_PORT",
    default: Some("2055"),
    secret: false,
    placeholder: "PORT",
    help: "UDP port on which flows arrive, over IPv4 and IPv6",
    check: |text| value::port(text).map(drop),
};

/// Addresses on which flows arrive.
pub const NETFLOW_LISTEN: Setting = Setting {
    name: "netflow_listen",
    variable: "GRAFOLEAN_NETFLOW_LISTEN",
    default: None,
    secret: false,
    placeholder: "ADDRESSES",
    help: "Addresses on which flows arrive, with commas between them, where the port alone does not do, e.g. \
           192.0.2.1:2055,[::]:6343",
    check: |text| value::udp_addresses(text).map(drop),
};

/// Addresses on which IPFIX is accepted over TCP.
pub const NETFLOW_TCP_LISTEN: Setting = Setting {
    name: "netflow_tcp_listen",
    variable: "GRAFOLEAN_NETFLOW_TCP_LISTEN",
    default: None,
    secret: false,
    placeholder: "ADDRESSES",
    help: "Addresses on which IPFIX is accepted over TCP (RFC 7011, section 10.4), with commas between them, e.g. [::]:4739",
    check: |text| value::udp_addresses(text).map(drop),
};

/// Threads that receive.
pub const NETFLOW_THREADS: Setting = Setting {
    name: "netflow_threads",
    variable: "GRAFOLEAN_NETFLOW_THREADS",
    default: Some("1"),
    secret: false,
    placeholder: "N",
    help: "Threads that receive at each address; the kernel spreads exporters over them",
    check: |text| value::threads(text).map(drop),
};

/// Whether raw flows are kept.
pub const FLOW_ARCHIVE: Setting = Setting {
    name: "flow_archive",
    variable: "GRAFOLEAN_FLOW_ARCHIVE",
    default: Some("off"),
    secret: false,
    placeholder: Setting::SWITCH,
    help: "Keep raw flows below DIR/netflow/archive, for `grafolean flow query`",
    check: |text| value::switch(text).map(drop),
};

/// How many bytes of raw flows are kept.
pub const FLOW_ARCHIVE_MAX_SIZE: Setting = Setting {
    name: "flow_archive_max_size",
    variable: "GRAFOLEAN_FLOW_ARCHIVE_MAX_SIZE",
    default: Some("10GiB"),
    secret: false,
    placeholder: "SIZE",
    help: "How many bytes of them are kept",
    check: |text| value::size(text).map(drop),
};

/// How long raw flows are kept.
pub const FLOW_ARCHIVE_MAX_AGE: Setting = Setting {
    name: "flow_archive_max_age",
    variable: "GRAFOLEAN_FLOW_ARCHIVE_MAX_AGE",
    default: Some("7days"),
    secret: false,
    placeholder: "TIME",
    help: "How long they are kept",
    check: |text| value::positive_span(text).map(drop),
};

/// Where raw flows are copied to.
pub const FLOW_ARCHIVE_TO: Setting = Setting {
    name: "flow_archive_to",
    variable: "GRAFOLEAN_FLOW_ARCHIVE_TO",
    default: None,
    secret: false,
    placeholder: "URL",
    help: "Copy them to s3://BUCKET/PREFIX, with keys and endpoint as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION \
           and AWS_ENDPOINT have them, or to a folder, file:///FOLDER",
    check: copies::check,
};

/// Networks of one's own.
pub const FLOW_NETWORKS: Setting = Setting {
    name: "flow_networks",
    variable: "GRAFOLEAN_FLOW_NETWORKS",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "Networks of one's own: a file with a prefix and a name on each line, as `10.1.0.0/16 office`",
    check: |text| value::existing_file(text).map(drop),
};

/// Autonomous systems of addresses.
pub const FLOW_AS_DATABASE: Setting = Setting {
    name: "flow_as_database",
    variable: "GRAFOLEAN_FLOW_AS_DATABASE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "Autonomous systems of addresses: a file of the MaxMind DB format (.mmdb)",
    check: |text| value::existing_file(text).map(drop),
};

/// Countries of addresses.
pub const FLOW_COUNTRY_DATABASE: Setting = Setting {
    name: "flow_country_database",
    variable: "GRAFOLEAN_FLOW_COUNTRY_DATABASE",
    default: None,
    secret: false,
    placeholder: "FILE",
    help: "Countries of addresses: a file of the MaxMind DB format (.mmdb)",
    check: |text| value::existing_file(text).map(drop),
};

const PREFERENCES: [(&str, Prefer); 2] = [("exporter", Prefer::Exporter), ("database", Prefer::Database)];

/// Whose word counts about autonomous systems.
pub const FLOW_AS_FROM: Setting = Setting {
    name: "flow_as_from",
    variable: "GRAFOLEAN_FLOW_AS_FROM",
    default: Some("exporter"),
    secret: false,
    placeholder: "exporter|database",
    help: "Whose autonomous systems count: the exporter's own fields or the database's; the other's where the first tells none",
    check: |text| value::one_of(text, &PREFERENCES).map(drop),
};

/// Lists beside the usual ones.
pub const FLOW_LISTS: Setting = Setting {
    name: "flow_lists",
    variable: "GRAFOLEAN_FLOW_LISTS",
    default: None,
    secret: false,
    placeholder: "NAMES",
    help: "Lists that are reported beside the usual ones, with commas between them: topas, topcountry, topnet",
    check: |text| lists_of(text).map(drop),
};

fn lists_of(text: &str) -> Result<Lists, String> {
    let mut lists = Lists::default();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "topas" => lists.systems = true,
            "topcountry" => lists.countries = true,
            "topnet" => lists.networks = true,
            _ => return Err(format!("{name:?} is invalid: expected topas, topcountry or topnet")),
        }
    }
    Ok(lists)
}

/// Returns what says where addresses belong.
///
/// # Errors
/// Fails with a setting that is invalid, or a list without what it is made of.
pub fn places(settings: &Resolved) -> Result<PlaceFiles, OpenError> {
    let lists = settings.read(&FLOW_LISTS, lists_of)?.unwrap_or_default();
    let files = PlaceFiles {
        countries: settings.read(&FLOW_COUNTRY_DATABASE, value::existing_file)?,
        prefer: settings.required(&FLOW_AS_FROM, "exporter", |text| value::one_of(text, &PREFERENCES))?,
        lists,
        ..named_places(settings)?
    };
    for (is_listed, file, list, setting) in [
        (lists.networks, &files.networks, "topnet", FLOW_NETWORKS.name),
        (lists.countries, &files.countries, "topcountry", FLOW_COUNTRY_DATABASE.name),
    ] {
        if is_listed && file.is_none() {
            return Err(
                format!("flow_lists asks for {list}, and {setting} says no file to make it of").into()
            );
        }
    }
    Ok(files)
}

/// Returns what names addresses where single flows are shown: networks of one's own and autonomous systems.
///
/// # Errors
/// Fails with a setting that is invalid.
pub fn named_places(settings: &Resolved) -> Result<PlaceFiles, SettingsError> {
    let networks = settings.read(&FLOW_NETWORKS, value::existing_file)?;
    let systems = settings.read(&FLOW_AS_DATABASE, value::existing_file)?;
    Ok(PlaceFiles { networks, systems, ..PlaceFiles::default() })
}

/// Settings of what names addresses where flows are shown.
pub const NAMES: [Setting; 2] = [FLOW_NETWORKS, FLOW_AS_DATABASE];

/// Returns the folders of files that say where addresses belong: one that is replaced is another file.
pub fn folders_of_places(settings: &Resolved) -> Vec<PathBuf> {
    let files = [FLOW_NETWORKS, FLOW_AS_DATABASE, FLOW_COUNTRY_DATABASE];
    // What is wrong with the settings is told when they are used.
    let paths = files.iter().filter_map(|setting| settings.read(setting, value::path).ok().flatten());
    paths.filter_map(|path| Some(std::path::absolute(path).ok()?.parent()?.to_owned())).collect()
}

/// All of them, in the order in which they are shown.
pub const ALL: [Setting; 13] = [
    NETFLOW_PORT,
    NETFLOW_LISTEN,
    NETFLOW_TCP_LISTEN,
    NETFLOW_THREADS,
    FLOW_ARCHIVE,
    FLOW_ARCHIVE_MAX_SIZE,
    FLOW_ARCHIVE_MAX_AGE,
    FLOW_ARCHIVE_TO,
    FLOW_NETWORKS,
    FLOW_AS_DATABASE,
    FLOW_COUNTRY_DATABASE,
    FLOW_AS_FROM,
    FLOW_LISTS,
];

/// Returns where flows arrive: at sockets that were handed over, else at addresses, which are more than a port alone, so that
/// they win over it.
pub fn listen(settings: &Resolved) -> Result<Listen, SettingsError> {
    let port = settings.required(&NETFLOW_PORT, "2055", value::port)?;
    let threads = settings.required(&NETFLOW_THREADS, "1", value::threads)?;
    let addresses = settings.read(&NETFLOW_LISTEN, value::udp_addresses)?;
    let both_families = || vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
    let tcp_addresses = settings.read(&NETFLOW_TCP_LISTEN, value::udp_addresses)?.unwrap_or_default();
    let sockets = handed_over();
    Ok(Listen { threads, tcp_addresses, sockets, ..Listen::on(addresses.unwrap_or_else(both_families)) })
}

/// Returns the folder to which raw flows are copied, if they are and it is one.
pub fn copied_to_folder(settings: &Resolved) -> Option<PathBuf> {
    // What is wrong with the settings is told when they are used.
    let keeps = settings.required(&FLOW_ARCHIVE, "on", value::switch).unwrap_or_default();
    let address = settings.get(&FLOW_ARCHIVE_TO).filter(|_| keeps)?;
    copies::folder(&address).map(Path::to_owned)
}

/// Returns where the bot of this folder keeps raw flows, if it is to keep any.
pub fn flow_archive(settings: &Resolved, folder: &Path) -> Result<Option<archive::Settings>, SettingsError> {
    if !settings.required(&FLOW_ARCHIVE, "on", value::switch)? {
        return Ok(None);
    }
    let age = settings.required(&FLOW_ARCHIVE_MAX_AGE, "7days", value::positive_span)?;
    let bytes = settings.required(&FLOW_ARCHIVE_MAX_SIZE, "10GiB", value::size)?;
    let copy_to = settings.get(&FLOW_ARCHIVE_TO);
    Ok(Some(archive::Settings { copy_to, ..archive::Settings::new(folder.join("archive"), age, bytes) }))
}
