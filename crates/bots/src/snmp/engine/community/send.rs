//! From the exchange to the socket.

use std::{io::IoSlice, net::SocketAddr, os::fd::AsRawFd, time::Instant};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg},
};
use tokio::net::UdpSocket;

use super::{Line, exchange::Ticket};
use crate::snmp::{AskError, Status};

/// Messages sent by one system call; more bring little.
const BATCH: usize = 64;

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
    batch: Vec<(Ticket, SocketAddr, usize)>,
    /// How many of the batch are done with.
    done: usize,
    tries: u32,
}

impl Sender {
    /// Sends all that is to be sent.
    pub(super) fn send(&mut self, socket: &UdpSocket, line: &Line) -> Sent {
        loop {
            if self.done == self.batch.len() {
                self.fill(line);
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
                Err(errno) => self.give_up_first(line, errno),
            }
        }
    }

    /// Takes the next batch.
    fn fill(&mut self, line: &Line) {
        self.octets.clear();
        self.batch.clear();
        self.done = 0;
        let now = Instant::now();
        let mut exchange = line.exchange();
        while self.batch.len() < BATCH
            && let Some((ticket, address, message)) = exchange.next_outgoing(now)
        {
            self.octets.extend_from_slice(message);
            self.batch.push((ticket, address, message.len()));
        }
    }

    /// Gives how many messages the kernel took; the error is the first one's.
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

    fn give_up_first(&mut self, line: &Line, errno: Errno) {
        if let Some((ticket, ..)) = self.batch.get(self.done) {
            line.exchange().unsendable(*ticket, refused(errno));
        }
        (self.done, self.tries) = (self.done + 1, 0);
    }
}

/// What it means that the kernel does not send a message.
fn refused(errno: Errno) -> AskError {
    match errno {
        Errno::EMSGSIZE => AskError::Status { status: Status::TooBig, index: 0 },
        errno => AskError::Local(format!("sending a request: {}", std::io::Error::from(errno))),
    }
}
