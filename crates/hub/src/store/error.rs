//! Why the store did not do what it was asked.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::answer::ApiError;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// There is none with that id, or it belongs to another account.
    #[error("no such {0}")]
    Missing(&'static str),
    /// What was asked for contradicts what is there.
    #[error("{0}")]
    Invalid(String),
    /// Whoever asks lacks the right to.
    #[error("{0}")]
    Denied(&'static str),
    /// SQLite failed; the same may succeed later.
    #[error("the hub's database failed")]
    Database(#[source] Arc<rusqlite::Error>),
    /// Something stored is not what was stored.
    #[error("the hub's database holds something that is not JSON")]
    Json(#[source] Arc<serde_json::Error>),
    /// The file was removed or replaced while it was open: what is written now would be lost.
    #[error("{} was removed or replaced while the hub used it: put it back, or stop the hub and start it again", .0.display())]
    Gone(PathBuf),
    /// The hub is being closed, or the question panicked.
    #[error("the hub's database gave no answer")]
    Stopped,
}

impl StoreError {
    /// Turns the violation of a uniqueness or a reference into what it means.
    pub(super) fn on_conflict(self, meaning: impl FnOnce() -> Self) -> Self {
        match &self {
            Self::Database(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
            {
                meaning()
            }
            _ => self,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(Arc::new(error))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::NotFound(format!("No such {what}")),
            StoreError::Invalid(reason) => Self::Input(reason),
            StoreError::Denied(reason) => Self::Denied(reason.to_owned()),
            StoreError::Database(_) | StoreError::Json(_) | StoreError::Gone(_) | StoreError::Stopped => {
                Self::Failed(format!("the hub's store failed: {}", grafolean_collector::error_chain(&error)))
            }
        }
    }
}
