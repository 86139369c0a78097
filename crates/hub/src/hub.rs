//! The hub as a whole: its folder, its parts.

use std::{
    fmt,
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use grafolean_collector::{
    protocol::{Declaration, OpenTester},
    time::{Clock, SystemClock},
};
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::watch;
use tracing::warn;

use crate::{
    Forward,
    auth::{Gate, SetupSecret, SigningKeys},
    device_events::DeviceEvents,
    device_tests::DeviceTests,
    discovery::{Discoverer, Scans},
    facts::KnownFindings,
    flow_archive::FlowArchive,
    mqtt::Announcer,
    points::{self, Points, PointsError},
    repeats::Repeats,
    routes::{self, Overviews},
    serve::Proxies,
    setup::Setup,
    statuses::Statuses,
    store::{OpenError, Store, StoreError, person},
};

/// The database of accounts, people, bots and entities.
pub(crate) const HUB: &str = "hub.sqlite";

/// The file of values.
pub(crate) const POINTS: &str = "points.sqlite";

/// The file of what devices told by themselves.
pub(crate) const EVENTS: &str = "events.sqlite";

/// The key of the secrets in it.
pub(crate) const KEY: &str = "hub.key";

/// How long it is kept what devices told by themselves, unless somebody chooses.
const EVENT_RETENTION: Duration = Duration::from_secs(400 * 86_400);

/// What may be chosen about a hub.
pub struct Options {
    /// The time by which sessions end, and at which things are made.
    pub clock: Arc<dyn Clock>,
    /// Names by which the hub is reached, beside addresses and `localhost`: for any other the first person is refused.
    pub names: Vec<String>,
    /// Proxies before the hub, whose `X-Forwarded-For` and `X-Forwarded-Host` are believed.
    pub proxies: Proxies,
    /// What protocols declare: forms are made of it, and it says what a new account has from the start. Without any, a
    /// new account has what Grafolean's have.
    pub protocols: Vec<Declaration>,
    /// What tests devices of a protocol before they are set up.
    pub testers: Vec<(String, OpenTester)>,
    /// What scans networks.
    pub discoverer: Option<Arc<dyn Discoverer>>,
    /// How long values are kept, and how much of them stands in memory.
    pub points: points::Settings,
    /// How long it is kept what devices told by themselves.
    pub event_retention: Duration,
    /// Raw flows that are kept beside the hub, for questions of the page.
    pub flow_archive: Option<Arc<dyn FlowArchive>>,
    /// Where values go too.
    pub forward: Option<Arc<Forward>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            names: Vec::new(),
            proxies: Proxies::default(),
            protocols: Vec::new(),
            testers: Vec::new(),
            discoverer: None,
            points: points::Settings::default(),
            event_retention: EVENT_RETENTION,
            flow_archive: None,
            forward: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options").finish_non_exhaustive()
    }
}

/// Why a hub could not be opened.
#[derive(Debug, Error)]
pub enum HubError {
    /// The folder cannot be made, or not be used.
    #[error("could not use the data folder {}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// Two hubs on one folder would not see each other's changes.
    #[error("another hub uses the data folder {}: stop it, or choose another folder", folder.display())]
    InUse {
        /// Which.
        folder: PathBuf,
    },
    /// There are values, and nobody knows any more whose they are. A new database would let anyone take them over.
    #[error(
        "{points} holds values, but {hub} with their accounts and people is missing or empty: restore {hub} from a \
         backup, or move {points} away to begin anew",
        points = folder.join(POINTS).display(), hub = folder.join(HUB).display()
    )]
    AccountsMissing {
        /// Where.
        folder: PathBuf,
    },
    /// The database cannot be used; nothing in it was changed.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The values cannot be used; none of them was changed.
    #[error(transparent)]
    Points(#[from] PointsError),
}

