//! What the receiving thread and the bot's runs share.
//!
//! Flows go into [`Hot`], behind a lock that is held for a batch of datagrams; bins that ended are in [`Cold`], whose work
//! takes longer and keeps no datagram waiting.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use grafolean_collector::{model::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use super::{
    aggregate::{Closed, Exporters, GRACE_SECONDS, Minutes, Rollup, SET_BACK_SECONDS, Span, values},
    archive::Feed,
    flow::Flow,
    intake::Intake,
    ledger::Coverage,
    metrics::NetflowMetrics,
    origin::Origin,
    receive::Batch,
    sampling::Override,
};

/// Exporters that are remembered, to suggest those that nobody named. Each becomes an entity, so that this is also the most
/// that forged senders can make; who is heard later is not suggested until a restart.
const HEARD_MAX: usize = 256;

/// What flows go through.
#[derive(Default)]
pub(super) struct Hot {
    pub(super) intake: Intake,
    pub(super) minutes: Minutes,
    /// Exporters that an entity names.
    named: BTreeSet<IpAddr>,
    /// Exporters that sent flows though no entity at all, or not one of every account, names them.
    heard: BTreeSet<IpAddr>,
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

#[derive(Default)]
pub(super) struct Station {
    hot: Mutex<Hot>,
    cold: Mutex<Cold>,
    pub(super) metrics: NetflowMetrics,
}

impl Station {
    /// A thread that panicked while it held a lock has told so; sums are whole between any two of its steps.
    pub(super) fn hot(&self) -> MutexGuard<'_, Hot> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cold(&self) -> MutexGuard<'_, Cold> {
        self.cold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a socket received.
    pub(super) fn receive(&self, batch: &Batch<'_>, mut feed: Option<&mut Feed>) {
        let metrics = &self.metrics;
        metrics.kernel_drops.inc_by(u64::from(batch.kernel_drops));
        if let Some(error) = &batch.error {
            metrics.receive_errors.inc();
            debug!(%error, "could not read a socket");
        }
        let mut hot = self.hot();
        let Hot { intake, minutes, named, heard } = &mut *hot;
        intake.ledger_mut().kernel_dropped(u64::from(batch.kernel_drops));
        let (mut flows, mut unnamed) = (0, 0);
        let mut sink = |origin: &Origin, flow: &Flow| {
            if let Some(feed) = feed.as_mut() {
                feed.flow(origin, flow);
            }
            let exporter = origin.stream.exporter.ip();
            if heard.len() < HEARD_MAX {
                heard.insert(exporter);
            }
            if named.contains(&exporter) {
                minutes.add(origin, flow);
                flows += 1;
            } else {
                unnamed += 1;
            }
        };
        for datagram in batch.datagrams {
            if let Err(error) = intake.take(datagram, &mut sink) {
                metrics.datagrams_faulty.inc();
                debug!(exporter = %datagram.exporter, %error, "a datagram could not be read wholly");
            }
        }
        if let Some(feed) = feed {
            feed.pass(batch.now);
        }
        metrics.flows.inc_by(flows);
        metrics.flows_unnamed.inc_by(unnamed);
        // last: whoever sees them counted finds their flows
        metrics.datagrams.inc_by(batch.datagrams.len() as u64);
    }

    /// Says whose flows are counted, and how they are scaled.
    pub(super) fn name(&self, named: BTreeSet<IpAddr>, sampling: HashMap<IpAddr, Override>) {
        let mut hot = self.hot();
        hot.named = named;
        hot.intake.set_sampling(sampling);
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
        let heard: Vec<IpAddr> = self.hot().heard.difference(known).copied().collect();
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
        let mut hot = self.hot();
        self.metrics.open_keys.set(i64::try_from(hot.minutes.keys()).unwrap_or(i64::MAX));
        let minutes = hot.minutes.close(until);
        cold.coverage = hot.intake.ledger_mut().close_window().into_iter().collect();
        hot.intake.expire(Timestamp::from_seconds(until));
        drop(hot);
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

impl Cold {
    fn coverage_of(&self, exporters: &Exporters) -> Vec<(String, f64)> {
        let of = |addresses: &Vec<IpAddr>| {
            let mut sum = Coverage::default();
            for coverage in addresses.iter().filter_map(|address| self.coverage.get(address)) {
                sum.seen += coverage.seen;
                sum.lost += coverage.lost;
            }
            sum.ratio()
        };
        let told = exporters.iter().filter_map(|(entity, addresses)| Some((entity, of(addresses)?)));
        told.map(|(entity, ratio)| (format!("netflow.coverage.entity.{entity}"), ratio)).collect()
    }
}
