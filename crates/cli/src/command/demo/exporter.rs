//! The demo's flows: invented ones, from our own generator, over loopback.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    generate::{Exporter, Families, Setup, Traffic},
    record::Protocol,
};
use tokio::{
    net::UdpSocket,
    time::{self, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

/// Its address on loopback, by which the bot knows it.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// 40 flows each 200 ms are 200 a second.
const TICK: Duration = Duration::from_millis(200);
const FLOWS_A_TICK: usize = 40;
/// Few enough that the lists of the busiest ones look alike from minute to minute.
const PAIRS: u32 = 40;
/// How long the exporter pretends to have run.
const UPTIME: Duration = Duration::from_secs(3_600);

/// Sends IPFIX to a bot until it is stopped.
pub(super) async fn run(to: SocketAddr, stop: CancellationToken) -> anyhow::Result<()> {
    let socket = UdpSocket::bind((ADDRESS, 0)).await;
    let socket = socket.with_context(|| format!("cannot send flows from {ADDRESS}"))?;
    let began = SystemClock.now();
    let setup = Setup { protocol: Protocol::Ipfix, domain: 1, sampling: 1, boot: began - UPTIME };
    let mut exporter = Exporter::new(setup);
    let seed = u64::try_from(began.micros()).unwrap_or(1);
    let mut traffic = Traffic::new(seed, PAIRS, Families::Mixed);
    let (mut flows, mut datagram) = (VecDeque::new(), Vec::new());
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! { biased; () = stop.cancelled() => return Ok(()), _ = ticks.tick() => {} }
        let now = SystemClock.now();
        flows.extend((0..FLOWS_A_TICK).map(|_| traffic.flow(now)));
        while !flows.is_empty() {
            exporter.export(now, &mut flows, &mut datagram);
            // A datagram that is lost is told as lost by the bot: that is what it is for.
            let _ = socket.send_to(&datagram, to).await;
        }
    }
}
