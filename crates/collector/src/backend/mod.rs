//! What a collector asks of a Grafolean backend.
//!
//! [`Backend`] is the seam: the HTTP client stands on one side of it, a simulated backend on the other.

pub mod http;

use std::{future::Future, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use crate::{
    cause::Cause,
    model::{
        Account, AccountId, Credential, CredentialId, Entity, EntityId, NewEntity, Sample, Sensor, SensorId,
        Shared, UserId,
    },
    report::Event,
};

/// A Grafolean backend as a bot's token sees it.
pub trait Backend: Send + Sync + 'static {
    /// Reads all that people set up: 1 + 3 x accounts requests (and one more, the profile, the first time).
    fn inventory(&self) -> impl Future<Output = Result<Inventory, BackendError>> + Send;

    /// Reads one entity again, alone; None if it is gone.
    fn entity(
        &self,
        account: AccountId,
        entity: EntityId,
    ) -> impl Future<Output = Result<Option<Entity>, BackendError>> + Send;

    /// Reads the lists of one account, whether or not the list of accounts names it; None if it is gone. Lists that may not be
    /// read are marked as [unread](AccountInventory::is_unread). A backend that does not say otherwise lists every account that
    /// there is.
    fn account(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<Option<AccountInventory>, BackendError>> + Send {
        let _ = account;
        async { Ok(None) }
    }

    /// Whether a credential or sensor is there, read alone. A backend that does not say otherwise lists every one that there is.
    fn has_row(
        &self,
        account: AccountId,
        row: UsedRow,
    ) -> impl Future<Output = Result<bool, BackendError>> + Send {
        let _ = (account, row);
        async { Ok(false) }
    }

    /// Stores values. The caller keeps to the limits of the API: no (path, time) twice, at most 1,000 a request.
    /// None at all is still a request: whether it is answered well tells if the backend is healthy.
    fn put_values(
        &self,
        account: AccountId,
        samples: &[Sample],
        stamp: Stamp,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Creates, updates or deletes an entity; returns the id of the entity it was done to.
    fn change_entity(
        &self,
        account: AccountId,
        change: EntityChange,
    ) -> impl Future<Output = Result<EntityId, BackendError>> + Send;

    /// Stores events; an event of an id that is known changes nothing. Returns false from a backend that keeps none, as
    /// Grafolean.
    fn put_events(
        &self,
        account: AccountId,
        events: &[Event],
    ) -> impl Future<Output = Result<bool, BackendError>> + Send {
        let _ = (account, events);
        async { Ok(false) }
    }

    /// Sends the backend what the bot knows of itself, as JSON; returns the answer, `None` from a backend that takes no such
    /// thing, as Grafolean.
    fn push_status(
        &self,
        account: AccountId,
        status: Vec<u8>,
    ) -> impl Future<Output = Result<Option<Value>, BackendError>> + Send {
        let _ = (account, status);
        async { Ok(None) }
    }

    /// Waits until the backend tells that something which is set up changed; for ever with one that tells nothing, as
    /// Grafolean. Cancel-safe: what is told while nobody waits is heard by the next who does.
    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Returns those of the accounts to which the token may send no values, neither by PUT nor by POST.
    fn unsendable(
        &self,
        _accounts: &[AccountId],
    ) -> impl Future<Output = Result<Vec<AccountId>, BackendError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Whether a new token lies where the token is read from; it is used from then on.
    fn renew_token(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }
}

/// Whose clock stamps values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Ours, by PUT: sending twice does no harm.
    Due,
    /// The backend's, by POST: only where a token may not PUT, and only for values that are fresh.
    Arrival,
}

/// One change to an account's entities.
#[derive(Clone, Debug, PartialEq)]
pub enum EntityChange {
    /// A new one.
    Create(NewEntity),
    /// Name and details of an existing one. All of it is sent, since a PUT without `protocols` wipes them.
    Update(Entity),
    /// It goes, with its children.
    Delete(EntityId),
}

/// What an entity is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UsedRow {
    /// How to get into it.
    Credential(CredentialId),
    /// What is measured of it.
    Sensor(SensorId),
}

impl UsedRow {
    /// Returns the name of its list.
    pub const fn list(self) -> &'static str {
        match self {
            Self::Credential(_) => "credentials",
            Self::Sensor(_) => "sensors",
        }
    }

    /// Returns its id.
    pub const fn number(self) -> i64 {
        match self {
            Self::Credential(id) => id.number(),
            Self::Sensor(id) => id.number(),
        }
    }
}

