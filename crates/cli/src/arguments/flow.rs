//! The command line of `grafolean flow`.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use grafolean_netflow::{
    query::{By, Filter, FlowTime, Order},
    record::Protocol,
};

use super::{examples, flags, moment::Moment};
use crate::config::value;

/// What is done with flows.
#[derive(Debug, Subcommand)]
pub(crate) enum FlowCommand {
    /// Sends invented flows with known totals, as an exporter would
    #[command(after_help = examples::FLOW_SEND)]
    Send(FlowSend),
    /// Shows flows as they arrive, or of a capture
    #[command(after_help = examples::FLOW_TAIL)]
    Tail(FlowTail),
    /// Adds up or lists the raw flows that a NetFlow bot kept
    #[command(after_help = examples::FLOW_QUERY)]
    Query(FlowQuery),
    /// Shows the exporters that a NetFlow bot hears: what came, what was lost, templates, sampling
    #[command(after_help = examples::FLOW_EXPORTERS)]
    Exporters(FlowExporters),
}

/// Which exporters are shown.
#[derive(Debug, Args)]
#[command(args = flags::data())]
pub(crate) struct FlowExporters {
    /// Only this exporter, with its templates and samplings
    pub(crate) exporter: Option<IpAddr>,
    /// Print one JSON object a line, one for each exporter
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which flows are added up, and by what.
#[derive(Debug, Args)]
#[command(args = flags::data().into_iter().chain(flags::of_names()))]
pub(crate) struct FlowQuery {
    /// Flows of this time up to now, e.g. 15m or 2h [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = value::positive_span, conflicts_with = "from")]
    pub(crate) last: Option<Duration>,
    /// Flows from this moment on, in UTC: 2026-11-01, '2026-11-01 17:30', 2026-11-01T17:30:00Z, 17:30, -2h, yesterday, today, \
    /// or seconds since 1970
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub(crate) from: Option<Moment>,
    /// Flows before this moment [default: now]
    #[arg(long, value_name = "MOMENT", value_parser = Moment::parse, allow_hyphen_values = true)]
    pub(crate) to: Option<Moment>,
    /// Which time of a flow that is, and that it is added up by
    #[arg(long, value_enum, default_value = "received")]
    pub(crate) time: TimeOfFlow,
    /// Which flows, e.g. 'dst port 443 and src net 10.0.0.0/8' [default: any]
    #[arg(long, value_name = "FILTER", value_parser = Filter::parse, default_value = "", hide_default_value = true)]
    pub(crate) filter: Filter,
    /// By what they are added up, e.g. src or ip,port or src/24 or 5m; without it there is only the total
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = By::parse)]
    pub(crate) by: Vec<By>,
    /// List single flows, the earliest first unless --order says otherwise
    #[arg(long, visible_alias = "flows", conflicts_with = "by")]
    pub(crate) list: bool,
    /// What is shown of each group or flow, e.g. bytes,bps,duration
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// How many groups or flows are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
    /// Which of them come first [default: bytes, of --list first]
    #[arg(long, value_enum)]
    pub(crate) order: Option<FlowOrder>,
    /// Show the names of addresses that are shown, by DNS: at most 1,000, for at most 5 s
    #[arg(long)]
    pub(crate) resolve: bool,
    /// Take counts as exported; they are else scaled by the sampling
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print lines of comma-separated values
    #[arg(long)]
    pub(crate) csv: bool,
    /// Read this folder of flows, not DIR/netflow/archive
    #[arg(long, value_name = "FOLDER")]
    pub(crate) archive: Option<PathBuf>,
}

/// One of the times that a flow has.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TimeOfFlow {
    /// When its datagram came, by the collector's clock
    Received,
    /// When its first packet passed, by the exporter's clock
    First,
    /// When its last packet passed
    Last,
}

impl From<TimeOfFlow> for FlowTime {
    fn from(time: TimeOfFlow) -> Self {
        match time {
            TimeOfFlow::Received => Self::Received,
            TimeOfFlow::First => Self::First,
            TimeOfFlow::Last => Self::Last,
        }
    }
}

