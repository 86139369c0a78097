//! The command line of `grafolean import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::flags;

/// What is taken over, and where it goes.
#[derive(Debug, Args)]
#[command(args = flags::login().into_iter().map(|flag| flag.global(true)))]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) source: ImportSource,
    /// Into the account of this name; it is made if there is none
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) account: Option<String>,
    /// Bring the account in step; without it the inventory is only printed
    #[arg(long, global = true)]
    pub(crate) add: bool,
}

/// From where.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportSource {
    /// From a configuration of Telegraf: inputs.snmp and inputs.ping
    Telegraf {
        /// The file
        file: PathBuf,
    },
    /// From snmp_exporter's snmp.yml, and the targets of a Prometheus that scrapes it
    SnmpExporter {
        /// The file
        file: PathBuf,
        /// prometheus.yml, whose scrape_configs name devices
        #[arg(long, value_name = "FILE")]
        prometheus: Option<PathBuf>,
    },
    /// From a Grafolean, or another hub, by its address and a login
    Grafolean(GrafoleanSource),
}

/// Which Grafolean.
#[derive(Debug, Args)]
pub(crate) struct GrafoleanSource {
    /// Base URL of its API, e.g. https://grafolean.example.org/api
    pub(crate) url: String,
    /// User who logs in there
    #[arg(long, value_name = "NAME")]
    pub(crate) from_user: String,
    /// A file that holds their password
    #[arg(long, value_name = "FILE")]
    pub(crate) from_password_file: PathBuf,
    /// Its account; needed where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) from_account: Option<String>,
}
