//! Values that the hub stored, on their way to other stores by Prometheus remote write.
//!
//! ```text
//!  PUT, POST values ─▶ points ─▶ Forward (forward.sqlite, a position for each sink) ─▶ Prometheus, ...
//! ```
//! Who brought values gets an answer once they are durable in both. A request that is repeated is forwarded again, which
//! receivers take as what they have.

use std::{
    collections::HashMap,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use grafolean_collector::{
    model::{AccountId, EntityId, Sample},
    protocol::{Output, prometheus::Mappings},
    remote_write::{
        Declared, Entities, HttpReceiver, KnownOwner, RemoteWrite, RemoteWriteError, RemoteWriteMetrics,
        RemoteWriteSettings,
    },
    report::{Report, Values},
    spool::{Limits, Spool, SpoolError, SpoolMetrics},
    time::{Clock, Timestamp},
};
use prometheus_client::registry::Registry;
use thiserror::Error;
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info_span};

use crate::{
    Hub,
    store::{StoreError, account, entity, protocol},
};

/// The file of what waits.
const FILE: &str = "forward.sqlite";

/// A new name of an entity stands in labels within this time.
const NAMES_EVERY: Duration = Duration::from_secs(15);

/// The way of values to other stores.
pub struct Forward {
    spool: Spool,
    receivers: Vec<(RemoteWriteSettings, Arc<HttpReceiver>)>,
    clock: Arc<dyn Clock>,
    spool_metrics: SpoolMetrics,
    metrics: RemoteWriteMetrics,
}

