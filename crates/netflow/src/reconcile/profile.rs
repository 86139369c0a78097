//! What an exporter sends, as its datagrams and templates tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    decode::{Definition, Space},
    ledger::Account,
    record::{Factor, Protocol, Stream},
};

/// Elements that count a flow's octets as they came or left.
const OCTETS: [u16; 8] = [1, 23, 85, 171, 231, 232, 352, 353];
/// Elements of the interfaces' indexes, logical or physical, of the direction, and of a flow's first packet, from which it
/// lasted, or of its one event.
const INPUT: [u16; 2] = [10, 252];
const OUTPUT: [u16; 2] = [14, 253];
const DIRECTION: u16 = 61;
const FIRST: [u16; 12] = [22, 150, 152, 154, 156, 158, 161, 162, 322, 323, 324, 325];
const SOURCE_AS: u16 = 16;

/// What an exporter sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// What it speaks.
    pub protocols: BTreeSet<Protocol>,
    /// Templates of flows, where it speaks by them.
    pub templates: usize,
    /// Whether its flows tell the interface of arrival, of departure, and the direction.
    pub tells_input: bool,
    /// See [`tells_input`](Self::tells_input).
    pub tells_output: bool,
    /// See [`tells_input`](Self::tells_input).
    pub tells_direction: bool,
    /// Whether its flows tell when they began.
    pub tells_times: bool,
    /// Whether its flows tell autonomous systems.
    pub tells_systems: bool,
    /// Whether a flow's octets are counted in 32 bits.
    pub counts_in_32_bits: bool,
    /// The sampling of its latest flow.
    pub factor: Factor,
    /// Whether that was set by hand.
    pub is_set_by_hand: bool,
    /// Data that waits for its template, and data that waited in vain.
    pub waiting: u64,
    /// Flows ever decoded.
    pub flows: u64,
    /// Counter samples of sFlow.
    pub counter_samples: u64,
    /// Samples that an sFlow agent dropped.
    pub samples_dropped: u64,
}

impl Profile {
    /// Takes in a stream's account.
    pub fn add_stream(&mut self, stream: &Stream, account: &Account) {
        self.protocols.insert(stream.protocol);
        self.waiting += account.deferred.saturating_sub(account.resumed);
        self.flows += account.flows;
        self.counter_samples += account.counter_samples;
        self.samples_dropped += account.samples_dropped;
        if account.flows > 0 {
            self.factor = account.factor;
        }
        match stream.protocol {
            Protocol::Netflow1 | Protocol::Netflow5 | Protocol::Netflow7 => {
                (self.tells_input, self.tells_output, self.tells_times) = (true, true, true);
                self.tells_systems |= stream.protocol != Protocol::Netflow1;
                self.counts_in_32_bits = true;
            }
            Protocol::Sflow5 => (self.tells_input, self.tells_output) = (true, true),
            Protocol::Netflow9 | Protocol::Ipfix => {}
        }
    }

    /// Takes in a template.
    pub fn add_template(&mut self, definition: &Definition) {
        if definition.scopes.is_some() {
            return;
        }
        let fields = || definition.fields.iter().filter(|field| field.space == Space::Iana);
        let has = |element: u16| fields().any(|field| field.element == element);
        self.templates += 1;
        self.tells_input |= INPUT.into_iter().any(has);
        self.tells_output |= OUTPUT.into_iter().any(has);
        self.tells_direction |= has(DIRECTION);
        self.tells_times |= FIRST.into_iter().any(has);
        self.tells_systems |= has(SOURCE_AS);
        self.counts_in_32_bits |= fields().any(|field| OCTETS.contains(&field.element) && field.length <= 4);
    }

    /// Makes the profiles of all exporters, by address: an sFlow agent's by its own as well.
    pub fn all<'a>(
        accounts: impl Iterator<Item = (&'a Stream, &'a Account)>,
        templates: impl Iterator<Item = (IpAddr, &'a Definition)>,
    ) -> BTreeMap<IpAddr, Self> {
        let mut profiles = BTreeMap::<IpAddr, Self>::new();
        for (stream, account) in accounts {
            let sender = stream.exporter.ip();
            profiles.entry(sender).or_default().add_stream(stream, account);
            if let Some(agent) = stream.agent.map(|agent| agent.to_canonical())
                && agent != sender
            {
                profiles.entry(agent).or_default().add_stream(stream, account);
            }
        }
        for (exporter, definition) in templates {
            profiles.entry(exporter).or_default().add_template(definition);
        }
        profiles
    }

    /// Adds what the same device sends from another address.
    pub fn add(&mut self, other: &Self) {
        self.protocols.extend(&other.protocols);
        self.templates += other.templates;
        self.tells_input |= other.tells_input;
        self.tells_output |= other.tells_output;
        self.tells_direction |= other.tells_direction;
        self.tells_times |= other.tells_times;
        self.tells_systems |= other.tells_systems;
        self.counts_in_32_bits |= other.counts_in_32_bits;
        self.waiting += other.waiting;
        self.flows += other.flows;
        self.counter_samples += other.counter_samples;
        self.samples_dropped += other.samples_dropped;
        if other.flows > 0 {
            self.factor = other.factor;
        }
    }
}
