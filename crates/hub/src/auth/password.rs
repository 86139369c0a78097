//! Passwords: argon2 hashes, a few at a time.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc},
};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task,
};

/// Hashes at a time; each takes 19 MiB and some 20 ms of a core.
const AT_ONCE: usize = 2;

/// Logins that may wait for their turn, some two seconds' worth; beyond it they are told to come back.
const WAITING: usize = 200;

/// A password, hashed: `$argon2id$...`.
#[derive(Clone)]
pub(crate) struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash out of the database.
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

/// Makes and checks hashes on blocking threads, so that a storm of logins takes neither the memory nor the runtime.
pub(crate) struct Passwords {
    turns: Semaphore,
    waiting: Semaphore,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), waiting: Semaphore::new(AT_ONCE + WAITING) }
    }

    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, PasswordError> {
        let _turn = self.turn().await?;
        on_a_blocking_thread(move || hash_now(&password)).await
    }

    /// Tells whether the password is right. Takes as long when there is nobody to compare with.
    pub(crate) async fn matches(
        &self,
        password: SecretString,
        known: Option<PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let _turn = self.turn().await?;
        on_a_blocking_thread(move || match known {
            Some(known) => verify_now(&password, &known),
            None => hash_now(&password).map(|_| false),
        })
        .await
    }

    async fn turn(&self) -> Result<(SemaphorePermit<'_>, SemaphorePermit<'_>), PasswordError> {
        let place = self.waiting.try_acquire().map_err(|_| PasswordError::Busy)?;
        let turn = self.turns.acquire().await.map_err(|_| PasswordError::Busy)?;
        Ok((place, turn))
    }
}

async fn on_a_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    task::spawn_blocking(work).await.map_err(|error| PasswordError::Hash(error.to_string()))?
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
    async fn a_storm_of_logins_is_turned_away_beyond_its_limit() {
        let passwords = Passwords::new();
        let everyone = passwords.waiting.acquire_many((AT_ONCE + WAITING).try_into().unwrap()).await;
        assert!(matches!(passwords.hash("x".into()).await, Err(PasswordError::Busy)));
        drop(everyone);
        assert!(passwords.hash("x".into()).await.is_ok());
    }
}
