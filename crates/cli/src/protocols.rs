//! The protocols of this binary, a line each. Commands, tokens, settings, checks, the hub's forms and defaults, completions
//! and docs follow from this list.

use grafolean_bots::{ping::PingBot, snmp::SnmpBot, tcp::TcpBot};
use grafolean_collector::collector::Registered;
use grafolean_netflow::bot::NetflowBot;

/// All of them.
pub(crate) static ALL: &[Registered] = &[
    Registered::of::<PingBot>(),
    Registered::of::<SnmpBot>(),
    Registered::of::<NetflowBot>(),
    Registered::of::<TcpBot>(),
];

/// Returns the protocol of this name.
pub(crate) fn named(name: &str) -> Option<&'static Registered> {
    ALL.iter().find(|protocol| protocol.name() == name)
}
