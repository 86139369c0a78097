//! A scan of networks.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use grafolean_collector::protocol::OpenError;
use thiserror::Error;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    device::FoundDevice,
    networks::Networks,
    pacing::{MOST_PACKETS_A_SECOND, Pacing},
    reading,
};
use crate::{
    ping::engine::{Options, Pinger, Probe},
    snmp::{
        AskError, Oid, Request, drive,
        engine::{Engine, Session, SnmpMetrics},
        plan::{Dialect, Limits, Poll, PollResult, Wanted},
        settings::{Access, Community, PollPolicy},
    },
};

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Devices that are asked who they are at a time, in seconds of the rate: as many as are silent for a time-out of a ping and
/// one of SNMP. With more, each would wait for the turns of all others.
const ASKED_AT_ONCE_S: u32 = 2;

/// Devices whose tables are read at a time, and the pause between two requests to one: 800 packets a second each way at most.
const READ_AT_ONCE: usize = 16;
const GAP: Duration = Duration::from_millis(20);

/// How long one device's tables are read; what did not come by then is left out.
const LONGEST_READING: Duration = Duration::from_secs(60);

/// The most rows of one table: a core switch knows tens of thousands of stations.
const MOST_ROWS: u32 = 50_000;

/// Packets in which a device says who it is.
const IDENTITY_PACKETS: u32 = 2;

/// sysUpTime.0.
const UPTIME: [u32; 9] = [1, 3, 6, 1, 2, 1, 1, 3, 0];

/// A way into devices, tried in the order in which they are given.
#[derive(Clone, Debug)]
pub struct Way {
    /// What people call it.
    pub name: String,
    /// How to get in.
    pub access: Access,
}

/// What is scanned, and how.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Which addresses.
    pub networks: Networks,
    /// Ways in over SNMP; without any, devices are only pinged.
    pub ways: Vec<Way>,
    /// The port of agents.
    pub port: u16,
    /// The most packets that are sent in a second.
    pub packets_a_second: NonZeroU32,
}

/// How far a scan is.
#[derive(Debug, Default)]
pub struct Progress {
    asked: AtomicUsize,
    answered: AtomicUsize,
    read: AtomicUsize,
}

impl Progress {
    /// Returns how many addresses were asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns how many devices answered.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Returns of how many devices the tables were read.
    pub fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

/// Why nothing can be scanned.
#[derive(Debug, Error)]
pub enum ScanError {
    /// No socket, for pings or for SNMP.
    #[error("networks cannot be scanned")]
    Open(#[source] OpenError),
}

/// What asks.
struct Scanner {
    /// Nothing where this user may not ping.
    pinger: Option<Pinger>,
    engine: Engine,
    pacing: Pacing,
    scan: Scan,
    progress: Arc<Progress>,
}

impl Scan {
    /// Asks all addresses; returns those that answer, by address. A user who may not ping finds what answers over SNMP.
    ///
    /// # Errors
    /// If there is no socket to ask by.
    pub async fn run(
        self,
        progress: Arc<Progress>,
        stop: &CancellationToken,
    ) -> Result<Vec<FoundDevice>, ScanError> {
        let failed = |error: OpenError| ScanError::Open(error);
        let pinger = match Pinger::open(Options::default()) {
            Ok(pinger) => Some(pinger),
            Err(error) if self.ways.is_empty() => return Err(failed(error.into())),
            Err(_) => None,
        };
        let engine = Engine::start(SnmpMetrics::default()).map_err(|error| failed(error.into()))?;
        let pacing = Pacing::new(self.packets_a_second);
        let scanner = Arc::new(Scanner { pinger, engine, pacing, scan: self, progress });
        let addresses: Vec<IpAddr> = scanner.scan.networks.addresses().collect();
        let asked = stream::iter(addresses).map(|address| {
            let scanner = Arc::clone(&scanner);
            async move { scanner.ask(address).await }
        });
        let at_once = scanner.scan.packets_a_second.get().min(MOST_PACKETS_A_SECOND) * ASKED_AT_ONCE_S;
        let at_once = usize::try_from(at_once).unwrap_or(usize::MAX);
        let found = asked.buffer_unordered(at_once).filter_map(|found| async { found });
        let found: Vec<_> = found.take_until(stop.cancelled()).collect().await;
        let read = stream::iter(found).map(|(device, session)| {
            let scanner = Arc::clone(&scanner);
            async move { scanner.read(device, session).await }
        });
        let mut devices: Vec<FoundDevice> =
            read.buffer_unordered(READ_AT_ONCE).take_until(stop.cancelled()).collect().await;
        devices.sort_by_key(|device| device.address);
        Ok(devices)
    }
}

/// A device that answers, with the session by which it answers SNMP.
type Answered = (FoundDevice, Option<(Session, Dialect)>);

impl Scanner {
    async fn ask(&self, address: IpAddr) -> Option<Answered> {
        let rtt = self.ping(address).await;
        let mut device = FoundDevice {
            address: Some(address),
            rtt: rtt.map(|rtt| rtt.as_secs_f64()),
            ..FoundDevice::default()
        };
        let mut session = None;
        for way in &self.scan.ways {
            if let Some((result, opened, dialect)) = self.identify(address, way, rtt.is_some()).await {
                device.identity = Some(reading::read_identity(&result, &way.name));
                session = Some((opened, dialect));
                break;
            }
        }
        self.progress.asked.fetch_add(1, Ordering::Relaxed);
        if device.rtt.is_none() && device.identity.is_none() {
            return None;
        }
        self.progress.answered.fetch_add(1, Ordering::Relaxed);
        Some((device, session))
    }

