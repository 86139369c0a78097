//! A backend in memory.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::{Instant, sleep};

use super::{Fault, FaultPlan};
use crate::{
    backend::{Backend, BackendError, EntityChange, Inventory, Stamp},
    model::{AccountId, Entity, EntityId, Sample, Shared},
    time::Timestamp,
};

/// How long after a change of the configuration its entities are seen half written.
const HALF_WRITTEN: Duration = Duration::from_secs(3);

/// How long a client waits for an answer that does not come.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(30);

/// A value whose path holds this word is refused with 400, and with it the whole request.
const REFUSED_WORD: &str = "poison";

/// One whose path holds this makes the whole request a 500, as a fault in the backend does.
const CHOKING_WORD: &str = "venom";

/// A backend in memory that behaves as its fault plan says, from one seed.
#[derive(Debug)]
pub struct SimBackend {
    origin: Instant,
    fault_plan: FaultPlan,
    state: Mutex<State>,
}

/// What was asked of a [`SimBackend`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Requests, of all kinds.
    pub requests: usize,
    /// Values that stood twice at one path and time in one request.
    pub repeated: usize,
    /// Values that came again with another number than the stored one.
    pub contradicted: usize,
    /// The most values in one request.
    pub largest_batch: usize,
    /// The most requests to store values that went on at once.
    pub most_at_once: usize,
}

#[derive(Debug)]
struct State {
    chance: SmallRng,
    inventory: Inventory,
    changed_at: Option<Instant>,
    values: BTreeMap<(AccountId, String, Timestamp), f64>,
    tally: Tally,
    storing: usize,
}

impl SimBackend {
    /// A backend in which people set up `inventory`.
    pub fn new(seed: u64, inventory: Inventory, fault_plan: FaultPlan) -> Self {
        let state = State {
            chance: SmallRng::seed_from_u64(seed),
            inventory,
            changed_at: None,
            values: BTreeMap::new(),
            tally: Tally::default(),
            storing: 0,
        };
        Self { origin: Instant::now(), fault_plan, state: Mutex::new(state) }
    }

    /// Changes what people set up; for a moment, entities are then seen half written.
    pub fn set_up(&self, change: impl FnOnce(&mut Inventory)) {
        let mut state = self.state();
        change(&mut state.inventory);
        state.changed_at = Some(Instant::now());
    }

    /// Returns what is stored, by account, path and time.
    pub fn values(&self) -> BTreeMap<(AccountId, String, Timestamp), f64> {
        self.state().values.clone()
    }

    /// Returns what was asked.
    pub fn tally(&self) -> Tally {
        self.state().tally
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as a request takes; returns whether its answer will be lost.
    async fn arrive(&self, request: &str) -> Result<Answer, BackendError> {
        let fault = self.fault_plan.at(self.origin.elapsed());
        let (latency, dice) = {
            let mut state = self.state();
            state.tally.requests += 1;
            let slowest = if fault == Some(Fault::Slow) { 20.0 } else { 0.05 };
            (state.chance.random_range(0.002..slowest), state.chance.random_range(0..4))
        };
        let fate = match (fault, dice) {
            (Some(Fault::Away), _) | (Some(Fault::Flaky), 0) => Outcome::NoAnswer,
            (Some(Fault::Failing), _) => Outcome::Failure,
            (Some(Fault::Flaky), 1) => Outcome::Done(Answer::Lost),
            _ => Outcome::Done(Answer::Given),
        };
        sleep(if fate == Outcome::NoAnswer { GIVEN_UP_AFTER } else { Duration::from_secs_f64(latency) })
            .await;
        match fate {
            Outcome::Done(answer) => Ok(answer),
            Outcome::NoAnswer => Err(no_answer(request)),
            Outcome::Failure => Err(BackendError::Failed {
                request: request.to_owned(),
                status: 500,
                answer: "Could not validate access".to_owned(),
                retry_after: None,
            }),
        }
    }

    fn may_store(&self, request: &str, account: AccountId) -> Result<(), BackendError> {
        if self.fault_plan.at(self.origin.elapsed()) == Some(Fault::Forbidding) {
            let needs = format!("POST and PUT on accounts/{account}");
            return Err(BackendError::Forbidden { request: request.to_owned(), needs });
        }
        Ok(())
    }
}

/// A request to store values that goes on, also until its sender is killed.
struct Storing<'a>(&'a SimBackend);

impl<'a> Storing<'a> {
    fn begin(backend: &'a SimBackend) -> Self {
        let mut state = backend.state();
        state.storing += 1;
        state.tally.most_at_once = state.tally.most_at_once.max(state.storing);
        drop(state);
        Self(backend)
    }
}

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.state().storing -= 1;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done(Answer),
    NoAnswer,
    Failure,
}

/// Whether the one who asked learns what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Given,
    Lost,
}

