//! The threads that receive.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use tracing::error;

use super::{
    Batch, Listen, ReceiveError,
    batch::{Outcome, Reading},
    socket::{Bound, Sharing},
    stream::{self, StreamReading},
};
use crate::heartbeat::ThreadHeartbeat;

/// How long a thread waits after the kernel refused to read for the first time; twice as long each further time.
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// The longest that it waits, and after a panic: whoever stops it waits as long.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Sockets that are bound, and not yet read.
#[derive(Debug)]
pub struct Receiver {
    sockets: Vec<Bound>,
    listeners: Vec<TcpListener>,
}

/// Threads that receive. Dropped, they stop as well, but nobody waits for them.
#[derive(Debug)]
pub struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    heartbeats: Vec<ThreadHeartbeat>,
}

impl Receiver {
    /// Binds the sockets asked for, or takes those that are handed over.
    ///
    /// # Errors
    /// Fails when an address cannot be bound, as when another collector has it.
    pub fn bind(listen: &Listen) -> Result<Self, ReceiveError> {
        let listeners =
            listen.tcp_addresses.iter().map(|address| stream::bind(*address)).collect::<Result<_, _>>()?;
        if !listen.sockets.is_empty() {
            let inherited = listen.sockets.iter().map(|socket| Bound::inherited(socket, listen.buffer_bytes));
            return Ok(Self { sockets: inherited.collect::<Result<_, _>>()?, listeners });
        }
        if listen.addresses.is_empty() {
            return Err(ReceiveError::NoAddress);
        }
        let threads = listen.threads.get();
        let sharing = if threads > 1 { Sharing::Shared } else { Sharing::Alone };
        let mut sockets = Vec::new();
        for &address in &listen.addresses {
            let first = Bound::bind(address, sharing, listen.buffer_bytes)?;
            // the others share the port that the first was given
            let address = first.address;
            sockets.push(first);
            for _ in 1..threads {
                sockets.push(Bound::bind(address, sharing, listen.buffer_bytes)?);
            }
        }
        Ok(Self { sockets, listeners })
    }

    /// Returns the addresses on which IPFIX is accepted over TCP.
    pub fn tcp_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Returns the sockets.
    pub fn sockets(&self) -> &[Bound] {
        &self.sockets
    }

    /// Starts a thread for each socket. `handler` is called once for each, with its place among the sockets (that of TCP is the first's), and gives what
    /// is called on that thread with each batch; also, with none, every quarter of a second in which nothing came.
    ///
    /// # Errors
    /// Fails when the system has no thread left; those already started are stopped.
    pub fn start<H>(self, mut handler: impl FnMut(usize) -> H) -> Result<Running, ReceiveError>
    where
        H: FnMut(&Batch<'_>) + Send + 'static,
    {
        let mut running = Running { stop: Arc::default(), threads: Vec::new(), heartbeats: Vec::new() };
        if let Some(address) = self.tcp_addresses().first().copied() {
            let (stop, mut handle) = (Arc::clone(&running.stop), handler(0));
            let mut reading = StreamReading::new(self.listeners);
            let heartbeat = ThreadHeartbeat::new("netflow-tcp", SystemClock.now());
            running.heartbeats.push(heartbeat.clone());
            let name = heartbeat.name().to_owned();
            let read = move || {
                while !stop.load(Ordering::Relaxed) {
                    if heartbeat.round(|| reading.read(&mut handle), || SystemClock.now()).is_none() {
                        error!(%address, "the thread that receives over TCP panicked: what it had read is lost, it goes on");
                        thread::sleep(PAUSE_MAX);
                    }
                }
            };
            let thread = thread::Builder::new().name(name).spawn(read);
            running.threads.push(thread.map_err(|source| ReceiveError::Thread { address, source })?);
        }
        for (place, bound) in self.sockets.into_iter().enumerate() {
            let stop = Arc::clone(&running.stop);
            let mut handle = handler(place);
            let address = bound.address;
            let heartbeat = ThreadHeartbeat::new(format!("netflow-{place}"), SystemClock.now());
            running.heartbeats.push(heartbeat.clone());
            let name = heartbeat.name().to_owned();
            let read = move || {
                let (mut reading, mut pause) = (Reading::new(bound), Duration::ZERO);
                while !stop.load(Ordering::Relaxed) {
                    let outcome = heartbeat.round(|| reading.read(&mut handle), || SystemClock.now());
                    pause = pause_after(outcome, pause);
                    if outcome.is_none() {
                        error!(%address, "the thread that receives panicked: a batch of datagrams is lost, it goes on");
                    }
                    if !pause.is_zero() {
                        thread::sleep(pause);
                    }
                }
            };
            let started = thread::Builder::new().name(name).spawn(read);
            match started {
                Ok(thread) => running.threads.push(thread),
                Err(source) => {
                    running.stop();
                    return Err(ReceiveError::Thread { address, source });
                }
            }
        }
        Ok(running)
    }
}

/// Returns how long to wait after a reading; `None` is one that panicked.
fn pause_after(outcome: Option<Outcome>, before: Duration) -> Duration {
    match outcome {
        Some(Outcome::Read) => Duration::ZERO,
        Some(Outcome::Failed) => (before * 2).clamp(PAUSE_MIN, PAUSE_MAX),
        None => PAUSE_MAX,
    }
}

impl Running {
    /// Returns the heartbeats of its threads.
    pub fn heartbeats(&self) -> &[ThreadHeartbeat] {
        &self.heartbeats
    }

    /// Stops all threads and waits for them, a quarter of a second at most while nothing comes, and a second where the kernel
    /// refuses.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // what panics is told in its round
            drop(thread.join());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_refuses_is_asked_less_and_less_up_to_once_a_second() {
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let before = pauses.last().copied().unwrap_or_default();
            pauses.push(pause_after(Some(Outcome::Failed), before));
        }
        let millis: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        assert_eq!(pause_after(Some(Outcome::Read), PAUSE_MAX), Duration::ZERO);
        assert_eq!(pause_after(None, Duration::ZERO), PAUSE_MAX);
    }
}