/// A Grafolean-compatible backend: one folder, one process.
///
/// ```no_run
/// use std::{path::Path, sync::Arc};
///
/// use grafolean_hub::{Hub, Options, serve};
/// use tokio_util::sync::CancellationToken;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Arc::new(Hub::open(Path::new("/var/lib/grafolean"), Options::default())?);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// serve(listener, hub, CancellationToken::new()).await?;
/// # Ok(())
/// # }
/// ```
pub struct Hub {
    pub(crate) protocols: Arc<[Declaration]>,
    pub(crate) device_tests: DeviceTests,
    pub(crate) discoverer: Option<Arc<dyn Discoverer>>,
    pub(crate) scans: Scans,
    pub(crate) store: Store,
    pub(crate) points: Points,
    pub(crate) device_events: DeviceEvents,
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) failures: Repeats,
    pub(crate) announcer: Arc<Announcer>,
    pub(crate) setup_secret: SetupSecret,
    pub(crate) names: Vec<String>,
    pub(crate) proxies: Proxies,
    pub(crate) flow_archive: Option<Arc<dyn FlowArchive>>,
    pub(crate) overviews: Overviews,
    pub(crate) statuses: Statuses,
    pub(crate) findings: KnownFindings,
    /// How long values are kept.
    pub(crate) retention: Option<Duration>,
    pub(crate) forward: Option<Arc<Forward>>,
    _lock: File,
}

impl Hub {
    /// Opens the hub of a folder, and makes both where they are missing. Blocks until the database is ready.
    pub fn open(folder: &Path, options: Options) -> Result<Self, HubError> {
        let lock = lock(folder)?;
        let (hub_file, points_file) = (folder.join(HUB), folder.join(POINTS));
        let is_empty = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len()) == 0;
        let (is_new, points_missing) = (is_empty(&hub_file), is_empty(&points_file));
        let has_values = Points::is_filled(&points_file);
        let accounts_missing = || HubError::AccountsMissing { folder: folder.to_owned() };
        if is_new && has_values {
            return Err(accounts_missing());
        }
        let store = Store::open(&hub_file, options.clock.now())?;
        if has_values && !store.has_accounts() {
            return Err(accounts_missing());
        }
        if points_missing && store.has_accounts() {
            let file = points_file.display();
            warn!(%file, "the file of values is missing or empty beside a hub with accounts: it begins without values");
        }
        let retention = options.points.keep.values;
        let points = Points::open(&points_file, options.points, Arc::clone(&options.clock))?;
        let device_events =
            DeviceEvents::open(&folder.join(EVENTS), options.event_retention, options.clock.now())?;
        let setup_secret = SetupSecret::open(folder, store.has_people())
            .map_err(|source| HubError::Folder { folder: folder.to_owned(), source })?;
        let keys = SigningKeys::new(store.signing_secrets());
        let gate = Gate::new(keys, Arc::clone(&options.clock));
        Ok(Self {
            store,
            points,
            device_events,
            gate,
            clock: options.clock,
            failures: Repeats::default(),
            announcer: Arc::default(),
            setup_secret,
            names: options.names,
            proxies: options.proxies,
            protocols: options.protocols.into(),
            flow_archive: options.flow_archive,
            overviews: Overviews::default(),
            device_tests: DeviceTests::new(options.testers),
            discoverer: options.discoverer,
            scans: Scans::default(),
            statuses: Statuses::default(),
            findings: KnownFindings::default(),
            retention,
            forward: options.forward,
            _lock: lock,
        })
    }

    /// Returns all routes: the API below `/api`.
    pub fn router(self: &Arc<Self>) -> Router {
        routes::router(self)
    }

    /// Whether there is anybody who can log in; if not, `POST /api/admin/first` makes the first one.
    pub async fn has_users(&self) -> Result<bool, StoreError> {
        self.store.read(person::any_exists).await
    }

    /// Returns what has to be known to make the first person over HTTP; `None` once there is one.
    pub fn setup_secret(&self) -> Option<SecretString> {
        self.setup_secret.get()
    }

    /// Returns what changes with each change of what bots measure by: devices, sensors, credentials, accounts, rights.
    pub fn configured(&self) -> watch::Receiver<u64> {
        self.announcer.configured()
    }

    /// Returns the values.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// Returns the way to fill the hub without HTTP.
    pub fn setup(&self) -> Setup<'_> {
        Setup::of(self)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hub").finish_non_exhaustive()
    }
}

fn lock(folder: &Path) -> Result<File, HubError> {
    let unusable = |source| HubError::Folder { folder: folder.to_owned(), source };
    // A folder that is made is closed to others; one that is there stays as whoever made it wants it.
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join("hub.lock"))
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HubError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}