/// All that a bot's token sees of what people set up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Who the token belongs to.
    pub user: Option<UserId>,
    /// Of which protocol the bot is that the token belongs to; `None` where the backend does not say.
    #[serde(default)]
    pub protocol: Option<String>,
    /// Each account with its lists.
    pub accounts: Vec<AccountInventory>,
}

/// An inventory in which nothing is half written, and since when it may be out of date: for whoever else needs it.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// What people set up.
    pub inventory: Arc<Inventory>,
    /// When it began to be read: a later change may not be in it.
    pub read_from: Instant,
}

/// One account's lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountInventory {
    /// The account.
    pub account: Account,
    /// Its entities, ascending by id.
    pub entities: Vec<Shared<Entity>>,
    /// Its credentials.
    pub credentials: Vec<Shared<Credential>>,
    /// Its sensors.
    pub sensors: Vec<Shared<Sensor>>,
    /// Rows that could not be read, or parts of one; each costs only itself. Lists that this token may not read are
    /// one of them, see [`AccountInventory::is_unread`].
    #[serde(skip)]
    pub broken: Vec<BrokenRow>,
}

/// The list that a broken row names if an account's lists could not be read at all.
const UNREAD: &str = "accounts";

impl AccountInventory {
    /// Whether its lists could not be read: that they are empty says nothing then.
    pub fn is_unread(&self) -> bool {
        self.broken.iter().any(|row| row.list == UNREAD)
    }
}

/// A row of a list that is not what the API promises.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{list} row {row}: {reason}")]
pub struct BrokenRow {
    /// `entities`, `credentials` or `sensors`.
    pub list: &'static str,
    /// Its id as far as there is one, else null.
    pub row: Value,
    /// What is wrong.
    pub reason: String,
}

/// Why a backend did not do what it was asked. No variant ever holds the token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackendError {
    /// No connection, or no answer in time: the same request may succeed later.
    #[error("no answer from {url} to {request}")]
    Unreachable {
        /// Scheme, host and port.
        url: String,
        /// Method and path, without the token.
        request: String,
        /// What went wrong below.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// 401: the token is unknown.
    #[error("{request}: the backend does not know this token (401)")]
    Unauthorized {
        /// Method and path.
        request: String,
    },
    /// 403: the token lacks a permission.
    #[error("{request}: this token lacks the permission (403): it needs {needs}")]
    Forbidden {
        /// Method and path.
        request: String,
        /// The permission that is missing, e.g. `PUT on accounts/7/values`.
        needs: String,
    },
    /// Another 4xx: this request will never be taken as it is.
    #[error("{request} was refused with {status}: {answer}")]
    Refused {
        /// Method and path.
        request: String,
        /// The status.
        status: u16,
        /// The start of the answer's text.
        answer: String,
    },
    /// 5xx or 429: Grafolean means both "later" and "never" by it.
    #[error("{request} failed with {status}: {answer}")]
    Failed {
        /// Method and path.
        request: String,
        /// The status.
        status: u16,
        /// The start of the answer's text.
        answer: String,
        /// How long the backend asks not to be asked again (`Retry-After`, RFC 9110, section 10.2.3), bounded.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the API promises.
    #[error("{request}: the answer makes no sense: {reason}")]
    Nonsense {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl BackendError {
    /// Returns how long the backend asks not to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Failed { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Returns the cause, as people are told it.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Unreachable { .. } => {
                let text = self.with_causes();
                if text.contains("certificate") {
                    Cause::BackendTls
                } else if text.contains("dns error") || text.contains("lookup address") {
                    Cause::BackendName
                } else if text.contains("corrupt message") || text.contains("invalid HTTP version") {
                    Cause::NotTheApi
                } else {
                    Cause::BackendAway
                }
            }
            Self::Unauthorized { .. } => Cause::TokenRefused,
            Self::Forbidden { .. } => Cause::NoWriteRight,
            Self::Refused { status: 404 | 405, .. } | Self::Nonsense { .. } => Cause::NotTheApi,
            Self::Refused { .. } => Cause::BackendRefuses,
            // What it cannot do at this moment (RFC 9110, section 15.6.4); a gateway that reaches nobody says 502 or 504.
            Self::Failed { status: 429 | 503, .. } | Self::Failed { retry_after: Some(_), .. } => {
                Cause::BackendBusy
            }
            Self::Failed { status: 502 | 504, .. } => Cause::BackendAway,
            Self::Failed { .. } => Cause::BackendFails,
        }
    }

    /// Returns it with what lies below it, in a line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
