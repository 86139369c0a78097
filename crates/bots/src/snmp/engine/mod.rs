//! The sockets: one for each address family, shared by all devices, on a thread of their own.
//!
//! [`Engine`] owns thread and sockets; a [`Session`] asks one device, in any version; `datagram` is what it is asked through.
//! `keys` makes keys of passwords, by a library that is known there and in `datagram/usm` only. `silence` asks what silence
//! means, `clock` reads the clock that no one sets. [`SnmpMetrics`] counts.

mod clock;
mod datagram;
mod keys;
mod metrics;
mod session;
mod silence;
pub mod traps;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use thiserror::Error;
use tokio::runtime;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use self::{
    datagram::{SharedSocket, Traffic},
    keys::Keys,
};

use crate::net::{Resolver, Unresolved};

pub(super) use self::clock::now;
pub use self::{metrics::SnmpMetrics, session::Session};

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
    keys: Keys,
    resolver: Resolver,
    metrics: SnmpMetrics,
}

impl Engine {
    /// Opens the sockets.
    ///
    /// # Errors
    /// Which system call failed; a machine without IPv6 is no error.
    pub fn start(metrics: SnmpMetrics) -> Result<Self, EngineError> {
        let stop = CancellationToken::new();
        let (opened, outcome) = mpsc::sync_channel(1);
        let stopped = stop.clone();
        let (repeated, drops) = (metrics.requests_repeated.clone(), metrics.kernel_drops.clone());
        let traffic = Traffic::new(repeated, drops, metrics.engine_restarts.clone());
        let counting = traffic.clone();
        let thread = thread::Builder::new().name("snmp".to_owned());
        thread.spawn(move || run(&opened, &counting, &stopped)).map_err(EngineError::Socket)?;
        let opened = outcome.recv().map_err(io::Error::other).and_then(|outcome| outcome);
        let (runtime, sockets) = opened.map_err(EngineError::Socket)?;
        let resolver = Resolver::new(metrics.names.clone());
        let shared = Shared { sockets, traffic, keys: Keys::default(), resolver, metrics };
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
        policy: super::settings::PollPolicy,
    ) -> Result<Session, super::AskError> {
        Session::open(Arc::clone(&self.shared), address, access, policy).await
    }

    /// Returns the address of a name, the last good one while name servers are away.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn resolve(&self, name: &str, limit: Duration) -> Result<SocketAddr, Unresolved> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        let lookup = async move { shared.resolver.resolve(&name, None, limit).await };
        let found = self.on_its_thread(lookup).await.unwrap_or(Err(Unresolved::Failed))?;
        Ok(found.address)
    }

    /// Returns the counters.
    pub fn metrics(&self) -> &SnmpMetrics {
        self.shared.count_datagrams();
        &self.shared.metrics
    }
}

impl Shared {
    fn socket(&self, address: SocketAddr) -> Option<&Arc<SharedSocket>> {
        if address.is_ipv4() { self.sockets.v4.as_ref() } else { self.sockets.v6.as_ref() }
    }

    /// Notes what the sockets counted.
    fn count_datagrams(&self) {
        let (discarded, malformed) = self.traffic.rejected();
        self.metrics.note_datagrams(discarded, malformed);
    }
}

/// One of each address family that this machine has.
struct Sockets {
    v4: Option<Arc<SharedSocket>>,
    v6: Option<Arc<SharedSocket>>,
}

impl Sockets {
    /// Opens them. A machine without IPv6 is no error, one without either is.
    fn open(traffic: &Traffic) -> io::Result<Self> {
        let open = |local: IpAddr| SharedSocket::open(local, traffic);
        match (open(Ipv4Addr::UNSPECIFIED.into()), open(Ipv6Addr::UNSPECIFIED.into())) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok() }),
        }
    }
}

/// The engine's thread: opens the sockets, says so, and drives whatever is asked until it is stopped.
fn run(
    opened: &mpsc::SyncSender<io::Result<(runtime::Handle, Sockets)>>,
    traffic: &Traffic,
    stopped: &CancellationToken,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let open = runtime.and_then(|runtime| Ok((runtime.block_on(async { Sockets::open(traffic) })?, runtime)));
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
