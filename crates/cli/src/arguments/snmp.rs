//! What is asked over SNMP by hand. The short flags are those of net-snmp's tools.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

use super::flags;
use crate::config::value;

/// What is asked over SNMP.
#[derive(Debug, Subcommand)]
pub(crate) enum SnmpCommand {
    /// Shows whether a device can be measured, and if not, why not
    Test {
        #[command(flatten)]
        agent: Agent,
        /// Objects to ask for beside its name and uptime, by number or name
        #[arg(value_name = "OID")]
        oids: Vec<String>,
        #[command(flatten)]
        numbers: Numbers,
    },
    /// Asks for objects
    Get {
        #[command(flatten)]
        agent: Agent,
        /// Which objects, by number or name: 1.3.6.1.2.1.1.3.0, sysUpTime.0, IF-MIB::ifHCInOctets.3
        #[arg(value_name = "OID", required = true)]
        oids: Vec<String>,
        #[command(flatten)]
        numbers: Numbers,
        /// Print JSON lines: one object a line
        #[arg(long)]
        json: bool,
    },
    /// Asks for all below an object, and says if it did not see the end
    Walk {
        #[command(flatten)]
        agent: Agent,
        /// Below which object, by number or name; below 1, which is nearly all there is, if left out
        #[arg(value_name = "OID", default_value = "1")]
        oid: String,
        #[command(flatten)]
        numbers: Numbers,
        /// Go on over objects that are not in ascending order, while they are new to this walk; -Cc means the same
        #[arg(long)]
        unordered: bool,
        /// As net-snmp's tools have it: -Cc is --unordered
        #[arg(short = 'C', value_name = "c", value_parser = ["c"], hide = true)]
        check: Option<String>,
        /// Print JSON lines: one object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows which profiles match a device and why, and what it would be asked, in how many packets
    Profile(ProfileArguments),
    /// Lists the profiles that there are
    Profiles {
        /// Print JSON lines: one profile a line
        #[arg(long)]
        json: bool,
    },
    /// Shows traps and informs as they come, and acknowledges informs
    Traps(Traps),
    /// Shows what objects are: number, name, type, words, unit; asks nobody
    Translate {
        /// Which objects, by number or name
        #[arg(value_name = "OID", required = true)]
        oids: Vec<String>,
        #[command(flatten)]
        numbers: Numbers,
        /// Print JSON lines: one object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows what the bot asks a device of the backend, and in which packets; asks the device nothing
    Explain(Explain),
}

/// Which device is looked at, and for what.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    #[command(flatten)]
    pub(crate) agent: Agent,
    /// Try this profile and those of standards, not all
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Print the sensors that the bot would measure, as a backend takes them: one JSON object a line
    #[arg(long, conflicts_with = "json")]
    pub(crate) sensors: bool,
    #[command(flatten)]
    pub(crate) numbers: Numbers,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where traps are taken, and by whom they may be told.
#[derive(Debug, Args)]
pub(crate) struct Traps {
    /// UDP address to listen on; a port alone is on all addresses of this machine. May be given several times
    #[arg(short, long, value_name = "ADDRESS", default_value = "162", value_parser = value::any_address)]
    pub(crate) listen: Vec<SocketAddr>,
    /// Take those of this community alone; may be given several times
    #[arg(short, long = "community", value_name = "TEXT")]
    pub(crate) communities: Vec<String>,
    #[command(flatten)]
    pub(crate) user: UserOptions,
    /// End after so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End by itself after this time, e.g. 30s
    #[arg(long = "for", value_name = "TIME", value_parser = value::positive_span)]
    pub(crate) span: Option<Duration>,
    #[command(flatten)]
    pub(crate) numbers: Numbers,
    /// Print JSON lines: one object a notification
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which device is explained.
#[derive(Debug, Args)]
#[command(args = flags::backend(), args = flags::data())]
pub(crate) struct Explain {
    /// The entity, by its id or name
    #[arg(value_name = "ENTITY")]
    pub(crate) entity: String,
    /// Rows that each table is taken to have; as the bot met them if left out, else 48
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) rows: Option<u32>,
    #[command(flatten)]
    pub(crate) numbers: Numbers,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether objects and values are shown as the numbers they are.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Numbers {
    /// Show objects and values as numbers, without names, words and units; -On means the same
    #[arg(long)]
    numeric: bool,
    /// As net-snmp's tools have it: -On is --numeric
    #[arg(short = 'O', value_name = "n", value_enum, hide = true)]
    output: Option<OutputOption>,
}

/// An option of -O.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputOption {
    #[value(name = "n")]
    Numeric,
}

impl Numbers {
    /// Whether only numbers are wanted.
    pub(crate) const fn are_wanted(self) -> bool {
        self.numeric || self.output.is_some()
    }
}

/// A user of version 3 (RFC 3414).
#[derive(Clone, Debug, Args)]
pub(crate) struct UserOptions {
    /// User of version 3
    #[arg(short, long = "user", value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// MD5, SHA, SHA224, SHA256, SHA384, SHA512
    #[arg(short, long, value_name = "PROTOCOL", default_value = "SHA")]
    pub(crate) auth_protocol: String,
    /// Its authentication password
    #[arg(short = 'A', long, value_name = "PASSWORD", env = "SNMP_AUTH_KEY", hide_env_values = true)]
    pub(crate) auth_key: Option<String>,
    /// DES, AES, AES192, AES256, AES192-Cisco, AES256-Cisco
    #[arg(short = 'x', long, value_name = "PROTOCOL", default_value = "AES")]
    pub(crate) priv_protocol: String,
    /// Its privacy password
    #[arg(short = 'X', long, value_name = "PASSWORD", env = "SNMP_PRIV_KEY", hide_env_values = true)]
    pub(crate) priv_key: Option<String>,
}

impl UserOptions {
    /// Returns how messages are secured where nobody says otherwise: as far as there are keys.
    pub(crate) const fn level(&self) -> &'static str {
        match (&self.auth_key, &self.priv_key) {
            (_, Some(_)) => "authPriv",
            (Some(_), None) => "authNoPriv",
            (None, None) => "noAuthNoPriv",
        }
    }

    /// Returns the fields that a credential has of them.
    pub(crate) fn fields(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("snmpv3_securityName", self.user.as_deref()),
            ("snmpv3_authProtocol", Some(self.auth_protocol.as_str())),
            ("snmpv3_authKey", self.auth_key.as_deref()),
            ("snmpv3_privProtocol", Some(self.priv_protocol.as_str())),
            ("snmpv3_privKey", self.priv_key.as_deref()),
        ]
    }
}