    async fn ping(&self, address: IpAddr) -> Option<Duration> {
        let pinger = self.pinger.as_ref()?;
        self.pacing.turn(1).await;
        let probe = Probe { packets: 1, timeout: TIMEOUT, ..Probe::to(address) };
        pinger.ping(probe).await.ok()?.packets.first()?.rtt
    }

    /// Asks who a device is; once more if it answers pings, so that a lost packet hides nothing.
    async fn identify(
        &self,
        address: IpAddr,
        way: &Way,
        is_there: bool,
    ) -> Option<(PollResult, Session, Dialect)> {
        let policy = PollPolicy {
            timeout: TIMEOUT,
            retries: 0,
            max_rows: MOST_ROWS,
            gap: GAP,
            ..PollPolicy::default()
        };
        let address = SocketAddr::new(address, self.scan.port);
        let session = self.engine.session(address, &way.access, policy).await.ok()?;
        // A user of v3 has to be told first who the agent is.
        let packets = if matches!(way.access, Access::User(_)) { 2 } else { 1 };
        let mut answers = false;
        for _ in 0..=u32::from(is_there) {
            self.pacing.turn(packets).await;
            answers = self.answers(&session).await;
            if answers {
                break;
            }
        }
        if !answers {
            return None;
        }
        self.pacing.turn(IDENTITY_PACKETS).await;
        let dialect = match way.access {
            Access::Community(Community::V1(_)) => Dialect::Next,
            _ => Dialect::Bulk,
        };
        let result = self.poll(&session, dialect, &reading::identity(), TIMEOUT * 3).await?;
        result.heard.then_some((result, session, dialect))
    }

    /// Whether an agent answers one small request, sent once.
    async fn answers(&self, session: &Session) -> bool {
        let (session, Ok(uptime)) = (session.clone(), Oid::new(UPTIME)) else { return false };
        let asked = async move { session.ask(&Request::Get(vec![uptime])).await };
        let answer = self.engine.on_its_thread(asked).await;
        matches!(answer, Ok(Ok(_) | Err(AskError::Status { .. })))
    }

    async fn read(&self, mut device: FoundDevice, session: Option<(Session, Dialect)>) -> FoundDevice {
        if let Some((session, dialect)) = session
            && let Some(result) = self.poll(&session, dialect, &reading::all(), LONGEST_READING).await
        {
            reading::read_all(&result, &mut device);
        }
        self.progress.read.fetch_add(1, Ordering::Relaxed);
        device
    }

    async fn poll(
        &self,
        session: &Session,
        dialect: Dialect,
        wanted: &Wanted,
        longest: Duration,
    ) -> Option<PollResult> {
        let policy = PollPolicy { gap: GAP, max_rows: MOST_ROWS, max_time: longest, ..PollPolicy::default() };
        let poll = Poll::new(wanted, Oid::new(UPTIME).ok()?, dialect, Limits::default(), policy);
        let driven = drive(session.clone(), poll, policy, Instant::now() + longest);
        self.engine.on_its_thread(driven).await.ok()
    }
}
