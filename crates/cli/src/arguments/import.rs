//! The command line of `grafolean import`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use grafolean_collector::{history::Url, settings::value as read, time::Timestamp};

use super::{examples, flags};
use crate::config::value;

/// What is taken over, and where it goes.
#[derive(Debug, Args)]
#[command(args = flags::login().into_iter().map(|flag| flag.global(true)))]
pub(crate) struct Import {
    #[command(subcommand)]
    pub(crate) source: ImportSource,
    /// Into the account of this name; it is made if there is none. For values of Prometheus: of this name or id
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) account: Option<String>,
    /// Bring the account in step; without it the inventory is only printed. Values of Prometheus are stored without it
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
    /// Old values, from Prometheus or what answers as it does: VictoriaMetrics, Thanos, Mimir
    #[command(after_help = examples::IMPORT_PROMETHEUS)]
    Prometheus(ImportPrometheus),
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

/// Which values are imported, and how they are called.
#[derive(Debug, Args)]
#[command(args = flags::backend_alone(), args = flags::data())]
pub(crate) struct ImportPrometheus {
    /// The store, e.g. http://127.0.0.1:9090
    #[arg(long, value_parser = read::receiver_url)]
    pub(crate) url: Url,
    /// A file that holds a bearer token for it
    #[arg(long, value_name = "FILE")]
    pub(crate) token_from_file: Option<PathBuf>,
    /// A selector of series, e.g. '{job="node"}'; may be given several times
    #[arg(long = "match", value_name = "SELECTOR", required = true)]
    pub(crate) selectors: Vec<String>,
    /// The first moment: seconds since 1970, or 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) from: Timestamp,
    /// The moment before which it ends; now if left out
    #[arg(long, value_name = "TIME", value_parser = value::moment)]
    pub(crate) to: Option<Timestamp>,
    /// The path of a series: {label} is the value of a label, {labels} are all that are not named
    #[arg(long = "path", value_name = "TEMPLATE", default_value = "prometheus.{__name__}.{labels}")]
    pub(crate) path_text: String,
    /// How much is asked for at once; what is too much is halved
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = read::positive_span)]
    pub(crate) window: Duration,
    /// Begin anew, though an earlier import of the same was stopped
    #[arg(long)]
    pub(crate) again: bool,
}
