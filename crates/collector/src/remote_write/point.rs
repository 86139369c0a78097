//! Values of the spool as points of series, and what of them can never be sent.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::series::{Labelled, Naming, Series};
use crate::{
    model::{AccountId, Sample},
    protocol::prometheus::Scale,
    report::Report,
    spool::{Entry, EntryId, ReasonKind, RejectedEntry},
    time::Timestamp,
};

/// One value on its way to a receiver.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) series: Arc<Series>,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    /// In the unit of the series.
    pub(super) value: f64,
    /// Where it comes from.
    pub(super) entry: EntryId,
    /// Whether it may have been stored already.
    pub(super) is_doubtful: bool,
    origin: Arc<Origin>,
    path: Arc<str>,
    /// As it stands in the spool, in the unit of the path.
    measured: f64,
}

/// What the values of a report have in common.
#[derive(Debug)]
struct Origin {
    account: AccountId,
    time: Timestamp,
}

impl Point {
    /// Returns a point of its series that comes so many milliseconds after it.
    pub(super) fn followed_by(self, after: i64, value: f64) -> Self {
        Self { time: self.time.saturating_add(after), value, ..self }
    }

    /// Returns the dead letter of it.
    pub(super) fn rejected(&self, sink: &str, reason: &str) -> RejectedEntry {
        let (account, time) = (self.origin.account, self.origin.time);
        let value = (self.path.to_string(), self.measured);
        RejectedEntry::of_value(account, time, value, ReasonKind::Refused, reason).of_sink(sink)
    }
}

/// The most series whose names are remembered: beyond it all are forgotten, and named again as they come.
const MOST_NAMED: usize = 1_000_000;

/// What a path is called.
#[derive(Clone)]
struct Called {
    series: Arc<Series>,
    scale: Scale,
}

/// Series by account and path, named once.
pub(super) struct Named<N> {
    naming: N,
    generation: u64,
    series: HashMap<AccountId, HashMap<Arc<str>, Called>>,
    /// Two paths may be one series.
    distinct: HashSet<Arc<Series>>,
    count: usize,
}

impl<N: Naming> Named<N> {
    pub(super) fn new(naming: N) -> Self {
        Self {
            generation: naming.generation(),
            naming,
            series: HashMap::new(),
            distinct: HashSet::new(),
            count: 0,
        }
    }

    fn get(&mut self, account: AccountId, path: &str) -> (Arc<str>, Called) {
        let generation = self.naming.generation();
        if generation != self.generation || self.count > MOST_NAMED {
            self.series.clear();
            self.distinct.clear();
            (self.generation, self.count) = (generation, 0);
        }
        let of_account = self.series.entry(account).or_default();
        if let Some((path, called)) = of_account.get_key_value(path) {
            return (Arc::clone(path), called.clone());
        }
        let Labelled { series, scale } = self.naming.series(account, path);
        let (path, series) = (Arc::<str>::from(path), Arc::new(series));
        let series = match self.distinct.get(&series) {
            Some(known) => Arc::clone(known),
            None => {
                self.distinct.insert(Arc::clone(&series));
                series
            }
        };
        let called = Called { series, scale };
        of_account.insert(Arc::clone(&path), called.clone());
        self.count += 1;
        (path, called)
    }

    /// Returns the points of entries, in their order, and what breaks a rule and is never sent.
    pub(super) fn points(
        &mut self,
        sink: &str,
        entries: Vec<Entry>,
        doubtful_to: EntryId,
    ) -> (Vec<Point>, Vec<RejectedEntry>) {
        let (mut points, mut rejected) = (Vec::new(), Vec::new());
        for Entry { id, report, .. } in entries {
            let Report::Values(values) = report else { continue };
            let origin = Arc::new(Origin { account: values.account, time: values.time });
            for (path, value) in values.values {
                match Sample::checked(&path, values.time, value) {
                    Ok(_) => {
                        let (path, Called { series, scale }) = self.get(values.account, &path);
                        points.push(Point {
                            series,
                            time: values.time.micros().div_euclid(1_000),
                            value: scale.of(value),
                            entry: id,
                            is_doubtful: id <= doubtful_to,
                            origin: Arc::clone(&origin),
                            path,
                            measured: value,
                        });
                    }
                    Err(error) => {
                        let value = (path, value);
                        let (account, time, kind) = (values.account, values.time, ReasonKind::Invalid);
                        rejected
                            .push(RejectedEntry::of_value(account, time, value, kind, error).of_sink(sink));
                    }
                }
            }
        }
        (points, rejected)
    }
}
