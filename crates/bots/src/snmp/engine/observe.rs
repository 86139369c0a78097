//! A transport that listens to what the library rejects.
//!
//! An agent that does not know a user, or finds a wrong digest, says so in a report that cannot be authentic (RFC 3414,
//! section 3.2). The library rightly does not act on it and goes on waiting; here it is remembered, so that the silence
//! that follows has a name.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use async_snmp::{
    Candidate, DecodeConfig, ReceiveLimits, RequestRegistration, Result, Transport, UdpHandle,
    ber::Decoder,
    message::{RawMsgData, RawV3Message, ScopedPdu},
    v3::classify_report,
};
use bytes::Bytes;

use super::translate;
use crate::snmp::AskError;

/// A device's way to the shared socket, with an ear.
#[derive(Clone)]
pub(super) struct Observed {
    handle: UdpHandle,
    heard: Arc<Mutex<Option<AskError>>>,
}

impl Observed {
    pub(super) fn new(handle: UdpHandle) -> Self {
        Self { handle, heard: Arc::default() }
    }

    /// Gives the last report that was rejected, and forgets it.
    pub(super) fn take_report(&self) -> Option<AskError> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Transport for Observed {
    async fn send(&self, data: &[u8]) -> Result<()> {
        self.handle.send(data).await
    }

    async fn request_with<T, F>(
        &self,
        data: &[u8],
        registration: RequestRegistration,
        mut validate: F,
    ) -> Result<T>
    where
        T: Send,
        F: FnMut(Bytes, SocketAddr) -> Result<Candidate<T>> + Send,
    {
        let listen = |datagram: Bytes, source| {
            let outcome = validate(datagram.clone(), source);
            if !matches!(outcome, Ok(Candidate::Accept(_)))
                && let Some(report) = report(datagram)
            {
                *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
            }
            outcome
        };
        self.handle.request_with(data, registration, listen).await
    }

    fn peer_addr(&self) -> SocketAddr {
        self.handle.peer_addr()
    }

    fn local_addr(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    fn alloc_request_id(&self) -> i32 {
        self.handle.alloc_request_id()
    }

    fn is_reliable(&self) -> bool {
        self.handle.is_reliable()
    }

    fn receive_limits(&self) -> ReceiveLimits {
        self.handle.receive_limits()
    }

    fn send_capacity(&self) -> usize {
        self.handle.send_capacity()
    }
}

/// Reads a report that is sent in the clear.
fn report(datagram: Bytes) -> Option<AskError> {
    let message = RawV3Message::decode(datagram, DecodeConfig::default()).ok()?.value;
    let RawMsgData::Plaintext { data, .. } = message.msg_data() else { return None };
    let scoped = ScopedPdu::decode(&mut Decoder::new(data.clone())).ok()?;
    classify_report(&scoped.pdu).ok().map(|status| translate::report(&status))
}