impl Answer {
    fn to<T>(self, request: &str, answer: T) -> Result<T, BackendError> {
        match self {
            Self::Given => Ok(answer),
            Self::Lost => Err(no_answer(request)),
        }
    }
}

fn no_answer(request: &str) -> BackendError {
    let url = "sim://backend".to_owned();
    BackendError::Unreachable { url, request: request.to_owned(), source: "a simulated fault".into() }
}

impl State {
    /// One entity in two lacks its protocols, or its sensors, while a change is being written.
    fn as_listed(&mut self) -> Inventory {
        let mut inventory = self.inventory.clone();
        if self.changed_at.is_some_and(|at| at.elapsed() < HALF_WRITTEN) {
            for entity in inventory.accounts.iter_mut().flat_map(|account| &mut account.entities) {
                match self.chance.random_range(0..4) {
                    0 => entity.protocols = Some(BTreeMap::new()),
                    1 => {
                        entity
                            .protocols
                            .iter_mut()
                            .flatten()
                            .for_each(|(_, attachment)| attachment.sensors.clear());
                    }
                    _ => {}
                }
            }
        }
        inventory
    }

    fn store(&mut self, request: &str, account: AccountId, samples: &[Sample]) -> Result<(), BackendError> {
        self.tally.largest_batch = self.tally.largest_batch.max(samples.len());
        let distinct: HashSet<_> = samples.iter().map(|sample| (&sample.path, sample.time)).collect();
        self.tally.repeated += samples.len() - distinct.len();
        let names = |word| samples.iter().any(|sample| sample.path.as_str().contains(word));
        let request = || request.to_owned();
        if names(CHOKING_WORD) {
            let answer = "Internal Server Error".to_owned();
            return Err(BackendError::Failed { request: request(), status: 500, answer, retry_after: None });
        }
        if names(REFUSED_WORD) {
            let answer = "Input validation failed".to_owned();
            return Err(BackendError::Refused { request: request(), status: 400, answer });
        }
        for sample in samples {
            let key = (account, sample.path.as_str().to_owned(), sample.time);
            let known = self.values.insert(key, sample.value);
            self.tally.contradicted += usize::from(known.is_some_and(|known| known != sample.value));
        }
        Ok(())
    }

    fn entities(&mut self, account: AccountId) -> Option<&mut Vec<Shared<Entity>>> {
        let list = self.inventory.accounts.iter_mut().find(|list| list.account.id == account)?;
        Some(&mut list.entities)
    }

    fn change(&mut self, account: AccountId, change: EntityChange) -> EntityId {
        let new_id = EntityId::new(self.chance.random_range(1..i64::from(i32::MAX)));
        let Some(entities) = self.entities(account) else { return new_id };
        match change {
            EntityChange::Create(new) => {
                let (name, entity_type, parent, details) =
                    (new.name, new.entity_type, new.parent, new.details);
                let protocols = Some(BTreeMap::new());
                let created = Entity { id: new_id, name, entity_type, parent, details, protocols };
                entities.push(created.into());
                new_id
            }
            EntityChange::Update(changed) => {
                let id = changed.id;
                entities
                    .iter_mut()
                    .filter(|entity| entity.id == id)
                    .for_each(|entity| *entity = changed.clone().into());
                id
            }
            EntityChange::Delete(id) => {
                entities.retain(|entity| entity.id != id && entity.parent != Some(id));
                id
            }
        }
    }
}

impl Backend for SimBackend {
    async fn inventory(&self) -> Result<Inventory, BackendError> {
        let request = "GET accounts";
        let answer = self.arrive(request).await?;
        let inventory = self.state().as_listed();
        answer.to(request, inventory)
    }

    async fn entity(&self, account: AccountId, id: EntityId) -> Result<Option<Entity>, BackendError> {
        let request = "GET entity";
        let answer = self.arrive(request).await?;
        let entity =
            self.state().entities(account).and_then(|list| list.iter().find(|it| it.id == id).cloned());
        let entity = entity.map(Shared::into_inner);
        answer.to(request, entity)
    }

    async fn put_values(
        &self,
        account: AccountId,
        samples: &[Sample],
        stamp: Stamp,
    ) -> Result<(), BackendError> {
        let request = if stamp == Stamp::Due { "PUT values" } else { "POST values" };
        let _storing = Storing::begin(self);
        let answer = self.arrive(request).await?;
        self.may_store(request, account)?;
        self.state().store(request, account, samples)?;
        answer.to(request, ())
    }

    async fn change_entity(
        &self,
        account: AccountId,
        change: EntityChange,
    ) -> Result<EntityId, BackendError> {
        let request = "change entity";
        let answer = self.arrive(request).await?;
        self.may_store(request, account)?;
        let id = self.state().change(account, change);
        answer.to(request, id)
    }
}
