//! The NetFlow bot: flows arrive by themselves; its jobs tell what came of them.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use grafolean_collector::{
    bot::{BotError, Job, Plan, Refusal, Run, RunId},
    cause::Cause,
    details::{DetailsError, NoFields},
    health::Health,
    interfaces::{InterfaceBoard, ReadingFolder},
    model::{self, AccountId, Details, Device, Interval, NewEntity, Shared},
    protocol::{self, Defaults, Opening, Output, Protocol},
    report::{Report, Suggestions, Values},
    sandbox::privileged,
    settings::{Resolved, Setting},
    status::Heard,
    time::{Clock, SystemClock, Timestamp},
};
use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::{
    aggregate::{Exporters, GRACE_SECONDS, Span},
    archive::{self, Archive, ArchiveError, Held},
    copies::{Copied, Copier, Target, TargetError},
    declaration::{self, Entity},
    flow_state::{FlowState, Named},
    heard::HeardLog,
    metrics::NetflowMetrics,
    opening,
    places::{PlaceFiles, PlacesError, WatchedPlaces},
    receive::{Batch, Listen, ReceiveError, Receiver, Running},
    sampling::Override,
    settings,
    state::CheckpointWriter,
};

/// How often exporters that nobody named are suggested.
const SUGGEST_SECONDS: i64 = 120;
/// The details of an entity that hold its addresses.
const ADDRESSES: [&str; 2] = ["ipv4", "ipv6"];

/// Receives flows and tells the bytes of each interval. Protocol `netflow`: an exporter is known by `details.ipv4` or
/// `details.ipv6`.
pub struct NetflowBot {
    flow_state: Arc<FlowState>,
    addresses: Vec<SocketAddr>,
    /// Receiving stops before the last state is kept.
    running: Option<Running>,
    checkpoint_writer: Option<CheckpointWriter>,
    archive: Option<Archive>,
    heard: HeardLog,
    copier: Option<Copier>,
}

/// How the bot is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: Listen,
    /// Where it keeps templates and open bins over restarts; none keeps them nowhere.
    pub folder: Option<PathBuf>,
    /// Where it keeps raw flows; none keeps none.
    pub archive: Option<archive::Settings>,
    /// Where it finds interface counters that the SNMP bot of this process reads.
    pub interfaces: InterfaceBoard,
    /// Where it finds those that the SNMP bot of another process on this machine reads.
    pub readings: Option<ReadingFolder>,
    /// What says where addresses belong, and which lists are made of it.
    pub places: PlaceFiles,
}

impl Options {
    /// Listens, keeps nothing, and knows no interfaces.
    pub fn on(listen: Listen) -> Self {
        let (interfaces, places) = (InterfaceBoard::default(), PlaceFiles::default());
        Self { listen, folder: None, archive: None, interfaces, readings: None, places }
    }
}

