//! A backend that does as it is told, and watches what it is asked.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use grafolean_collector::{
    backend::{AccountInventory, Backend, BackendError, Confirmed, EntityChange, Inventory, Stamp},
    deliver::{Delivery, DeliveryMetrics, DeliverySettings, MAX_REQUEST_BYTES, MAX_REQUEST_VALUES},
    model::{Account, AccountId, Entity, EntityId, Sample, Shared},
    report::{Report, Values},
    spool::{Content, Letters, Limits, Spool, SpoolError, SpoolFile, SpoolMetrics},
    time::{Clock, Timestamp},
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// The wall clock of virtual time.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock(Instant);

pub const START: i64 = 1_700_000_000;

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(START) + self.0.elapsed()
    }
}

/// What the backend does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Well,
    /// No connection.
    Away,
    /// 500 to everything.
    Fails,
    /// Answers what the API does not know, as a page for a login.
    TalksNonsense,
    /// 500 to every value; an empty PUT is fine.
    StoresNothing,
    /// 401.
    Unauthorized,
    /// This status to everything, as a proxy in front of it may answer.
    Refuses(u16),
    /// This status to every value; an empty request is fine.
    RefusesValues(u16),
    /// 503 that asks to be left alone for so many seconds.
    Busy(u64),
    /// This status to each second request, as a proxy answers before two backends of which one is broken.
    Alternates(u16),
    /// This status to so many percent of the requests, at random.
    AtRandom(u16, u32),
}

/// What is stored and how it behaves.
pub struct World {
    pub behavior: Behavior,
    /// Whether a new token lies where the token is read from.
    pub has_new_token: bool,
    /// After so many requests with values it changes its behavior.
    pub turns: Option<(usize, Behavior)>,
    /// Status by path.
    pub poison: HashMap<String, u16>,
    pub forbidden_put: HashSet<i64>,
    pub forbidden_post: HashSet<i64>,
    pub forbidden_entities: HashSet<i64>,
    /// Bodies above this get 413.
    pub max_body: usize,
    pub values: BTreeMap<(i64, String, i64), f64>,
    /// What came by POST: account, path, when, value.
    pub posted: Vec<(i64, String, Timestamp, f64)>,
    pub accounts: BTreeMap<i64, Vec<Entity>>,
    /// Entities that lists leave out.
    pub unlisted: HashSet<i64>,
    pub changes: Vec<String>,
    pub inventories: usize,
    /// When which account was asked to store how many values.
    pub requests: Vec<(Timestamp, i64, usize)>,
    in_flight: usize,
    next_id: i64,
    /// Requests that might have been answered in another way.
    turn: u32,
}

#[derive(Clone)]
pub struct ScriptedBackend {
    world: Arc<Mutex<World>>,
    clock: VirtualClock,
}

