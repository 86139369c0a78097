//! People's sessions: signed tokens that end soon and can be renewed for a while. Which sessions there are stands in the
//! store: a token is good while its session is there and was not renewed since.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use grafolean_collector::{model::UserId, time::Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::store::session::{SessionId, SigningSecret};

/// How long a token opens the API.
const VALID: Duration = Duration::from_secs(600);

/// How long after its end a token still gives a new one.
const RENEWABLE: Duration = Duration::from_secs(600);

/// How long a session lasts that nobody renews.
pub(crate) const LIFETIME: Duration = Duration::from_secs(VALID.as_secs() + RENEWABLE.as_secs());

/// How long the token before may renew: two tabs, or two requests, may ask at the same moment.
pub(crate) const RENEWAL_GRACE: Duration = Duration::from_secs(10);

/// How long a key signs; the one before goes on to open what it signed.
pub(crate) const KEY_ROTATION: Duration = Duration::from_secs(24 * 3_600);

/// What a token holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user_id: UserId,
    /// The id in hexadecimal digits.
    pub(crate) session_id: String,
    /// How often the session had been renewed.
    pub(crate) serial: i64,
    /// In seconds since the epoch.
    exp: i64,
}

impl Session {
    /// Returns the id by which the store knows it.
    pub(crate) fn id(&self) -> Option<SessionId> {
        let digits = self.session_id.as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
    }
}

/// Why a token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SessionError {
    /// It is not `Bearer <key id>:<token>`.
    #[error("not of the form Bearer <key id>:<token>")]
    Form,
    /// It was signed by someone else, or by a key that was rotated away.
    #[error("not signed by this hub")]
    Signature,
    /// It ended.
    #[error("the session ended")]
    Ended,
}

/// Signs tokens and checks them.
pub(crate) struct SigningKeys(RwLock<Vec<Key>>);

struct Key {
    id: i64,
    created: Timestamp,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl From<&SigningSecret> for Key {
    fn from(secret: &SigningSecret) -> Self {
        Self {
            id: secret.id,
            created: secret.created,
            encoding: EncodingKey::from_secret(&secret.secret),
            decoding: DecodingKey::from_secret(&secret.secret),
        }
    }
}

impl SigningKeys {
    /// Creates the keys, the newest first.
    pub(crate) fn new(secrets: &[SigningSecret]) -> Self {
        Self(RwLock::new(secrets.iter().map(Key::from).collect()))
    }

    /// Replaces them after a rotation.
    pub(crate) fn replace(&self, secrets: &[SigningSecret]) {
        let keys = secrets.iter().map(Key::from).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Whether the newest has signed long enough, or lies in the future since the clock was set back.
    pub(crate) fn rotation_is_due(&self, now: Timestamp) -> bool {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.first().is_none_or(|key| key.created > now || now.since(key.created) >= KEY_ROTATION)
    }

    /// Signs a token for a session; returns also what belongs into `X-JWT-Token`.
    pub(crate) fn sign(
        &self,
        user_id: UserId,
        id: &SessionId,
        serial: i64,
        now: Timestamp,
    ) -> Result<(Session, String), SessionError> {
        let session_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = Session { user_id, session_id, serial, exp: (now + VALID).seconds() };
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.first().ok_or(SessionError::Signature)?;
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &session, &key.encoding)
            .map_err(|_| SessionError::Signature)?;
        Ok((session, format!("Bearer {}:{token}", key.id)))
    }

    /// Returns the session that a header opens.
    pub(crate) fn open(&self, header: &str, now: Timestamp) -> Result<Session, SessionError> {
        self.ended_at_most(Duration::ZERO, header, now)
    }

    /// Returns the session of a token that may be renewed: it is valid, or ended not long ago.
    pub(crate) fn renewable(&self, header: &str, now: Timestamp) -> Result<Session, SessionError> {
        self.ended_at_most(RENEWABLE, header, now)
    }

    fn ended_at_most(&self, ago: Duration, header: &str, now: Timestamp) -> Result<Session, SessionError> {
        let (id, token) =
            header.strip_prefix("Bearer ").and_then(|rest| rest.split_once(':')).ok_or(SessionError::Form)?;
        let id: i64 = id.parse().map_err(|_| SessionError::Signature)?;
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.iter().find(|key| key.id == id).ok_or(SessionError::Signature)?;
        let mut validation = Validation::new(Algorithm::HS256);
        // The hub's clock decides, not the library's.
        validation.validate_exp = false;
        let session: Session = jsonwebtoken::decode(token, &key.decoding, &validation)
            .map_err(|_| SessionError::Signature)?
            .claims;
        if now >= Timestamp::from_seconds(session.exp) + ago {
            return Err(SessionError::Ended);
        }
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const ID: SessionId = [0xab; 32];

    fn secret(id: i64, byte: u8) -> SigningSecret {
        SigningSecret { id, secret: [byte; 64], created: NOW }
    }

    fn keys() -> SigningKeys {
        SigningKeys::new(&[secret(5, 7)])
    }

    fn header(keys: &SigningKeys) -> String {
        keys.sign(UserId::new(3), &ID, 0, NOW).unwrap().1
    }

    #[test]
    fn a_token_ends_and_can_be_renewed_for_a_while() {
        let (signed, header) = keys().sign(UserId::new(3), &ID, 0, NOW).unwrap();
        assert_eq!(signed.id(), Some(ID));
        let after = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(keys().open(&header, after(599)).unwrap(), signed);
        assert_eq!(keys().open(&header, after(600)), Err(SessionError::Ended));
        assert_eq!(keys().renewable(&header, after(1_199)).unwrap(), signed);
        assert_eq!(keys().renewable(&header, after(1_200)).unwrap_err(), SessionError::Ended);
    }

    #[test]
    fn what_another_key_signed_opens_nothing() {
        let header = header(&keys());
        for other in [secret(5, 8), secret(6, 7)] {
            assert_eq!(SigningKeys::new(&[other]).open(&header, NOW), Err(SessionError::Signature));
        }
    }

    #[test]
    fn a_key_is_rotated_after_a_day_and_the_one_before_still_opens_what_it_signed() {
        let keys = keys();
        let old = header(&keys);
        assert!(!keys.rotation_is_due(NOW + KEY_ROTATION - Duration::from_secs(1)));
        assert!(keys.rotation_is_due(NOW + KEY_ROTATION));
        keys.replace(&[secret(6, 8), secret(5, 7)]);
        assert!(header(&keys).starts_with("Bearer 6:"));
        assert!(keys.open(&old, NOW).is_ok());
        keys.replace(&[secret(9, 9), secret(6, 8)]);
        assert_eq!(keys.open(&old, NOW), Err(SessionError::Signature));
    }

    #[test]
    fn what_is_no_session_is_told_from_one_that_ended() {
        for header in
            ["", "Bearer", "Bearer x", "Token 5:a.b.c", "Bearer x:y:z", "Bearer 5:", "Bearer 5:a.b.c"]
        {
            let error = keys().open(header, NOW).unwrap_err();
            assert!(matches!(error, SessionError::Form | SessionError::Signature), "{header}");
        }
    }
}
