//! The way of values: a spool of this process, those that other processes left, and their delivery.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use grafolean_collector::{
    backend::http::HttpBackend,
    collector::{Outbox, Sending, Sinks},
    deliver::DeliverySettings,
    health::Health,
    spool::{Limits, Spool, SpoolError},
    status::{BotName, Reading, RunLog},
    time::SystemClock,
};
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::bot::PROTOCOL;

/// Processes of one bot on one machine at a time, each with a spool of its own. More than anyone forks.
const PLACES: u32 = 256;

/// How often places of others are looked at: a forked child that ended without a word leaves its values in one.
const LOOK: Duration = Duration::from_secs(5);

/// The spool of this process, its delivery, and that of values which other processes left.
pub(crate) struct Spools {
    own: Sending,
    adoption: JoinHandle<()>,
    stop_adoption: CancellationToken,
}

/// What is known of a bot whose values go here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Its newest runs.
    pub(crate) runs: RunLog,
    /// What was read of its configuration.
    pub(crate) reading: Reading,
}

impl Spools {
    /// Claims the first place below `folder` that no other process has, and delivers what waits in those that nobody
    /// has any more.
    pub(crate) async fn open(
        folder: &Path,
        limits: Limits,
        backend: &Arc<HttpBackend>,
        known: Known,
        health: &mut Health,
    ) -> Result<Self, SpoolError> {
        let (place, outbox) = first_free(folder, limits, backend).await?;
        let mut adoption = Adoption {
            folder: folder.to_owned(),
            limits,
            own: place,
            backend: Arc::clone(backend),
            adopted: HashMap::new(),
            empty: HashMap::new(),
        };
        // At once, so that a short life is enough to deliver what waits.
        adoption.look().await;
        let name = BotName {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: backend.url().to_string(),
            ..BotName::default()
        };
        let stop_adoption = CancellationToken::new();
        Ok(Self {
            own: outbox.start_for(PROTOCOL, name, (known.runs, known.reading), health),
            adoption: tokio::spawn(adoption.run(stop_adoption.clone())),
            stop_adoption,
        })
    }

    /// Returns a handle to the spool of this process.
    pub(crate) fn own(&self) -> Spool {
        self.own.spool()
    }

    /// Delivers what can be delivered at once; the rest waits on disk for the next process.
    pub(crate) async fn close(self) {
        self.stop_adoption.cancel();
        self.own.close().await;
        // One that panicked has told so; what it did not deliver is on disk.
        let _ = self.adoption.await;
    }
}

/// When the files of a place were last written.
type Written = Option<SystemTime>;

/// Delivers what processes left that are gone.
struct Adoption {
    folder: PathBuf,
    limits: Limits,
    own: u32,
    backend: Arc<HttpBackend>,
    adopted: HashMap<u32, Sending>,
    /// Places in which nothing waited, as they were then: they are opened again only once they were written to.
    empty: HashMap<u32, Written>,
}

impl Adoption {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! { biased; () = stop.cancelled() => break, () = time::sleep(LOOK) => {} }
            self.release_empty().await;
            self.look().await;
        }
        for (_, sending) in self.adopted {
            sending.close().await;
        }
    }

    async fn look(&mut self) {
        for place in (1..=PLACES).filter(|place| *place != self.own) {
            let path = file(&self.folder, place);
            if self.adopted.contains_key(&place) || !path.exists() {
                continue;
            }
            let written = written(&path);
            if self.empty.get(&place) == Some(&written) {
                continue;
            }
            // In use is the usual answer: another process of the bot looks after it.
            let Ok(outbox) = open(path.clone(), self.limits, &self.backend).await else { continue };
            let spool = outbox.spool();
            // Rejected entries that somebody marked to be sent again wait from this look on.
            let _ = spool.look().await;
            let values = spool.statistics().queue.values;
            if values == 0 {
                let _ = spool.close().await;
                self.empty.insert(place, self::written(&path));
            } else {
                info!(values, "values of an earlier process wait and are delivered");
                self.adopted.insert(place, outbox.start());
            }
        }
    }

    /// Releases places in which nothing waits any more, so that another process may take them.
    async fn release_empty(&mut self) {
        let is_empty = |_: &u32, sending: &mut Sending| sending.spool().statistics().queue.reports == 0;
        let empty: Vec<_> = self.adopted.extract_if(is_empty).collect();
        for (place, sending) in empty {
            sending.close().await;
            self.empty.insert(place, written(&file(&self.folder, place)));
        }
    }
}

/// Returns when a spool was last written; SQLite writes to the file's log first.
fn written(path: &Path) -> Written {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let times = [path, Path::new(&log)].map(|file| fs::metadata(file).and_then(|it| it.modified()).ok());
    times.into_iter().flatten().max()
}

async fn first_free(
    folder: &Path,
    limits: Limits,
    backend: &Arc<HttpBackend>,
) -> Result<(u32, Outbox<HttpBackend>), SpoolError> {
    let mut place = 1;
    loop {
        match open(file(folder, place), limits, backend).await {
            Ok(outbox) => return Ok((place, outbox)),
            Err(SpoolError::InUse { .. }) if place < PLACES => place += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn open(
    path: PathBuf,
    limits: Limits,
    backend: &Arc<HttpBackend>,
) -> Result<Outbox<HttpBackend>, SpoolError> {
    let (backend, clock) = (Arc::clone(backend), Arc::new(SystemClock));
    Outbox::open(path, limits, backend, clock, DeliverySettings::default(), Sinks::none()).await
}

fn file(folder: &Path, place: u32) -> PathBuf {
    folder.join(place.to_string()).join("spool.sqlite")
}
