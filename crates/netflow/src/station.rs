//! What the receiving threads and the bot's runs share.
//!
//! Each thread has a [`Post`], which adds flows to minutes of its own, behind a lock that is held for a batch of datagrams;
//! bins that ended are in [`Cold`], whose work takes longer and keeps no datagram waiting.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use grafolean_collector::{model::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use super::{
    aggregate::{Closed, Exporters, GRACE_SECONDS, Minutes, Rollup, SET_BACK_SECONDS, Span, values},
    archive::Feed,
    decode::sflow,
    intake::Intake,
    ledger::Coverage,
    metrics::NetflowMetrics,
    receive::Batch,
    record::{Datagram, Flow, FlowDetails, FlowSink, Origin},
    sampling::Override,
};

/// Exporters that are remembered, to suggest those that nobody named. Each becomes an entity, so that this is also the most
/// that forged senders can make; who is heard later is not suggested until a restart.
const HEARD_MAX: usize = 256;

/// Exporters that an entity names, and what it says of their sampling. Only theirs are the flows that count.
pub(super) type Named = BTreeMap<IpAddr, Option<Override>>;

#[derive(Default)]
pub(super) struct Station {
    intake: Intake,
    /// Open minutes of each receiving thread.
    minutes: Vec<Mutex<Minutes>>,
    named: RwLock<Arc<Named>>,
    /// Exporters that sent flows, though no entity at all, or not one of every account, may name them.
    heard: Mutex<BTreeSet<IpAddr>>,
    cold: Mutex<Cold>,
    pub(super) metrics: NetflowMetrics,
}

/// Where one thread receives.
pub(super) struct Post {
    station: Arc<Station>,
    place: usize,
    intake: Intake,
    latest_heard: Option<IpAddr>,
}

/// What is made of bins that ended.
#[derive(Default)]
pub(super) struct Cold {
    pub(super) rollup: Rollup,
    /// What was seen and lost in the last minute that ended.
    coverage: HashMap<IpAddr, Coverage>,
    /// By account and interval: the end of the last bin that was reported.
    reported: BTreeMap<(AccountId, Span), i64>,
    pub(super) suggested: Suggested,
}

/// What was suggested, where: it never is again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Suggested {
    /// Accounts by number: ids are read from numbers and texts, which a file without types can't tell apart.
    exporters: BTreeSet<(i64, IpAddr)>,
}

/// Values of one account at one time.
pub(super) type Bin = (Timestamp, Vec<(String, f64)>);

impl Station {
    /// Makes one for so many receiving threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { minutes: (0..threads).map(|_| Mutex::default()).collect(), ..Self::default() }
    }

    /// Gives what the thread of this place receives by.
    pub(super) fn post(self: &Arc<Self>, place: usize) -> Post {
        Post { station: Arc::clone(self), place, intake: self.intake.beside(), latest_heard: None }
    }

    /// Gives an intake that knows what all threads know.
    pub(super) fn intake(&self) -> Intake {
        self.intake.beside()
    }

    pub(super) fn cold(&self) -> MutexGuard<'_, Cold> {
        lock(&self.cold)
    }

    /// Copies the open minutes of each thread.
    pub(super) fn minutes(&self) -> Vec<Minutes> {
        self.minutes.iter().map(|minutes| lock(minutes).clone()).collect()
    }

    /// Puts back what was open before a restart, which may have had another number of threads.
    pub(super) fn restore(&self, kept: Vec<Minutes>, floor: i64) {
        for (mut kept, minutes) in kept.into_iter().zip(self.minutes.iter().cycle()) {
            kept.go_on_from(floor);
            lock(minutes).merge(kept);
        }
        self.minutes.iter().for_each(|minutes| lock(minutes).go_on_from(floor));
    }

    /// Says whose flows are counted, and how they are scaled.
    pub(super) fn name(&self, named: Named) {
        let overrides = named.iter().filter_map(|(exporter, set)| Some((*exporter, (*set)?))).collect();
        self.intake().set_sampling(overrides);
        *self.named.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(named);
    }

    pub(super) fn named(&self) -> Arc<Named> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, exporter: IpAddr) {
        let mut heard = lock(&self.heard);
        if heard.len() < HEARD_MAX {
            heard.insert(exporter);
        }
    }

    /// Gives the bins of an account that ended by `due` and were not given before, the last one also if it is empty.
    pub(super) fn report(
        &self,
        account: AccountId,
        span: Span,
        exporters: &Exporters,
        due: Timestamp,
    ) -> Vec<Bin> {
        let until = Span::Minute.bin_of(due.seconds() - GRACE_SECONDS);
        let mut cold = self.cold();
        self.settle(&mut cold, until);
        let end = span.bin_of(until);
        let reported = cold.reported.get(&(account, span)).copied().unwrap_or(i64::MIN);
        // a clock that was set back by far is believed
        let reported = if reported > end.saturating_add(SET_BACK_SECONDS) { i64::MIN } else { reported };
        let mut ends: BTreeSet<i64> =
            cold.rollup.closed_starts(span).iter().map(|start| start + span.seconds()).collect();
        ends.insert(end);
        let mut bins = Vec::new();
        for end in ends.into_iter().filter(|other| *other > reported && *other <= end) {
            let bin = cold.rollup.closed(span, end - span.seconds());
            bins.push((Timestamp::from_seconds(end), values(span, exporters, bin.as_deref(), &cold.rollup)));
        }
        if let (Span::Minute, Some((_, last))) = (span, bins.last_mut()) {
            last.extend(cold.coverage_of(exporters));
        }
        cold.reported.insert((account, span), end.max(reported));
        bins
    }

    /// Gives exporters that sent flows and that an account does not know, each once and for all.
    pub(super) fn unknown(&self, account: AccountId, known: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
        let heard: Vec<IpAddr> = lock(&self.heard).difference(known).copied().collect();
        let mut cold = self.cold();
        let suggested = &mut cold.suggested.exporters;
        heard.into_iter().filter(|exporter| suggested.insert((account.number(), *exporter))).collect()
    }

    /// Moves minutes that ended into their bins, once for all accounts.
    fn settle(&self, cold: &mut Cold, until: i64) {
        let settled = cold.rollup.settled_until();
        if until <= settled && settled - until <= SET_BACK_SECONDS {
            return;
        }
        let (mut minutes, mut keys) = (Vec::new(), 0);
        for open in &self.minutes {
            let mut open = lock(open);
            keys += open.keys();
            minutes.extend(open.close(until));
        }
        self.metrics.open_keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        let mut intake = self.intake();
        let (window, sums) = {
            let mut ledger = intake.ledger_mut();
            (ledger.close_window(), ledger.sums_by_exporter())
        };
        cold.coverage = window.into_iter().collect();
        let named = self.named();
        self.metrics.exporters.update(sums, |exporter| named.contains_key(exporter));
        intake.expire(Timestamp::from_seconds(until));
        cold.rollup.settle(minutes, until);
        for span in Span::ALL {
            if let Some(bin) = cold.rollup.closed(span, span.bin_of(until) - span.seconds())
                && span.bin_of(until) > settled
            {
                self.tell_estimates(span, &bin);
            }
        }
    }

    fn tell_estimates(&self, span: Span, bin: &Closed) {
        for (exporter, missed_bytes) in bin.estimated() {
            self.metrics.bins_estimated.inc();
            warn!(
                %exporter,
                interval = span.label(),
                missed_bytes,
                "too many distinct keys: an entry of the top lists may be short by so much, totals are exact"
            );
        }
    }
}

