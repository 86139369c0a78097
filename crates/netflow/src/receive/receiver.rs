//! The threads that receive.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use super::{
    Batch, Listen, ReceiveError,
    batch::Reading,
    socket::{Bound, Sharing},
    stream::{self, StreamReading},
};

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
}

impl Receiver {
    /// Binds the sockets asked for.
    ///
    /// # Errors
    /// Fails when an address cannot be bound, as when another collector has it.
    pub fn bind(listen: &Listen) -> Result<Self, ReceiveError> {
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
        let listeners =
            listen.tcp_addresses.iter().map(|address| stream::bind(*address)).collect::<Result<_, _>>()?;
        Ok(Self { sockets, listeners })
    }

    /// Returns the addresses on which IPFIX is accepted over TCP.
    pub fn tcp_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Gives the sockets.
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
        let mut running = Running { stop: Arc::default(), threads: Vec::new() };
        if let Some(address) = self.tcp_addresses().first().copied() {
            let (stop, mut handle) = (Arc::clone(&running.stop), handler(0));
            let mut reading = StreamReading::new(self.listeners);
            let read = move || {
                while !stop.load(Ordering::Relaxed) {
                    reading.read(&mut handle);
                }
            };
            let thread = thread::Builder::new().name("netflow-tcp".to_owned()).spawn(read);
            running.threads.push(thread.map_err(|source| ReceiveError::Thread { address, source })?);
        }
        for (place, bound) in self.sockets.into_iter().enumerate() {
            let stop = Arc::clone(&running.stop);
            let mut handle = handler(place);
            let address = bound.address;
            let read = move || {
                let mut reading = Reading::new(bound);
                while !stop.load(Ordering::Relaxed) {
                    reading.read(&mut handle);
                }
            };
            let started = thread::Builder::new().name(format!("netflow-{place}")).spawn(read);
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

impl Running {
    /// Stops all threads and waits for them, a quarter of a second at most while nothing comes.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // a handler that panicked has told so already
            drop(thread.join());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
