//! A cause that lasts.

use serde::{Deserialize, Serialize};

use super::Cause;

/// Something that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What is wrong.
    pub cause: Cause,
    /// What was found.
    pub evidence: String,
    /// Since when.
    pub since: f64,
}

impl Failure {
    /// Notes a failure at a time, in seconds since 1970: one of the same cause as before lasts since then.
    pub fn noted(before: Option<&Self>, cause: Cause, evidence: String, now: f64) -> Self {
        let before = before.filter(|before| before.cause == cause);
        Self { cause, evidence, since: before.map_or(now, |before| before.since) }
    }
}