impl ScriptedBackend {
    pub fn new(clock: VirtualClock) -> Self {
        let world = World {
            behavior: Behavior::Well,
            turns: None,
            has_new_token: false,
            poison: HashMap::new(),
            forbidden_put: HashSet::new(),
            forbidden_post: HashSet::new(),
            forbidden_entities: HashSet::new(),
            max_body: usize::MAX,
            values: BTreeMap::new(),
            posted: Vec::new(),
            accounts: BTreeMap::new(),
            unlisted: HashSet::new(),
            changes: Vec::new(),
            inventories: 0,
            requests: Vec::new(),
            in_flight: 0,
            next_id: 1_000,
            turn: 0,
        };
        Self { world: Arc::new(Mutex::new(world)), clock }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn turn(&self) -> u32 {
        let mut world = self.world();
        world.turn += 1;
        world.turn
    }

    fn answer(&self, request: &str) -> Result<(), BackendError> {
        let request = request.to_owned();
        let behavior = self.world().behavior;
        match behavior {
            Behavior::Well | Behavior::StoresNothing | Behavior::RefusesValues(_) => Ok(()),
            Behavior::Refuses(status) => Err(refused(request, status)),
            Behavior::Alternates(status) if self.turn().is_multiple_of(2) => Err(of_status(request, status)),
            // the multiples of this number modulo 2^32 are spread as if by chance
            Behavior::AtRandom(status, percent)
                if (self.turn().wrapping_mul(2_654_435_761) >> 16) % 100 < percent =>
            {
                Err(of_status(request, status))
            }
            Behavior::Alternates(_) | Behavior::AtRandom(..) => Ok(()),
            Behavior::Busy(seconds) => Err(BackendError::Failed {
                request,
                status: 503,
                answer: "busy".to_owned(),
                retry_after: Some(Duration::from_secs(seconds)),
            }),
            Behavior::Away => Err(BackendError::Unreachable {
                url: "http://test".to_owned(),
                request,
                source: "refused".into(),
            }),
            Behavior::Fails => Err(failed(request, 500)),
            Behavior::TalksNonsense => {
                Err(BackendError::Nonsense { request, reason: "expected none, got `<html>`".to_owned() })
            }
            Behavior::Unauthorized => Err(BackendError::Unauthorized { request }),
        }
    }

    fn store(&self, account: AccountId, samples: &[Sample], stamp: Stamp) -> Result<(), BackendError> {
        let request = "PUT values".to_owned();
        self.answer(&request)?;
        let now = self.clock.now();
        let mut world = self.world();
        let number = account.number();
        let forbidden = match stamp {
            Stamp::Due => &world.forbidden_put,
            Stamp::Arrival => &world.forbidden_post,
        };
        if forbidden.contains(&number) {
            return Err(BackendError::Forbidden {
                request,
                needs: format!("{stamp:?} on accounts/{number}/values"),
            });
        }
        if let (Behavior::RefusesValues(status), false) = (world.behavior, samples.is_empty()) {
            return Err(refused(request, status));
        }
        if let Some((left, behavior)) = &mut world.turns
            && !samples.is_empty()
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                let behavior = *behavior;
                world.turns = None;
                world.behavior = behavior;
            }
        }
        if serde_json::to_vec(samples).unwrap().len() > world.max_body {
            return Err(BackendError::Refused { request, status: 413, answer: "too large".to_owned() });
        }
        if world.behavior == Behavior::StoresNothing && !samples.is_empty() {
            return Err(failed(request, 500));
        }
        let poison = samples.iter().find_map(|sample| world.poison.get(sample.path.as_str()).copied());
        match poison {
            Some(status @ 400..500) => {
                return Err(BackendError::Refused { request, status, answer: "no such value".to_owned() });
            }
            Some(status) => return Err(failed(request, status)),
            None => {}
        }
        for Sample { path, time, value } in samples {
            match stamp {
                Stamp::Due => {
                    world.values.insert((number, path.to_string(), time.micros()), *value);
                }
                Stamp::Arrival => world.posted.push((number, path.to_string(), now, *value)),
            }
        }
        Ok(())
    }

    fn list(&self, account: i64) -> Vec<Entity> {
        let world = self.world();
        let entities = world.accounts.get(&account).into_iter().flatten();
        entities.filter(|entity| !world.unlisted.contains(&entity.id.number())).cloned().collect()
    }
}

fn refused(request: String, status: u16) -> BackendError {
    BackendError::Refused { request, status, answer: "no such thing".to_owned() }
}

fn of_status(request: String, status: u16) -> BackendError {
    if status < 500 { refused(request, status) } else { failed(request, status) }
}

fn failed(request: String, status: u16) -> BackendError {
    BackendError::Failed { request, status, answer: "Internal Server Error".to_owned(), retry_after: None }
}

impl Backend for ScriptedBackend {
    async fn renew_token(&self) -> bool {
        std::mem::take(&mut self.world().has_new_token)
    }

    async fn inventory(&self) -> Result<Inventory, BackendError> {
        self.answer("GET accounts")?;
        self.world().inventories += 1;
        let ids: Vec<i64> = self.world().accounts.keys().copied().collect();
        let accounts = ids.into_iter().map(|id| AccountInventory {
            account: Account { id: AccountId::new(id), name: String::new() },
            entities: self.list(id).into_iter().map(Shared::from).collect(),
            credentials: vec![],
            sensors: vec![],
            broken: vec![],
        });
        Ok(Inventory { user: None, protocol: None, accounts: accounts.collect() })
    }

    async fn entity(&self, account: AccountId, entity: EntityId) -> Result<Option<Entity>, BackendError> {
        self.answer("GET entity")?;
        let world = self.world();
        let mut entities = world.accounts.get(&account.number()).into_iter().flatten();
        Ok(entities.find(|known| known.id == entity).cloned())
    }

