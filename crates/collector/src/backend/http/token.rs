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

/// Why the text of a file holds no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// There is nothing in it, as while it is replaced.
    Empty,
    /// There is more in it than one line of text.
    SeveralLines,
}

/// Returns the token that a file holds, without white space around it and without the mark that editors of Windows put first.
pub(crate) fn token_of_file(text: &str) -> Result<&str, NoToken> {
    let token = text.trim_start_matches('\u{feff}').trim();
    if token.is_empty() {
        Err(NoToken::Empty)
    } else if token.chars().any(char::is_control) {
        Err(NoToken::SeveralLines)
    } else {
        Ok(token)
    }
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
        let found = match token_of_file(text.expose_secret()) {
            Ok(found) => found,
            Err(NoToken::Empty) => return false,
            Err(NoToken::SeveralLines) => {
                if self.0.log.admit("several lines").is_some() {
                    warn!(file = %file.display(), "expected the token alone in its file, the one in use stays");
                }
                return false;
            }
        };
        let mut current = self.locked();
        if found == current.expose_secret() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_line_whatever_an_editor_put_around_it() {
        for text in ["5f3a", "5f3a\n", "\r\n 5f3a\t\r\n", "\u{feff}5f3a\r\n"] {
            assert_eq!(token_of_file(text), Ok("5f3a"), "{text:?}");
        }
        for text in ["", "\u{feff}", " \n\t\r\n"] {
            assert_eq!(token_of_file(text), Err(NoToken::Empty), "{text:?}");
        }
        for text in ["5f3a\n5f3b", "# the bot's\n5f3a", "5f3a\0", "5f\u{1b}3a"] {
            assert_eq!(token_of_file(text), Err(NoToken::SeveralLines), "{text:?}");
        }
    }
}
