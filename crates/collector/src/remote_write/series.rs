//! A series as Prometheus knows it, and who names it.

use std::{hash::BuildHasher, sync::Arc};

use crate::{
    model::AccountId,
    protocol::prometheus::{Mappings, Metric, Owner, Scale},
};

/// The label that holds the name of a metric.
pub const NAME_LABEL: &str = "__name__";

/// A series: a metric with labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    /// What is measured.
    pub metric: Arc<Metric>,
    /// Its labels by name, ascending, with [`NAME_LABEL`]; none is empty.
    labels: Vec<(String, String)>,
}

impl Series {
    /// Creates it; labels that are empty are left out, as Prometheus does itself.
    pub fn new(metric: Arc<Metric>, labels: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut labels: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        labels.push((NAME_LABEL.to_owned(), metric.name.clone()));
        labels.sort_unstable();
        labels.dedup_by(|next, kept| next.0 == kept.0);
        Self { metric, labels }
    }

    /// Returns it with more labels; those that it has stay what they are.
    #[must_use]
    pub fn with(mut self, more: &[(String, String)]) -> Self {
        for (name, value) in more {
            if let Err(place) = self.labels.binary_search_by(|(known, _)| known.cmp(name)) {
                self.labels.insert(place, (name.clone(), value.clone()));
            }
        }
        self
    }

    /// Returns its labels by name, ascending, the name among them.
    pub fn labels(&self) -> &[(String, String)] {
        &self.labels
    }

    /// Returns which of so many shards it belongs to: always the same one while a process runs.
    pub(super) fn shard(&self, hashing: &impl BuildHasher, shards: usize) -> usize {
        let hash = hashing.hash_one(&self.labels);
        let shards = u64::try_from(shards.max(1)).unwrap_or(u64::MAX);
        usize::try_from(hash % shards).unwrap_or(0)
    }
}

/// What a path is called, and what makes its values those of the series.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The series.
    pub series: Series,
    /// What makes base units of what was measured.
    pub scale: Scale,
}

/// Names the series of paths.
pub trait Naming: Send + Sync + 'static {
    /// Returns the series of a path of an account.
    fn series(&self, account: AccountId, path: &str) -> Labelled;

    /// Returns a number that changes when a path may have got other labels.
    fn generation(&self) -> u64 {
        0
    }
}

/// Names each series by its path alone: `grafolean_value{account_id="1",path="rack.r1.volts"}`.
#[derive(Clone, Debug, Default)]
pub struct ByPath(Mappings);

impl Naming for ByPath {
    fn series(&self, account: AccountId, path: &str) -> Labelled {
        let found = self.0.get(path);
        let series = Series::new(Arc::clone(found.metric), found.labels(account, Owner::default()));
        Labelled { series, scale: found.scale }
    }
}
