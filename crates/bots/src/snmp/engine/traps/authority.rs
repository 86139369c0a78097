//! The security of notifications of v3 (RFC 3414).
//!
//! A trap is secured by the sender's own engine id, boots and time. An inform is secured by ours: a sender asks who we are,
//! is told by a report, and then tells what it has to tell. So a key is made of a password for each engine id.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use async_snmp::v3::{LocalizedKey, PrivKey};

use super::faults::TrapFault;
use crate::snmp::{
    Moment,
    codec::{
        Version,
        secured::{self, Flags, Payload, Secured, Security},
    },
    engine::{clock, datagram::UserKeys, keys},
    notification::{self, Notification},
    settings::User,
};

/// Engines that are remembered; at it all are forgotten, and their keys made again.
const ENGINES: usize = 4_096;

/// How far a time may be off (RFC 3414, section 3.2, step 7).
const WINDOW_S: u32 = 150;

/// usmStatsNotInTimeWindows.0 and usmStatsUnknownEngineIDs.0.
const NOT_IN_TIME_WINDOWS: [u32; 11] = [1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0];
const UNKNOWN_ENGINE_IDS: [u32; 11] = [1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0];

/// Who may tell, and who we are to those who want to be acknowledged.
pub(super) struct Authority {
    users: HashMap<Vec<u8>, (User, UserKeys)>,
    engine_id: Vec<u8>,
    boots: u32,
    began: Moment,
    /// Keys of users at engines.
    keys: HashMap<(Vec<u8>, Vec<u8>), Localized>,
    /// The last boots and time of each sender, that were authentic.
    senders: HashMap<Vec<u8>, (u32, u32)>,
    reports: u32,
}

/// The keys of a user at an engine.
#[derive(Clone)]
struct Localized {
    auth: Option<LocalizedKey>,
    privacy: Option<PrivKey>,
}

/// What a message comes to.
pub(super) enum Opened {
    Notification {
        notification: Notification,
        user: String,
        acknowledgement: Option<Vec<u8>>,
    },
    /// It is to be answered so, and counts for nothing.
    Report(Vec<u8>),
}

impl Authority {
    pub(super) fn new(users: &[User], boots: u32) -> Self {
        let mut authority = Self {
            users: HashMap::new(),
            engine_id: engine_id(),
            boots: boots.max(1),
            began: clock::now(),
            keys: HashMap::new(),
            senders: HashMap::new(),
            reports: 0,
        };
        authority.set_users(users);
        authority
    }

    /// Lets these users tell, and no others. A user whose keys cannot be made can tell nothing.
    pub(super) fn set_users(&mut self, users: &[User]) {
        let mut known = std::mem::take(&mut self.users);
        for user in users {
            let name = user.name.as_bytes().to_vec();
            // Keys of a password take a million octets of hashing: those that are made are kept.
            let kept = known.remove(&name).filter(|(before, _)| before == user);
            if kept.is_none() {
                self.keys.retain(|(of, _), _| *of != name);
            }
            let keys = kept.map(|(_, keys)| keys).or_else(|| keys::make(user).ok());
            if let Some(keys) = keys {
                self.users.insert(name, (user.clone(), keys));
            }
        }
    }

    /// Reads a message of v3.
    pub(super) fn open(&mut self, datagram: &[u8]) -> Result<Opened, TrapFault> {
        let message = Secured::decode(datagram).map_err(|_| TrapFault::Malformed)?;
        let Security { engine_id, user, .. } = message.security;
        if engine_id.is_empty() {
            return Ok(Opened::Report(self.report(&message, &UNKNOWN_ENGINE_IDS, None)));
        }
        let (user, user_keys) = self.users.get(user).cloned().ok_or(TrapFault::User)?;
        let localized = self.localized(&user, &user_keys, engine_id).ok_or(TrapFault::Key)?;
        let is_private = matches!(message.payload, Payload::Encrypted(_));
        if message.is_authentic != localized.auth.is_some() || is_private != localized.privacy.is_some() {
            return Err(TrapFault::Key);
        }
        if let Some(key) = &localized.auth
            && !is_digest_right(key, &message)
        {
            return Err(TrapFault::Key);
        }
        let is_ours = engine_id == self.engine_id;
        if is_ours && !self.is_in_window(&message.security) {
            let report = self.report(&message, &NOT_IN_TIME_WINDOWS, Some((&user, &localized)));
            return Ok(Opened::Report(report));
        }
        if !is_ours && message.is_authentic && !self.is_news(&message.security) {
            return Err(TrapFault::Replayed);
        }
        let plain;
        let scoped = match message.payload {
            Payload::Plain(scoped) => scoped,
            Payload::Encrypted(ciphertext) => {
                let Security { boots, time, salt, .. } = message.security;
                let key = localized.privacy.as_ref().ok_or(TrapFault::Key)?;
                plain = key.decrypt(ciphertext, boots, time, salt).map_err(|_| TrapFault::Key)?;
                &plain[..]
            }
        };
        let (context, pdu) = secured::scoped_notification(scoped).map_err(|_| TrapFault::Malformed)?;
        let notification = notification::of_pdu(Version::V3, &pdu).map_err(|_| TrapFault::Malformed)?;
        let acknowledgement = match (pdu.acknowledgement(), is_ours) {
            (Some(response), true) => {
                let mut scoped = Vec::new();
                secured::encode_scoped(context.engine_id, context.name, &response, &mut scoped);
                Some(self.secured(message.message_id, (&user, &user_keys), &localized, &scoped))
            }
            // Its sender knows an engine id of ours that is none any more.
            (Some(_), false) => {
                return Ok(Opened::Report(self.report(&message, &UNKNOWN_ENGINE_IDS, None)));
            }
            (None, _) => None,
        };
        Ok(Opened::Notification { notification, user: user.name, acknowledgement })
    }

