//! Whom the bot heard in the last minutes, and what the kernel counted beside it: for whoever asks why nothing comes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fs,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    model::{AccountId, EntityId},
    status::{ExporterVerdict, Heard, HeardExporter, HostCounters, VerdictFinding, VerdictInterface},
    time::Timestamp,
};

use super::{
    flow_state::{FlowState, Named},
    ledger::{Account, Ledger},
    reconcile::{FindingText, InterfaceVerdict, Verdict},
    record::Stream,
};

/// Counts are of about this time, or since the bot began: what was lost yesterday is no reason for anything.
const WINDOW: Duration = Duration::from_mins(10);

/// How far apart the sums are from which counts are taken.
const STEP: Duration = Duration::from_mins(1);

/// Exporters that are told: those that entities name, then those that were heard latest.
const MOST_EXPORTERS: usize = 256;

/// Interfaces of an exporter that are told: what is left out agrees best with its counters.
const MOST_INTERFACES: usize = 128;

/// What was counted before, so that counts are of the last minutes.
pub(super) struct HeardLog(Mutex<State>);

struct State {
    /// Sums at earlier moments, the oldest first; there is always one.
    earlier: VecDeque<Sums>,
    /// When each exporter was first seen by this process.
    first: HashMap<IpAddr, Timestamp>,
}

/// All sums at one moment.
struct Sums {
    at: Timestamp,
    exporters: HashMap<IpAddr, Counts>,
    foreign: u64,
    kernel_drops: u64,
    host: HostCounters,
}

/// The sums of one exporter.
#[derive(Clone, Debug, Default)]
struct Counts {
    formats: BTreeSet<&'static str>,
    last: Timestamp,
    datagrams: u64,
    flows: u64,
    options: u64,
    templates: u64,
    counter_samples: u64,
    lost: u64,
    unscaled: u64,
    undecodable: u64,
    deferred: u64,
    resumed: u64,
    expired: u64,
}

impl HeardLog {
    /// Begins to count.
    pub(super) fn new(flow_state: &FlowState, now: Timestamp) -> Self {
        let first = Sums::of(&flow_state.decoder().ledger(), &flow_state.named(), now);
        Self(Mutex::new(State { earlier: VecDeque::from([first]), first: HashMap::new() }))
    }

    /// Returns who was heard, and how much.
    pub(super) fn read(&self, flow_state: &FlowState, listening: &[SocketAddr], now: Timestamp) -> Heard {
        let named = flow_state.named();
        let sums = Sums::of(&flow_state.decoder().ledger(), &named, now);
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { earlier, first } = &mut *state;
        while earlier.len() > 1 && earlier.get(1).is_some_and(|next| now.since(next.at) >= WINDOW) {
            earlier.pop_front();
        }
        let nothing = Sums {
            at: now,
            exporters: HashMap::new(),
            foreign: 0,
            kernel_drops: 0,
            host: HostCounters::default(),
        };
        let before = earlier.front().unwrap_or(&nothing);
        let mut exporters = Vec::new();
        first.retain(|address, _| sums.exporters.contains_key(address));
        for (address, counts) in &sums.exporters {
            let none = Counts::default();
            let before = before.exporters.get(address).unwrap_or(&none);
            if counts.datagrams == before.datagrams {
                continue;
            }
            let first = *first.entry(*address).or_insert(now);
            let is_named = named.contains_key(address);
            exporters.push(counts.since(before, *address, is_named, first, flow_state.clock_ahead(*address)));
        }
        exporters.sort_by(|a, b| {
            b.named.cmp(&a.named).then(b.last.total_cmp(&a.last)).then(a.address.cmp(&b.address))
        });
        let exporters_more = exporters.len().saturating_sub(MOST_EXPORTERS);
        exporters.truncate(MOST_EXPORTERS);
        let heard = Heard {
            listening: listening.to_vec(),
            exporters,
            exporters_more,
            verdicts: flow_state.closed_bins().reconciling.verdicts().into_iter().map(told).collect(),
            foreign: sums.foreign.saturating_sub(before.foreign),
            kernel_drops: sums.kernel_drops.saturating_sub(before.kernel_drops),
            host: HostCounters {
                udp_no_ports: sums.host.udp_no_ports.saturating_sub(before.host.udp_no_ports),
                ip_undelivered: sums.host.ip_undelivered.saturating_sub(before.host.ip_undelivered),
            },
        };
        if earlier.back().is_none_or(|last| now.since(last.at) >= STEP) {
            earlier.push_back(sums);
        }
        heard
    }
}

/// Returns a verdict as it is told to others; of its interfaces those that differ most.
fn told(verdict: &Verdict) -> ExporterVerdict {
    let finding = |finding: &FindingText| VerdictFinding {
        kind: finding.kind.clone(),
        since: finding.since as f64,
        sentence: finding.sentence.clone(),
        advice: finding.advice.clone(),
        interfaces: finding.interfaces.iter().take(MOST_INTERFACES).copied().collect(),
    };
    let off = |its: &InterfaceVerdict| its.reconciled.map_or(-1.0, |ratio| (ratio - 1.0).abs());
    let mut interfaces: Vec<_> = verdict.interfaces.iter().collect();
    interfaces.sort_by(|one, other| off(other).total_cmp(&off(one)).then(one.index.cmp(&other.index)));
    let interface = |its: &InterfaceVerdict| VerdictInterface {
        index: its.index,
        name: its.name.clone(),
        reconciled: its.reconciled,
        ingress: its.ingress,
        egress: its.egress,
    };
    ExporterVerdict {
        account: AccountId::new(verdict.account),
        entity: EntityId::new(verdict.entity),
        at: verdict.at as f64,
        sentence: verdict.sentence.clone(),
        missing: verdict.missing.clone(),
        complete: verdict.complete,
        reconciled: verdict.reconciled,
        findings: verdict.findings.iter().map(finding).collect(),
        interfaces: interfaces.into_iter().take(MOST_INTERFACES).map(interface).collect(),
    }
}

