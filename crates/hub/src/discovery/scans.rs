//! Scans that go on, and when the next one begins.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use grafolean_collector::{model::AccountId, time::Timestamp};
use serde::Serialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Discoverer, ScanFindings, ScanProgress, ScanRequest,
    kept::{Finished, Order, Scanned},
};
use crate::{
    Hub,
    store::{StoreError, account, credential},
};

/// Scans that go on at a time, whoever asked: each sends up to its rate.
pub(crate) const AT_ONCE: usize = 2;

/// How often it is looked whether one is due again.
const LOOK: Duration = Duration::from_secs(30);

const HOUR_S: f64 = 3_600.0;

/// Scans of this hub.
#[derive(Default)]
pub(crate) struct Scans {
    running: Mutex<HashMap<AccountId, Running>>,
}

#[derive(Clone)]
struct Running {
    began: Timestamp,
    addresses: usize,
    progress: Arc<ScanProgress>,
    stop: CancellationToken,
}

/// Why a scan does not begin.
#[derive(Debug)]
pub(crate) enum Refused {
    /// One of the account goes on.
    Running,
    /// As many go on as may.
    Full,
    /// What was asked for cannot be.
    Invalid(String),
    /// The store failed.
    Store(StoreError),
}

/// How far a scan is, as the API writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    began: f64,
    addresses: usize,
    asked: usize,
    answered: usize,
    read: usize,
}

impl Scans {
    fn running(&self) -> MutexGuard<'_, HashMap<AccountId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how far the scan of an account is, if one goes on.
    pub(crate) fn progress(&self, account: AccountId) -> Option<Progress> {
        let Running { began, addresses, progress, .. } = self.running().get(&account)?.clone();
        Some(Progress {
            began: began.as_seconds_f64(),
            addresses,
            asked: progress.asked.load(Ordering::Relaxed),
            answered: progress.answered.load(Ordering::Relaxed),
            read: progress.read.load(Ordering::Relaxed),
        })
    }

    /// Stops the scan of an account; what it found until then is kept. False if none goes on.
    pub(crate) fn stop(&self, account: AccountId) -> bool {
        let running = self.running();
        let running = running.get(&account);
        running.inspect(|running| running.stop.cancel()).is_some()
    }

    /// Returns what is kept of an account's scans.
    pub(crate) async fn scanned(hub: &Hub, account: AccountId) -> Result<Scanned, StoreError> {
        hub.store.read(move |connection| Scanned::of(connection, account)).await
    }

    /// Keeps how often the last scan of an account is done again.
    pub(crate) async fn repeat(
        hub: &Hub,
        account: AccountId,
        every_hours: Option<u32>,
    ) -> Result<bool, StoreError> {
        let change = move |connection: &_| {
            let mut scanned = Scanned::of(connection, account)?;
            let Some(order) = &mut scanned.order else { return Ok(false) };
            order.every_hours = every_hours;
            scanned.keep(connection, account)?;
            Ok(true)
        };
        hub.store.write(change).await
    }

    /// Begins a scan, which goes on by itself.
    pub(crate) async fn begin(hub: &Arc<Hub>, account: AccountId, order: Order) -> Result<(), Refused> {
        let Some(discoverer) = hub.discoverer.clone() else {
            return Err(Refused::Invalid("this hub cannot scan networks".to_owned()));
        };
        let addresses = discoverer.addresses(&order.networks).map_err(Refused::Invalid)?;
        let ids = order.credentials.clone();
        let known = hub.store.read(move |connection| credential::list(connection, account)).await;
        let known = known.map_err(Refused::Store)?;
        let mut credentials = Vec::new();
        for id in ids {
            match known.iter().find(|known| known.id.number() == id && known.protocol == "snmp") {
                Some(known) => credentials.push((id, known.details.clone())),
                None => return Err(Refused::Invalid(format!("the account has no credential {id} of snmp"))),
            }
        }
        let running = Running {
            began: hub.clock.now(),
            addresses,
            progress: Arc::default(),
            stop: CancellationToken::new(),
        };
        {
            let mut all = hub.scans.running();
            if all.contains_key(&account) {
                return Err(Refused::Running);
            }
            if all.len() >= AT_ONCE {
                return Err(Refused::Full);
            }
            all.insert(account, running.clone());
        }
        let request = ScanRequest {
            networks: order.networks.clone(),
            credentials,
            snmp_port: order.snmp_port,
            rate: order.rate,
        };
        let hub = Arc::clone(hub);
        tokio::spawn(async move { run(&hub, account, order, running, &*discoverer, request).await });
        Ok(())
    }
}

async fn run(
    hub: &Hub,
    account: AccountId,
    order: Order,
    running: Running,
    discoverer: &dyn Discoverer,
    request: ScanRequest,
) {
    let Running { began, addresses, progress, stop } = running;
    info!(%account, networks = order.networks.join(","), addresses, "networks are scanned");
    // It goes from the list however this ends.
    let listed = Listed { hub, account };
    let (found, problem) = match discoverer.scan(request, progress, stop.clone()).await {
        Ok(found) => (found, None),
        Err(problem) => (ScanFindings::default(), Some(problem)),
    };
    let devices = found.devices.len();
    let last = Finished {
        began: began.as_seconds_f64(),
        ended: hub.clock.now().as_seconds_f64(),
        addresses,
        stopped: stop.is_cancelled(),
        problem: problem.clone(),
        found,
    };
    let scanned = Scanned { order: Some(order), last: Some(last) };
    let kept = hub.store.write(move |connection| scanned.keep(connection, account)).await;
    drop(listed);
    if let Err(error) = kept {
        let error = &error as &dyn std::error::Error;
        warn!(%account, error, "what a scan found could not be kept");
    }
    info!(%account, devices, problem, "networks were scanned");
}

/// A scan that is listed as one that goes on.
struct Listed<'a> {
    hub: &'a Hub,
    account: AccountId,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.hub.scans.running().remove(&self.account);
    }
}

/// Begins scans again that are to be repeated, for ever.
pub(crate) async fn keep(hub: Arc<Hub>) {
    loop {
        for account in hub.store.read(account::all).await.unwrap_or_default() {
            let account = account.id;
            let Ok(Scanned { order: Some(order), last }) = Scans::scanned(&hub, account).await else {
                continue;
            };
            let Some(hours) = order.every_hours else { continue };
            let ended = last.map_or(0.0, |last| last.ended);
            let is_due = hub.clock.now().as_seconds_f64() - ended >= f64::from(hours) * HOUR_S;
            if is_due && let Err(Refused::Invalid(why)) = Scans::begin(&hub, account, order).await {
                warn!(%account, why, "networks are not scanned again");
                let _ = Scans::repeat(&hub, account, None).await;
            }
        }
        sleep(LOOK).await;
    }
}

impl fmt::Debug for Scans {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.running().keys()).finish()
    }
}
