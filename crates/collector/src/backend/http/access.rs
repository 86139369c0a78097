//! Whether a backend is ready, whose token it is, and what the token may do.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{HttpBackend, Identity, exchange::Request};
use crate::{
    backend::BackendError,
    error_chain::error_chain,
    model::{AccountId, UserId, lenient},
    throttle::{OutageLog, OutageSpan},
};

/// The first pause between two looks at a backend that is not ready; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: a backend that comes up is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What `GET /status/info` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BackendStatus {
    /// The database is older than the backend: an administrator has to migrate it.
    pub db_migration_needed: bool,
    /// The version of the database's schema.
    #[serde(default)]
    pub db_version: Option<i64>,
    /// Whether there is a first user; null before the first migration.
    #[serde(default)]
    pub user_exists: Option<bool>,
}

impl BackendStatus {
    /// Whether a bot can begin.
    pub fn is_ready(&self) -> bool {
        self.reason_to_wait().is_none()
    }

    pub(super) fn reason_to_wait(&self) -> Option<&'static str> {
        if self.db_migration_needed {
            Some("its database has to be migrated first")
        } else if self.user_exists != Some(true) {
            Some("it has no user yet: set it up in the browser first")
        } else {
            None
        }
    }
}

/// What `GET /profile/` says of a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// Who the token belongs to.
    pub user_id: UserId,
    /// `bot` or `person`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub user_type: String,
    /// More about a bot.
    #[serde(default)]
    pub record: Option<BotRecord>,
}

/// A bot as people set it up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct BotRecord {
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Its protocol; empty for a bot of a protocol that Grafolean does not know.
    #[serde(default, deserialize_with = "lenient::text")]
    pub protocol: String,
    /// The only account it belongs to; none for a bot of the whole system.
    #[serde(default)]
    pub tied_to_account: Option<AccountId>,
}

/// One thing a token may do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Permission {
    /// A resource and all below it, e.g. `accounts/7/values`; none means everything.
    pub resource_prefix: Option<String>,
    /// `GET`, `POST`, ...; none means all.
    pub methods: Option<Vec<String>>,
}

impl Permission {
    /// Whether it covers `method` on `resource`, which is a path without slashes around it.
    pub fn allows(&self, method: &str, resource: &str) -> bool {
        let covers = |prefix: &String| {
            resource
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.resource_prefix.as_ref().is_none_or(covers)
            && self
                .methods
                .as_ref()
                .is_none_or(|methods| methods.iter().any(|m| m.eq_ignore_ascii_case(method)))
    }
}

impl Profile {
    pub(super) fn identity(&self) -> Identity {
        let protocol = self.record.as_ref().map(|record| record.protocol.clone());
        (self.user_id, protocol.filter(|protocol| !protocol.is_empty()))
    }
}

impl HttpBackend {
    /// Asks whether the backend is ready; needs no token.
    pub async fn status(&self) -> Result<BackendStatus, BackendError> {
        // With a slash at its end this one resource answers 401.
        self.read(&Request::get("/status/info").anonymous()).await
    }

    /// Asks whose token this is.
    pub async fn profile(&self) -> Result<Profile, BackendError> {
        let profile: Profile = self.read(&Request::get("/profile/")).await?;
        // A token has one owner: whoever asks for an inventory later need not ask again.
        *self.known_user() = Some(profile.identity());
        Ok(profile)
    }

    /// Asks what the token may do.
    pub async fn permissions(&self) -> Result<Vec<Permission>, BackendError> {
        #[derive(Deserialize)]
        struct Permissions {
            list: Vec<Permission>,
        }
        Ok(self.read::<Permissions>(&Request::get("/profile/permissions")).await?.list)
    }

    /// Waits, for ever if need be, until the backend is ready; None if it was stopped before.
    pub async fn wait_until_ready(&self, stop: &CancellationToken) -> Option<BackendStatus> {
        let (mut pause, mut outage) = (FIRST_PAUSE, OutageLog::default());
        loop {
            let outcome =
                tokio::select! { biased; () = stop.cancelled() => return None, it = self.status() => it };
            let reason = match outcome {
                Ok(status) => match status.reason_to_wait() {
                    Some(reason) => reason.to_owned(),
                    None => {
                        if let Some(OutageSpan { lasted, .. }) = outage.ended(Instant::now()) {
                            info!(backend = %self.url, ?lasted, "the backend is ready");
                        }
                        return Some(status);
                    }
                },
                Err(error) => reason_of(&error),
            };
            if let Some(OutageSpan { lasted, .. }) = outage.failed("not ready", Instant::now()) {
                warn!(backend = %self.url, %reason, ?lasted, "waiting for the backend");
            }
            tokio::select! { biased; () = stop.cancelled() => return None, () = time::sleep(pause) => {} }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn reason_of(error: &BackendError) -> String {
    let hint = match error {
        BackendError::Unauthorized { .. } | BackendError::Forbidden { .. } | BackendError::Refused { .. } => {
            "; is this the API's address? It usually ends in /api"
        }
        _ => "",
    };
    error_chain(error) + hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_covers_its_resource_and_all_below() {
        let some = |prefix: &str, methods: &[&str]| Permission {
            resource_prefix: Some(prefix.to_owned()),
            methods: Some(methods.iter().map(|&m| m.to_owned()).collect()),
        };
        let values = some("accounts/7/values", &["POST", "PUT"]);
        assert!(values.allows("PUT", "accounts/7/values"));
        assert!(values.allows("POST", "accounts/7/values/a.b"));
        assert!(!values.allows("GET", "accounts/7/values"));
        assert!(!values.allows("PUT", "accounts/7/values2"));
        assert!(!values.allows("PUT", "accounts/7"));
        assert!(Permission { resource_prefix: None, methods: None }.allows("DELETE", "accounts/1"));
    }
}
