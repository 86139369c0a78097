//! An exporter by hand: invented flows at a rate, and what was sent.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::Context;
use grafolean_bots::netflow::generate::{Exporter, Families, Setup, Totals, Traffic};
use grafolean_collector::time::{Clock, SystemClock};
use serde_json::json;
use tokio::{
    net::UdpSocket,
    signal::ctrl_c,
    time::{self, MissedTickBehavior},
};

use crate::{arguments::FlowSend, failure::Outcome};

/// How often flows are sent: so short that datagrams come evenly, so long that each has some.
const TICK: Duration = Duration::from_millis(10);
/// How long the exporter pretends to have run.
const UPTIME: Duration = Duration::from_secs(3_600);
/// Flows sent between two looks whether to stop.
const FLOWS_A_TURN: u64 = 10_000;

/// Sends until enough was sent, or it is stopped, and tells what.
pub(super) async fn run(send: &FlowSend) -> anyhow::Result<Outcome> {
    let any: IpAddr =
        if send.to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.context("cannot open a UDP socket")?;
    let boot = SystemClock.now() - UPTIME;
    let setup = Setup { protocol: send.format.into(), domain: send.domain, sampling: send.sampling, boot };
    let mut exporter = Exporter::new(setup);
    let families = if send.mixed { Families::Mixed } else { Families::V4 };
    let mut traffic = Traffic::new(send.seed, send.pairs, families);
    let (mut invented, mut flows, mut datagram) = (0, VecDeque::new(), Vec::new());
    let began = Instant::now();
    let mut ticks = time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let stopped = ctrl_c();
    tokio::pin!(stopped);
    loop {
        tokio::select! { biased; stop = &mut stopped => { stop?; break } _ = ticks.tick() => {} }
        let due = due(send, began.elapsed());
        let turn = due.saturating_sub(invented).min(FLOWS_A_TURN);
        let now = SystemClock.now();
        flows.extend((0..turn).map(|_| traffic.flow(now)));
        invented += turn;
        while !flows.is_empty() {
            exporter.export(now, &mut flows, &mut datagram);
            socket
                .send_to(&datagram, send.to)
                .await
                .with_context(|| format!("cannot send to {}", send.to))?;
        }
        if turn == FLOWS_A_TURN {
            // behind: the next turn comes at once
            ticks.reset_immediately();
        }
        if send.count.is_some_and(|count| invented >= count)
            || (invented >= due && send.span.is_some_and(|span| began.elapsed() >= span))
        {
            break;
        }
    }
    tell(exporter.totals(), send.json)
}

/// Gives how many flows should have been sent after this time.
fn due(send: &FlowSend, elapsed: Duration) -> u64 {
    let elapsed = send.span.map_or(elapsed, |span| span.min(elapsed));
    let flows = elapsed.as_micros() * u128::from(send.rate) / 1_000_000;
    u64::try_from(flows).unwrap_or(u64::MAX).min(send.count.unwrap_or(u64::MAX))
}

fn tell(totals: Totals, as_json: bool) -> anyhow::Result<Outcome> {
    let Totals { datagrams, flows, bytes, packets } = totals;
    let mut out = io::stdout();
    if as_json {
        let told = json!({"datagrams": datagrams, "flows": flows, "bytes": bytes, "packets": packets});
        writeln!(out, "{told}")?;
    } else {
        writeln!(out, "{flows} flows in {datagrams} datagrams: {bytes} bytes, {packets} packets")?;
    }
    Ok(Outcome::Good)
}
