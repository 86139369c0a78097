//! What the receiving threads and the bot's runs share.
//!
//! Each thread has a [`ReceiverHandle`], which adds flows to minutes of its own, behind a lock that is held for a batch of datagrams;
//! bins that ended are in [`ClosedBins`], whose work takes longer and keeps no datagram waiting.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use grafolean_collector::{
    bot::{JobId, RunId},
    interfaces::{InterfaceBoard, ReadingFolder},
    model::AccountId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use super::{
    aggregate::{
        CLOSED_KEPT, Closed, Exporters, GRACE_SECONDS, Links, Minutes, Rollup, SET_BACK_SECONDS, Span, values,
    },
    archive::Feed,
    decode::sflow,
    decoder::Decoder,
    ledger::{Coverage, Ledger},
    metrics::NetflowMetrics,
    places::{Places, WatchedPlaces},
    receive::Batch,
    reconcile::Profile,
    reconciling::{CoverageOfMinutes, Reconciling},
    record::{Datagram, Flow, FlowDetails, FlowSink, Origin},
    sampling::Override,
};

/// Exporters that are remembered, to suggest those that nobody named. Each becomes an entity, so that this is also the most
/// that forged senders can make; who is heard later is not suggested until a restart.
const HEARD_MAX: usize = 256;

/// A clock that is off by so much is wrong: bins are a minute, and exporters tell whole seconds.
const WRONG_CLOCK_SECONDS: f64 = 30.0;

/// Exporters that an entity names, and what it says of their sampling. Only theirs are the flows that count.
pub(super) type Named = BTreeMap<IpAddr, Option<Override>>;

#[derive(Default)]
pub(super) struct FlowState {
    decoder: Decoder,
    /// Open minutes of each receiving thread.
    minutes: Vec<Mutex<Minutes>>,
    named: RwLock<Arc<Named>>,
    /// Exporters that sent flows, though no entity at all, or not one of every account, may name them.
    heard: Mutex<BTreeSet<IpAddr>>,
    /// Exporters whose clocks are wrong, and by how many seconds they are ahead.
    wrong_clocks: Mutex<HashMap<IpAddr, f64>>,
    closed_bins: Mutex<ClosedBins>,
    places: Mutex<WatchedPlaces>,
    pub(super) metrics: NetflowMetrics,
}

/// Where one thread receives.
pub(super) struct ReceiverHandle {
    flow_state: Arc<FlowState>,
    place: usize,
    decoder: Decoder,
    latest_heard: Option<IpAddr>,
}

/// What is made of bins that ended.
#[derive(Default)]
pub(super) struct ClosedBins {
    pub(super) rollup: Rollup,
    /// What was seen and lost in minutes that ended, by their ends: as many as bins are kept, so that a report that got lost is
    /// made again whole.
    pub(super) coverage: CoverageOfMinutes,
    pub(super) reconciling: Reconciling,
    /// By account and interval: the end of the last bin that was reported.
    reported: BTreeMap<(AccountId, Span), i64>,
    /// What runs reported that are not yet known to be safe; of each job the last one.
    pending: HashMap<JobId, Pending>,
    pub(super) suggested: Suggested,
}

/// What was suggested, where: it never is again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Suggested {
    /// Accounts by number: ids are read from numbers and texts, which a file without types can't tell apart.
    exporters: BTreeSet<(i64, IpAddr)>,
}

/// What a run reported, and that nobody has accepted.
struct Pending {
    due: Timestamp,
    what: Reported,
}

enum Reported {
    /// Bins of an account up to this end, and minutes whose counters were compared.
    Bins(AccountId, Span, i64, Vec<i64>),
    /// Exporters, to an account.
    Suggestions(AccountId, Vec<IpAddr>),
}

/// Values of one account at one time.
pub(super) type Bin = (Timestamp, Vec<(String, f64)>);

impl FlowState {
    /// Creates the state of so many receiving threads.
    pub(super) fn new(threads: usize, places: WatchedPlaces) -> Self {
        let lists = places.places().lists;
        let minutes = (0..threads).map(|_| Mutex::new(Minutes::default().for_lists(lists))).collect();
        Self { minutes, places: Mutex::new(places), ..Self::default() }
    }

