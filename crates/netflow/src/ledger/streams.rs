//! The accounts of all streams.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, SocketAddr},
};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Account, Coverage, NumberedOver, Units,
    account::Tally,
    session::{Numbered, Session, Shared},
};
use crate::{
    decode::sflow::FlowSample,
    record::{Factor, Protocol, Stream},
};

/// Streams that have an account. Beyond it the eighth that was silent longest is closed, which loses its sums only.
pub const ACCOUNTS_MAX: usize = 32_768;

/// What all streams sent, and what became of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    accounts: HashMap<Stream, Account>,
    /// The domains of each session, and the numbers that may run over all of them.
    sessions: HashMap<(SocketAddr, Protocol), Session>,
    /// Datagrams of no known protocol, or too short for their header: no stream can be named.
    foreign: u64,
    kernel_drops: u64,
    /// What accounts that were closed had seen and lost in the open window.
    closed: HashMap<IpAddr, Coverage>,
}

/// What is told of one exporter's streams together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterSums {
    /// Flows decoded.
    pub flows: u64,
    /// Units known to be sent that did not arrive.
    pub lost: u64,
    /// Datagrams that could not be read wholly.
    pub undecodable: u64,
    /// Flows whose sampling is not known.
    pub unscaled: u64,
    /// The sampling of the latest flow.
    pub factor: Factor,
}

impl ExporterSums {
    /// Adds another's; the sampling is that of whose flows are scaled by more.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.lost += other.lost;
        self.undecodable += other.undecodable;
        self.unscaled += other.unscaled;
        if other.factor.as_f64() > self.factor.as_f64() {
            self.factor = other.factor;
        }
    }
}

/// How one datagram is numbered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    /// The number in its header, which NetFlow v1 does not have.
    pub(crate) number: Option<u32>,
    /// The exporter's uptime, where it tells it.
    pub(crate) uptime_ms: Option<u32>,
    /// Flows that its header announces, of NetFlow v5.
    pub(crate) announced: u32,
}

impl Ledger {
    /// Records a datagram: its number, and what it was found to hold.
    pub(crate) fn enter(&mut self, stream: &Stream, numbering: Numbering, tally: &Tally) {
        let Some(account) = self.accounts.get_mut(stream) else { return };
        account.tally(tally);
        let (units, seen, missing) = count(stream.protocol, numbering, tally);
        let Some(number) = numbering.number else {
            account.coverage.seen += u64::from(seen);
            account.coverage.lost += u64::from(missing);
            return;
        };
        let (uptime_ms, received) = (numbering.uptime_ms, account.last_seen);
        let session = if account.has_siblings { self.sessions.get_mut(&session_of(stream)) } else { None };
        let Some(session) = session.and_then(Session::shared_mut) else {
            let step = account.sequence.observe(number, units, uptime_ms, received);
            return account.enter(step, units, seen, missing);
        };
        let (step, turned) = session.observe(account, Numbered { number, units, uptime_ms, received });
        account.enter(step, units, seen, missing);
        if turned {
            let epoch = session.turn();
            for domain in &session.domains {
                if let Some(account) = self.accounts.get_mut(&Stream { domain: *domain, ..*stream }) {
                    account.give_back_aside(epoch);
                }
            }
        }
    }

    /// Returns over what the numbers of a stream run, as far as it was found out.
    pub fn numbered_over(&self, stream: &Stream) -> NumberedOver {
        let shared = self.sessions.get(&session_of(stream)).and_then(Session::shared);
        shared.map_or(NumberedOver::Domain, Shared::over)
    }

    /// Returns the account of a stream that a datagram has just come from.
    pub(crate) fn receive(&mut self, stream: &Stream, octets: usize, now: Timestamp) -> &mut Account {
        if !self.accounts.contains_key(stream) {
            if self.accounts.len() >= ACCOUNTS_MAX {
                self.close_silent_eighth();
            }
            self.open(stream);
        }
        let account = self.accounts.entry(*stream).or_default();
        account.datagrams += 1;
        account.octets += octets as u64;
        account.last_seen = now;
        account
    }

    /// Opens an account, and says so to those of the same session.
    fn open(&mut self, stream: &Stream) {
        let mut account = Account::default();
        if numbers_over_domains(stream.protocol) {
            match self.sessions.entry(session_of(stream)) {
                Entry::Vacant(vacant) => drop(vacant.insert(Session::One(stream.domain))),
                Entry::Occupied(session) => {
                    let session = session.into_mut();
                    let accounts = &self.accounts;
                    let of = |domain| Some(accounts.get(&Stream { domain, ..*stream })?.sequence.clone());
                    account.has_siblings = session.add(stream.domain, of);
                    let first = session.shared().and_then(|shared| shared.domains.first().copied());
                    let first = first.map(|domain| Stream { domain, ..*stream });
                    if let Some(first) = first.and_then(|first| self.accounts.get_mut(&first)) {
                        first.has_siblings = true;
                    }
                }
            }
        }
        self.accounts.insert(*stream, account);
    }

    /// Follows the numbers of one source of sFlow samples.
    pub(crate) fn sample(&mut self, stream: &Stream, sample: &FlowSample) {
        if let Some(account) = self.accounts.get_mut(stream) {
            account.sample(sample.source, sample.sequence, sample.drops);
        }
    }

