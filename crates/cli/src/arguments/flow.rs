//! The command line of `grafolean flow`.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use grafolean_bots::netflow::origin::Protocol;

use super::examples;
use crate::config::value;

/// What is done with flows.
#[derive(Debug, Subcommand)]
pub(crate) enum FlowCommand {
    /// Sends invented flows with known totals, as an exporter would
    #[command(after_help = examples::FLOW_SEND)]
    Send(FlowSend),
    /// Shows flows as they arrive
    #[command(after_help = examples::FLOW_TAIL)]
    Tail(FlowTail),
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
    /// Let one flow in four be IPv6
    #[arg(long)]
    pub(crate) mixed: bool,
    /// Print what was sent as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is shown.
#[derive(Debug, Args)]
pub(crate) struct FlowTail {
    /// Where to listen; [::] takes IPv4 as well
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:2055", value_parser = value::address)]
    pub(crate) listen: SocketAddr,
    /// End after so many flows
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Print JSON lines, one object a flow
    #[arg(long)]
    pub(crate) json: bool,
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
