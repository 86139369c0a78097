//! `grafolean ping`: the ping bot's engine by hand.
//!
//! Each host is a task that resolves its name and sends its packets; what happens comes here over one channel, is
//! kept in a [`Tally`] for each host and printed by `print` as it comes.

mod print;
mod tally;

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use anyhow::bail;
use grafolean_bots::ping::engine::{Options, Packet, Pinger, Probe};
use tokio::{net::lookup_host, signal::ctrl_c, sync::mpsc, task::JoinSet};

use crate::{arguments::Ping, failure::Outcome};
use print::Printer;
use tally::Tally;

/// What happened to one of the hosts.
struct Event {
    /// Which, by its place on the command line.
    host: usize,
    happening: Happening,
}

enum Happening {
    /// Its name is known by address.
    Resolved(IpAddr),
    /// One packet was answered or given up.
    Packet(u16, Packet),
    /// All packets were. They are told once more, with what came after the first answer.
    Done(Vec<Packet>),
    /// There is nothing to ping.
    Failed(String),
}

/// Pings all hosts at the same time.
pub(crate) async fn run(ping: Ping) -> anyhow::Result<Outcome> {
    probe_to(IpAddr::from([127, 0, 0, 1]), 0, &ping).checked()?;
    let pinger = Pinger::open(Options::default())?;
    let printer = Printer { as_json: ping.json, several: ping.hosts.len() > 1 };
    let mut tallies: Vec<Tally> = ping.hosts.iter().map(|host| Tally::of(host)).collect();
    let (events, mut happenings) = mpsc::unbounded_channel();
    let mut hosts = JoinSet::new();
    for host in 0..ping.hosts.len() {
        hosts.spawn(ping_host(pinger.clone(), ping.clone(), host, events.clone()));
    }
    drop(events);
    let mut out = io::stdout();
    loop {
        tokio::select! {
            biased;
            interrupted = ctrl_c() => { interrupted?; break }
            happening = happenings.recv() => {
                let Some(Event { host, happening }) = happening else { break };
                let Some(tally) = tallies.get_mut(host) else { continue };
                printer.happening(&mut out, tally, &happening)?;
                tally.note(happening);
            }
        }
    }
    hosts.shutdown().await;
    tallies.iter().try_for_each(|tally| printer.summary(&mut out, tally))?;
    out.flush()?;
    if tallies.iter().all(Tally::failed) {
        bail!("none of the hosts could be pinged");
    }
    Ok(if tallies.iter().all(Tally::answered) { Outcome::Good } else { Outcome::Bad })
}

async fn ping_host(pinger: Pinger, ping: Ping, host: usize, events: mpsc::UnboundedSender<Event>) {
    // An error means that nobody listens any more: the command was interrupted.
    let tell = |happening| events.send(Event { host, happening }).is_ok();
    let name = ping.hosts.get(host).map_or("", String::as_str);
    let target = match resolve(name, &ping).await {
        Ok(target) => target,
        Err(reason) => {
            tell(Happening::Failed(reason));
            return;
        }
    };
    let scope = if let SocketAddr::V6(address) = target { address.scope_id() } else { 0 };
    tell(Happening::Resolved(target.ip()));
    let (watcher, mut packets) = mpsc::unbounded_channel();
    let probe = pinger.ping_watched(probe_to(target.ip(), scope, &ping), watcher);
    let watch = async {
        while let Some((sequence, packet)) = packets.recv().await {
            tell(Happening::Packet(sequence, packet));
        }
    };
    let (outcome, ()) = tokio::join!(probe, watch);
    tell(match outcome {
        Ok(outcome) => Happening::Done(outcome.packets),
        Err(error) => Happening::Failed(error.to_string()),
    });
}

/// Finds a host's first address of a wanted family; numeric ones ask nobody.
async fn resolve(host: &str, ping: &Ping) -> Result<SocketAddr, String> {
    let found = lookup_host((host, 0)).await.map_err(|error| format!("cannot resolve {host}: {error}"))?;
    let wanted = |address: &SocketAddr| {
        let other = (ping.ipv4 && address.is_ipv6()) || (ping.ipv6 && address.is_ipv4());
        !other
    };
    let family = if ping.ipv4 { "IPv4" } else { "IPv6" };
    found.into_iter().find(wanted).ok_or_else(|| format!("{host} has no {family} address"))
}

fn probe_to(address: IpAddr, scope: u32, ping: &Ping) -> Probe {
    Probe {
        scope,
        packets: ping.count,
        gap: ping.interval,
        timeout: ping.timeout,
        payload_bytes: usize::from(ping.size),
        ..Probe::to(address)
    }
}
