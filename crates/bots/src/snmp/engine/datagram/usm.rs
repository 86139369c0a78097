//! A device as a user of SNMPv3 sees it: the security of its messages (RFC 3414).
//!
//! Boots and time of an agent are kept as its own messages told them. RFC 3414, section 3.2, step 7, has them only grow,
//! against messages that were recorded and are sent again. Here a message counts only if it answers a number that was just
//! drawn at random and lies within what its digest covers, so none that was recorded does; therefore an agent that set its
//! time back, since it does not count its boots, is believed and asked on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_snmp::v3::{DesSaltState, LocalizedKey, MasterKeys, PrivKey, SaltCounter};
use prometheus_client::metrics::counter::Counter;

use super::{
    exchange::Outcome,
    peer::{Message, outcome},
};
use crate::snmp::{
    AskError, Moment, Oid,
    codec::{
        PduKind, RequestPdu, ResponsePdu, Version,
        secured::{self, Payload, Secured, Security},
    },
    engine::clock,
    settings::User,
};

/// Octets of an engine id: what is longer is none (RFC 3411, section 5).
const ENGINE_ID: std::ops::RangeInclusive<usize> = 1..=64;

/// An agent whose time goes back by more has begun to count it anew: RFC 3414 allows for 150 s of delay.
const TIME_WINDOW_S: u32 = 150;

/// The keys of a user that hold for every agent, and what no message may use twice.
#[derive(Clone)]
pub(in super::super) enum UserKeys {
    /// noAuthNoPriv.
    Open,
    /// authNoPriv.
    Authentic(Arc<MasterKeys>),
    /// authPriv by DES.
    Des(Arc<MasterKeys>, DesSaltState),
    /// authPriv by AES.
    Aes(Arc<MasterKeys>, Arc<SaltCounter>),
}

impl UserKeys {
    pub(in super::super) fn master(&self) -> Option<&MasterKeys> {
        match self {
            Self::Open => None,
            Self::Authentic(keys) | Self::Des(keys, _) | Self::Aes(keys, _) => Some(keys),
        }
    }

    const fn is_private(&self) -> bool {
        matches!(self, Self::Des(..) | Self::Aes(..))
    }
}

/// A user at a device.
pub(in super::super) struct SecuredPeer {
    user: User,
    keys: UserKeys,
    agent: Mutex<Option<Agent>>,
    restarts: Counter,
}

/// What is known of an agent.
struct Agent {
    engine_id: Vec<u8>,
    auth: Option<LocalizedKey>,
    privacy: Option<PrivKey>,
    boots: u32,
    time: u32,
    /// When it told its time.
    told_at: Moment,
    /// Whether an authentic message told boots and time.
    is_confirmed: bool,
}

impl SecuredPeer {
    pub(in super::super) fn new(user: User, keys: UserKeys, restarts: Counter) -> Self {
        Self { user, keys, agent: Mutex::default(), restarts }
    }

    pub(in super::super) const fn user(&self) -> &User {
        &self.user
    }

    /// Whether it is known who the agent is.
    pub(in super::super) fn is_discovered(&self) -> bool {
        self.agent().is_some()
    }

    /// Forgets who the agent is.
    pub(in super::super) fn forget(&self) {
        *self.agent() = None;
    }

    /// Returns snmpEngineBoots as an authentic message told it.
    pub(in super::super) fn boots(&self) -> Option<u32> {
        self.agent().as_ref().filter(|agent| agent.is_confirmed).map(|agent| agent.boots)
    }

    fn agent(&self) -> MutexGuard<'_, Option<Agent>> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a message under a number.
    pub(super) fn encode(
        &self,
        number: i32,
        message: Message<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), AskError> {
        let request = match message {
            Message::Request(request) => request,
            Message::Discovery => {
                out.extend_from_slice(&secured::discovery(number));
                return Ok(());
            }
        };
        let agent = self.agent();
        let agent = agent.as_ref().ok_or(AskError::UnknownEngine)?;
        let time = agent.time_at(clock::now());
        let pdu = RequestPdu { version: Version::V3, request_id: number, request };
        let mut scoped = Vec::new();
        secured::encode_scoped_pdu(&agent.engine_id, self.user.context.as_bytes(), &pdu, &mut scoped);
        let sealed = agent.seal(&self.keys, &scoped, time)?;
        let digest = vec![0; agent.auth.as_ref().map_or(0, LocalizedKey::mac_len)];
        let (payload, salt) = match &sealed {
            None => (Payload::Plain(&scoped), &[][..]),
            Some((ciphertext, salt)) => (Payload::Encrypted(ciphertext), &salt[..]),
        };
        let security = Security {
            engine_id: &agent.engine_id,
            boots: agent.boots,
            time,
            user: self.user.name.as_bytes(),
            digest: &digest,
            salt,
        };
        let start = out.len();
        let place = secured::encode(number, &security, payload, out);
        if let Some(key) = &agent.auth {
            let mac = key.compute_hmac(out.get(start..).unwrap_or_default()).map_err(failed)?;
            if let Some(room) = out.get_mut(place..place + mac.len()) {
                room.copy_from_slice(&mac);
            }
        }
        Ok(())
    }