impl Post {
    /// Takes in what the thread's socket received.
    pub(super) fn receive(&mut self, batch: &Batch<'_>, mut feed: Option<&mut Feed>) {
        let Self { station, place, intake, latest_heard } = self;
        let metrics = &station.metrics;
        if let Some(error) = &batch.error {
            metrics.receive_errors.inc();
            debug!(%error, "could not read a socket");
        }
        if batch.kernel_drops > 0 {
            metrics.kernel_drops.inc_by(u64::from(batch.kernel_drops));
            intake.ledger_mut().kernel_dropped(u64::from(batch.kernel_drops));
        }
        let Some(minutes) = station.minutes.get(*place) else { return };
        let (named, mut minutes) = (station.named(), lock(minutes));
        for datagram in batch.datagrams {
            let exporter = known_by(datagram, &named);
            let counts = named.contains_key(&exporter);
            let mut sink = Receiving {
                flows: 0,
                feed: feed.as_deref_mut(),
                minutes: &mut minutes,
                exporter: counts.then_some(exporter),
            };
            let taken = intake.take(datagram, &mut sink);
            let flows = sink.flows;
            if let Err(error) = taken {
                if error.loses_data() {
                    metrics.datagrams_faulty.inc();
                }
                debug!(%exporter, %error, "a datagram could not be read wholly");
            }
            if flows > 0 && *latest_heard != Some(exporter) {
                station.hear(exporter);
                *latest_heard = Some(exporter);
            }
            if counts { &metrics.flows } else { &metrics.flows_unnamed }.inc_by(flows);
        }
        if let Some(feed) = feed {
            feed.pass(batch.now);
        }
        // last: whoever sees them counted finds their flows
        metrics.datagrams.inc_by(batch.datagrams.len() as u64);
    }
}

/// Where the flows of one datagram go.
struct Receiving<'a> {
    flows: u64,
    feed: Option<&'a mut Feed>,
    minutes: &'a mut Minutes,
    /// The address by which an entity names the exporter, if one does.
    exporter: Option<IpAddr>,
}

impl FlowSink for Receiving<'_> {
    fn flow(&mut self, origin: &Origin, flow: &Flow) {
        self.detailed(origin, flow, &FlowDetails::default());
    }

    fn wants_details(&self) -> bool {
        self.feed.is_some()
    }

    fn detailed(&mut self, origin: &Origin, flow: &Flow, details: &FlowDetails<'_>) {
        self.flows += 1;
        if let Some(feed) = &mut self.feed {
            feed.detailed(origin, flow, details);
        }
        if let Some(exporter) = self.exporter {
            self.minutes.add_of(exporter, origin, flow);
        }
    }
}

/// Returns the address by which an exporter is known: sFlow's agent, which relays leave as it was, where an entity names it,
/// else the sender's.
fn known_by(datagram: &Datagram<'_>, named: &Named) -> IpAddr {
    let agent = sflow::agent(datagram.payload).filter(|agent| named.contains_key(agent));
    agent.unwrap_or_else(|| datagram.exporter.ip())
}

impl Cold {
    fn coverage_of(&self, exporters: &Exporters) -> Vec<(String, f64)> {
        let of = |addresses: &Vec<IpAddr>| {
            let mut sum = Coverage::default();
            for coverage in addresses.iter().filter_map(|address| self.coverage.get(address)) {
                sum.add(*coverage);
            }
            sum.ratio()
        };
        let told = exporters.iter().filter_map(|(entity, addresses)| Some((entity, of(addresses)?)));
        told.map(|(entity, ratio)| (format!("netflow.coverage.entity.{entity}"), ratio)).collect()
    }
}

/// A thread that panicked while it held a lock has told so; sums are whole between any two of its steps.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
