//! The devices that bots measure, as the harness runs them.

mod exporter;
mod listener;
mod snmp_agent;

pub(crate) use exporter::Exporter;
pub(crate) use listener::TcpDevice;
pub(crate) use snmp_agent::SnmpAgent;
