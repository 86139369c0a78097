//! The command line of `grafolean discover`.

use std::num::NonZeroU32;

use clap::Args;
use grafolean_bots::discover::MOST_PACKETS_A_SECOND;

use super::{AccountFlag, flags};

/// Which networks are scanned, and how.
#[derive(Debug, Args)]
#[command(args = flags::login())]
pub(crate) struct Discover {
    /// Networks (192.0.2.0/24), ranges (192.0.2.1-192.0.2.9) or addresses; nothing else is asked
    #[arg(required = true, value_name = "NETWORK")]
    pub(crate) networks: Vec<String>,
    /// Ask over SNMP by this credential of the account; may be given several times
    #[arg(long, value_name = "CREDENTIAL")]
    pub(crate) snmp: Vec<String>,
    /// Ask over SNMPv2c by this community; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) community: Vec<String>,
    /// UDP port of agents
    #[arg(long, value_name = "PORT", default_value_t = 161, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) snmp_port: u16,
    /// Most packets a second
    #[arg(
        long, value_name = "PACKETS", default_value = "1000",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_PACKETS_A_SECOND))
    )]
    pub(crate) rate: u32,
    /// Make a device of each that is found and that the account does not know, with what can be measured of it
    #[arg(long)]
    pub(crate) add: bool,
    /// Do not ask before it starts
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print one JSON object: devices, links, and whom to ask next
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) account: AccountFlag,
}

impl Discover {
    /// Returns the most packets a second.
    pub(crate) fn packets_a_second(&self) -> NonZeroU32 {
        NonZeroU32::new(self.rate).unwrap_or(NonZeroU32::MIN)
    }
}
