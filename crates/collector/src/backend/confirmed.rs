//! The inventory that a refresh confirmed last, for whoever else needs it.

use std::sync::Arc;

use tokio::time::Instant;

use super::Inventory;

/// An inventory in which nothing is half written, and since when it may be out of date.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// What people set up.
    pub inventory: Arc<Inventory>,
    /// When it began to be read: a later change may not be in it.
    pub read_from: Instant,
}
