//! An exporter by hand: invented flows at a rate, and what was sent.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::Context;
use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::generate::{Exporter, Families, Setup, Totals, Traffic};
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
    let boot = SystemClock.now() - UPTIME;
    let mut exporters = Vec::new();
    for number in 0..u32::from(send.exporters) {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.context("cannot open a UDP socket")?;
        let domain = send.domain.wrapping_add(number);
        let setup = Setup { protocol: send.format.into(), domain, sampling: send.sampling, boot };
        exporters.push((socket, Exporter::new(setup)));
    }
    let mut held_back = Withholding { percent: send.drop, datagrams: 0, lost: Totals::default() };
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
            // each in turn
            exporters.rotate_left(1);
            let Some((socket, exporter)) = exporters.last_mut() else { break };
            let before = exporter.totals();
            exporter.export(now, &mut flows, &mut datagram);
            if !held_back.holds(before, exporter.totals()) {
                let sent = socket.send_to(&datagram, send.to).await;
                sent.with_context(|| format!("cannot send to {}", send.to))?;
            }
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
    let all = exporters.iter().map(|(_, exporter)| exporter.totals()).fold(Totals::default(), plus);
    tell(all, held_back.lost, send.json)
}

/// Datagrams that are numbered and counted, and not sent.
struct Withholding {
    percent: f64,
    datagrams: u64,
    lost: Totals,
}

impl Withholding {
    /// Returns whether the datagram between these totals is held back: evenly spread, the exact share of all.
    fn holds(&mut self, before: Totals, after: Totals) -> bool {
        let due = |datagrams: u64| (datagrams as f64 * self.percent / 100.0).floor();
        let holds = due(self.datagrams + 1) > due(self.datagrams);
        self.datagrams += 1;
        if holds {
            self.lost.datagrams += 1;
            self.lost.flows += after.flows - before.flows;
            self.lost.bytes += after.bytes - before.bytes;
            self.lost.packets += after.packets - before.packets;
        }
        holds
    }
}

fn plus(a: Totals, b: Totals) -> Totals {
    Totals {
        datagrams: a.datagrams + b.datagrams,
        flows: a.flows + b.flows,
        bytes: a.bytes.saturating_add(b.bytes),
        packets: a.packets.saturating_add(b.packets),
    }
}

/// Returns how many flows should have been sent after this time.
fn due(send: &FlowSend, elapsed: Duration) -> u64 {
    let elapsed = send.span.map_or(elapsed, |span| span.min(elapsed));
    let flows = elapsed.as_micros() * u128::from(send.rate) / 1_000_000;
    u64::try_from(flows).unwrap_or(u64::MAX).min(send.count.unwrap_or(u64::MAX))
}

fn tell(totals: Totals, lost: Totals, as_json: bool) -> anyhow::Result<Outcome> {
    let Totals { datagrams, flows, bytes, packets } = totals;
    let object = |it: Totals| json!({"datagrams": it.datagrams, "flows": it.flows, "bytes": it.bytes, "packets": it.packets});
    let mut out = io::stdout();
    if as_json {
        let mut told = object(totals);
        if let Some(fields) = told.as_object_mut().filter(|_| lost.datagrams > 0) {
            fields.insert("held_back".to_owned(), object(lost));
        }
        writeln!(out, "{told}")?;
    } else {
        writeln!(out, "{flows} flows in {datagrams} datagrams: {bytes} bytes, {packets} packets")?;
        if lost.datagrams > 0 {
            writeln!(out, "of them held back: {} flows in {} datagrams", lost.flows, lost.datagrams)?;
        }
    }
    Ok(Outcome::Good)
}
