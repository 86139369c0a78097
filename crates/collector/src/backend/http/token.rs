//! The bot's token, read again where it lies in a file.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

use crate::throttle::LogThrottle;

/// A token that is replaced when its file holds another; clones are the same.
#[derive(Clone)]
pub(super) struct Token(Arc<State>);

struct State {
    current: Mutex<SecretString>,
    file: Option<PathBuf>,
    log: LogThrottle,
}

impl Token {
    /// Creates it of a token without white space around it, and the file it stands in, if it does.
    pub(super) fn new(token: SecretString, file: Option<PathBuf>) -> Self {
        Self(Arc::new(State { current: Mutex::new(token), file, log: LogThrottle::default() }))
    }

    /// Returns the token in use.
    pub(super) fn current(&self) -> SecretString {
        self.locked().clone()
    }

    /// Reads the file again; true if it holds another token, which is used from then on. A file that is gone or empty
    /// for a moment, as while it is replaced, changes nothing.
    pub(super) async fn renew(&self) -> bool {
        if self.0.file.is_none() {
            return false;
        }
        let token = self.clone();
        tokio::task::spawn_blocking(move || token.read_again()).await.unwrap_or(false)
    }

    fn read_again(&self) -> bool {
        let Some(file) = &self.0.file else { return false };
        let text = match fs::read_to_string(file) {
            Ok(text) => SecretString::from(text),
            Err(error) => {
                if self.0.log.admit("unreadable").is_some() {
                    warn!(file = %file.display(), %error, "the token can't be read again, the one in use stays");
                }
                return false;
            }
        };
        let found = text.expose_secret().trim();
        let mut current = self.locked();
        if found.is_empty() || found == current.expose_secret() {
            return false;
        }
        *current = SecretString::from(found);
        info!(file = %file.display(), "a new token is used");
        true
    }

    fn locked(&self) -> MutexGuard<'_, SecretString> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
