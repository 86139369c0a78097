//! The command line as it is written; what of it are settings goes to [`crate::config`] unread.

mod bot;
mod discover;
mod examples;
mod flags;
mod flow;
mod hub;
mod import;
mod moment;
mod snmp;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use grafolean_bots::ping::SourceName;
use grafolean_collector::{
    collector::Registered,
    model::{AccountId, SeriesPath},
    time::Timestamp,
};

use crate::config::value;

pub(crate) use bot::{BotCommand, RunAll, RunBot};
pub(crate) use discover::Discover;
pub(crate) use flags::CommonFlags;
pub(crate) use flow::{FlowCommand, FlowExporters, FlowQuery, FlowSend, FlowTail};
pub(crate) use hub::{AccountFlag, Field, FieldValue, HubCommand, Rights, SetUpCommand};
pub(crate) use import::{GrafoleanSource, Import, ImportPrometheus, ImportSource};
pub(crate) use snmp::{Agent, Explain, Numbers, ProfileArguments, SnmpCommand, Traps, Version};

/// Collects data from networks for Grafolean: bots, a backend of its own, and tools for the hand.
#[derive(Debug, Parser)]
#[command(name = "grafolean", version, max_term_width = 100, after_help = examples::GRAFOLEAN)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: CommonFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows it all at work: a hub and all bots in one process, with devices that every machine has
    #[command(after_help = examples::DEMO)]
    Demo(Demo),
    /// Runs a bot: measures what the backend says, and sends what it measured
    #[command(after_help = examples::BOT, arg_required_else_help = true)]
    Bot {
        #[command(subcommand)]
        bot: BotCommand,
    },
    /// Runs a backend that speaks Grafolean's API, with its database in one folder
    #[command(
        after_help = examples::HUB, args = flags::listen(), args = flags::hub(), args = flags::data(),
        args = flags::bot(), args = flags::of_protocols()
    )]
    Hub {
        #[command(subcommand)]
        hub: Option<HubCommand>,
    },
    /// Finds the devices of networks that are named: what answers, what it is, how it hangs together
    #[command(after_help = examples::DISCOVER, arg_required_else_help = true)]
    Discover(Discover),
    /// Takes over what Telegraf, snmp_exporter or a Grafolean measure, and old values of a Prometheus
    #[command(after_help = examples::IMPORT, arg_required_else_help = true)]
    Import(Import),
    /// Looks whether a bot would work: backend, token, permissions, and what would be polled
    #[command(after_help = examples::CHECK)]
    Check(Check),
    /// Says why a value is missing: what is wrong since when, what was found, what to do
    #[command(after_help = examples::WHY)]
    Why(Why),
    /// Says what is wrong at this moment, each cause once
    #[command(after_help = examples::FINDINGS)]
    Findings(Findings),
    /// Sends one value
    #[command(after_help = examples::SEND)]
    Send(Send),
    /// Pings hosts by hand, with the engine of the ping bot
    #[command(after_help = examples::PING)]
    Ping(Ping),
    /// Sends, shows and asks for flows by hand, with the generator, the decoders and the files of the NetFlow bot
    #[command(after_help = examples::FLOW, arg_required_else_help = true)]
    Flow {
        #[command(subcommand)]
        flow: FlowCommand,
    },
    /// Asks devices over SNMP by hand, with the planner and the engine of the SNMP bot
    #[command(after_help = examples::SNMP, arg_required_else_help = true, args = flags::names())]
    Snmp {
        #[command(subcommand)]
        command: SnmpCommand,
    },
    /// Shows and mends what a bot has not delivered: its queue and its dead letters
    #[command(after_help = examples::SPOOL, arg_required_else_help = true)]
    Spool(Spool),
    /// Prints every setting, its value, and where it comes from
    #[command(after_help = examples::CONFIG)]
    Config(ShowConfig),
    /// Prints what each protocol reads of what people set up, and what it measures
    #[command(after_help = examples::PROTOCOLS)]
    Protocols(ShowProtocols),
    /// Prints completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Prints the manual page, all commands included
    #[command(after_help = examples::MAN)]
    Man,
}

/// How the demo is run.
#[derive(Debug, Args)]
#[command(args = flags::listen(), args = flags::data())]
pub(crate) struct Demo {
    /// End by itself after this time, e.g. 30s or 5m; without it, Ctrl-C ends it
    #[arg(long = "for", value_name = "TIME", value_parser = value::positive_span)]
    pub(crate) span: Option<Duration>,
    /// Ping this address or host name too; may be given several times
    #[arg(long = "device", value_name = "HOST")]
    pub(crate) devices: Vec<String>,
}

