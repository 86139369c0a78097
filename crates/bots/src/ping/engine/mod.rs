//! The engine: echo requests to any number of addresses at a time from one socket for each protocol.
//!
//! A [`Pinger`] takes a [`Probe`] and gives its [`Outcome`]. Behind it one thread works in turns of a millisecond:
//! it reads what arrived, does what is due, sends what the pace allows. All it decides is decided by a part that
//! knows neither socket nor clock. The time of an answer is the kernel's, so that no delay of ours is measured.

mod exchange;
mod metrics;
mod pending_probe;
mod probe;
mod receive;
mod send;
mod shell;
mod socket;
mod table;
mod timer_queue;
mod token_bucket;

pub use self::{
    metrics::{PingMetrics, ReasonLabels},
    probe::{Header, Outcome, Packet, PingError, Probe, Reason, Source},
    socket::{OpenError, SocketChoice, SocketKind},
};

use std::{
    io,
    num::NonZeroU16,
    sync::{Arc, mpsc},
    thread,
};

use tokio::sync::{Semaphore, oneshot};

use self::{
    pending_probe::{Waiting, Watcher},
    shell::{Command, Shell, Waker},
    socket::IcmpSocket,
    table::MOST_PROBES,
};
use grafolean_collector::sandbox::privileged;

use super::codec::Family;

/// How an engine is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which sockets it may use.
    pub sockets: SocketChoice,
    /// How many packets may leave in a millisecond, to all targets together. The usual 20 are 16 Mbit/s, and no
    /// queue on the way is a few dozen packets short; more is for local networks.
    pub packets_per_ms: NonZeroU16,
    /// Where it counts.
    pub metrics: PingMetrics,
}

impl Options {
    const PACKETS_PER_MS: NonZeroU16 = NonZeroU16::MIN.saturating_add(19);
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sockets: SocketChoice::default(),
            packets_per_ms: Self::PACKETS_PER_MS,
            metrics: PingMetrics::default(),
        }
    }
}

/// A running engine; clones share it, and the last one stops it.
///
/// ```no_run
/// use grafolean_bots::ping::engine::{Options, Pinger, Probe};
///
/// # async fn measure() -> Result<(), Box<dyn std::error::Error>> {
/// let pinger = Pinger::open(Options::default())?;
/// let outcome = pinger.ping(Probe { packets: 3, ..Probe::to("127.0.0.1".parse()?) }).await?;
/// for packet in &outcome.packets {
///     println!("{:?}", packet.rtt);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pinger(Arc<Engine>);

struct Engine {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    places: Arc<Semaphore>,
    kinds: Vec<(Family, SocketKind)>,
    metrics: PingMetrics,
    thread: Option<thread::JoinHandle<()>>,
}

impl Pinger {
    /// Opens the sockets and starts the engine.
    ///
    /// # Errors
    /// When no socket of either protocol may be opened: the message names both remedies.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { sockets, packets_per_ms, metrics } = options;
        let sockets = privileged(|| IcmpSocket::open_all(sockets))?;
        let kinds = sockets.iter().map(|socket| (socket.family, socket.kind)).collect();
        let waker = Arc::new(Waker::new().map_err(|errno| OpenError::Start(io::Error::from(errno)))?);
        // Bounded by the places: each command holds one.
        let (commands, incoming) = mpsc::channel();
        let shell = Shell {
            sockets,
            commands: incoming,
            waker: Arc::clone(&waker),
            packets_per_ms,
            metrics: metrics.clone(),
        };
        let thread =
            thread::Builder::new().name("ping".into()).spawn(|| shell.run()).map_err(OpenError::Start)?;
        let places = Arc::new(Semaphore::new(MOST_PROBES));
        Ok(Self(Arc::new(Engine { commands, waker, places, kinds, metrics, thread: Some(thread) })))
    }

    /// Sends a probe's packets and waits for their answers. It may be dropped at any time: no more packets are sent
    /// then, and the place is given back when the next packet or time-out would have been due.
    ///
    /// # Errors
    /// When the probe lies outside its limits. That nothing answers, or that nothing can be sent, is an [`Outcome`].
    pub async fn ping(&self, probe: Probe) -> Result<Outcome, PingError> {
        self.command(probe, None).await
    }

    /// Does the same, and calls `watcher` with each packet as soon as it is settled: its place among the probe's packets,
    /// from 0, and what became of it. Further copies of an answer stand in the outcome only. It is called on the
    /// engine's thread, so it must not wait.
    ///
    /// # Errors
    /// As for [`Self::ping`].
    pub async fn ping_watched(
        &self,
        probe: Probe,
        watcher: impl Fn(u16, Packet) + Send + 'static,
    ) -> Result<Outcome, PingError> {
        self.command(probe, Some(Box::new(watcher))).await
    }

    async fn command(&self, probe: Probe, watcher: Option<Watcher>) -> Result<Outcome, PingError> {
        let probe = probe.checked()?;
        let engine = &*self.0;
        let place = Arc::clone(&engine.places).acquire_owned().await.map_err(|_| PingError::Stopped)?;
        let (caller, outcome) = oneshot::channel();
        engine
            .commands
            .send(Command::Ping(probe, Waiting { caller, place, watcher }))
            .map_err(|_| PingError::Stopped)?;
        engine.waker.wake();
        outcome.await.map_err(|_| PingError::Stopped)
    }

    /// Returns what kind of socket a protocol has, if any.
    pub fn socket_kind(&self, family: Family) -> Option<SocketKind> {
        self.0.kinds.iter().find(|(of, _)| *of == family).map(|(_, kind)| *kind)
    }

    /// Returns the counters.
    pub fn metrics(&self) -> &PingMetrics {
        &self.0.metrics
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The thread is gone already if it panicked, and then there is nobody to tell.
        let _ = self.commands.send(Command::Stop);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
