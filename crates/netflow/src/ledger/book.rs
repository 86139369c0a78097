//! The accounts of all streams.

use std::{collections::HashMap, net::IpAddr};

use grafolean_time::Timestamp;

use super::{Account, Coverage, Units, account::Tally};
use crate::record::{Protocol, Stream};

/// Streams that have an account. Beyond it the eighth that was silent longest is closed, which loses its sums only.
pub const ACCOUNTS_MAX: usize = 32_768;

/// What all streams sent, and what became of it.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: HashMap<Stream, Account>,
    /// Datagrams of no known protocol, or too short for their header: no stream can be named.
    foreign: u64,
    kernel_drops: u64,
    /// What accounts that were closed had seen and lost in the open window.
    closed: HashMap<IpAddr, Coverage>,
}

/// How one datagram is numbered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    /// The number in its header.
    pub(crate) number: u32,
    /// The exporter's uptime, where it tells it.
    pub(crate) uptime_ms: Option<u32>,
    /// Flows that its header announces, of NetFlow v5.
    pub(crate) announced: u32,
}

impl Ledger {
    /// Takes in a datagram: its number, and what it was found to hold.
    pub(crate) fn enter(&mut self, stream: &Stream, numbering: Numbering, tally: &Tally) {
        let Some(account) = self.accounts.get_mut(stream) else { return };
        let (units, seen, missing) = count(stream.protocol, numbering, tally);
        account.enter(numbering.number, units, seen, missing, numbering.uptime_ms);
        account.tally(tally);
    }

    /// Gives the account of a stream that a datagram has just come from.
    pub(crate) fn receive(&mut self, stream: &Stream, octets: usize, now: Timestamp) -> &mut Account {
        if self.accounts.len() >= ACCOUNTS_MAX && !self.accounts.contains_key(stream) {
            self.close_silent_eighth();
        }
        let account = self.accounts.entry(*stream).or_default();
        account.datagrams += 1;
        account.octets += octets as u64;
        account.last_seen = now;
        account
    }

    /// Follows the numbers of one source of sFlow samples.
    pub(crate) fn sample(&mut self, stream: &Stream, source: (u32, u32), number: u32) {
        if let Some(account) = self.accounts.get_mut(stream) {
            account.sample(source, number);
        }
    }

    /// Takes in a set that was decoded after waiting: its records, its place, and whether its datagram counts with it.
    pub(crate) fn unpark(&mut self, stream: &Stream, position: u32, tally: &Tally, with_datagram: bool) {
        let Some(account) = self.accounts.get_mut(stream) else { return };
        account.unparked += 1;
        account.tally(tally);
        match stream.protocol {
            Protocol::Ipfix => account.credit(position, tally.records),
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

    /// Gives the datagrams of no known protocol.
    pub fn foreign_datagrams(&self) -> u64 {
        self.foreign
    }

    /// Gives the datagrams that the kernel dropped.
    pub fn kernel_drops(&self) -> u64 {
        self.kernel_drops
    }

    /// Gives all accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (&Stream, &Account)> {
        self.accounts.iter()
    }

    /// Ends the open window. Gives for each exporter what was seen and lost in it, in order of addresses; exporters that
    /// were silent are left out.
    pub fn close_window(&mut self) -> Vec<(IpAddr, Coverage)> {
        let mut sums = std::mem::take(&mut self.closed);
        for (stream, account) in &mut self.accounts {
            add(&mut sums, stream.exporter.ip(), account.close_window());
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
            if let Some(mut account) = self.accounts.remove(stream)
                && self.closed.len() < ACCOUNTS_MAX
            {
                add(&mut self.closed, stream.exporter.ip(), account.close_window());
            }
        }
    }
}

fn add(sums: &mut HashMap<IpAddr, Coverage>, exporter: IpAddr, coverage: Coverage) {
    let sum = sums.entry(exporter).or_default();
    sum.seen += coverage.seen;
    sum.lost += coverage.lost;
}

/// What a datagram counts for: how its numbers should move on, and how many units of it were seen or are missing.
///
/// | protocol | numbers count |
/// | --- | --- |
/// | NetFlow v5 | flows |
/// | NetFlow v9 | datagrams (RFC 3954, section 5.1) |
/// | IPFIX | data records, of options too (RFC 7011, section 3.1) |
/// | sFlow | datagrams of one agent's sub-agent |
fn count(protocol: Protocol, numbering: Numbering, tally: &Tally) -> (Units, u32, u32) {
    let same = |count| Units { by_rule: count, otherwise: count, without_options: count };
    match protocol {
        Protocol::Netflow5 => {
            (same(numbering.announced), tally.flows, numbering.announced.saturating_sub(tally.flows))
        }
        Protocol::Netflow9 => {
            let unread = u32::from(tally.parked > 0 || tally.undecodable);
            (Units { otherwise: tally.records, ..same(1) }, 1 - unread, unread)
        }
        Protocol::Ipfix => {
            let without_options = tally.records - tally.options;
            (Units { by_rule: tally.records, otherwise: 1, without_options }, tally.records, 0)
        }
        Protocol::Sflow5 => {
            let unread = u32::from(tally.undecodable);
            (same(1), 1 - unread, unread)
        }
    }
}