    /// Returns where addresses belong, by the files as they are.
    fn places(&self) -> Places {
        let mut watched = lock(&self.places);
        for file in watched.refresh() {
            match file {
                Ok(path) => info!(path = %path.display(), "names of addresses are read anew"),
                Err(error) => {
                    let source =
                        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    warn!(%error, source, "names of addresses stay what they were");
                }
            }
        }
        self.metrics.place_files_faulty.set(i64::try_from(watched.faulty()).unwrap_or(i64::MAX));
        watched.places().clone()
    }

    /// Says where interface counters are found, and when receiving began.
    pub(super) fn reconcile(&self, board: InterfaceBoard, folder: Option<ReadingFolder>, now: Timestamp) {
        let reconciling = &mut self.closed_bins().reconciling;
        (reconciling.board, reconciling.folder, reconciling.whole_from) = (board, folder, now.seconds());
    }

    /// Returns what the thread of this place receives by.
    pub(super) fn receiver_handle(self: &Arc<Self>, place: usize) -> ReceiverHandle {
        ReceiverHandle {
            flow_state: Arc::clone(self),
            place,
            decoder: self.decoder.beside(),
            latest_heard: None,
        }
    }

    /// Returns an decoder that knows what all threads know.
    pub(super) fn decoder(&self) -> Decoder {
        self.decoder.beside()
    }

