//! A socket that all devices of a family share: as those see it who ask, and the task that serves it.

use std::{
    future::{pending, poll_fn},
    io::{self, ErrorKind, IoSlice},
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg},
};
use tokio::{io::Interest, net::UdpSocket, sync::Semaphore, task::yield_now, time::sleep};

use super::{
    Peer, Traffic,
    answer::Answer,
    exchange::{Exchange, Outcome, PendingId, RetryPolicy, stopped},
    peer::Message,
    socket::{self, Receiver, Remaining},
};
use crate::snmp::{AskError, Status, codec::MOST_OCTETS, settings::PollPolicy};

/// Requests under way at most, on one socket: each reply gets this share of the kernel's buffer at least. A kernel books
/// about 1,300 octets for a short reply.
const MOST_IN_FLIGHT: usize = 2_000;

/// What a kernel books for the reply to a request, beside its objects.
const ROOM: usize = 1_536;

/// And for each object asked for: name and value are some 30 octets, and it books up to twice of what comes.
const ROOM_PER_VARBIND: usize = 80;

/// Messages sent by one system call; more bring little.
const BATCH: usize = 64;

/// A socket that all devices of a family share. Requests beyond what its buffer takes replies of wait their turn, first
/// come, first served.
pub(in super::super) struct SharedSocket {
    exchange: Mutex<Exchange>,
    /// Octets of the kernel's buffer.
    room: Arc<Semaphore>,
    room_octets: usize,
    traffic: Traffic,
}

impl SharedSocket {
    /// Opens a socket at an address and has it served by a task of the runtime that this is called in.
    pub(in super::super) fn open(local: IpAddr, traffic: &Traffic) -> io::Result<Arc<Self>> {
        let (socket, room_octets) = socket::open(local)?;
        let socket = UdpSocket::from_std(socket)?;
        let shared = Arc::new(Self {
            exchange: Mutex::new(Exchange::new(traffic.clone())),
            room: Arc::new(Semaphore::new(room_octets.min(Semaphore::MAX_PERMITS))),
            room_octets,
            traffic: traffic.clone(),
        });
        // It ends with the runtime, and then closes the socket.
        tokio::spawn(io_loop(Arc::clone(&shared), socket));
        Ok(shared)
    }

    /// Sends a message and waits for its answer, as often as the device's policy says.
    pub(in super::super) async fn ask(
        &self,
        peer: &Arc<Peer>,
        message: Message<'_>,
        policy: &PollPolicy,
    ) -> Outcome {
        let room = Arc::clone(&self.room).acquire_many_owned(self.share(message)).await;
        let room = room.map_err(|_| stopped())?;
        let policy = RetryPolicy { timeout: policy.timeout, retries: policy.retries };
        let pending_id = self.exchange().begin(peer, message, policy, Some(room))?;
        Answer::new(self, pending_id).await
    }

    /// What the reply to a message takes of the kernel's buffer.
    fn share(&self, message: Message<'_>) -> u32 {
        let objects = message.most_varbinds().saturating_mul(ROOM_PER_VARBIND).min(2 * MOST_OCTETS);
        let least = self.room_octets / MOST_IN_FLIGHT;
        u32::try_from((ROOM + objects).max(least).min(self.room_octets)).unwrap_or(u32::MAX)
    }

    /// Returns the state, which no one holds for long.
    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Ends all that is asked.
    fn close(&self) {
        self.room.close();
        self.exchange().close();
    }
}

/// How long the kernel is left alone when it has no room for a message.
const PAUSE: Duration = Duration::from_millis(1);

