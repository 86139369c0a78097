//! The seam to whatever keeps leases.

use std::future::Future;

use thiserror::Error;
use tokio::sync::mpsc;

use crate::{
    lease::{Lease, Name},
    membership::Event,
};

/// Keeps the leases of nodes, each for [`LEASE_TTL`](crate::membership::LEASE_TTL) after it was written.
///
/// [`MemoryLeases`](crate::simulation::MemoryLeases) keeps them in the memory of a test.
pub trait LeaseStore: Send + Sync + 'static {
    /// Writes a lease, for the first time or again.
    fn renew(&self, lease: &Lease) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a lease away, and tells others that the node has left.
    fn release(&self, node: &Name) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Reads all leases that stand.
    fn list(&self) -> impl Future<Output = Result<Vec<Lease>, StoreError>> + Send;

    /// Tells what happens to leases until it is dropped, or nobody listens any more. Nothing has to be told while the
    /// store is away, and what happened meanwhile neither.
    fn watch(&self, events: mpsc::Sender<Event>) -> impl Future<Output = ()> + Send;
}

/// Why the store did not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It did not answer in time.
    #[error("no answer to {request} in time")]
    Timeout {
        /// What it was asked.
        request: &'static str,
    },
    /// It refused, or could not.
    #[error("{request} failed")]
    Failed {
        /// What it was asked.
        request: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of credentials or certificates cannot be used.
    #[error("{what} cannot be used")]
    Settings {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Creates one of what a store was asked and why it did not do so.
    pub fn failed(
        request: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed { request, source: source.into() }
    }
}
