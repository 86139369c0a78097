//! `grafolean ping`: the ping bot's engine by hand.
//!
//! Each host is a task that resolves its name and sends its packets; what happens comes here over one channel, is
//! kept in a [`Tally`] for each host and printed by `print` as it comes.

mod mtu;
mod print;
mod tally;

use std::{
    io::{self, BufWriter, Write},
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use grafolean_bots::{
    net::{AddressFamily, Resolver},
    ping::{
        SourceName,
        engine::{Header, Options, Packet, Pinger, Probe, Source},
    },
};
use tokio::{signal::ctrl_c, sync::mpsc, task::JoinSet};

use crate::{arguments::Ping, failure::Outcome};
use print::Printer;
use tally::Tally;

/// How long a name is waited for: as long as a machine's resolver usually tries.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Events that are printed by one write: what comes within a moment.
const MAX_AT_ONCE: usize = 1_024;

/// What happened to one of the hosts.
struct Event {
    /// Which, by its place on the command line.
    host: usize,
    kind: EventKind,
}

enum EventKind {
    /// Its name is known by address.
    Resolved(IpAddr),
    /// One packet was answered or given up.
    Packet(u16, Packet),
    /// All packets were. They are told once more, with what came after the first answer.
    Done(Vec<Packet>),
    /// There is nothing to ping.
    Failed(String),
}

/// What all hosts share.
struct Shared {
    ping: Ping,
    pinger: Pinger,
    /// By which way packets leave.
    source: Option<Source>,
    resolver: Resolver,
}

/// Pings all hosts at the same time.
pub(crate) async fn run(ping: Ping) -> anyhow::Result<Outcome> {
    let source = source(&ping)?;
    probe_to(IpAddr::from([127, 0, 0, 1]), 0, &ping, None).checked()?;
    let pinger = Pinger::open(Options::default())?;
    if ping.mtu {
        return mtu::run(Arc::new(Shared { ping, pinger, source, resolver: Resolver::default() })).await;
    }
    let printer = Printer { as_json: ping.json, several: ping.hosts.len() > 1 };
    let mut tallies: Vec<Tally> = ping.hosts.iter().map(|host| Tally::of(host)).collect();
    let (events, mut received) = mpsc::unbounded_channel();
    let mut hosts = JoinSet::new();
    let shared = Arc::new(Shared { ping, pinger, source, resolver: Resolver::default() });
    for host in 0..tallies.len() {
        hosts.spawn(ping_host(Arc::clone(&shared), host, events.clone()));
    }
    drop(events);
    let mut out = BufWriter::new(io::stdout());
    let (mut interrupted, mut arrived) = (pin!(ctrl_c()), Vec::new());
    loop {
        tokio::select! {
            biased;
            interrupted = &mut interrupted => { interrupted?; break }
            count = received.recv_many(&mut arrived, MAX_AT_ONCE) => if count == 0 { break },
        }
        for Event { host, kind } in arrived.drain(..) {
            let Some(tally) = tallies.get_mut(host) else { continue };
            printer.event(&mut out, tally, &kind)?;
            tally.note(kind);
        }
        out.flush()?;
    }
    hosts.shutdown().await;
    tallies.iter().try_for_each(|tally| printer.summary(&mut out, tally))?;
    out.flush()?;
    if tallies.iter().all(Tally::failed) {
        bail!("none of the hosts could be pinged");
    }
    Ok(if tallies.iter().all(Tally::answered) { Outcome::Good } else { Outcome::Bad })
}

async fn ping_host(shared: Arc<Shared>, host: usize, events: mpsc::UnboundedSender<Event>) {
    // An error means that nobody listens any more: the command was interrupted.
    let tell = move |kind| events.send(Event { host, kind }).is_ok();
    let name = shared.ping.hosts.get(host).map_or("", String::as_str);
    let target = match resolve(name, &shared).await {
        Ok(target) => target,
        Err(reason) => {
            tell(EventKind::Failed(reason));
            return;
        }
    };
    tell(EventKind::Resolved(target.ip()));
    let told = tell.clone();
    let watcher = move |sequence, packet| {
        told(EventKind::Packet(sequence, packet));
    };
    let outcome = shared.pinger.ping_watched(shared.probe(target), watcher).await;
    tell(match outcome {
        Ok(outcome) => EventKind::Done(outcome.packets),
        Err(error) => EventKind::Failed(error.to_string()),
    });
}

impl Shared {
    fn probe(&self, target: SocketAddr) -> Probe {
        let scope = if let SocketAddr::V6(address) = target { address.scope_id() } else { 0 };
        probe_to(target.ip(), scope, &self.ping, self.source)
    }
}

fn source(ping: &Ping) -> anyhow::Result<Option<Source>> {
    Ok(match &ping.source {
        None => None,
        Some(SourceName::Address(address)) => Some(Source::Address(*address)),
        Some(SourceName::Interface(name)) => {
            Some(Source::interface(name).with_context(|| format!("this machine has no interface {name}"))?)
        }
    })
}

/// Finds a host's first address of a wanted family; numeric ones ask nobody.
async fn resolve(host: &str, Shared { ping, resolver, .. }: &Shared) -> Result<SocketAddr, String> {
    let family = match (ping.ipv4, ping.ipv6) {
        (true, _) => Some(AddressFamily::V4),
        (_, true) => Some(AddressFamily::V6),
        _ => None,
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        let wanted = family.is_none_or(|family| (family == AddressFamily::V4) == address.is_ipv4());
        let family = if ping.ipv4 { "IPv4" } else { "IPv6" };
        return if wanted { Ok((address, 0).into()) } else { Err(format!("{host} has no {family} address")) };
    }
    let found = resolver.resolve(host, family, LOOKUP_TIMEOUT).await;
    found.map(|found| found.address).map_err(|reason| format!("cannot resolve {host}: {reason}"))
}

fn probe_to(address: IpAddr, scope: u32, ping: &Ping, source: Option<Source>) -> Probe {
    Probe {
        scope,
        packets: ping.count,
        gap: ping.interval,
        timeout: ping.timeout,
        payload_bytes: usize::from(ping.size),
        header: Header { source, dscp: ping.dscp, ttl: ping.ttl, dont_fragment: ping.df.then_some(true) },
        ..Probe::to(address)
    }
}
