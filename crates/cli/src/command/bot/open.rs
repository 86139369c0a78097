//! The bots, each opened with what it needs of this machine: sockets, and a folder unless it is to keep nothing.

use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

use anyhow::Context;
use grafolean_bots::{
    ping::{
        PingBot,
        engine::{Options, Pinger},
    },
    snmp::{
        SnmpBot,
        engine::{Engine, SnmpMetrics},
    },
};
use grafolean_collector::{health::Health, time::SystemClock};
use grafolean_netflow::{
    bot::{self as netflow, NetflowBot},
    receive::{Listen, ReceiveError},
    settings,
};

use crate::config::Config;

/// Opens the ping bot.
pub(in crate::command) fn ping(health: &mut Health) -> anyhow::Result<PingBot> {
    let pinger = Pinger::open(Options::default())?;
    pinger.metrics().register(health.registry_of("ping"));
    Ok(PingBot::new(pinger))
}

/// Opens the SNMP bot. In a folder it keeps its last readings, so that a restart costs no rate.
pub(in crate::command) fn snmp(folder: Option<PathBuf>, health: &mut Health) -> anyhow::Result<SnmpBot> {
    let metrics = SnmpMetrics::default();
    metrics.register(health.registry_of("snmp"));
    let engine = Engine::start(metrics)?;
    let Some(folder) = folder else { return Ok(SnmpBot::new(engine)) };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(SnmpBot::remembering(engine, &folder.join("readings.sqlite"))?)
}

/// Opens the NetFlow bot. In a folder it keeps templates and open bins, and raw flows where that is asked for.
pub(in crate::command) fn netflow(
    folder: Option<PathBuf>,
    config: &Config,
    health: &mut Health,
) -> anyhow::Result<NetflowBot> {
    let archive = folder.as_deref().map(|folder| settings::flow_archive(&config.settings, folder));
    let archive = archive.transpose()?.flatten();
    let open = |listen: &Listen| {
        let (folder, archive) = (folder.clone(), archive.clone());
        NetflowBot::open(&netflow::Options { listen: listen.clone(), folder, archive }, &SystemClock)
    };
    let mut listen = settings::listen(&config.settings)?;
    let bot = match open(&listen) {
        Err(error) if no_ipv6(&error) => {
            listen.addresses.iter_mut().for_each(without_ipv6);
            open(&listen)?
        }
        opened => opened?,
    };
    bot.metrics().register(health.registry_of("netflow"));
    Ok(bot)
}

/// On a machine without IPv6 an address of both families is one of IPv4.
fn without_ipv6(address: &mut SocketAddr) {
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        address.set_ip(Ipv4Addr::UNSPECIFIED.into());
    }
}

fn no_ipv6(error: &netflow::OpenError) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    let netflow::OpenError::Receive(ReceiveError::Bind { source, .. }) = error else { return false };
    // EAFNOSUPPORT has no kind of its own
    matches!(source.kind(), AddrNotAvailable | Unsupported) || source.raw_os_error() == Some(97)
}
