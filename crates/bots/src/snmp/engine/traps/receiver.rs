//! The sockets.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use prometheus_client::{metrics::counter::Counter, registry::Registry};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{sync::mpsc, time::Instant};

use super::{
    authority::{Authority, Opened},
    faults::{TrapFault, TrapFaults},
    flood::FloodGuard,
};
use crate::snmp::{
    codec::{Malformed, NotificationMessage},
    notification::{self, Notification},
    settings::{Secret, User},
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
    /// By whom it may be told.
    pub callers: Callers,
    /// snmpEngineBoots of this receiver: how often it began, for senders of informs.
    pub boots: u32,
}

/// By whom notifications may be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callers {
    /// Communities that count; `None` lets all count.
    pub communities: Option<Vec<Secret>>,
    /// Users of v3.
    pub users: Vec<User>,
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
    /// What its sender waits for, if it is an inform.
    pub acknowledgement: Option<Acknowledgement>,
}

/// What the sender of an inform waits for: it is sent once the inform is safe, else its sender asks again.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    socket: Arc<UdpSocket>,
    to: SocketAddr,
    octets: Vec<u8>,
    sent: Counter,
}

impl Acknowledgement {
    /// Sends it.
    pub fn send(&self) {
        if self.socket.send_to(&self.octets, self.to).is_ok() {
            self.sent.inc();
        }
    }
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
    /// From an address that no device has.
    pub unknown: Counter,
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
            ("unknown", "Notifications from an address that no device has", &self.unknown),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

/// Receives until it is dropped.
pub struct TrapReceiver {
    addresses: Vec<SocketAddr>,
    callers: Arc<SharedCallers>,
    faults: TrapFaults,
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
        let callers = Arc::new(SharedCallers::new(settings.callers.clone()));
        let faults = TrapFaults::default();
        let mut receiver = Self {
            addresses: Vec::new(),
            callers: Arc::clone(&callers),
            faults: faults.clone(),
            stop: Arc::clone(&stop),
            threads: Vec::new(),
        };
        let mut sockets = Vec::new();
        for address in &settings.listen {
            let socket = open(*address).or_else(|error| match address {
                // A machine without IPv6 has the addresses of the other family alone.
                SocketAddr::V6(all) if all.ip().is_unspecified() => {
                    open((Ipv4Addr::UNSPECIFIED, all.port()).into()).map_err(|_| error)
                }
                _ => Err(error),
            })?;
            receiver.addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        for socket in sockets {
            let listener = Listener {
                socket: Arc::new(socket),
                authority: Authority::new(&settings.callers.users, settings.boots),
                communities: settings.callers.communities.clone(),
                callers: Arc::clone(&callers),
                known_callers: 0,
                faults: faults.clone(),
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

    /// Puts others in force by whom it may be told.
    pub fn set_callers(&self, callers: Callers) {
        self.callers.set(callers);
    }

    /// Returns what is wrong with what is sent, by its sender.
    pub fn faults(&self) -> TrapFaults {
        self.faults.clone()
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

/// Who may tell, as the threads learn of it.
struct SharedCallers {
    /// Rises with each change, so that a look at it costs a datagram nothing.
    changes: AtomicU64,
    callers: Mutex<Callers>,
}

impl SharedCallers {
    fn new(callers: Callers) -> Self {
        Self { changes: AtomicU64::new(0), callers: Mutex::new(callers) }
    }

    fn set(&self, callers: Callers) {
        let mut known = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if *known != callers {
            *known = callers;
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    fn get(&self) -> Callers {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Listener {
    socket: Arc<UdpSocket>,
    authority: Authority,
    communities: Option<Vec<Secret>>,
    callers: Arc<SharedCallers>,
    /// As of which change the callers are known here.
    known_callers: u64,
    faults: TrapFaults,
    flood: FloodGuard,
    received: mpsc::Sender<Received>,
    metrics: TrapMetrics,
}

/// A datagram that was read.
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
                self.faults.note(source.ip(), TrapFault::Flood);
                continue;
            }
            self.learn_callers();
            let octets = datagram.get(..length).unwrap_or_default();
            let Some(Read { notification, by, acknowledgement }) = self.read(octets, source) else {
                continue;
            };
            let acknowledgement = acknowledgement.map(|octets| Acknowledgement {
                socket: Arc::clone(&self.socket),
                to: source,
                octets,
                sent: self.metrics.acknowledged.clone(),
            });
            match self.received.try_send(Received { source, by, notification, acknowledgement }) {
                Ok(()) => {
                    self.metrics.received.inc();
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.metrics.overrun.inc();
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }

    fn learn_callers(&mut self) {
        let changes = self.callers.changes.load(Ordering::Acquire);
        if changes != self.known_callers {
            let Callers { communities, users } = self.callers.get();
            self.authority.set_users(&users);
            (self.communities, self.known_callers) = (communities, changes);
        }
    }

    fn read(&mut self, datagram: &[u8], source: SocketAddr) -> Option<Read> {
        let message = match NotificationMessage::decode(datagram) {
            Ok(message) => message,
            Err(Malformed::Version(3)) => return self.read_secured(datagram, source),
            Err(_) => return self.reject(source, TrapFault::Malformed),
        };
        let is_known = |own: &Secret| own.expose().as_bytes() == message.community;
        if self.communities.as_ref().is_some_and(|all| !all.iter().any(is_known)) {
            return self.reject(source, TrapFault::Community);
        }
        let Ok(notification) = notification::of_pdu(message.version, &message.pdu) else {
            return self.reject(source, TrapFault::Malformed);
        };
        Some(Read { notification, by: By::Community, acknowledgement: message.acknowledgement() })
    }

    fn read_secured(&mut self, datagram: &[u8], source: SocketAddr) -> Option<Read> {
        match self.authority.open(datagram) {
            Ok(Opened::Notification { notification, user, acknowledgement }) => {
                Some(Read { notification, by: By::User(user), acknowledgement })
            }
            Ok(Opened::Report(octets)) => {
                // Who does not take it asks again.
                let _ = self.socket.send_to(&octets, source);
                None
            }
            Err(fault) => self.reject(source, fault),
        }
    }

    fn reject(&self, source: SocketAddr, fault: TrapFault) -> Option<Read> {
        match fault {
            TrapFault::Malformed => self.metrics.malformed.inc(),
            _ => self.metrics.refused.inc(),
        };
        self.faults.note(source.ip(), fault);
        None
    }
}