    /// Records a set that was decoded after waiting: its records, its place, and whether its datagram counts with it.
    pub(crate) fn resume(&mut self, stream: &Stream, position: u32, tally: &Tally, with_datagram: bool) {
        let Some(account) = self.accounts.get_mut(stream) else { return };
        account.resumed += 1;
        account.tally(tally);
        match stream.protocol {
            Protocol::Ipfix => {
                let session = self.sessions.get_mut(&session_of(stream)).and_then(Session::shared_mut);
                let session = session.filter(|session| session.over() == NumberedOver::Exporter);
                let recovered = match session {
                    Some(session) => session.credit(position, tally.records),
                    None => account.sequence.credit(position, tally.records),
                };
                account.credit(tally.records, recovered);
            }
            _ if with_datagram => account.credit_datagram(),
            _ => {}
        }
    }

    /// Counts a set that was dropped while it waited.
    pub(crate) fn expire(&mut self, stream: &Stream) {
        if let Some(account) = self.accounts.get_mut(stream) {
            account.expired += 1;
        }
    }

    /// Counts a datagram that is none of ours.
    pub(crate) fn foreign(&mut self) {
        self.foreign += 1;
    }

    /// Counts datagrams that the kernel dropped since our socket's buffer was full. They are also missing in the
    /// numbers of their streams, so they are told and not added to what was lost.
    pub fn kernel_dropped(&mut self, datagrams: u64) {
        self.kernel_drops += datagrams;
    }

    /// Returns the datagrams of no known protocol.
    pub fn foreign_datagrams(&self) -> u64 {
        self.foreign
    }

    /// Returns the datagrams that the kernel dropped.
    pub fn kernel_drops(&self) -> u64 {
        self.kernel_drops
    }

    /// Returns all accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (&Stream, &Account)> {
        self.accounts.iter()
    }

    /// Returns the sums of each exporter, by the address that it sends from.
    pub fn sums_by_exporter(&self) -> Vec<(IpAddr, ExporterSums)> {
        let mut sums = HashMap::<IpAddr, ExporterSums>::new();
        for (stream, account) in &self.accounts {
            sums.entry(stream.exporter.ip()).or_default().add(ExporterSums {
                flows: account.flows,
                lost: account.coverage.lost,
                undecodable: account.undecodable,
                unscaled: account.coverage.unscaled,
                factor: account.factor,
            });
        }
        sums.into_iter().collect()
    }

    /// Ends the open window. Returns for each exporter what was seen and lost in it, in order of addresses; exporters that
    /// were silent are left out.
    pub fn close_window(&mut self) -> Vec<(IpAddr, Coverage)> {
        let mut sums = std::mem::take(&mut self.closed);
        for (stream, account) in &mut self.accounts {
            let window = account.close_window();
            add(&mut sums, stream.exporter.ip(), window);
            // an sFlow agent is known by its own address as well, whoever relays what it says
            if let Some(agent) = stream.agent.map(|agent| agent.to_canonical())
                && agent != stream.exporter.ip()
            {
                add(&mut sums, agent, window);
            }
        }
        let mut sums: Vec<_> = sums.into_iter().filter(|(_, coverage)| coverage.ratio().is_some()).collect();
        sums.sort_unstable_by_key(|(exporter, _)| *exporter);
        sums
    }

    fn close_silent_eighth(&mut self) {
        let mut streams: Vec<(Timestamp, Stream)> =
            self.accounts.iter().map(|(stream, account)| (account.last_seen, *stream)).collect();
        streams.sort_unstable();
        for (_, stream) in streams.iter().take(ACCOUNTS_MAX / 8) {
            if let Some(session) = self.sessions.get_mut(&session_of(stream))
                && !session.remove(stream.domain)
            {
                self.sessions.remove(&session_of(stream));
            }
            if let Some(mut account) = self.accounts.remove(stream)
                && self.closed.len() < ACCOUNTS_MAX
            {
                add(&mut self.closed, stream.exporter.ip(), account.close_window());
            }
        }
    }
}

fn add(sums: &mut HashMap<IpAddr, Coverage>, exporter: IpAddr, coverage: Coverage) {
    sums.entry(exporter).or_default().add(coverage);
}

fn session_of(stream: &Stream) -> (SocketAddr, Protocol) {
    (stream.exporter, stream.protocol)
}

/// Whether a session's domains may share their numbers. sFlow's sub-agents do not, and NetFlow v1 has none.
const fn numbers_over_domains(protocol: Protocol) -> bool {
    !matches!(protocol, Protocol::Sflow5 | Protocol::Netflow1)
}

/// What a datagram counts for: how its numbers should move on, and how many units of it were seen or are missing.
///
/// | protocol | numbers count |
/// | --- | --- |
/// | NetFlow v1 | nothing: what was lost on the way stays unknown |
/// | NetFlow v5, v7 | flows |
/// | NetFlow v9 | datagrams (RFC 3954, section 5.1) |
/// | IPFIX | data records, of options too (RFC 7011, section 3.1) |
/// | sFlow | datagrams of one agent's sub-agent |
fn count(protocol: Protocol, numbering: Numbering, tally: &Tally) -> (Units, u32, u32) {
    let same = Units::same;
    let records_and_templates = tally.records + tally.templates;
    match protocol {
        Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
            (same(numbering.announced), tally.flows, numbering.announced.saturating_sub(tally.flows))
        }
        Protocol::Netflow9 => {
            let unread = u32::from(tally.deferred > 0 || tally.undecodable);
            let units = Units { otherwise: tally.records, with_templates: records_and_templates, ..same(1) };
            (units, 1 - unread, unread)
        }
        Protocol::Ipfix => {
            let units = Units {
                by_rule: tally.records,
                otherwise: 1,
                with_templates: records_and_templates,
                without_options: tally.records - tally.options,
            };
            (units, tally.records, 0)
        }
        Protocol::Sflow5 => {
            let unread = u32::from(tally.undecodable);
            (same(1), 1 - unread, unread)
        }
    }
}