/// Why the bot could not begin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No flows can be received.
    #[error("flows can't be received")]
    Receive(#[from] ReceiveError),
    /// Raw flows can't be kept.
    #[error("raw flows can't be kept")]
    Archive(#[from] ArchiveError),
    /// Raw flows can't be copied.
    #[error("raw flows can't be copied")]
    Copies(#[from] TargetError),
    /// Nobody can say where addresses belong.
    #[error("addresses can't be named")]
    Places(#[from] PlacesError),
    /// The folder can't be used.
    #[error("templates and open bins can't be kept in {}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

/// What a run does.
#[derive(Clone, Debug, PartialEq)]
pub enum NetflowTask {
    /// Reports the bytes of an interval that ended, and with the shortest one how much of what was sent was seen.
    Values {
        /// Whose values they are.
        account: AccountId,
        /// Which interval.
        span: Span,
        /// The account's exporters.
        exporters: Exporters,
    },
    /// Suggests exporters that the account does not name.
    Suggest {
        /// To whom.
        account: AccountId,
        /// Addresses that it names, and how counts of each are scaled where its entity overrides that.
        known: BTreeMap<IpAddr, Option<Override>>,
    },
}

/// What a device says of itself.
struct Exporter {
    addresses: Vec<IpAddr>,
    sampling: Option<Override>,
}

/// Begins to keep raw flows, and to copy them.
fn archived(
    settings: &archive::Settings,
    flow_state: &FlowState,
    clock: &dyn Clock,
) -> Result<(Archive, Option<Copier>), OpenError> {
    let counts = || flow_state.metrics.archive.clone();
    let Some(address) = &settings.copy_to else {
        return Ok((Archive::open(settings, counts(), clock.now())?, None));
    };
    let target = Target::open(address)?;
    let copied = Arc::new(Copied::open(&settings.folder, &target.to_string())?);
    let known = Arc::clone(&copied);
    let held = Some(Held::by(move |path| !known.contains(path)));
    let settings = archive::Settings { held, ..settings.clone() };
    let archive = Archive::open(&settings, counts(), clock.now())?;
    let copier = Copier::start(&settings.folder, target, copied, flow_state.metrics.copies.clone())?;
    Ok((archive, Some(copier)))
}

impl NetflowBot {
    /// Goes on from what was kept, then listens.
    ///
    /// # Errors
    /// Fails when an address cannot be bound, the folder not be made, or a file not be read.
    pub fn open(options: &Options, clock: &dyn Clock) -> Result<Self, OpenError> {
        let places = WatchedPlaces::open(options.places.clone())?;
        let receiver = privileged(|| Receiver::bind(&options.listen))?;
        let flow_state = Arc::new(FlowState::new(receiver.sockets().len(), places));
        flow_state.reconcile(options.interfaces.clone(), options.readings.clone(), clock.now());
        let checkpoint_writer = options.folder.as_ref().map(|folder| {
            let started = CheckpointWriter::start(Arc::clone(&flow_state), folder, clock.now());
            started.map_err(|source| OpenError::Folder { folder: folder.clone(), source })
        });
        let checkpoint_writer = checkpoint_writer.transpose()?;
        // Before anything is received, so that all of it counts.
        let heard = HeardLog::new(&flow_state, clock.now());
        let (archive, copier) = match &options.archive {
            Some(settings) => {
                let (archive, copier) = archived(settings, &flow_state, clock)?;
                (Some(archive), copier)
            }
            None => (None, None),
        };
        for bound in receiver.sockets() {
            info!(address = %bound.address, buffer_bytes = bound.granted_bytes, "listening for flows");
            if bound.granted_bytes < bound.asked_bytes {
                warn!(
                    asked_bytes = bound.asked_bytes,
                    granted_bytes = bound.granted_bytes,
                    "the kernel grants less buffer than asked for: bursts may be lost, raise net.core.rmem_max"
                );
            }
        }
        for address in receiver.tcp_addresses() {
            info!(%address, "listening for IPFIX over TCP");
        }
        let mut addresses: Vec<_> = receiver.sockets().iter().map(|bound| bound.address).collect();
        // several threads share one
        addresses.dedup();
        let running = receiver.start(|place| {
            let mut receiver_handle = flow_state.receiver_handle(place);
            let mut feed = archive.as_ref().map(Archive::feed);
            move |batch: &Batch<'_>| receiver_handle.receive(batch, feed.as_mut())
        })?;
        Ok(Self { flow_state, addresses, running: Some(running), checkpoint_writer, archive, heard, copier })
    }

    /// Returns the addresses that it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Has the health of its process fail while a thread of it is not at work: a bot that receives nothing is not well.
    pub fn watch(&self, health: &mut Health) {
        let threads = self.running.iter().flat_map(Running::heartbeats);
        for heartbeat in threads.chain(self.checkpoint_writer.as_ref().map(CheckpointWriter::heartbeat)) {
            let heartbeat = heartbeat.clone();
            health.watch(move || heartbeat.check(SystemClock.now()));
        }
    }

    /// Returns what it counts.
    pub fn metrics(&self) -> &NetflowMetrics {
        &self.flow_state.metrics
    }
}

impl Drop for NetflowBot {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
        self.checkpoint_writer.take();
        self.archive.take();
        self.copier.take();
    }
}

impl Protocol for NetflowBot {
    const NAME: &'static str = "netflow";
    const ABOUT: &'static str = "Receives flows of routers and switches: NetFlow v5 and v9, IPFIX, sFlow v5";
    const NOTES: &'static str = declaration::NOTES;
    const NEVER_ONCE: Option<&'static str> = Some(declaration::NEVER_ONCE);
    const KEEPS_ENTITIES: bool = true;
    const SETTINGS: &'static [Setting] = &settings::ALL;
    const OUTPUTS: &'static [Output] = declaration::OUTPUTS;
    type Credential = NoFields;
    type Sensor = NoFields;
    type Entity = Entity;
    type Task = NetflowTask;

    fn defaults() -> Defaults {
        declaration::defaults()
    }

    fn reads(settings: &Resolved) -> Vec<PathBuf> {
        settings::folders_of_places(settings)
    }

    fn writes(settings: &Resolved) -> Vec<PathBuf> {
        settings::copied_to_folder(settings).into_iter().collect()
    }

    async fn open(opening: Opening<'_>) -> Result<Self, protocol::OpenError> {
        opening::open(opening)
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<NetflowTask> {
        let mut planned = BTreeMap::<AccountId, (Exporters, Named)>::new();
        let mut refused = Vec::new();
        for device in devices {
            match Exporter::of(device) {
                Ok(exporter) => {
                    let (exporters, named) = planned.entry(device.account).or_default();
                    for address in &exporter.addresses {
                        let sampling = named.entry(*address).or_default();
                        *sampling = sampling.or(exporter.sampling);
                    }
                    exporters.insert(device.entity.id, exporter.addresses);
                }
                Err(reason) => refused.push(Refusal::of(device, reason).because(Cause::NoAddress)),
            }
        }
        let mut jobs = Vec::new();
        for account in accounts {
            let (exporters, named) = planned.remove(account).unwrap_or_default();
            jobs.extend(suggesting(*account, named));
            if !exporters.is_empty() {
                jobs.extend(Span::ALL.into_iter().filter_map(|span| telling(*account, span, &exporters)));
            }
        }
        Plan { jobs, refused }
    }

    /// Learns what interfaces are called by the bots that keep them there.
    fn entities_read(&self, account: AccountId, entities: &[Shared<model::Entity>]) {
        self.flow_state.closed_bins().reconciling.name_by_entities(account, entities);
    }

    /// Counts flows of the exporters that this plan names, and of no others.
    fn in_force(&self, plan: &Plan<NetflowTask>) {
        let mut named = Named::new();
        for job in &plan.jobs {
            let NetflowTask::Suggest { known, .. } = &job.task else { continue };
            for (address, own) in known {
                let sampling = named.entry(*address).or_default();
                *sampling = sampling.or(*own);
            }
        }
        self.flow_state.name(named);
    }

    async fn perform(&self, run: Run<NetflowTask>) -> Result<Vec<Report>, BotError> {
        let (flow_state, task, id) = (Arc::clone(&self.flow_state), Arc::clone(&run.task), run.run_id());
        let told = spawn_blocking(move || match &*task {
            NetflowTask::Values { account, span, exporters } => flow_state
                .report(*account, *span, exporters, &id)
                .into_iter()
                .map(|(time, values)| Report::Values(Values { account: *account, time, values }))
                .collect(),
            NetflowTask::Suggest { account, known } => {
                let known = known.keys().copied().collect();
                suggestions(*account, &flow_state.unknown(*account, &known, &id))
            }
        });
        told.await.map_err(|error| BotError::caused_by("rollup", format!("adding up {}", run.id), error))
    }

    fn heard(&self) -> Option<Heard> {
        Some(self.heard.read(&self.flow_state, &self.addresses, SystemClock.now()))
    }

    /// Bins and suggestions that are safe are not reported again. Until then each run reports them, at the same times.
    fn accepted(&self, run: &RunId) {
        self.flow_state.accepted(run);
    }
}

/// The job that tells an interval. It runs when late datagrams have come.
fn telling(account: AccountId, span: Span, exporters: &Exporters) -> Option<Job<NetflowTask>> {
    let task = NetflowTask::Values { account, span, exporters: exporters.clone() };
    let job = Job::new(format!("netflow.{account}.{}", span.label()), span.interval()?, task);
    Some(Job { start: Some(Timestamp::from_seconds(GRACE_SECONDS)), ..job })
}

fn suggesting(account: AccountId, known: Named) -> Option<Job<NetflowTask>> {
    let interval = Interval::from_seconds(SUGGEST_SECONDS).ok()?;
    Some(Job::new(format!("netflow.{account}.suggest"), interval, NetflowTask::Suggest { account, known }))
}

/// Proposes a device for each exporter; those of IPv4 and of IPv6 are known by different details.
fn suggestions(account: AccountId, exporters: &[IpAddr]) -> Vec<Report> {
    let [ipv4, ipv6] = ADDRESSES;
    let of = |key: &str, wanted: fn(&IpAddr) -> bool| {
        let device = |address: &IpAddr| NewEntity {
            name: format!("{address} (NetFlow exporter)"),
            entity_type: "device".to_owned(),
            parent: None,
            details: Details::from_iter([(key.to_owned(), address.to_string().into())]),
        };
        let entities: Vec<_> = exporters.iter().filter(|address| wanted(address)).map(device).collect();
        let some = !entities.is_empty();
        some.then(|| Report::Suggestions(Suggestions { account, key: key.to_owned(), entities }))
    };
    [of(ipv4, IpAddr::is_ipv4), of(ipv6, IpAddr::is_ipv6)].into_iter().flatten().collect()
}

impl Exporter {
    /// Reads an entity.
    ///
    /// # Errors
    /// Names the field that is missing or invalid.
    fn of(device: &Device) -> Result<Self, DetailsError> {
        let Entity { ipv4, ipv6, netflow_sampling: sampling } = device.details()?;
        let addresses: Vec<_> = [ipv4, ipv6].into_iter().flatten().collect();
        if addresses.is_empty() {
            return Err(DetailsError::missing("ipv4 or ipv6"));
        }
        Ok(Self { addresses, sampling })
    }
}
