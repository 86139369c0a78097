//! Children kept in step, and entities proposed.

use std::{collections::HashMap, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tokio::{
    select,
    time::{self, Instant},
};
use tracing::{debug, info, warn};

use super::{
    Delivery, SpoolFailures,
    children::{self, key_of},
    known::Known,
    metrics::Outcome,
    pacing::Backoff,
    settings::{ENTITY_REPORTS_PER_BATCH, LONGEST_SLOW_PAUSE, PROOF_AGE, RECHECK_AFTER, SUSPECT_ATTEMPTS},
    suggestions,
};
use crate::{
    backend::{Backend, BackendError, EntityChange},
    model::{AccountId, Entity, EntityId},
    report::{Children, Report, Suggestions},
    spool::{Access, Batch, Entry, EntryId, Lane, Settlement, SpoolError, TakeRequest},
    time::Timestamp,
};

/// The loop that brings the backend's entities in step.
pub(super) struct EntityLoop<'a, K> {
    delivery: &'a Delivery<K>,
    known: Known,
    accounts: HashMap<AccountId, Account>,
    /// The last look that was dealt with, by parent and type: an older one never undoes it.
    looks: HashMap<(AccountId, EntityId, String), Timestamp>,
    /// How often a report failed while the backend was healthy.
    failures: HashMap<EntryId, u32>,
    last_served: Option<AccountId>,
    /// When the backend was last seen to be one.
    proven: Option<Instant>,
    jitter: StdRng,
}

/// What became of a report.
enum Handled {
    Done,
    /// It waits for a permission until it is tried again.
    Later(Instant),
}

/// What is known of an account's rights and state.
#[derive(Debug)]
struct Account {
    closed_until: Option<Instant>,
    backoff: Backoff,
    slow_backoff: Backoff,
    forbidden_until: Option<Instant>,
    is_logged: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            closed_until: None,
            backoff: Backoff::short(),
            slow_backoff: Backoff::slow(),
            forbidden_until: None,
            is_logged: false,
        }
    }
}

impl<'a, K: Backend> EntityLoop<'a, K> {
    pub(super) fn new(delivery: &'a Delivery<K>) -> Self {
        Self {
            delivery,
            known: Known::new(delivery.inventory.clone()),
            accounts: HashMap::new(),
            looks: HashMap::new(),
            failures: HashMap::new(),
            last_served: None,
            proven: None,
            // Another row of numbers than that of the values.
            jitter: StdRng::seed_from_u64(!delivery.settings.jitter_seed),
        }
    }

