//! A shared socket as those see it who ask.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use prometheus_client::metrics::counter::Counter;
use tokio::{net::UdpSocket, sync::Semaphore};

use super::{
    Peer,
    answer::Answer,
    exchange::{Exchange, Outcome, Patience, stopped},
    pump::pump,
    socket,
};
use crate::snmp::{Request, codec::MOST_OCTETS, settings::Manners};

/// Requests under way at most, on one socket: each reply gets this share of the kernel's buffer at least. A kernel books
/// about 1,300 octets for a short reply.
const MOST_IN_FLIGHT: usize = 2_000;

/// What a kernel books for the reply to a request, beside its objects.
const ROOM: usize = 1_536;

/// And for each object asked for: name and value are some 30 octets, and it books up to twice of what comes.
const ROOM_PER_VARBIND: usize = 80;

/// A socket that all devices of a family share. Requests beyond what its buffer takes replies of wait their turn, first
/// come, first served.
pub(in super::super) struct Line {
    exchange: Mutex<Exchange>,
    /// Octets of the kernel's buffer.
    room: Arc<Semaphore>,
    room_octets: usize,
    traffic: Traffic,
}

/// What is counted on the sockets; clones count together.
#[derive(Clone, Default)]
pub(in super::super) struct Traffic {
    counts: Arc<Counts>,
    repeats: Counter,
    pub(super) kernel_drops: Counter,
}

#[derive(Default)]
struct Counts {
    discarded: AtomicU64,
    malformed: AtomicU64,
}

impl Traffic {
    pub(in super::super) fn new(repeats: Counter, kernel_drops: Counter) -> Self {
        Self { counts: Arc::default(), repeats, kernel_drops }
    }

    pub(super) fn discard(&self) {
        self.counts.discarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn malformed(&self) {
        self.counts.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn repeat(&self) {
        self.repeats.inc();
    }

    /// Datagrams that answered nothing, and those that were no SNMP.
    pub(in super::super) fn rejected(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.counts.discarded), count(&self.counts.malformed))
    }
}

impl Line {
    /// Opens a socket at an address and has it served by a task of the runtime that this is called in.
    pub(in super::super) fn open(local: IpAddr, traffic: &Traffic) -> io::Result<Arc<Self>> {
        let (socket, room_octets) = socket::open(local)?;
        let socket = UdpSocket::from_std(socket)?;
        let line = Arc::new(Self {
            exchange: Mutex::new(Exchange::new(traffic.clone(), Instant::now())),
            room: Arc::new(Semaphore::new(room_octets.min(Semaphore::MAX_PERMITS))),
            room_octets,
            traffic: traffic.clone(),
        });
        // It ends with the runtime, and then closes the line.
        tokio::spawn(pump(Arc::clone(&line), socket));
        Ok(line)
    }

    /// Sends a request and waits for its answer, as often as the device's manners say.
    pub(in super::super) async fn ask(
        &self,
        peer: &Arc<Peer>,
        request: &Request,
        manners: &Manners,
    ) -> Outcome {
        let room = Arc::clone(&self.room).acquire_many_owned(self.share(request)).await;
        let room = room.map_err(|_| stopped())?;
        let patience = Patience { timeout: manners.timeout, retries: manners.retries };
        let ticket = self.exchange().begin(peer, request, patience, Some(room));
        Answer::new(self, ticket.ok_or_else(stopped)?).await
    }

    /// What the reply to a request takes of the kernel's buffer.
    fn share(&self, request: &Request) -> u32 {
        let objects = request.most_varbinds().saturating_mul(ROOM_PER_VARBIND).min(2 * MOST_OCTETS);
        let least = self.room_octets / MOST_IN_FLIGHT;
        u32::try_from((ROOM + objects).max(least).min(self.room_octets)).unwrap_or(u32::MAX)
    }

    /// The state, which no one holds for long.
    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Ends all that is asked.
    pub(super) fn close(&self) {
        self.room.close();
        self.exchange().close();
    }
}
