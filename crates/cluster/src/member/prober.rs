//! The socket on which nodes ask each other.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use tokio::{net::UdpSocket, sync::oneshot, time::timeout};

use crate::{
    lease::{Lease, Name},
    membership::{Answer, PROBE_TIMEOUT},
    probe::{self, Ask},
};

/// Asks and is asked over one socket.
#[derive(Debug)]
pub(super) struct Prober {
    socket: UdpSocket,
    me: Name,
    key: u64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Vec<u8>>>>,
}

/// A question that arrived.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    from: SocketAddr,
}

impl Prober {
    pub(super) fn new(socket: UdpSocket, me: Name, key: u64) -> Self {
        Self { socket, me, key, waiting: Mutex::new(HashMap::new()) }
    }

    /// Asks a node; `None` if it does not answer in time.
    pub(super) async fn ask(&self, peer: &Lease, is_leaving: bool) -> Option<Answer> {
        let nonce = rand::random();
        let (sender, receiver) = oneshot::channel();
        self.waiting().insert(nonce, sender);
        let ask = Ask { nonce, asker: self.me.clone(), is_leaving };
        let sent = self.socket.send_to(&ask.to_bytes(peer.probe_key), peer.address).await;
        let answer = match sent {
            Ok(_) => timeout(PROBE_TIMEOUT, receiver).await.ok().and_then(Result::ok),
            // As if there were no answer: there is no way to it.
            Err(_) => {
                tokio::time::sleep(PROBE_TIMEOUT).await;
                None
            }
        };
        self.waiting().remove(&nonce);
        probe::answer_from_bytes(&answer?, peer.probe_key)
    }

    /// Returns the next question; answers are given to whom they are for. Safe to cancel.
    pub(super) async fn next(&self) -> Asked {
        let mut datagram = [0; probe::LONGEST];
        loop {
            // An error of a datagram that was sent before (a port that is closed) is no error of this one.
            let Ok((length, from)) = self.socket.recv_from(&mut datagram).await else { continue };
            let Some(datagram) = datagram.get(..length) else { continue };
            if let Some(nonce) = probe::nonce_of(datagram) {
                if let Some(waiting) = self.waiting().remove(&nonce) {
                    // It is not waited for any more.
                    let _ = waiting.send(datagram.to_vec());
                }
            } else if let Some(ask) = Ask::from_bytes(datagram, self.key) {
                return Asked { ask, from };
            }
        }
    }

    /// Answers a question.
    pub(super) async fn answer(&self, asked: &Asked, answer: &Answer) {
        let datagram = probe::answer_to_bytes(answer, asked.ask.nonce, self.key);
        // Whoever asked asks again.
        let _ = self.socket.send_to(&datagram, asked.from).await;
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Vec<u8>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
