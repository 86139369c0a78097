//! The sockets.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{sync::mpsc, time::Instant};

use super::{authority::Authority, flood::FloodGuard};
use crate::snmp::{
    codec::{Malformed, NotificationMessage},
    notification::{self, Notification},
    settings::User,
};

/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// What the kernel is asked to hold while this thread is kept waiting: a second of 50,000 notifications.
const SOCKET_BYTES: usize = 16 << 20;

/// How often a thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// What is received, and by whom it may be told.
#[derive(Clone, Debug, Default)]
pub struct TrapSettings {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// Communities that count; without any, all do.
    pub communities: Vec<String>,
    /// Users of v3.
    pub users: Vec<User>,
    /// snmpEngineBoots of this receiver: how often it began, for senders of informs.
    pub boots: u32,
}

/// A notification that counts.
#[derive(Clone, Debug)]
pub struct Received {
    /// From where it came.
    pub source: SocketAddr,
    /// By whom it was told.
    pub by: By,
    /// What it tells.
    pub notification: Notification,
}

/// By whom a notification was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Whoever knows a community.
    Community,
    /// A user of v3, by name.
    User(String),
}

/// What is counted of notifications.
#[derive(Clone, Debug, Default)]
pub struct TrapMetrics {
    /// That came and count.
    pub received: Counter,
    /// That were acknowledged.
    pub acknowledged: Counter,
    /// Beyond what one source may send.
    pub floods: Counter,
    /// By a community or a user that does not count.
    pub refused: Counter,
    /// That are none.
    pub malformed: Counter,
    /// For which there was no room, since nobody took the earlier ones.
    pub overrun: Counter,
}

impl TrapMetrics {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("grafolean_snmp_notifications");
        for (name, help, counter) in [
            ("received", "Traps and informs that count", &self.received),
            ("acknowledged", "Informs that were acknowledged", &self.acknowledged),
            ("floods", "Notifications beyond what one source may send", &self.floods),
            ("refused", "Notifications by a community or a user that does not count", &self.refused),
            ("malformed", "Datagrams that are no notification", &self.malformed),
            ("overrun", "Notifications that came faster than they were taken", &self.overrun),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Receives until it is dropped.
pub struct TrapReceiver {
    addresses: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl TrapReceiver {
    /// Opens the sockets and begins.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub fn start(
        settings: &TrapSettings,
        received: &mpsc::Sender<Received>,
        metrics: &TrapMetrics,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut receiver = Self { addresses: Vec::new(), stop: Arc::clone(&stop), threads: Vec::new() };
        let mut sockets = Vec::new();
        for address in &settings.listen {
            let socket = open(*address)?;
            receiver.addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        for socket in sockets {
            let listener = Listener {
                socket,
                authority: Authority::new(&settings.users, settings.boots),
                communities: settings.communities.clone(),
                flood: FloodGuard::default(),
                received: received.clone(),
                metrics: metrics.clone(),
            };
            let stop = Arc::clone(&stop);
            let thread = thread::Builder::new().name("snmp-traps".to_owned());
            receiver.threads.push(thread.spawn(move || listener.run(&stop))?);
        }
        Ok(receiver)
    }

    /// Returns where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

impl Drop for TrapReceiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // [::] takes both families.
        socket.set_only_v6(false)?;
    }
    // What the kernel does not grant, it does not.
    let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket.into())
}

struct Listener {
    socket: UdpSocket,
    authority: Authority,
    communities: Vec<String>,
    flood: FloodGuard,
    received: mpsc::Sender<Received>,
    metrics: TrapMetrics,
}

/// What a datagram comes to.
struct Read {
    notification: Notification,
    by: By,
    acknowledgement: Option<Vec<u8>>,
}

impl Listener {
    fn run(mut self, stop: &AtomicBool) {
        let mut datagram = vec![0; DATAGRAM];
        while !stop.load(Ordering::Relaxed) {
            // A time-out, or an error of an earlier answer that nobody took: the socket goes on.
            let Ok((length, source)) = self.socket.recv_from(&mut datagram) else { continue };
            if !self.flood.admits(source.ip(), Instant::now()) {
                self.metrics.floods.inc();
                continue;
            }
            let octets = datagram.get(..length).unwrap_or_default();
            let Some(Read { notification, by, acknowledgement }) = self.read(octets, source) else {
                continue;
            };
            match self.received.try_send(Received { source, by, notification }) {
                Ok(()) => {
                    self.metrics.received.inc();
                    // Only what is taken is acknowledged: the sender of another asks again.
                    if let Some(octets) = acknowledgement
                        && self.socket.send_to(&octets, source).is_ok()
                    {
                        self.metrics.acknowledged.inc();
                    }
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.metrics.overrun.inc();
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }

    fn read(&mut self, datagram: &[u8], source: SocketAddr) -> Option<Read> {
        let message = match NotificationMessage::decode(datagram) {
            Ok(message) => message,
            Err(Malformed::Version(3)) => return self.read_secured(datagram, source),
            Err(_) => {
                self.metrics.malformed.inc();
                return None;
            }
        };
        let is_known = |own: &String| own.as_bytes() == message.community;
        if !self.communities.is_empty() && !self.communities.iter().any(is_known) {
            self.metrics.refused.inc();
            return None;
        }
        let Ok(notification) = notification::of_pdu(message.version, &message.pdu) else {
            self.metrics.malformed.inc();
            return None;
        };
        Some(Read { notification, by: By::Community, acknowledgement: message.acknowledgement() })
    }

    fn read_secured(&mut self, datagram: &[u8], source: SocketAddr) -> Option<Read> {
        let opened = self.authority.open(datagram);
        match opened {
            Ok(super::authority::Opened::Notification { notification, user, acknowledgement }) => {
                Some(Read { notification, by: By::User(user), acknowledgement })
            }
            Ok(super::authority::Opened::Report(octets)) => {
                // Who does not take it asks again.
                let _ = self.socket.send_to(&octets, source);
                None
            }
            Err(super::authority::Rejected::Malformed) => {
                self.metrics.malformed.inc();
                None
            }
            Err(super::authority::Rejected::Refused) => {
                self.metrics.refused.inc();
                None
            }
        }
    }
}