/// Closes the socket when the task ends, however it does.
struct Open(Arc<SharedSocket>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Moves datagrams between the socket and the exchange. A turn reads a batch of replies and lets those go on who waited for
/// them, before it sends what they ask next: under load many requests and replies share a system call and a wakeup,
/// without load nobody waits for a batch to fill.
async fn io_loop(shared: Arc<SharedSocket>, socket: UdpSocket) {
    let open = Open(shared);
    let shared = &*open.0;
    let (mut receiver, mut sender) = (Receiver::default(), Sender::default());
    let mut deadline = pin!(sleep(Duration::ZERO));
    let mut blocked = Sent::All;
    loop {
        let due = shared.exchange().next_due().map(tokio::time::Instant::from_std);
        if let Some(due) = due.filter(|due| *due != deadline.deadline()) {
            deadline.as_mut().reset(due);
        }
        let has_read = tokio::select! {
            biased;
            ready = socket.readable() => {
                // It only fails when the runtime is going down.
                if ready.is_err() {
                    return;
                }
                let read = || match receiver.receive(&socket, shared) {
                    Remaining::Nothing => Err(ErrorKind::WouldBlock.into()),
                    Remaining::Perhaps => Ok(()),
                };
                // That nothing is left is no error; it is how the runtime is told to look out for more.
                let _ = socket.try_io(Interest::READABLE, read);
                true
            }
            () = poll_fn(|context| shared.exchange().poll_outbox(context)), if blocked == Sent::All => false,
            () = &mut deadline, if due.is_some() => false,
            () = room(blocked) => false,
        };
        if has_read {
            yield_now().await;
        }
        shared.exchange().expire(Instant::now());
        blocked = sender.send(&socket, shared);
    }
}

/// Waits until the kernel may have room again, if it had none.
async fn room(blocked: Sent) {
    match blocked {
        Sent::All => pending().await,
        Sent::NotYet => sleep(PAUSE).await,
    }
}

/// How often a message for which the kernel has no room is tried, a pause apart: a fifth of a second. After that it is
/// given up with its reason.
const MOST_TRIES: u32 = 200;

/// Whether all that was to be sent has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    /// The kernel has no room; in a millisecond it may.
    NotYet,
}

/// Sends messages, a batch at a time, which it keeps until the kernel took it.
#[derive(Default)]
pub(super) struct Sender {
    octets: Vec<u8>,
    batch: Vec<(PendingId, SocketAddr, usize)>,
    /// How many of the batch are done with.
    done: usize,
    tries: u32,
}

impl Sender {
    /// Sends all that is to be sent.
    pub(super) fn send(&mut self, socket: &UdpSocket, shared: &SharedSocket) -> Sent {
        loop {
            if self.done == self.batch.len() {
                self.fill(shared);
            }
            if self.batch.is_empty() {
                return Sent::All;
            }
            match self.hand_over(socket) {
                Ok(count) => (self.done, self.tries) = (self.done + count, 0),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) if self.tries < MOST_TRIES => {
                    self.tries += 1;
                    return Sent::NotYet;
                }
                Err(errno) => self.give_up_first(shared, errno),
            }
        }
    }

    /// Returns the next batch.
    fn fill(&mut self, shared: &SharedSocket) {
        self.octets.clear();
        self.batch.clear();
        self.done = 0;
        let now = Instant::now();
        let mut exchange = shared.exchange();
        while self.batch.len() < BATCH
            && let Some((pending_id, address, message)) = exchange.next_outgoing(now)
        {
            self.octets.extend_from_slice(message);
            self.batch.push((pending_id, address, message.len()));
        }
    }

    /// Returns how many messages the kernel took; the error is the first one's.
    fn hand_over(&self, socket: &UdpSocket) -> nix::Result<usize> {
        let mut rest = self.octets.as_slice();
        let (mut slices, mut addresses) = (Vec::new(), Vec::new());
        for (place, (_, address, length)) in self.batch.iter().enumerate() {
            let (message, behind) = rest.split_at_checked(*length).unwrap_or_default();
            rest = behind;
            if place >= self.done {
                slices.push([IoSlice::new(message)]);
                addresses.push(Some(SockaddrStorage::from(*address)));
            }
        }
        let mut headers = MultiHeaders::preallocate(slices.len(), None);
        let flags = MsgFlags::MSG_DONTWAIT;
        sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), &addresses, [], flags).map(Iterator::count)
    }

    fn give_up_first(&mut self, shared: &SharedSocket, errno: Errno) {
        if let Some((pending_id, ..)) = self.batch.get(self.done) {
            shared.exchange().unsendable(*pending_id, refused(errno));
        }
        (self.done, self.tries) = (self.done + 1, 0);
    }
}

/// What it means that the kernel does not send a message.
fn refused(errno: Errno) -> AskError {
    match errno {
        Errno::EMSGSIZE => AskError::Status { status: Status::TooBig, index: 0 },
        errno @ (Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN) => {
            AskError::NoRoute(std::io::Error::from(errno).to_string())
        }
        errno => AskError::Local(format!("sending a request: {}", std::io::Error::from(errno))),
    }
}
