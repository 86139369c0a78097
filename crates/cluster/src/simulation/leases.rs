//! A store in memory, by the clock of the runtime.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc},
    time::{Instant, sleep},
};

use crate::{
    lease::{Lease, Name},
    membership::{Event, LEASE_TTL},
    store::{LeaseStore, StoreError},
};

/// How often it is looked which leases ran out.
const LOOK: Duration = Duration::from_millis(100);

/// Events that one who watches may be behind by; whoever is further misses the oldest, as with a watch that breaks.
const BACKLOG: usize = 1024;

/// Leases with the moments at which they run out.
type Standing = BTreeMap<Name, (Lease, Instant)>;

/// Keeps leases in memory: several nodes of one process share it.
#[derive(Debug)]
pub struct MemoryLeases {
    leases: Mutex<Standing>,
    is_away: Mutex<bool>,
    events: broadcast::Sender<Event>,
}

impl Default for MemoryLeases {
    fn default() -> Self {
        let events = broadcast::Sender::new(BACKLOG);
        Self { leases: Mutex::default(), is_away: Mutex::default(), events }
    }
}

impl MemoryLeases {
    /// Has it answer nobody, or answer again.
    pub fn set_away(&self, is_away: bool) {
        *self.is_away.lock().unwrap_or_else(PoisonError::into_inner) = is_away;
    }

    fn leases(&self, request: &'static str) -> Result<MutexGuard<'_, Standing>, StoreError> {
        if *self.is_away.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(StoreError::Timeout { request });
        }
        Ok(self.leases.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn expire(&self) {
        let Ok(mut leases) = self.leases("expiring") else { return };
        leases.retain(|node, (_, due)| {
            let stands = *due > Instant::now();
            if !stands {
                // Nobody watches.
                let _ = self.events.send(Event::Expired(node.clone()));
            }
            stands
        });
    }
}

impl LeaseStore for MemoryLeases {
    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let due = Instant::now() + LEASE_TTL;
        self.leases("writing a lease")?.insert(lease.node.clone(), (lease.clone(), due));
        let _ = self.events.send(Event::Seen(lease.clone()));
        Ok(())
    }

    async fn release(&self, node: &Name) -> Result<(), StoreError> {
        self.leases("taking a lease away")?.remove(node);
        let _ = self.events.send(Event::Left(node.clone()));
        Ok(())
    }

    async fn list(&self) -> Result<Vec<Lease>, StoreError> {
        self.expire();
        Ok(self.leases("reading leases")?.values().map(|(lease, _)| lease.clone()).collect())
    }

    async fn watch(&self, events: mpsc::Sender<Event>) {
        let mut happened = self.events.subscribe();
        loop {
            tokio::select! {
                event = happened.recv() => match event {
                    Ok(event) => if events.send(event).await.is_err() { return },
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                () = sleep(LOOK) => self.expire(),
            }
        }
    }
}
