//! What is kept of an account's scans: what was asked for last, how often it is done again, what was found.

use grafolean_collector::model::AccountId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::ScanFindings;
use crate::store::{StoreError, setting};

/// The largest that is kept over a restart, in bytes: some 30,000 devices.
const MOST_BYTES: usize = 16 << 20;

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) networks: Vec<String>,
    /// Ids of credentials.
    pub(crate) credentials: Vec<i64>,
    pub(crate) snmp_port: u16,
    pub(crate) rate: u32,
    /// How often it is done again; `None` is once.
    pub(crate) every_hours: Option<u32>,
}

/// What came of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finished {
    /// In seconds since 1970.
    pub(crate) began: f64,
    pub(crate) ended: f64,
    pub(crate) addresses: usize,
    /// Whether somebody stopped it.
    pub(crate) stopped: bool,
    /// Why there is nothing.
    pub(crate) problem: Option<String>,
    #[serde(flatten)]
    pub(crate) found: ScanFindings,
}

/// What is kept of an account's scans.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scanned {
    pub(crate) order: Option<Order>,
    pub(crate) last: Option<Finished>,
}

impl Scanned {
    /// Reads that of an account; nothing if there is none, or if another version wrote it.
    pub(super) fn of(connection: &Connection, account: AccountId) -> Result<Self, StoreError> {
        let text = setting::setting::<String>(connection, &name(account))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// Keeps it over a restart; what was found goes first where it is too much.
    pub(super) fn keep(mut self, connection: &Connection, account: AccountId) -> Result<(), StoreError> {
        let mut text = serde_json::to_string(&self)?;
        if text.len() > MOST_BYTES {
            if let Some(last) = &mut self.last {
                last.found = ScanFindings::default();
            }
            text = serde_json::to_string(&self)?;
        }
        setting::put(connection, &name(account), text)
    }
}

fn name(account: AccountId) -> String {
    format!("discovery.{account}")
}