impl Sums {
    fn of(ledger: &Ledger, named: &Named, at: Timestamp) -> Self {
        let mut exporters = HashMap::<IpAddr, Counts>::new();
        for (stream, account) in ledger.accounts() {
            exporters.entry(known_by(stream, named)).or_default().add(stream, account);
        }
        let (foreign, kernel_drops) = (ledger.foreign_datagrams(), ledger.kernel_drops());
        Self { at, exporters, foreign, kernel_drops, host: host_counters() }
    }
}

/// Returns the address by which people know it: sFlow's agent where an entity names it.
fn known_by(stream: &Stream, named: &Named) -> IpAddr {
    let agent = stream.agent.map(|agent| agent.to_canonical()).filter(|agent| named.contains_key(agent));
    agent.unwrap_or_else(|| stream.exporter.ip())
}

impl Counts {
    fn add(&mut self, stream: &Stream, account: &Account) {
        self.formats.insert(stream.protocol.name());
        self.last = self.last.max(account.last_seen);
        self.datagrams += account.datagrams;
        self.flows += account.flows;
        self.options += account.options;
        self.templates += account.templates;
        self.counter_samples += account.counter_samples;
        self.lost += account.coverage.lost;
        self.unscaled += account.coverage.unscaled;
        self.undecodable += account.undecodable;
        self.deferred += account.deferred;
        self.resumed += account.resumed;
        self.expired += account.expired;
    }

    fn since(
        &self,
        before: &Self,
        address: IpAddr,
        named: bool,
        first: Timestamp,
        clock_ahead: Option<f64>,
    ) -> HeardExporter {
        HeardExporter {
            address,
            format: self.formats.iter().copied().collect::<Vec<_>>().join(" "),
            named,
            first: first.as_seconds_f64(),
            last: self.last.as_seconds_f64(),
            datagrams: self.datagrams.saturating_sub(before.datagrams),
            flows: self.flows.saturating_sub(before.flows),
            options: self.options.saturating_sub(before.options),
            // One that was declared yesterday still holds.
            templates: self.templates,
            counter_samples: self.counter_samples.saturating_sub(before.counter_samples),
            lost: self.lost.saturating_sub(before.lost),
            unscaled: self.unscaled.saturating_sub(before.unscaled),
            undecodable: self.undecodable.saturating_sub(before.undecodable),
            waiting: self.deferred.saturating_sub(self.resumed + self.expired),
            expired: self.expired.saturating_sub(before.expired),
            clock_ahead,
        }
    }
}

/// Returns what the kernel counted since the machine began; nothing where it does not tell.
fn host_counters() -> HostCounters {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    counters_of(&read("/proc/net/snmp"), &read("/proc/net/snmp6"))
}

/// Reads the counters of IPv4, two lines a protocol, and of IPv6, a line each.
fn counters_of(snmp: &str, snmp6: &str) -> HostCounters {
    let mut counters = BTreeMap::<String, u64>::new();
    let lines: Vec<&str> = snmp.lines().collect();
    for pair in lines.chunks(2) {
        let [names, values] = pair else { continue };
        let (Some((protocol, names)), Some((_, values))) = (names.split_once(':'), values.split_once(':'))
        else {
            continue;
        };
        for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
            counters.insert(format!("{protocol}{name}"), value.parse().unwrap_or(0));
        }
    }
    for line in snmp6.lines() {
        if let Some((name, value)) = line.split_once(char::is_whitespace) {
            counters.insert(name.to_owned(), value.trim().parse().unwrap_or(0));
        }
    }
    let of = |name: &str| counters.get(name).copied().unwrap_or(0);
    let undelivered = |ip: &str| {
        let accounted = ["InHdrErrors", "InAddrErrors", "InUnknownProtos", "InDiscards", "InDelivers"];
        let accounted: u64 = accounted.iter().map(|name| of(&format!("{ip}{name}"))).sum();
        let forwarded = of(&format!("{ip}ForwDatagrams")) + of(&format!("{ip}OutForwDatagrams"));
        // Fragments come one by one and are delivered as one.
        let joined = of(&format!("{ip}ReasmReqds")).saturating_sub(of(&format!("{ip}ReasmOKs")));
        of(&format!("{ip}InReceives")).saturating_sub(accounted + forwarded + joined)
    };
    HostCounters {
        udp_no_ports: of("UdpNoPorts") + of("Udp6NoPorts"),
        ip_undelivered: undelivered("Ip") + undelivered("Ip6"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_firewall_drops_is_what_nobody_got() {
        let snmp = "Ip: Forwarding InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers \
                    ReasmReqds ReasmOKs\n\
                    Ip: 2 1000 1 2 30 0 4 900 20 10\nUdp: InDatagrams NoPorts\nUdp: 5 7\n";
        let snmp6 =
            "Ip6InReceives                   \t50\nIp6InDelivers                   \t50\nUdp6NoPorts  \t2\n";
        assert_eq!(counters_of(snmp, snmp6), HostCounters { udp_no_ports: 9, ip_undelivered: 53 });
        assert_eq!(counters_of("", ""), HostCounters::default());
        assert_eq!(counters_of("Ip: A\nIp: 1\nodd", "x"), HostCounters::default());
    }
}
