//! A backend without a network, for virtual time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use grafolean_collector::{
    backend::{AccountInventory, Backend, BackendError, BrokenRow, EntityChange, Inventory, Stamp, UsedRow},
    bot::{Bot, BotError, Job, Plan, Refusal, Run},
    model::{
        Account, AccountId, Attachment, Credential, CredentialId, Details, Device, Entity, EntityId,
        Interval, Sample, Sensor, SensorId, SensorUse, Shared, UserId,
    },
    report::Report,
};

pub(crate) const ACCOUNT: AccountId = AccountId::new(1);
pub(crate) const BOT: UserId = UserId::new(77);

/// What the next looks at a backend give; when nothing is scripted, the truth.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) truth: Inventory,
    pub(crate) inventories: VecDeque<Result<Inventory, BackendError>>,
    pub(crate) entities: VecDeque<BackendError>,
    /// How the next accounts, and the next credentials and sensors, are not read alone.
    pub(crate) accounts: VecDeque<BackendError>,
    pub(crate) rows: VecDeque<BackendError>,
    pub(crate) looks: usize,
    pub(crate) read_alone: Vec<EntityId>,
    pub(crate) has_new_token: bool,
    /// Accounts to which nothing may be sent, and how often that was asked.
    pub(crate) unsendable: Vec<AccountId>,
    pub(crate) rights_reads: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Simulated(Arc<Mutex<Script>>);

impl Simulated {
    pub(crate) fn with(truth: Inventory) -> Self {
        Self(Arc::new(Mutex::new(Script { truth, ..Script::default() })))
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }
}

impl Backend for Simulated {
    async fn inventory(&self) -> Result<Inventory, BackendError> {
        let mut script = self.script();
        script.looks += 1;
        let truth = script.truth.clone();
        script.inventories.pop_front().unwrap_or(Ok(truth))
    }

    async fn entity(&self, _: AccountId, entity: EntityId) -> Result<Option<Entity>, BackendError> {
        let mut script = self.script();
        script.read_alone.push(entity);
        match script.entities.pop_front() {
            Some(error) => Err(error),
            None => Ok(script.truth.accounts[0]
                .entities
                .iter()
                .find(|it| it.id == entity)
                .cloned()
                .map(Shared::into_inner)),
        }
    }

    async fn account(&self, account: &Account) -> Result<Option<AccountInventory>, BackendError> {
        let mut script = self.script();
        match script.accounts.pop_front() {
            Some(error @ BackendError::Forbidden { .. }) => {
                let broken = BrokenRow {
                    list: "accounts",
                    row: account.id.number().into(),
                    reason: error.to_string(),
                };
                let (entities, credentials, sensors) = (vec![], vec![], vec![]);
                let account = account.clone();
                let broken = vec![broken];
                Ok(Some(AccountInventory { account, entities, credentials, sensors, broken }))
            }
            Some(error) => Err(error),
            None => Ok(script.truth.accounts.iter().find(|it| it.account.id == account.id).cloned()),
        }
    }

    async fn has_row(&self, account: AccountId, row: UsedRow) -> Result<bool, BackendError> {
        let mut script = self.script();
        if let Some(error) = script.rows.pop_front() {
            return Err(error);
        }
        let list = script.truth.accounts.iter().find(|it| it.account.id == account);
        Ok(list.is_some_and(|list| match row {
            UsedRow::Credential(id) => list.credentials.iter().any(|it| it.id == id),
            UsedRow::Sensor(id) => list.sensors.iter().any(|it| it.id == id),
        }))
    }

    async fn unsendable(&self, _: &[AccountId]) -> Result<Vec<AccountId>, BackendError> {
        let mut script = self.script();
        script.rights_reads += 1;
        Ok(script.unsendable.clone())
    }

    async fn renew_token(&self) -> bool {
        std::mem::take(&mut self.script().has_new_token)
    }

    async fn put_values(&self, _: AccountId, _: &[Sample], _: Stamp) -> Result<(), BackendError> {
        unreachable!("a refresh sends nothing")
    }

    async fn change_entity(&self, _: AccountId, _: EntityChange) -> Result<EntityId, BackendError> {
        unreachable!("a refresh changes nothing")
    }
}

/// Plans one job for each device, and refuses those without an interval.
pub(crate) struct PingLike;

impl Bot for PingLike {
    type Task = Device;

    fn protocol(&self) -> &str {
        "ping"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<Device> {
        let job = |device: &Device| match device.sensors[0].interval {
            Some(interval) => Ok(Job::new(device.entity.id.to_string(), interval, device.clone())),
            None => Err(Refusal::of(device, "no interval")),
        };
        devices.iter().map(job).collect()
    }

    async fn perform(&self, _: Run<Device>) -> Result<Vec<Report>, BotError> {
        Ok(Vec::new())
    }
}

pub(crate) fn every(seconds: i64) -> Interval {
    Interval::from_seconds(seconds).unwrap()
}

pub(crate) fn entity(id: i64, sensors: &[i64]) -> Entity {
    let sensors = sensors.iter().map(|&id| SensorUse { sensor: SensorId::new(id), interval: None }).collect();
    let attachment = Attachment { credential: Some(CredentialId::new(1)), bot: Some(BOT), sensors };
    Entity {
        id: EntityId::new(id),
        name: format!("device {id}"),
        entity_type: "device".to_owned(),
        parent: None,
        details: Details::new(),
        protocols: Some([("ping".to_owned(), attachment)].into()),
    }
}

pub(crate) fn sensor(id: i64, default_interval: Option<i64>) -> Sensor {
    Sensor {
        id: SensorId::new(id),
        name: format!("sensor {id}"),
        protocol: "ping".to_owned(),
        default_interval,
        details: Details::new(),
    }
}

pub(crate) fn credential(id: i64) -> Credential {
    Credential {
        id: CredentialId::new(id),
        name: format!("credential {id}"),
        protocol: "ping".to_owned(),
        details: Details::new(),
    }
}

/// One account with these entities, credential 1 and the sensors 2 (every minute) and 3 (every 5 minutes).
pub(crate) fn inventory(entities: Vec<Entity>) -> Inventory {
    let account = AccountInventory {
        account: Account { id: ACCOUNT, name: "a".to_owned() },
        entities: entities.into_iter().map(Shared::from).collect(),
        credentials: vec![credential(1).into()],
        sensors: vec![sensor(2, Some(60)).into(), sensor(3, Some(300)).into()],
        broken: Vec::new(),
    };
    Inventory { user: Some(BOT), protocol: None, accounts: vec![account] }
}

pub(crate) fn unreachable_backend() -> BackendError {
    BackendError::Unreachable {
        url: "http://h".to_owned(),
        request: "GET /accounts/".to_owned(),
        source: "connection refused".into(),
    }
}
