//! What a run met that keeps a value from being there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Cause;
use crate::model::{AccountId, EntityId, SensorId};

/// The troubles that are kept of one run; of a table with a thousand holes the others are a number.
pub const MOST_TROUBLES: usize = 32;

/// The longest evidence, in octets: an answer with its numbers is a line.
const MOST_EVIDENCE: usize = 400;

/// What a trouble is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Whose entity.
    pub account: AccountId,
    /// The entity.
    pub entity: EntityId,
    /// The sensor; none where all of the entity is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensor: Option<SensorId>,
}

/// A cause that a run met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub cause: Cause,
    /// Where.
    #[serde(flatten)]
    pub scope: Scope,
    /// The path that has no value by it; none where it is all of the sensor's, or of the entity's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What was found: the answer, the number.
    pub evidence: String,
}

/// Where a run notes what it met. Nothing of it is sent with the values; without a reader it costs nothing.
#[derive(Clone, Debug, Default)]
pub struct TroubleNotes(Option<Arc<Mutex<Noted>>>);

/// What one run noted.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) troubles: Vec<Trouble>,
    /// Troubles beyond [`MOST_TROUBLES`].
    pub(crate) more: u32,
    /// What was looked at, so that older troubles of it are over unless they were met again; empty for a run that
    /// looks at all that its job is about.
    pub(crate) looked_at: Vec<Scope>,
}

impl TroubleNotes {
    /// Creates notes that somebody reads.
    pub(crate) fn kept() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes a trouble, whose evidence is only written where somebody reads it.
    pub fn note(&self, cause: Cause, scope: Scope, path: Option<String>, evidence: impl FnOnce() -> String) {
        let Some(mut noted) = self.noted() else { return };
        if noted.troubles.len() >= MOST_TROUBLES {
            noted.more = noted.more.saturating_add(1);
            return;
        }
        let mut evidence = evidence();
        evidence.truncate(evidence.floor_char_boundary(MOST_EVIDENCE));
        noted.troubles.push(Trouble { cause, scope, path, evidence });
    }

    /// Notes that a run looked at a sensor. A run that never says so is about all of its job.
    pub fn looked_at(&self, scope: Scope) {
        if let Some(mut noted) = self.noted() {
            noted.looked_at.push(scope);
        }
    }

    pub(crate) fn take(&self) -> Noted {
        self.noted().map(|mut noted| std::mem::take(&mut *noted)).unwrap_or_default()
    }

    fn noted(&self) -> Option<MutexGuard<'_, Noted>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

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