/// What is explained.
#[derive(Debug, Args)]
#[command(args = flags::backend(), args = flags::tokens(), args = flags::observed())]
pub(crate) struct Why {
    /// A path, or a device by its name, number or address
    pub(crate) about: String,
    /// Begin of the range that shows nothing, in seconds since 1970
    #[arg(long, value_name = "SECONDS", requires = "to", allow_negative_numbers = true)]
    pub(crate) from: Option<f64>,
    /// End of the range
    #[arg(long, value_name = "SECONDS", requires = "from", allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Print the whole way as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is wrong.
#[derive(Debug, Args)]
#[command(args = flags::backend(), args = flags::tokens(), args = flags::observed())]
pub(crate) struct Findings {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is checked.
#[derive(Debug, Args)]
#[command(args = flags::backend())]
pub(crate) struct Check {
    /// Protocol of the bot; if left out the token's own, or each bot that has a token of its own
    pub(crate) protocol: Option<String>,
    /// Print one JSON object for each bot
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is sent.
#[derive(Debug, Args)]
#[command(args = flags::backend())]
pub(crate) struct Send {
    /// Name of the series, e.g. office.temperature
    pub(crate) path: SeriesPath,
    /// The number
    #[arg(allow_negative_numbers = true)]
    pub(crate) value: f64,
    /// When it was measured: seconds since 1970, or 2026-11-22T10:00:00Z; now if left out
    #[arg(long, value_parser = value::moment)]
    pub(crate) time: Option<Timestamp>,
    /// Which account, by id; needed where the token sees several
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
}

/// What is pinged, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ping {
    /// Addresses or host names
    #[arg(required = true, value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Packets to each host
    #[arg(short, long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) count: u16,
    /// From one packet to the next of the same host
    #[arg(short, long, default_value = "1s", value_name = "TIME", value_parser = value::span)]
    pub(crate) interval: Duration,
    /// How long to wait for each reply
    #[arg(short = 'W', long, default_value = "1s", value_name = "TIME", value_parser = value::positive_span)]
    pub(crate) timeout: Duration,
    /// Bytes of payload in each packet, 16 to 65507
    #[arg(short, long, default_value_t = 56, value_name = "BYTES")]
    pub(crate) size: u16,
    /// Leave by this address or interface of this machine
    #[arg(short = 'I', long, value_name = "ADDRESS|INTERFACE")]
    pub(crate) source: Option<SourceName>,
    /// Class of service, 0 to 63, e.g. 46 for voice
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=63))]
    pub(crate) dscp: Option<u8>,
    /// How many hops packets may take
    #[arg(long, value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) ttl: Option<u8>,
    /// Do not let packets be cut into fragments
    #[arg(long)]
    pub(crate) df: bool,
    /// Find the largest packet that reaches each host whole, the path MTU, by packets that must not be cut
    #[arg(long, conflicts_with_all = ["size", "df", "count", "interval"])]
    pub(crate) mtu: bool,
    /// Use IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Print JSON lines: one object a packet, then one a host
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which spool, and what is done to it.
#[derive(Debug, Args)]
#[command(args = flags::data())]
pub(crate) struct Spool {
    /// Whose spool: the protocol of the bot; `python` for bots in Python, which have several
    #[arg(long, default_value = "ping", global = true)]
    pub(crate) protocol: String,
    /// Only what is of this sink
    #[arg(long, value_name = "NAME", global = true)]
    pub(crate) sink: Option<String>,
    #[command(subcommand)]
    pub(crate) action: SpoolAction,
}

/// What is done to a spool.
#[derive(Debug, Subcommand)]
pub(crate) enum SpoolAction {
    /// Lists what waits to be delivered, and the dead letters with their reasons
    List {
        /// At most this many of each
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead letter in full
    Show {
        /// Its number
        id: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Puts dead letters back into the queue, to be sent again
    Retry(DeadLetters),
    /// Deletes dead letters for good
    Drop {
        #[command(flatten)]
        letters: DeadLetters,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DeadLetters {
    /// Their numbers
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which protocols are shown.
#[derive(Debug, Args)]
pub(crate) struct ShowProtocols {
    /// Only this one
    #[arg(value_name = "NAME", value_parser = bot::protocol())]
    pub(crate) protocol: Option<&'static Registered>,
    /// Print JSON: fields as JSON Schema; one object, or a list of all
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what series are called in Prometheus: names, units, labels
    #[arg(long, conflicts_with = "json")]
    pub(crate) prometheus: bool,
}

/// How settings are shown.
#[derive(Debug, Args)]
#[command(args = flags::backend(), args = flags::tokens(), args = flags::bot(), args = flags::data(), args = flags::of_protocols(), args = flags::listen(), args = flags::hub(), args = flags::login_alone())]
pub(crate) struct ShowConfig {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