/// By what groups and flows are ordered.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlowOrder {
    /// The most bytes first
    Bytes,
    /// The most packets first
    Packets,
    /// The most flows first
    Flows,
    /// The most bits a second first
    Bps,
    /// The most packets a second first
    Pps,
    /// The longest first
    Duration,
    /// The earliest first
    First,
    /// The one that ended latest first
    Last,
}

impl From<FlowOrder> for Order {
    fn from(order: FlowOrder) -> Self {
        match order {
            FlowOrder::Bytes => Self::Bytes,
            FlowOrder::Packets => Self::Packets,
            FlowOrder::Flows => Self::Flows,
            FlowOrder::Bps => Self::BitRate,
            FlowOrder::Pps => Self::PacketRate,
            FlowOrder::Duration => Self::Duration,
            FlowOrder::First => Self::First,
            FlowOrder::Last => Self::Last,
        }
    }
}

/// What is sent, and how fast.
#[derive(Debug, Args)]
pub(crate) struct FlowSend {
    /// Where to send them, e.g. 127.0.0.1:2055
    #[arg(long, value_name = "ADDRESS", value_parser = value::address)]
    pub(crate) to: SocketAddr,
    /// Flows a second
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) rate: u64,
    /// End after so many flows
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// End after this time, e.g. 30s or 5m; without --for and --count, Ctrl-C ends it
    #[arg(long = "for", value_name = "TIME", value_parser = value::positive_span)]
    pub(crate) span: Option<Duration>,
    /// What is spoken
    #[arg(long, value_enum, default_value = "v9")]
    pub(crate) format: Exported,
    /// Tell that one packet in so many was sampled
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16_383))]
    pub(crate) sampling: u32,
    /// Address pairs between which the flows run
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(crate) pairs: u32,
    /// Source id, observation domain, engine or sub-agent
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) domain: u32,
    /// Another seed invents other flows
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Exporters that send in turn, each from a port of its own and with the next domain
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) exporters: u16,
    /// Number and count so many percent of the datagrams, and do not send them: what a network would lose
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(crate) drop: f64,
    /// Let one flow in four be IPv6
    #[arg(long)]
    pub(crate) mixed: bool,
    /// Print what was sent as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is shown.
#[derive(Debug, Args)]
#[command(args = flags::of_names())]
pub(crate) struct FlowTail {
    /// Where to listen; [::] takes IPv4 as well
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:2055", value_parser = value::address)]
    pub(crate) listen: SocketAddr,
    /// Read the datagrams of a capture, pcap or pcapng, and end; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    pub(crate) read: Option<PathBuf>,
    /// Of a capture, take only datagrams to these ports [default: all]
    #[arg(long, value_name = "PORTS", value_delimiter = ',', requires = "read")]
    pub(crate) port: Vec<u16>,
    /// Which flows, e.g. 'dst port 443 and src net 10.0.0.0/8'; see `grafolean flow query --help` [default: any]
    #[arg(long, value_name = "FILTER", value_parser = Filter::parse, default_value = "", hide_default_value = true)]
    pub(crate) filter: Filter,
    /// What is shown of each flow, e.g. src,dst,bytes
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// End after so many flows
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Print JSON lines, one object a flow
    #[arg(long)]
    pub(crate) json: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let number =
        text.trim_end_matches('%').parse::<f64>().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| format!("{text:?} is invalid: expected a number from 0 to 100"))
}

/// The protocols, as people call them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Exported {
    /// NetFlow version 5
    V5,
    /// NetFlow version 9
    V9,
    /// IPFIX
    Ipfix,
    /// sFlow version 5
    Sflow,
}

impl From<Exported> for Protocol {
    fn from(exported: Exported) -> Self {
        match exported {
            Exported::V5 => Self::Netflow5,
            Exported::V9 => Self::Netflow9,
            Exported::Ipfix => Self::Ipfix,
            Exported::Sflow => Self::Sflow5,
        }
    }
}