    pub(super) fn closed_bins(&self) -> MutexGuard<'_, ClosedBins> {
        lock(&self.closed_bins)
    }

    /// Copies the open minutes of each thread, and hands the ledger to `keep`, as of one moment: each datagram is in both or in
    /// neither, so that what a crash costs is missing in the minutes and a gap in the ledger.
    pub(super) fn checkpoint<T>(&self, keep: impl FnOnce(&Ledger) -> T) -> (Vec<Minutes>, T) {
        let minutes: Vec<_> = self.minutes.iter().map(lock).collect();
        let kept = keep(&self.decoder.ledger());
        (minutes.iter().map(|minutes| (**minutes).clone()).collect(), kept)
    }

    /// Puts back what exporters had sent before a restart: what they sent since then is a gap.
    pub(super) fn restore_ledger(&self, ledger: Ledger) {
        *self.decoder().ledger_mut() = ledger;
    }

    /// Puts back what was open before a restart, which may have had another number of threads.
    pub(super) fn restore(&self, kept: Vec<Minutes>, floor: i64) {
        for (mut kept, minutes) in kept.into_iter().zip(self.minutes.iter().cycle()) {
            kept.go_on_from(floor);
            lock(minutes).merge(kept);
        }
        self.minutes.iter().for_each(|minutes| lock(minutes).go_on_from(floor));
    }

    /// Sets whose flows are counted, and how they are scaled.
    pub(super) fn name(&self, named: Named) {
        let overrides = named.iter().filter_map(|(exporter, set)| Some((*exporter, (*set)?))).collect();
        self.decoder().set_sampling(overrides);
        *self.named.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(named);
    }

    pub(super) fn named(&self) -> Arc<Named> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns by how many seconds an exporter's clock is ahead; `None` of one that is right, or does not tell its time.
    pub(super) fn clock_ahead(&self, exporter: IpAddr) -> Option<f64> {
        lock(&self.wrong_clocks).get(&exporter).copied()
    }

    /// Compares the clock of an exporter that is named with ours.
    fn compare_clock(&self, exporter: IpAddr, exported: Timestamp, received: Timestamp) {
        let ahead = exported.as_seconds_f64() - received.as_seconds_f64();
        let mut wrong = lock(&self.wrong_clocks);
        if ahead.abs() >= WRONG_CLOCK_SECONDS {
            wrong.insert(exporter, ahead);
        } else if !wrong.is_empty() {
            wrong.remove(&exporter);
        }
    }

    fn hear(&self, exporter: IpAddr) {
        let mut heard = lock(&self.heard);
        if heard.len() < HEARD_MAX {
            heard.insert(exporter);
        }
    }

    /// Returns the bins of an account that ended by `due` and were not given before, the last one also if it is empty.
    pub(super) fn report(
        &self,
        account: AccountId,
        span: Span,
        exporters: &Exporters,
        run: &RunId,
    ) -> Vec<Bin> {
        let due = run.due;
        let until = Span::Minute.bin_of(due.seconds() - GRACE_SECONDS);
        let mut closed_bins = self.closed_bins();
        self.settle(&mut closed_bins, until);
        let end = span.bin_of(until);
        let reported = closed_bins.reported.get(&(account, span)).copied().unwrap_or(i64::MIN);
        // a clock that was set back by far is believed
        let reported = if reported > end.saturating_add(SET_BACK_SECONDS) { i64::MIN } else { reported };
        let mut ends: BTreeSet<i64> =
            closed_bins.rollup.closed_starts(span).iter().map(|start| start + span.seconds()).collect();
        ends.insert(end);
        let mut bins = Vec::new();
        if span == Span::Minute {
            let ClosedBins { reconciling, coverage, .. } = &mut *closed_bins;
            bins = reconciling.compare(account, exporters, end, coverage);
        }
        let compared = bins.iter().map(|(time, _): &Bin| time.seconds()).collect();
        for end in ends.into_iter().filter(|other| *other > reported && *other <= end) {
            let bin = closed_bins.rollup.closed(span, end - span.seconds());
            let mut of_bin = values(span, exporters, bin.as_deref(), &closed_bins.rollup);
            if span == Span::Minute {
                of_bin.extend(closed_bins.coverage_of(end, exporters));
            }
            bins.push((Timestamp::from_seconds(end), of_bin));
        }
        closed_bins.reports(run, Reported::Bins(account, span, end.max(reported), compared));
        bins
    }

    /// Returns exporters that sent flows, that an account does not know, and that were not suggested to it.
    pub(super) fn unknown(&self, account: AccountId, known: &BTreeSet<IpAddr>, run: &RunId) -> Vec<IpAddr> {
        let heard: Vec<IpAddr> = lock(&self.heard).difference(known).copied().collect();
        let mut closed_bins = self.closed_bins();
        let suggested = &closed_bins.suggested.exporters;
        let is_new = |exporter: &IpAddr| !suggested.contains(&(account.number(), *exporter));
        let unknown: Vec<_> = heard.into_iter().filter(is_new).collect();
        closed_bins.reports(run, Reported::Suggestions(account, unknown.clone()));
        unknown
    }

    /// Notes that what a run reported is safe: it is not reported again.
    pub(super) fn accepted(&self, run: &RunId) {
        let mut closed_bins = self.closed_bins();
        if closed_bins.pending.get(&run.job).is_none_or(|pending| pending.due != run.due) {
            return;
        }
        match closed_bins.pending.remove(&run.job).map(|pending| pending.what) {
            Some(Reported::Bins(account, span, end, compared)) => {
                closed_bins.reported.insert((account, span), end);
                closed_bins.reconciling.accepted(account, &compared);
            }
            Some(Reported::Suggestions(account, exporters)) => {
                let suggested = exporters.into_iter().map(|exporter| (account.number(), exporter));
                closed_bins.suggested.exporters.extend(suggested);
            }
            None => {}
        }
    }

    /// Moves minutes that ended into their bins, once for all accounts.
    fn settle(&self, closed_bins: &mut ClosedBins, until: i64) {
        let settled = closed_bins.rollup.settled_until();
        if until <= settled && settled - until <= SET_BACK_SECONDS {
            return;
        }
        let (mut minutes, mut keys) = (Vec::new(), 0);
        for open in &self.minutes {
            let mut open = lock(open);
            keys += open.keys();
            minutes.extend(open.close(until));
        }
        let mut links = BTreeMap::<i64, Links>::from([(until - Span::Minute.seconds(), Links::default())]);
        for (start, minute) in &mut minutes {
            links.entry(*start).or_default().merge(minute.take_links());
        }
        self.metrics.open_keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        let mut decoder = self.decoder();
        let (window, sums) = {
            let mut ledger = decoder.ledger_mut();
            (ledger.close_window(), ledger.sums_by_exporter())
        };
        closed_bins.coverage.insert(until, window.into_iter().collect());
        while closed_bins.coverage.len() > CLOSED_KEPT {
            closed_bins.coverage.pop_first();
        }
        let named = self.named();
        self.metrics.exporters.update(sums, |exporter| named.contains_key(exporter));
        closed_bins.reconciling.settle(links, profiles(&decoder, &named));
        closed_bins.reconciling.name(decoder.interface_names(|exporter| named.contains_key(exporter)));
        decoder.expire(Timestamp::from_seconds(until));
        closed_bins.rollup.settle_placed(minutes, until, &self.places());
        for span in Span::ALL {
            if let Some(bin) = closed_bins.rollup.closed(span, span.bin_of(until) - span.seconds())
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

impl ReceiverHandle {
    /// Decodes what the thread's socket received.
    pub(super) fn receive(&mut self, batch: &Batch<'_>, mut feed: Option<&mut Feed>) {
        let Self { flow_state, place, decoder, latest_heard } = self;
        let metrics = &flow_state.metrics;
        if let Some(error) = &batch.error {
            metrics.receive_errors.inc();
            debug!(%error, "could not read a socket");
        }
        if batch.kernel_drops > 0 {
            metrics.kernel_drops.inc_by(u64::from(batch.kernel_drops));
            decoder.ledger_mut().kernel_dropped(u64::from(batch.kernel_drops));
        }
        let Some(minutes) = flow_state.minutes.get(*place) else { return };
        let (named, mut minutes) = (flow_state.named(), lock(minutes));
        for datagram in batch.datagrams {
            let exporter = known_by(datagram, &named);
            let counts = named.contains_key(&exporter);
            let mut sink = Receiving {
                flows: 0,
                feed: feed.as_deref_mut(),
                minutes: &mut minutes,
                exporter: counts.then_some(exporter),
                exported: None,
            };
            let taken = decoder.take(datagram, &mut sink);
            let (flows, exported) = (sink.flows, sink.exported);
            if counts && let Some(exported) = exported {
                flow_state.compare_clock(exporter, exported, datagram.received);
            }
            if let Err(error) = taken {
                if error.loses_data() {
                    metrics.datagrams_faulty.inc();
                }
                debug!(%exporter, %error, "a datagram could not be read wholly");
            }
            if flows > 0 && *latest_heard != Some(exporter) {
                flow_state.hear(exporter);
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
    /// When the datagram was sent, by the exporter's clock.
    exported: Option<Timestamp>,
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
        self.exported = origin.exported;
        if let Some(feed) = &mut self.feed {
            feed.detailed(origin, flow, details);
        }
        if let Some(exporter) = self.exporter {
            self.minutes.add_of(exporter, origin, flow);
        }
    }
}

/// Returns what exporters that entities name send.
fn profiles(decoder: &Decoder, named: &Named) -> BTreeMap<IpAddr, Profile> {
    let mut profiles = {
        let (ledger, templates) = (decoder.ledger(), decoder.templates());
        let accounts = ledger.accounts().filter(|(stream, _)| {
            let agent = stream.agent.is_some_and(|agent| named.contains_key(&agent.to_canonical()));
            agent || named.contains_key(&stream.exporter.ip())
        });
        let templates = templates.templates().map(|(scope, template, _)| (scope.exporter.ip(), template));
        let templates = templates.filter(|(exporter, _)| named.contains_key(exporter));
        Profile::all(accounts, templates.map(|(exporter, template)| (exporter, &template.definition)))
    };
    for (address, profile) in &mut profiles {
        profile.is_set_by_hand = named.get(address).is_some_and(Option::is_some);
    }
    profiles
}

/// Returns the address by which an exporter is known: sFlow's agent, which relays leave as it was, where an entity names it,
/// else the sender's.
fn known_by(datagram: &Datagram<'_>, named: &Named) -> IpAddr {
    let agent = sflow::agent(datagram.payload).filter(|agent| named.contains_key(agent));
    agent.unwrap_or_else(|| datagram.exporter.ip())
}

impl ClosedBins {
    /// Notes what a run reports.
    fn reports(&mut self, run: &RunId, what: Reported) {
        self.pending.insert(run.job.clone(), Pending { due: run.due, what });
    }

    /// Returns how much was seen of what was sent in the minute that ended then, by entity.
    fn coverage_of(&self, end: i64, exporters: &Exporters) -> Vec<(String, f64)> {
        let of = |addresses: &Vec<IpAddr>| {
            let mut sum = Coverage::default();
            for coverage in addresses.iter().filter_map(|address| self.coverage.get(&end)?.get(address)) {
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
