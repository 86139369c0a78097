//! People's sessions: signed tokens that end soon and can be renewed for a while.

use std::time::Duration;

use grafolean_collector::{model::UserId, time::Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::store::SigningSecret;

/// How long a token opens the API.
const VALID: Duration = Duration::from_secs(600);

/// How long after its end a token still gives a new one.
const RENEWABLE: Duration = Duration::from_secs(600);

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user_id: UserId,
    pub(crate) session_id: String,
    /// The person's count of password changes: a token from before the last one is worth nothing.
    pub(crate) since: i64,
    /// In seconds since the epoch.
    exp: i64,
}

/// Why a token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum SessionError {
    /// It is not `Bearer <key id>:<token>`.
    #[error("not of the form Bearer <key id>:<token>")]
    Form,
    /// It was signed by someone else.
    #[error("not signed by this hub")]
    Signature,
    /// It ended.
    #[error("the session ended")]
    Ended,
}

/// Signs tokens and checks them.
pub(crate) struct SigningKey {
    id: i64,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    pub(crate) fn new(secret: &SigningSecret) -> Self {
        Self {
            id: secret.id,
            encoding: EncodingKey::from_secret(&secret.secret),
            decoding: DecodingKey::from_secret(&secret.secret),
        }
    }

    /// Begins a session and gives what belongs into `X-JWT-Token`.
    pub(crate) fn begin(
        &self,
        user: UserId,
        since: i64,
        now: Timestamp,
    ) -> Result<(Session, String), SessionError> {
        let session_id = rand::random::<[u8; 32]>().iter().map(|byte| format!("{byte:02x}")).collect();
        self.signed(Session { user_id: user, session_id, since, exp: 0 }, now)
    }

    /// Gives the session that a header opens.
    pub(crate) fn open(&self, header: &str, now: Timestamp) -> Result<Session, SessionError> {
        self.ended_at_most(Duration::ZERO, header, now)
    }

    /// Gives a new token for one that is valid, or ended not long ago.
    pub(crate) fn renew(&self, header: &str, now: Timestamp) -> Result<(Session, String), SessionError> {
        let old = self.ended_at_most(RENEWABLE, header, now)?;
        self.signed(old, now)
    }

    fn signed(&self, mut session: Session, now: Timestamp) -> Result<(Session, String), SessionError> {
        session.exp = (now + VALID).seconds();
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &session, &self.encoding)
            .map_err(|_| SessionError::Signature)?;
        Ok((session, format!("Bearer {}:{token}", self.id)))
    }

    fn ended_at_most(&self, ago: Duration, header: &str, now: Timestamp) -> Result<Session, SessionError> {
        let (id, token) =
            header.strip_prefix("Bearer ").and_then(|rest| rest.split_once(':')).ok_or(SessionError::Form)?;
        if id.parse() != Ok(self.id) {
            return Err(SessionError::Signature);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // The hub's clock decides, not the library's.
        validation.validate_exp = false;
        let session: Session = jsonwebtoken::decode(token, &self.decoding, &validation)
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

    fn key() -> SigningKey {
        SigningKey::new(&SigningSecret { id: 5, secret: [7; 64] })
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_session_ends_and_can_be_renewed_for_a_while() {
        let (begun, header) = key().begin(UserId::new(3), 0, NOW).unwrap();
        let after = |seconds| NOW + Duration::from_secs(seconds);
        assert_eq!(key().open(&header, after(599)).unwrap(), begun);
        assert_eq!(key().open(&header, after(600)), Err(SessionError::Ended));
        let (renewed, header_renewed) = key().renew(&header, after(1_199)).unwrap();
        assert_eq!(renewed.session_id, begun.session_id);
        assert!(key().open(&header_renewed, after(1_799 - 1)).is_ok());
        assert_eq!(key().renew(&header, after(1_200)).unwrap_err(), SessionError::Ended);
    }

    #[test]
    fn what_another_key_signed_opens_nothing() {
        let (_, header) = key().begin(UserId::new(3), 0, NOW).unwrap();
        let other = SigningKey::new(&SigningSecret { id: 5, secret: [8; 64] });
        assert_eq!(other.open(&header, NOW), Err(SessionError::Signature));
        let renamed = SigningKey::new(&SigningSecret { id: 6, secret: [7; 64] });
        assert_eq!(renamed.open(&header, NOW), Err(SessionError::Signature));
    }

    #[test]
    fn what_is_no_session_is_told_from_one_that_ended() {
        for header in
            ["", "Bearer", "Bearer x", "Token 5:a.b.c", "Bearer x:y:z", "Bearer 5:", "Bearer 5:a.b.c"]
        {
            let error = key().open(header, NOW).unwrap_err();
            assert!(matches!(error, SessionError::Form | SessionError::Signature), "{header}");
        }
    }
}