/// Whom to ask, and how to get in.
#[derive(Clone, Debug, Args)]
pub(crate) struct Agent {
    /// Address or host name, with :PORT if it is not 161; an IPv6 address with a port is [ADDRESS]:PORT, a link-local one fe80::1%eth0
    #[arg(value_name = "HOST")]
    pub(crate) host: String,
    /// Version
    #[arg(short = 'v', long = "snmp-version", value_enum, default_value_t = Version::V2c)]
    pub(crate) version: Version,
    /// Community of versions 1 and 2c
    #[arg(short, long, default_value = "public", env = "SNMP_COMMUNITY", hide_env_values = true)]
    pub(crate) community: String,
    #[command(flatten)]
    pub(crate) user: UserOptions,
    /// How its messages are secured: noAuthNoPriv, authNoPriv, authPriv; as its keys say if left out
    #[arg(short, long, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Context of version 3
    #[arg(short = 'n', long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// Let an answer count also if it comes from another address or port than was asked
    #[arg(long)]
    pub(crate) any_source: bool,
    /// How long to wait for each answer
    #[arg(short, long, default_value = "2s", value_name = "TIME", value_parser = value::positive_span)]
    pub(crate) timeout: Duration,
    /// How often to ask again
    #[arg(short, long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub(crate) retries: u32,
}

/// A version of SNMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Version {
    /// SNMPv1
    #[value(name = "1")]
    V1,
    /// SNMPv2c
    #[value(name = "2c", alias = "2")]
    V2c,
    /// SNMPv3
    #[value(name = "3")]
    V3,
}
