//! Passwords: argon2 hashes, a few at a time.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::sync::oneshot;

use crate::answer::ApiError;

/// Threads that hash. Each takes 19 MiB and some 20 ms of a core for a hash, and no other thread ever does, so that a
/// storm of logins takes neither the memory nor the runtime.
const THREADS: usize = 2;

/// Logins that may wait for their turn, some two seconds' worth; beyond it they are told to come back.
const WAITING: usize = 200;

/// The least characters of a password (NIST SP 800-63B, section 3.1.1.2), and the most, which bounds what is hashed.
const LEAST: usize = 8;
const MOST: usize = 1_000;

/// A password, hashed: `$argon2id$...`.
#[derive(Clone)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a hash that was stored.
    pub(crate) fn stored(hash: String) -> Self {
        Self(hash)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PasswordHash(..)")
    }
}

/// Why a password was neither right nor wrong.
#[derive(Debug, Error)]
pub(crate) enum PasswordError {
    /// More wait than can be served soon.
    #[error("too many logins at once")]
    Busy,
    /// The hash cannot be made, or is none.
    #[error("could not hash a password: {0}")]
    Hash(String),
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            PasswordError::Hash(reason) => Self::Failed(format!("could not hash a password: {reason}")),
        }
    }
}

/// Checks that a new password is not too easy to guess; the error says what is expected.
pub(crate) fn check_new(password: &str, username: &str) -> Result<(), String> {
    let length = password.chars().count();
    if !(LEAST..=MOST).contains(&length) {
        return Err(format!(
            "the password is invalid: expected {LEAST} to {MOST} characters, it has {length}"
        ));
    }
    if password.eq_ignore_ascii_case(username) {
        return Err("the password is invalid: expected another one than the username".to_owned());
    }
    let mut characters = password.chars();
    let first = characters.next();
    if characters.all(|character| Some(character) == first) {
        return Err("the password is invalid: expected more than one character repeated".to_owned());
    }
    Ok(())
}

type Job = Box<dyn FnOnce() + Send>;

/// Creates and checks hashes on threads of its own; they end with it.
pub(crate) struct Passwords {
    jobs: mpsc::SyncSender<Job>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let (jobs, waiting) = mpsc::sync_channel::<Job>(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..THREADS {
            let waiting = Arc::clone(&waiting);
            thread::spawn(move || {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { return };
                    job();
                }
            });
        }
        Self { jobs }
    }

    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, PasswordError> {
        self.run(move || hash_now(&password)).await
    }

    /// Whether the password is right. Takes as long when there is nobody to compare with.
    pub(crate) async fn matches(
        &self,
        password: SecretString,
        known: Option<PasswordHash>,
    ) -> Result<bool, PasswordError> {
        self.run(move || match known {
            Some(known) => verify_now(&password, &known),
            None => hash_now(&password).map(|_| false),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Who asked may have gone; then the work is not done for nobody.
            if !reply.is_closed() {
                let _ = reply.send(work());
            }
        });
        self.jobs.try_send(job).map_err(|_| PasswordError::Busy)?;
        answer.await.map_err(|_| PasswordError::Hash("the thread that hashes has ended".to_owned()))?
    }
}

fn hash_now(password: &SecretString) -> Result<PasswordHash, PasswordError> {
    let hash: phc::PasswordHash = Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(PasswordHash(hash.to_string()))
}

fn verify_now(password: &SecretString, known: &PasswordHash) -> Result<bool, PasswordError> {
    let known =
        phc::PasswordHash::new(known.as_str()).map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::default().verify_password(password.expose_secret().as_bytes(), &known).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_matches_its_password_alone() {
        let passwords = Passwords::new();
        let hash = passwords.hash("secret".into()).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$"));
        assert!(passwords.matches("secret".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.matches("Secret".into(), Some(hash)).await.unwrap());
        assert!(!passwords.matches("secret".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_storm_of_logins_is_turned_away_beyond_its_limit_and_takes_two_threads() {
        let passwords = Passwords::new();
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let threads = Arc::new(Mutex::new(std::collections::HashSet::new()));
        let storm = (0..WAITING + THREADS + 50).map(|_| {
            let (wait, threads) = (Arc::clone(&wait), Arc::clone(&threads));
            passwords.run(move || {
                threads.lock().unwrap().insert(thread::current().id());
                let _ = wait.lock().unwrap().recv();
                Ok(())
            })
        });
        let answers = futures_util::future::join_all(storm);
        let done = tokio::spawn(async move {
            tokio::task::yield_now().await;
            drop(release);
        });
        let answers = answers.await;
        done.await.unwrap();
        let busy = answers.iter().filter(|answer| matches!(answer, Err(PasswordError::Busy))).count();
        assert!((50..=50 + THREADS).contains(&busy), "{busy}");
        assert!(threads.lock().unwrap().len() <= THREADS);
        assert!(passwords.hash("x".into()).await.is_ok());
    }

    #[test]
    fn a_password_that_is_easy_to_guess_is_refused() {
        for (password, username) in
            [("", "eve"), ("x", "eve"), ("1234567", "eve"), ("aaaaaaaaaaaa", "eve"), ("Evelina1", "evelina1")]
        {
            assert!(check_new(password, username).is_err(), "{password}");
        }
        assert!(check_new(&"ab".repeat(501), "eve").is_err());
        for password in ["correct horse", "12345678", "pässwörd"] {
            assert_eq!(check_new(password, "eve"), Ok(()), "{password}");
        }
    }
}
