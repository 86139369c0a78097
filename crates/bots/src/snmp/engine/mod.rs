//! The sockets: one for each address family, shared by all devices, on a thread of their own.
//!
//! [`Engine`] owns thread and sockets; a [`Session`] asks one device. `community` is v1 and v2c, which are ours from the
//! octets up; `user` is v3, by a library that is known only here: `translate` makes our types of its types, `keys` its keys
//! of our [`Access`](super::settings::Access), `observe` listens to what it rejects, so that a wrong key is not taken for
//! silence. `silence` asks what silence means. [`SnmpMetrics`] counts.

mod community;
mod keys;
mod metrics;
mod observe;
mod session;
mod silence;
mod translate;
mod user;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, mpsc},
    thread,
};

use async_snmp::{EngineCache, MAX_UDP_PAYLOAD, UdpTransport};
use thiserror::Error;
use tokio::{runtime, sync::Semaphore};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use self::{
    community::{Line, Traffic},
    keys::Keys,
};

pub use self::{metrics::SnmpMetrics, session::Session};

/// Requests of v3 under way at a time, over all devices. With this many none of 10,000 agents' answers was lost in the
/// kernel's buffer; what is more waits its turn.
const MOST_IN_FLIGHT: usize = 2_000;

/// The kernel's buffer for answers of v3 that have not been read. A kernel that allows less gives what it allows.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Why the engine cannot start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// No thread, no runtime, or no socket of either family.
    #[error("opening the sockets of SNMP")]
    Socket(#[source] io::Error),
}

/// Sockets and a thread. When it is dropped the thread ends, and whatever is asked.
pub struct Engine {
    runtime: runtime::Handle,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

/// What all sessions use.
struct Shared {
    sockets: Sockets,
    traffic: Traffic,
    cache: Arc<EngineCache>,
    keys: Keys,
    permits: Semaphore,
    metrics: SnmpMetrics,
}

impl Engine {
    /// Opens the sockets.
    ///
    /// # Errors
    /// Says which system call failed; a machine without IPv6 is no error.
    pub fn start(metrics: SnmpMetrics) -> Result<Self, EngineError> {
        let stop = CancellationToken::new();
        let (opened, outcome) = mpsc::sync_channel(1);
        let stopped = stop.clone();
        let traffic = Traffic::new(metrics.requests_repeated.clone(), metrics.kernel_drops.clone());
        let counting = traffic.clone();
        let thread = thread::Builder::new().name("snmp".to_owned());
        thread.spawn(move || run(&opened, &counting, &stopped)).map_err(EngineError::Socket)?;
        let opened = outcome.recv().map_err(io::Error::other).and_then(|outcome| outcome);
        let (runtime, sockets) = opened.map_err(EngineError::Socket)?;
        let (cache, permits) = (Arc::new(EngineCache::new()), Semaphore::new(MOST_IN_FLIGHT));
        let shared = Shared { sockets, traffic, cache, keys: Keys::default(), permits, metrics };
        Ok(Self { runtime, shared: Arc::new(shared), _stop: stop.drop_guard() })
    }

    /// Does something on the engine's own thread, where its requests cost least; dropped with the future.
    ///
    /// # Errors
    /// If it panics.
    pub async fn on_its_thread<F>(&self, work: F) -> Result<F::Output, tokio::task::JoinError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        AbortOnDropHandle::new(self.runtime.spawn(work)).await
    }

    /// Opens a session with the device at an address.
    ///
    /// # Errors
    /// If this machine has no socket of that family, or the keys cannot be made.
    pub async fn session(
        &self,
        address: SocketAddr,
        access: &super::settings::Access,
        manners: super::settings::Manners,
    ) -> Result<Session, super::AskError> {
        Session::open(Arc::clone(&self.shared), address, access, manners).await
    }

    /// Gives the counters.
    pub fn metrics(&self) -> &SnmpMetrics {
        self.shared.count_datagrams();
        &self.shared.metrics
    }
}

impl Shared {
    fn transport(&self, address: SocketAddr) -> Option<&UdpTransport> {
        self.sockets.users.of(address)
    }

    fn line(&self, address: SocketAddr) -> Option<&Arc<Line>> {
        self.sockets.communities.of(address)
    }

    /// Takes over what the sockets counted.
    fn count_datagrams(&self) {
        let Families { v4, v6 } = &self.sockets.users;
        let stats = [v4, v6].map(|transport| transport.as_ref().map(UdpTransport::stats));
        let sum = |count: fn(&async_snmp::UdpStats) -> u64| stats.iter().flatten().map(count).sum::<u64>();
        let (discarded, malformed) = self.traffic.rejected();
        self.metrics.note_datagrams(
            discarded + sum(|stats| stats.discarded_datagrams),
            malformed + sum(|stats| stats.malformed_datagrams),
        );
    }
}

/// One of each address family that this machine has.
struct Families<T> {
    v4: Option<T>,
    v6: Option<T>,
}

impl<T> Families<T> {
    /// A machine without IPv6 is no error, one without either is.
    fn new(v4: io::Result<T>, v6: io::Result<T>) -> io::Result<Self> {
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok() }),
        }
    }

    const fn of(&self, address: SocketAddr) -> Option<&T> {
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }
}

/// The sockets of v1 and v2c, and those of v3.
struct Sockets {
    communities: Families<Arc<Line>>,
    users: Families<UdpTransport>,
}

impl Sockets {
    async fn open(traffic: &Traffic) -> io::Result<Self> {
        let line = |local: IpAddr| Line::open(local, traffic);
        Ok(Self {
            communities: Families::new(
                line(Ipv4Addr::UNSPECIFIED.into()),
                line(Ipv6Addr::UNSPECIFIED.into()),
            )?,
            users: Families::new(bind("0.0.0.0:0").await, bind("[::]:0").await)?,
        })
    }
}

/// The engine's thread: opens the sockets, says so, and drives whatever is asked until it is stopped.
fn run(
    opened: &mpsc::SyncSender<io::Result<(runtime::Handle, Sockets)>>,
    traffic: &Traffic,
    stopped: &CancellationToken,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let open = runtime.and_then(|runtime| Ok((runtime.block_on(Sockets::open(traffic))?, runtime)));
    match open {
        Ok((sockets, runtime)) => {
            if opened.send(Ok((runtime.handle().clone(), sockets))).is_ok() {
                runtime.block_on(stopped.cancelled());
            }
        }
        Err(error) => {
            let _nobody_waits = opened.send(Err(error));
        }
    }
}

/// The socket says that it takes whatever UDP carries, as net-snmp's do: some agents are silent where their answer would
/// be longer than what they are told. Datagrams from elsewhere are counted, so the library need not log them.
async fn bind(address: &str) -> io::Result<UdpTransport> {
    let builder = UdpTransport::builder()
        .bind(address)
        .recv_buffer_size(RECEIVE_BUFFER)
        .receive_capacity(MAX_UDP_PAYLOAD)
        .warn_on_source_mismatch(false);
    builder.build().await.map_err(|error| io::Error::other(error.to_string()))
}
