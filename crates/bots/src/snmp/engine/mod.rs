//! The sockets: one for each address family, shared by all devices, on a thread of their own.
//!
//! [`Engine`] owns thread and sockets; a [`Session`] asks one device. The library that speaks SNMP is known only here:
//! `translate` makes our types of its types, `keys` its keys of our [`Access`](super::settings::Access), `observe`
//! listens to what it rejects, so that a wrong key is not taken for silence; `silence` asks what silence means.
//! [`SnmpMetrics`] counts.

mod keys;
mod metrics;
mod observe;
mod session;
mod silence;
mod translate;

use std::{
    io,
    net::SocketAddr,
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

use self::keys::Keys;

pub use self::{metrics::SnmpMetrics, session::Session};

/// Requests under way at a time, over all devices. With this many none of 10,000 agents' answers was lost in the
/// kernel's buffer; what is more waits its turn.
pub const MOST_IN_FLIGHT: usize = 2_000;

/// The kernel's buffer for answers that have not been read. A kernel that allows less gives what it allows.
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
    v4: Option<UdpTransport>,
    v6: Option<UdpTransport>,
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
        let thread = thread::Builder::new().name("snmp".to_owned());
        thread.spawn(move || run(&opened, &stopped)).map_err(EngineError::Socket)?;
        let opened = outcome.recv().map_err(io::Error::other).and_then(|outcome| outcome);
        let (handle, (v4, v6)) = opened.map_err(EngineError::Socket)?;
        let permits = Semaphore::new(MOST_IN_FLIGHT);
        let cache = Arc::new(EngineCache::new());
        let shared = Shared { v4, v6, cache, keys: Keys::default(), permits, metrics };
        Ok(Self { runtime: handle, shared: Arc::new(shared), _stop: stop.drop_guard() })
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
        if address.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }

    /// Takes over what the sockets counted.
    fn count_datagrams(&self) {
        let stats = [&self.v4, &self.v6].map(|transport| transport.as_ref().map(UdpTransport::stats));
        let sum = |count: fn(&async_snmp::UdpStats) -> u64| stats.iter().flatten().map(count).sum::<u64>();
        self.metrics
            .note_datagrams(sum(|stats| stats.discarded_datagrams), sum(|stats| stats.malformed_datagrams));
    }
}

type Sockets = (Option<UdpTransport>, Option<UdpTransport>);

/// The engine's thread: opens the sockets, says so, and drives whatever is asked until it is stopped.
fn run(opened: &mpsc::SyncSender<io::Result<(runtime::Handle, Sockets)>>, stopped: &CancellationToken) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let open = runtime.and_then(|runtime| Ok((runtime.block_on(bind_both())?, runtime)));
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

/// A socket of each family that this machine has.
async fn bind_both() -> io::Result<Sockets> {
    match (bind("0.0.0.0:0").await, bind("[::]:0").await) {
        (Err(error), Err(_)) => Err(error),
        (v4, v6) => Ok((v4.ok(), v6.ok())),
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