    async fn put_values(
        &self,
        account: AccountId,
        samples: &[Sample],
        stamp: Stamp,
    ) -> Result<(), BackendError> {
        let mut paths = HashSet::new();
        for sample in samples {
            let time = if stamp == Stamp::Due { sample.time.micros() } else { 0 };
            assert!(paths.insert((sample.path.as_str(), time)), "{sample:?} stands twice in a request");
        }
        assert!(samples.len() <= MAX_REQUEST_VALUES, "{} values in a request", samples.len());
        assert!(serde_json::to_vec(samples).unwrap().len() <= MAX_REQUEST_BYTES);
        {
            let mut world = self.world();
            world.requests.push((self.clock.now(), account.number(), samples.len()));
            world.in_flight += 1;
            assert_eq!(world.in_flight, 1, "two requests at once");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
        self.world().in_flight -= 1;
        self.store(account, samples, stamp)
    }

    async fn change_entity(
        &self,
        account: AccountId,
        change: EntityChange,
    ) -> Result<EntityId, BackendError> {
        self.answer("POST entity")?;
        let mut world = self.world();
        if world.forbidden_entities.contains(&account.number()) {
            let (request, needs) = ("POST entities".to_owned(), "POST on entities".to_owned());
            world.changes.push("forbidden".to_owned());
            return Err(BackendError::Forbidden { request, needs });
        }
        world.next_id += 1;
        let id = EntityId::new(world.next_id);
        let World { accounts, changes, .. } = &mut *world;
        let entities = accounts.entry(account.number()).or_default();
        Ok(match change {
            EntityChange::Create(new) => {
                changes.push(format!("+{}", new.name));
                entities.push(Entity {
                    id,
                    name: new.name,
                    entity_type: new.entity_type,
                    parent: new.parent,
                    details: new.details,
                    protocols: None,
                });
                id
            }
            EntityChange::Update(updated) => {
                changes.push(format!("~{}", updated.name));
                let id = updated.id;
                entities.retain(|entity| entity.id != id);
                entities.push(updated);
                id
            }
            EntityChange::Delete(id) => {
                changes.push(format!("-{id}"));
                entities.retain(|entity| entity.id != id);
                id
            }
        })
    }
}

/// A spool, a backend and a delivery in virtual time.
pub struct DeliveryTest {
    pub folder: tempfile::TempDir,
    pub clock: VirtualClock,
    pub backend: ScriptedBackend,
    pub spool: Spool,
    pub metrics: DeliveryMetrics,
    /// What a refresh would confirm.
    pub inventory: Option<watch::Receiver<Option<Confirmed>>>,
    running: Option<(CancellationToken, JoinHandle<Result<(), SpoolError>>)>,
}

impl DeliveryTest {
    pub async fn new() -> Self {
        // Memory if the machine has a folder there: what is tested is not the disk.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let clock = VirtualClock(Instant::now());
        let spool = open(&folder, clock).await;
        Self {
            folder,
            clock,
            backend: ScriptedBackend::new(clock),
            spool,
            metrics: DeliveryMetrics::default(),
            inventory: None,
            running: None,
        }
    }

    pub fn start(&mut self) {
        let stop = CancellationToken::new();
        let delivery = Delivery {
            backend: Arc::new(self.backend.clone()),
            spool: self.spool.clone(),
            clock: Arc::new(self.clock),
            settings: DeliverySettings { jitter_seed: 7, ..DeliverySettings::default() },
            inventory: self.inventory.clone(),
            metrics: self.metrics.clone(),
            stop: stop.clone(),
        };
        self.running = Some((stop, tokio::spawn(delivery.run())));
    }

    /// Stops as a SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            task.await.unwrap().unwrap();
        }
    }

    /// Ends the delivery in the middle of whatever it does, and opens the spool anew.
    pub async fn crash(&mut self) {
        if let Some((_, task)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
        self.backend.world().in_flight = 0;
        self.spool.clone().close().await.unwrap();
        self.spool = open(&self.folder, self.clock).await;
        self.start();
    }

    /// Accepts values at the present time.
    pub async fn accept(&self, account: i64, values: &[(&str, f64)]) -> Timestamp {
        let time = self.clock.now();
        let values = values.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect();
        let report = Report::Values(Values { account: AccountId::new(account), time, values });
        self.spool.accept(&[report]).await.unwrap();
        time
    }

    /// Dead letters as path and reason, oldest first.
    pub fn dead_letters(&self) -> Vec<(String, String)> {
        let letters =
            SpoolFile::open(self.spool.path()).unwrap().dead_letters(Letters::All, None, u32::MAX).unwrap();
        letters
            .into_iter()
            .rev()
            .map(|letter| match letter.content {
                Content::Report(Report::Values(values)) => (values.values[0].0.clone(), letter.reason),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// How delivery ended by itself.
    pub async fn ended(&mut self) -> Result<(), SpoolError> {
        self.running.take().unwrap().1.await.unwrap()
    }

    pub fn waiting(&self) -> u64 {
        self.spool.statistics().queue.values
    }
}

async fn open(folder: &tempfile::TempDir, clock: VirtualClock) -> Spool {
    Spool::open(
        folder.path().join("spool.sqlite"),
        Limits::default(),
        Arc::new(clock),
        SpoolMetrics::default(),
    )
    .await
    .unwrap()
}

pub async fn pass(span: Duration) {
    tokio::time::sleep(span).await;
}