/// Why values cannot be forwarded.
#[derive(Debug, Error)]
pub enum ForwardError {
    /// A receiver cannot be reached as its settings say.
    #[error("values cannot be forwarded to {name}")]
    Receiver {
        /// The name of the sink.
        name: String,
        /// Why.
        #[source]
        source: RemoteWriteError,
    },
    /// What waits cannot be kept.
    #[error("what is to be forwarded cannot be kept")]
    Spool(#[from] SpoolError),
    /// The hub's own database cannot be read.
    #[error("what values are called cannot be read")]
    Store(#[from] StoreError),
}

impl Forward {
    /// Opens what waits in a hub's folder; nothing is sent yet.
    ///
    /// # Errors
    /// Fails if the file cannot be used, or a receiver not be reached as its settings say.
    pub async fn open(
        folder: &Path,
        settings: Vec<RemoteWriteSettings>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ForwardError> {
        let receiver = |settings: RemoteWriteSettings| match HttpReceiver::new(&settings) {
            Ok(receiver) => Ok((settings, Arc::new(receiver))),
            Err(source) => Err(ForwardError::Receiver { name: settings.sink.name, source }),
        };
        // As the hub makes it: closed to others.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| SpoolError::Folder { path: folder.join(FILE), source })?;
        let receivers = settings.into_iter().map(receiver).collect::<Result<Vec<_>, _>>()?;
        let sinks = receivers.iter().map(|(settings, _)| settings.sink.clone()).collect();
        let spool_metrics = SpoolMetrics::default();
        let (file, limits, counts) = (folder.join(FILE), Limits::default(), spool_metrics.clone());
        let spool = Spool::open_for_sinks(file, limits, sinks, Arc::clone(&clock), counts).await?;
        Ok(Self { spool, receivers, clock, spool_metrics, metrics: RemoteWriteMetrics::default() })
    }

    /// Keeps values until all sinks have them; returns once they are on disk.
    pub(crate) async fn accept(&self, account: AccountId, samples: &[Sample]) -> Result<(), SpoolError> {
        let mut reports: Vec<Report> = Vec::new();
        let mut under_way: Option<(Timestamp, Vec<(String, f64)>)> = None;
        let mut close = |open: Option<(Timestamp, Vec<(String, f64)>)>| {
            reports.extend(open.map(|(time, values)| Report::Values(Values { account, time, values })));
        };
        for Sample { path, time, value } in samples {
            let point = (path.as_str().to_owned(), *value);
            match &mut under_way {
                Some((same, values)) if same == time => values.push(point),
                _ => close(under_way.replace((*time, vec![point]))),
            }
        }
        close(under_way);
        self.spool.accept(&reports).await
    }

    /// Registers what it counts.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.spool_metrics.register(registry);
        self.metrics.register(registry);
    }

    /// Returns how many values wait for a sink, and how many its receiver stored since the start.
    pub fn state(&self, sink: &str) -> (u64, u64) {
        let sinks = self.spool.statistics().sinks;
        let waiting = sinks.iter().find(|known| known.name == sink).map_or(0, |known| known.waiting.values);
        (waiting, self.metrics.delivered(sink))
    }

    /// Sends until it is stopped, and then for some seconds what still waits; closes the file.
    ///
    /// # Errors
    /// Fails if the hub's database cannot be read, or the file is gone.
    pub async fn run(&self, hub: &Arc<Hub>, stop: CancellationToken) -> Result<(), ForwardError> {
        let names = Names::read(hub).await?;
        let declared = declared(hub).await?;
        let mut tasks = JoinSet::new();
        for (settings, receiver) in &self.receivers {
            let Some(sink) = self.spool.sink(&settings.sink.name) else { continue };
            let outputs = declared.iter().map(|(name, outputs)| (name.as_str(), outputs.as_slice()));
            let mappings = Mappings::of(outputs, &settings.template);
            let task = RemoteWrite {
                spool: self.spool.clone(),
                sink,
                receiver: Arc::clone(receiver),
                naming: Declared::new(mappings, names.clone(), settings.labels.clone()),
                settings: settings.clone(),
                clock: Arc::clone(&self.clock),
                metrics: self.metrics.clone(),
                stop: stop.clone(),
            };
            tasks.spawn(task.run().instrument(info_span!("forward")));
        }
        let renaming = async {
            loop {
                time::sleep(NAMES_EVERY).await;
                if let Err(error) = names.renew(hub).await {
                    error!(%error, "names of entities could not be read: those that are known are used");
                }
            }
        };
        let ended = async {
            while let Some(ended) = tasks.join_next().await {
                if let Ok(Err(error)) = ended {
                    return Err(error);
                }
            }
            Ok(())
        };
        tokio::select! { biased; ended = ended => ended?, () = renaming => {} }
        self.spool.clone().close().await?;
        Ok(())
    }
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Forward").field("receivers", &self.receivers.len()).finish_non_exhaustive()
    }
}

/// Reads what protocols declare: those of the binary, and those that bots registered.
async fn declared(hub: &Hub) -> Result<Vec<(String, Vec<Output>)>, StoreError> {
    let registered = hub.store.read(protocol::list).await?;
    let all = hub.protocols.iter().cloned().chain(registered);
    Ok(all.map(|declaration| (declaration.name, declaration.outputs)).collect())
}

/// Names and addresses of entities as they were read last; clones are the same.
#[derive(Clone, Default)]
struct Names(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// That of the database when they were read.
    read_at: u64,
    /// Rises when any of them changes.
    generation: u64,
    /// Of accounts alone, and of their entities.
    owners: HashMap<(AccountId, Option<EntityId>), KnownOwner>,
}

impl Names {
    async fn read(hub: &Hub) -> Result<Self, StoreError> {
        let names = Self::default();
        names.renew(hub).await?;
        Ok(names)
    }

    /// Reads them again if anything in the hub changed.
    async fn renew(&self, hub: &Hub) -> Result<(), StoreError> {
        let generation = hub.store.generation();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).read_at;
        if known == generation && generation > 0 {
            return Ok(());
        }
        let owners = hub
            .store
            .read(|connection| {
                let mut owners = HashMap::new();
                for account in account::all(connection)? {
                    owners.insert((account.id, None), KnownOwner::of(&account.name, None));
                    for entity in entity::list(connection, account.id)? {
                        let owner = KnownOwner::of(&account.name, Some(&entity));
                        owners.insert((account.id, Some(entity.id)), owner);
                    }
                }
                Ok(owners)
            })
            .await?;
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.owners != owners {
            known.owners = owners;
            known.generation += 1;
        }
        known.read_at = generation;
        Ok(())
    }
}

impl Entities for Names {
    fn owner(&self, account: AccountId, entity: Option<EntityId>) -> KnownOwner {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let owner = known.owners.get(&(account, entity)).or_else(|| known.owners.get(&(account, None)));
        owner.cloned().unwrap_or_default()
    }

    fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).generation
    }
}
