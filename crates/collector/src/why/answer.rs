//! What an explanation comes to.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{
    cause::{Cause, Link},
    model::{AccountId, EntityId, UserId},
};

/// The last second of the year 9999, since 1970.
const LATEST: i64 = 253_402_300_799;

/// Why something is missing, or that nothing is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Whose.
    pub account: AccountId,
    /// The entity that it is about.
    pub entity: Option<EntityId>,
    /// What people call it.
    pub name: String,
    /// By which protocol it is measured.
    pub protocol: Option<String>,
    /// The path that was asked for.
    pub path: Option<String>,
    /// Whether something is wrong.
    pub verdict: Verdict,
    /// What is missing since when, or that all is well, in a sentence.
    pub summary: String,
    /// What is wrong, the first broken step first.
    pub findings: Vec<Finding>,
    /// The way, step by step.
    pub chain: Vec<ChainLink>,
    /// When the next value is due, in seconds since 1970.
    pub next_due: Option<f64>,
    /// When the newest value that is stored was measured.
    pub last_stored: Option<f64>,
}

/// Whether something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is.
    Sound,
    /// Nothing is, as far as is known; something is only yet to come.
    Waiting,
    /// The first finding says what.
    Broken,
    /// It cannot be said.
    Unknown,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub cause: Cause,
    /// It in a sentence.
    pub sentence: String,
    /// What was found: the answer, the number, the time.
    pub evidence: String,
    /// What to do, in a sentence.
    pub remedy: String,
    /// Since when, in seconds since 1970.
    pub since: Option<f64>,
    /// The bot that found it.
    pub bot: Option<UserId>,
    /// The path that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl Finding {
    /// Creates one of a cause and what was found.
    pub fn of(cause: Cause, evidence: impl Into<String>) -> Self {
        Self {
            cause,
            sentence: cause.sentence().to_owned(),
            evidence: evidence.into(),
            remedy: cause.remedy().to_owned(),
            since: None,
            bot: None,
            path: None,
        }
    }

    /// Sets since when.
    pub(super) fn since(self, since: impl Into<Option<f64>>) -> Self {
        Self { since: since.into(), ..self }
    }
}

/// A step of the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainLink {
    /// Which.
    pub link: Link,
    /// Its title.
    pub title: String,
    /// How it is.
    pub state: LinkState,
    /// What is known of it, with numbers.
    pub said: String,
    /// When that was learnt, in seconds since 1970.
    pub at: Option<f64>,
}

/// How a step of the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// As it should be.
    Ok,
    /// Broken.
    Broken,
    /// A step before it is broken, so that nothing is known of it.
    NotReached,
    /// Nothing is known of it.
    Unknown,
}

impl fmt::Display for Answer {
    /// Three lines: what is missing, why, what to do; further causes below, one line each.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.summary)?;
        let Some((first, others)) = self.findings.split_first() else { return Ok(()) };
        write!(out, "\n{}", first.sentence)?;
        if !first.evidence.is_empty() {
            write!(out, " ({})", first.evidence)?;
        }
        write!(out, "\n{}", first.remedy)?;
        for other in others {
            write!(out, "\nalso: {} ({})", other.sentence, other.evidence)?;
        }
        Ok(())
    }
}

/// Writes a moment to the second, in UTC (RFC 3339).
pub(super) fn moment(seconds: f64) -> String {
    // What lies before 1970, or after the year 9999, is no moment of a measurement.
    let since_epoch = u64::try_from(whole(seconds).clamp(0, LATEST)).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(since_epoch)).to_string()
}

/// Writes how long ago something was, in one unit, rounded down.
pub(super) fn ago(now: f64, then: f64) -> String {
    let seconds = whole(now - then).max(0);
    match seconds {
        0..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// Writes a span in seconds.
pub(super) fn span(seconds: f64) -> String {
    format!("{} s", whole(seconds))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large for a number of seconds saturates"
)]
fn whole(seconds: f64) -> i64 {
    seconds.floor() as i64
}