    fn localized(&mut self, user: &User, keys: &UserKeys, engine_id: &[u8]) -> Option<Localized> {
        let at = (user.name.as_bytes().to_vec(), engine_id.to_vec());
        if let Some(known) = self.keys.get(&at) {
            return Some(known.clone());
        }
        let localized = match keys.master() {
            None => Localized { auth: None, privacy: None },
            Some(master) => {
                let (auth, privacy) = master.localize(engine_id).ok()?;
                Localized { auth: Some(auth), privacy }
            }
        };
        if self.keys.len() >= ENGINES {
            self.keys.clear();
        }
        self.keys.insert(at, localized.clone());
        Some(localized)
    }

    /// Returns how long we have been here, in seconds.
    fn time(&self) -> u32 {
        let passed = clock::now().since(self.began).map_or(0, |passed| passed.as_secs());
        u32::try_from(passed).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs())
    }

    fn is_in_window(&self, security: &Security<'_>) -> bool {
        security.boots == self.boots && security.time.abs_diff(self.time()) <= WINDOW_S
    }

    /// Whether a message of a sender is not one that was recorded: its boots and time do not go back.
    fn is_news(&mut self, security: &Security<'_>) -> bool {
        let told = (security.boots, security.time);
        let known = self.senders.get(security.engine_id).copied();
        let is_news = known.is_none_or(|(boots, time)| {
            told.0 > boots || (told.0 == boots && told.1.saturating_add(WINDOW_S) >= time)
        });
        if is_news && known.is_none_or(|known| told > known) {
            if self.senders.len() >= ENGINES {
                self.senders.clear();
            }
            self.senders.insert(security.engine_id.to_vec(), told);
        }
        is_news
    }

    /// Returns a report with a counter, authentic where it is known to whom.
    fn report(&mut self, message: &Secured<'_>, counter: &[u32], to: Option<(&User, &Localized)>) -> Vec<u8> {
        self.reports = self.reports.wrapping_add(1);
        let pdu = secured::report(counter, self.reports);
        let mut scoped = Vec::new();
        secured::encode_scoped(&self.engine_id, &[], &pdu, &mut scoped);
        let key = to.and_then(|(_, localized)| localized.auth.as_ref());
        let user = to.map_or(&[][..], |(user, _)| user.name.as_bytes());
        self.sealed(message.message_id, user, key, Payload::Plain(&scoped), &[])
    }

    /// Returns a response to a user, secured as theirs was.
    fn secured(
        &self,
        message_id: i32,
        (user, keys): (&User, &UserKeys),
        localized: &Localized,
        scoped: &[u8],
    ) -> Vec<u8> {
        let encrypted = match (keys, &localized.privacy) {
            (UserKeys::Des(_, salts), Some(key)) => key.encrypt_des_family(scoped, salts).ok(),
            (UserKeys::Aes(_, salts), Some(key)) => {
                key.encrypt_aes(scoped, self.boots, self.time(), salts).ok()
            }
            _ => None,
        };
        let name = user.name.as_bytes();
        match &encrypted {
            Some((ciphertext, salt)) => {
                self.sealed(message_id, name, localized.auth.as_ref(), Payload::Encrypted(ciphertext), salt)
            }
            None => self.sealed(message_id, name, localized.auth.as_ref(), Payload::Plain(scoped), &[]),
        }
    }

    fn sealed(
        &self,
        message_id: i32,
        user: &[u8],
        key: Option<&LocalizedKey>,
        payload: Payload<'_>,
        salt: &[u8],
    ) -> Vec<u8> {
        let digest = vec![0; key.map_or(0, LocalizedKey::mac_len)];
        let security = Security {
            engine_id: &self.engine_id,
            boots: self.boots,
            time: self.time(),
            user,
            digest: &digest,
            salt,
        };
        let mut out = Vec::new();
        let place = secured::encode_as(Flags::Answer, message_id, &security, payload, &mut out);
        if let Some(key) = key
            && let Ok(mac) = key.compute_hmac(&out)
            && let Some(room) = out.get_mut(place..place + mac.len())
        {
            room.copy_from_slice(&mac);
        }
        out
    }
}

/// Whether the digest is that of the message, in which its own place counts as zeros.
fn is_digest_right(key: &LocalizedKey, message: &Secured<'_>) -> bool {
    let Secured { whole, digest_at, security: Security { digest, .. }, .. } = *message;
    let mut zeroed = whole.to_vec();
    let room = zeroed.get_mut(digest_at..digest_at + digest.len());
    let Some(room) = room.filter(|room| room.len() == key.mac_len()) else { return false };
    room.fill(0);
    key.verify_hmac(&zeroed, digest).unwrap_or(false)
}

/// Returns an engine id of this process: of no enterprise, octets that are drawn (RFC 3411, section 5). A sender of informs
/// that knew an earlier one is told the new one.
fn engine_id() -> Vec<u8> {
    const FORMAT: [u8; 5] = [0x80, 0, 0, 0, 5];
    let drawn = RandomState::new().hash_one(0);
    [&FORMAT[..], &drawn.to_be_bytes()].concat()
}
