//! Keys made of passwords, once for each credential: each is a megabyte hashed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_snmp::v3::{self, DesSaltState, MasterKeys, PersistedDesSaltState, SaltCounter};
use grafolean_collector::time::{Clock, SystemClock};

use super::datagram::UserKeys;
use crate::snmp::{
    AskError,
    settings::{AuthProtocol, Level, PrivProtocol, Secret, User},
};

/// More credentials than anyone has; at this many all are forgotten and made again when they are needed.
const MOST_USERS: usize = 4_096;

/// Where the epochs of DES salts begin, so that they fit into 31 bits until 2091.
const SALT_ERA: i64 = 1_700_000_000;

/// The keys of all users that were met.
#[derive(Default)]
pub(super) struct Keys {
    known: Mutex<HashMap<User, UserKeys>>,
}

impl Keys {
    /// Returns the keys of a user, made where they are not known. Its salts are shared by all its devices, since a cipher
    /// must never see the same one twice.
    pub(super) async fn of(&self, user: &User) -> Result<UserKeys, AskError> {
        if let Some(keys) = self.lock().get(user) {
            return Ok(keys.clone());
        }
        let wanted = user.clone();
        let made = tokio::task::spawn_blocking(move || make(&wanted)).await;
        let made = made.map_err(|error| AskError::Local(error.to_string()))??;
        let mut known = self.lock();
        if known.len() >= MOST_USERS {
            known.clear();
        }
        // Another one may have made them meanwhile, whose salts are in use.
        Ok(known.entry(user.clone()).or_insert(made).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<User, UserKeys>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn make(user: &User) -> Result<UserKeys, AskError> {
    let failed = |error: v3::CryptoError| AskError::Local(format!("making keys of the passwords: {error}"));
    let master = |protocol, key: &Secret| {
        MasterKeys::new(auth_protocol(protocol), key.expose().as_bytes()).map_err(failed)
    };
    Ok(match &user.level {
        Level::Open => UserKeys::Open,
        Level::Authentic(protocol, key) => UserKeys::Authentic(Arc::new(master(*protocol, key)?)),
        Level::Private(protocol, key, privacy, private_key) => {
            let keys = master(*protocol, key)?
                .with_privacy(priv_protocol(*privacy), private_key.expose().as_bytes())
                .map_err(failed)?;
            if *privacy == PrivProtocol::Des {
                UserKeys::Des(Arc::new(keys), des_salt()?)
            } else {
                let salts = SaltCounter::new();
                let salts =
                    salts.map_err(|error| AskError::Local(format!("beginning the salts: {error}")))?;
                UserKeys::Aes(Arc::new(keys), Arc::new(salts))
            }
        }
    })
}

/// Salts that no earlier process used: their epoch is the second at which this one began.
fn des_salt() -> Result<DesSaltState, AskError> {
    let failed =
        |error: v3::DesSaltStateError| AskError::Local(format!("beginning the salts of DES: {error}"));
    let since = SystemClock.now().seconds().saturating_sub(SALT_ERA);
    let epoch = u32::try_from(since).unwrap_or(1).clamp(1, i32::MAX.unsigned_abs() - 1);
    let before = PersistedDesSaltState::new(epoch).map_err(failed)?;
    DesSaltState::restart(before, |_| Ok::<(), std::io::Error>(())).map_err(failed)
}

fn auth_protocol(protocol: AuthProtocol) -> async_snmp::AuthProtocol {
    match protocol {
        AuthProtocol::Md5 => async_snmp::AuthProtocol::Md5,
        AuthProtocol::Sha1 => async_snmp::AuthProtocol::Sha1,
        AuthProtocol::Sha224 => async_snmp::AuthProtocol::Sha224,
        AuthProtocol::Sha256 => async_snmp::AuthProtocol::Sha256,
        AuthProtocol::Sha384 => async_snmp::AuthProtocol::Sha384,
        AuthProtocol::Sha512 => async_snmp::AuthProtocol::Sha512,
    }
}

fn priv_protocol(protocol: PrivProtocol) -> async_snmp::PrivProtocol {
    match protocol {
        PrivProtocol::Des => async_snmp::PrivProtocol::Des,
        PrivProtocol::Aes128 => async_snmp::PrivProtocol::Aes128,
        PrivProtocol::Aes192 => async_snmp::PrivProtocol::Aes192Blumenthal,
        PrivProtocol::Aes256 => async_snmp::PrivProtocol::Aes256Blumenthal,
        PrivProtocol::Aes192Cisco => async_snmp::PrivProtocol::Aes192Reeder,
        PrivProtocol::Aes256Cisco => async_snmp::PrivProtocol::Aes256Reeder,
    }
}