    /// Returns what a message comes to that answers one of ours by its number; None if it is not the agent's, or not
    /// secured as it has to be.
    pub(super) fn open(&self, message: &Secured<'_>, at: Moment) -> Option<Outcome> {
        let mut agent = self.agent();
        let Some(known) = agent.as_mut() else {
            // Whoever answers the question who it is says it, whatever else the answer says.
            *agent = Some(self.discovered(&message.security, at)?);
            return Some(Err(AskError::UnknownEngine));
        };
        if !message.is_authentic {
            let Payload::Plain(scoped) = message.payload else { return None };
            let pdu = secured::scoped_pdu(scoped).ok()?;
            return match pdu.kind {
                // An agent that cannot check who asks, or finds it wrong, cannot answer authentically.
                PduKind::Report => Some(Err(report(&pdu))),
                PduKind::Response => {
                    let is_ours = known.auth.is_none()
                        && message.security.engine_id == known.engine_id
                        && pdu.request_id == message.message_id;
                    is_ours.then(|| outcome(&pdu, at))
                }
            };
        }
        if message.security.engine_id != known.engine_id || !known.is_digest_right(message) {
            return None;
        }
        let plain;
        let scoped = match message.payload {
            Payload::Plain(scoped) => scoped,
            Payload::Encrypted(ciphertext) => {
                let Security { boots, time, salt, .. } = message.security;
                plain = known.privacy.as_ref()?.decrypt(ciphertext, boots, time, salt).ok()?;
                &plain[..]
            }
        };
        let Ok(pdu) = secured::scoped_pdu(scoped) else {
            let is_private = matches!(message.payload, Payload::Encrypted(_));
            let malformed = AskError::Malformed("an authentic message without a PDU".to_owned());
            return Some(Err(if is_private { AskError::Decryption } else { malformed }));
        };
        if known.note_time(&message.security, at) {
            self.restarts.inc();
        }
        match pdu.kind {
            PduKind::Report => Some(Err(report(&pdu))),
            PduKind::Response => {
                let is_private = matches!(message.payload, Payload::Encrypted(_));
                let is_ours = pdu.request_id == message.message_id && is_private == self.keys.is_private();
                is_ours.then(|| outcome(&pdu, at))
            }
        }
    }

    fn discovered(&self, security: &Security<'_>, at: Moment) -> Option<Agent> {
        if !ENGINE_ID.contains(&security.engine_id.len()) {
            return None;
        }
        let (auth, privacy) = match self.keys.master() {
            None => (None, None),
            Some(master) => {
                let (auth, privacy) = master.localize(security.engine_id).ok()?;
                (Some(auth), privacy)
            }
        };
        Some(Agent {
            engine_id: security.engine_id.to_vec(),
            auth,
            privacy,
            boots: security.boots,
            time: security.time,
            told_at: at,
            is_confirmed: false,
        })
    }
}

impl Agent {
    fn time_at(&self, now: Moment) -> u32 {
        let passed = now.since(self.told_at).map_or(0, |passed| passed.as_secs());
        self.time.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX)).min(i32::MAX.unsigned_abs())
    }

    /// Encrypts a scoped PDU where the user demands it; returns ciphertext and salt.
    fn seal(
        &self,
        keys: &UserKeys,
        scoped: &[u8],
        time: u32,
    ) -> Result<Option<(bytes::Bytes, bytes::Bytes)>, AskError> {
        let no_key = || AskError::Local("there is no privacy key".to_owned());
        let privacy = || self.privacy.as_ref().ok_or_else(no_key);
        match keys {
            UserKeys::Open | UserKeys::Authentic(_) => Ok(None),
            UserKeys::Des(_, salts) => privacy()?.encrypt_des_family(scoped, salts).map(Some).map_err(failed),
            UserKeys::Aes(_, salts) => {
                privacy()?.encrypt_aes(scoped, self.boots, time, salts).map(Some).map_err(failed)
            }
        }
    }

    /// Whether the digest is that of the message, in which its own place counts as zeros.
    fn is_digest_right(&self, message: &Secured<'_>) -> bool {
        let Some(key) = &self.auth else { return false };
        let Secured { whole, digest_at, security: Security { digest, .. }, .. } = *message;
        let mut zeroed = whole.to_vec();
        let room = zeroed.get_mut(digest_at..digest_at + digest.len());
        let Some(room) = room.filter(|room| room.len() == key.mac_len()) else { return false };
        room.fill(0);
        key.verify_hmac(&zeroed, digest).unwrap_or(false)
    }

    /// Notes what an authentic message says of boots and time; returns whether the agent has begun to count anew.
    fn note_time(&mut self, security: &Security<'_>, at: Moment) -> bool {
        let expected = self.time_at(at);
        let is_anew = self.is_confirmed
            && (security.boots != self.boots || security.time.saturating_add(TIME_WINDOW_S) < expected);
        (self.boots, self.time, self.told_at) = (security.boots, security.time, at);
        self.is_confirmed = true;
        is_anew
    }
}

/// Returns what a report says is wrong. Not every agent repeats the number of a request that it could not process.
fn report(pdu: &ResponsePdu<'_>) -> AskError {
    let named = pdu.varbinds().next().and_then(Result::ok).map(|varbind| varbind.oid);
    match named.as_ref().map(Oid::arcs) {
        Some([1, 3, 6, 1, 6, 3, 15, 1, 1, number, ..]) => match number {
            1 => AskError::UnsupportedLevel,
            2 => AskError::NotInTimeWindow,
            3 => AskError::UnknownUser,
            4 => AskError::UnknownEngine,
            5 => AskError::WrongDigest,
            6 => AskError::Decryption,
            _ => AskError::Report(named),
        },
        // snmpUnavailableContexts and snmpUnknownContexts.
        Some([1, 3, 6, 1, 6, 3, 12, 1, 4 | 5, ..]) => AskError::UnknownContext,
        _ => AskError::Report(named),
    }
}

fn failed(error: impl std::fmt::Display) -> AskError {
    AskError::Local(format!("securing a message: {error}"))
}