    /// Works until it is stopped and nothing more can be done at once; fails if the spool is gone.
    pub(super) async fn run(mut self) -> Result<(), SpoolError> {
        let mut failures = SpoolFailures::default();
        loop {
            let outcome = match self.next_batch().await {
                Ok(Some(batch)) => self.deal_with(batch).await,
                Ok(None) if self.delivery.stop.is_cancelled() => return Ok(()),
                Ok(None) => {
                    self.rest().await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(()) => failures.ended(),
                Err(error) => failures.wait_after(error).await?,
            }
        }
    }

    async fn next_batch(&self) -> Result<Option<Batch>, SpoolError> {
        let now = Instant::now();
        let closed =
            self.accounts.iter().filter(|(_, known)| known.closed_until.is_some_and(|until| now < until));
        let request = TakeRequest {
            lane: Lane::Entities,
            fresh_within: Duration::MAX,
            fresh_values: ENTITY_REPORTS_PER_BATCH,
            old_values: 0,
            after: self.last_served,
            access: closed.map(|(account, _)| (*account, Access::Closed)).collect(),
        };
        self.delivery.spool.take(request).await
    }

    async fn rest(&self) {
        let now = Instant::now();
        let opens =
            self.accounts.values().filter_map(|known| known.closed_until).filter(|until| *until > now).min();
        select! {
            biased;
            () = self.delivery.stop.cancelled() => {}
            () = self.delivery.spool.arrival(Lane::Entities) => {}
            () = time::sleep_until(opens.unwrap_or(now + LONGEST_SLOW_PAUSE)) => {}
        }
    }

    async fn deal_with(&mut self, batch: Batch) -> Result<(), SpoolError> {
        let account = batch.account;
        self.last_served = Some(account);
        let mut closed_until = None;
        for entry in batch.entries {
            let id = entry.id;
            match self.bring_in_step(account, entry).await {
                Ok(Handled::Later(until)) => closed_until = Some(until),
                Ok(Handled::Done) => {
                    self.failures.remove(&id);
                    let settlement = Settlement { retired: vec![id], rejected: Vec::new() };
                    self.delivery.spool.settle(settlement).await?;
                }
                Err(error) => {
                    self.known.forget();
                    self.wait_after(account, &error);
                    return Ok(());
                }
            }
        }
        if closed_until.is_some() {
            self.accounts.entry(account).or_default().closed_until = closed_until;
        }
        Ok(())
    }

    /// Deals with a report; an error means that it is to be tried again.
    async fn bring_in_step(&mut self, account: AccountId, entry: Entry) -> Result<Handled, BackendError> {
        let now = Instant::now();
        // a device is looked at again and again, but what is suggested is suggested once
        let forbidden = match entry.report {
            Report::Suggestions(_) => Handled::Later,
            Report::Children(_) | Report::Values(_) | Report::Events(_) => |_| Handled::Done,
        };
        let known = self.accounts.entry(account).or_default();
        if let Some(until) = known.forbidden_until.filter(|until| now < *until) {
            return Ok(forbidden(until));
        }
        let outcome = match entry.report {
            Report::Children(seen) => self.keep_children(entry.id, &seen).await,
            Report::Suggestions(proposed) => self.propose(entry.id, &proposed).await,
            Report::Values(_) | Report::Events(_) => Ok(()),
        };
        let known = self.accounts.entry(account).or_default();
        match outcome {
            Ok(()) => {
                known.backoff = Backoff::short();
                Ok(Handled::Done)
            }
            Err(error @ BackendError::Forbidden { .. }) => {
                let until = now + known.slow_backoff.next(None, &mut self.jitter);
                known.forbidden_until = Some(until);
                if !known.is_logged {
                    known.is_logged = true;
                    warn!(%account, %error, "entities are left as they are");
                }
                Ok(forbidden(until))
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_children(&mut self, entry: EntryId, seen: &Children) -> Result<(), BackendError> {
        let look = (seen.account, seen.parent, seen.entity_type.clone());
        if self.looks.get(&look).is_some_and(|newer| *newer > seen.time) {
            return Ok(());
        }
        let backend = &*self.delivery.backend;
        let Some(entities) = self.known.entities(backend, seen.account).await? else { return Ok(()) };
        let has_parent = entities.iter().any(|entity| entity.id == seen.parent);
        let changes = children::changes(seen, entities);
        if !has_parent && backend.entity(seen.account, seen.parent).await?.is_none() {
            debug!(account = %seen.account, parent = %seen.parent, "the device is gone, so are its children");
            return Ok(());
        }
        if changes.iter().any(|change| !matches!(change, EntityChange::Create(_))) {
            time::sleep(RECHECK_AFTER).await;
        }
        for change in changes {
            if let Some(change) = self.looked_at_again(seen, change).await? {
                self.change(entry, seen.account, change).await?;
            }
        }
        self.looks.insert(look, seen.time);
        Ok(())
    }

    async fn propose(&mut self, entry: EntryId, proposed: &Suggestions) -> Result<(), BackendError> {
        let backend = &*self.delivery.backend;
        let Some(entities) = self.known.entities(backend, proposed.account).await? else { return Ok(()) };
        for new in suggestions::missing(proposed, entities) {
            self.change(entry, proposed.account, EntityChange::Create(new)).await?;
        }
        Ok(())
    }

    /// Reads an entity again, alone, before it is changed or deleted: a real backend's list shows entities that are
    /// half written. None if it is not what the list said.
    async fn looked_at_again(
        &mut self,
        seen: &Children,
        change: EntityChange,
    ) -> Result<Option<EntityChange>, BackendError> {
        let id = match &change {
            EntityChange::Create(_) => return Ok(Some(change)),
            EntityChange::Update(entity) => entity.id,
            EntityChange::Delete(id) => *id,
        };
        let Some(alone) = self.delivery.backend.entity(seen.account, id).await? else {
            self.known.forget();
            return Ok(None);
        };
        let listed = self.known.entity(seen.account, id);
        if listed.is_none_or(|listed| !is_same_child(&seen.key, listed, &alone)) {
            self.known.forget();
            return Ok(None);
        }
        Ok(Some(match change {
            EntityChange::Update(entity) => {
                EntityChange::Update(Entity { protocols: alone.protocols, ..entity })
            }
            change => change,
        }))
    }

    /// Applies one change. What the backend refuses for good is told, counted and passed over: the next look at the
    /// device brings it again. What fails is an error, until it failed so often that it is passed over too.
    async fn change(
        &mut self,
        entry: EntryId,
        account: AccountId,
        change: EntityChange,
    ) -> Result<(), BackendError> {
        let kind = match &change {
            EntityChange::Create(_) => "create",
            EntityChange::Update(_) => "update",
            EntityChange::Delete(_) => "delete",
        };
        let outcome = self.delivery.backend.change_entity(account, change.clone()).await;
        self.delivery.metrics.changed_entity(kind, Outcome::of(outcome.as_ref().err()));
        match outcome {
            Ok(id) => {
                info!(%account, entity = %id, change = kind, "an entity was brought in step");
                self.known.note(account, id, change);
                Ok(())
            }
            Err(error @ BackendError::Refused { .. }) => {
                self.prove_backend().await?;
                warn!(%account, %error, "an entity can't be brought in step");
                Ok(())
            }
            // It says when it wants to be asked again: the change is not to blame.
            Err(error) if error.retry_after().is_some() => Err(error),
            Err(error @ (BackendError::Failed { .. } | BackendError::Nonsense { .. })) => {
                let failures = self.failures.entry(entry).or_default();
                *failures += 1;
                if *failures < SUSPECT_ATTEMPTS {
                    return Err(error);
                }
                self.prove_backend().await?;
                warn!(%account, %error, "an entity can't be brought in step, after several attempts");
                self.known.forget();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Fails unless the backend answers as one: where it, or a proxy before it, refuses everything, nothing that it
    /// refuses is passed over.
    async fn prove_backend(&mut self) -> Result<(), BackendError> {
        if self.proven.is_none_or(|proven| proven.elapsed() >= PROOF_AGE) {
            self.delivery.backend.inventory().await?;
            self.proven = Some(Instant::now());
        }
        Ok(())
    }

    fn wait_after(&mut self, account: AccountId, error: &BackendError) {
        let now = Instant::now();
        let known = self.accounts.entry(account).or_default();
        let pause = match error {
            BackendError::Unauthorized { .. } => known.slow_backoff.next(None, &mut self.jitter),
            _ => known.backoff.next(error.retry_after(), &mut self.jitter),
        };
        known.closed_until = Some(now + pause);
        debug!(%account, %error, ?pause, "entities wait");
    }
}

fn is_same_child(key: &str, listed: &Entity, alone: &Entity) -> bool {
    let identity = |entity: &Entity| (entity.parent, entity.name.clone(), key_of(&entity.details, key));
    listed.entity_type == alone.entity_type && identity(listed) == identity(alone)
}
