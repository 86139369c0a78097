//! What a bot knows, as of one moment: plain data, the same for its own address and for a hub.

use serde::{Deserialize, Serialize};

use super::Heard;
use crate::{
    cause::{Cause, Failure, Trouble},
    deliver::DeliveryStatus,
    model::{AccountId, EntityId, UserId},
};

/// What a bot knows of itself. Times are seconds since 1970 by the bot's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BotStatus {
    /// Its protocol.
    pub protocol: String,
    /// Its version.
    pub version: String,
    /// Whose token it has, once the backend said so.
    pub user: Option<UserId>,
    /// The address of its backend.
    pub backend: String,
    /// When it was started.
    pub started: f64,
    /// When this was put together.
    pub at: f64,
    /// Seconds to its next word; 0 where it is asked and does not speak by itself.
    pub pause: f64,
    /// Whether it was told to stop, so that there is no next word.
    pub stopped: bool,
    /// What it read of the backend.
    pub configuration: Configuration,
    /// Its jobs, by their ids.
    pub jobs: Vec<JobStatus>,
    /// Jobs that are left out here, since there are too many.
    pub jobs_more: usize,
    /// What keeps values from being there at this moment.
    pub troubles: Vec<StandingTrouble>,
    /// What is set up and cannot be done.
    pub refused: Vec<RefusalStatus>,
    /// What waits on disk.
    pub queue: QueueStatus,
    /// What became of the values of each account.
    pub delivery: Vec<DeliveryStatus>,
    /// What could not be delivered.
    pub dead_letters: DeadLetters,
    /// What was heard of senders, by a bot that listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<Heard>,
}

/// What was read of the backend's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// When it was last read well.
    pub read_at: Option<f64>,
    /// How often it is read, in seconds; 0 where somebody else reads it.
    pub every: u64,
    /// Devices that the bot measures.
    pub devices: usize,
    /// Jobs that it made of them.
    pub jobs: usize,
    /// Of which protocol the token's bot is, where the backend says so.
    pub token_protocol: Option<String>,
    /// The accounts that the token sees.
    pub accounts: Vec<AccountId>,
    /// Accounts whose lists could not be read, and why.
    pub unread: Vec<Unread>,
    /// Why nothing is measured, where nothing is.
    pub idle: Vec<String>,
    /// Why it cannot be read at this moment.
    pub failure: Option<Failure>,
}

/// An account whose lists could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unread {
    /// Which.
    pub account: AccountId,
    /// Why.
    pub reason: String,
}

/// A job and its newest runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobStatus {
    /// Its name.
    pub id: String,
    /// Whose it is, where that is known.
    pub account: Option<AccountId>,
    /// Of which entity, where it is of one.
    pub entity: Option<EntityId>,
    /// How often it is due, in seconds.
    pub intervals: Vec<u32>,
    /// When it is due next.
    pub next_due: Option<i64>,
    /// When its last good run was due.
    pub last_good: Option<i64>,
    /// Runs that ended badly in a row.
    pub failed_in_a_row: u32,
    /// Runs that were left out since the last one went on.
    pub skipped: u64,
    /// Its newest runs, the newest last.
    pub runs: Vec<RunRecord>,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// When it was due.
    pub due: i64,
    /// How late it began, in seconds.
    pub late: f32,
    /// How long it took, in seconds.
    pub took: f32,
    /// How it ended: `ok`, `skipped`, or the kind of its failure, as `deadline`, `panic`, `sink`.
    pub outcome: String,
    /// Values that it made.
    pub values: u32,
    /// Troubles that it met.
    pub troubles: u32,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A trouble that lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandingTrouble {
    /// What it is.
    #[serde(flatten)]
    pub trouble: Trouble,
    /// The job that meets it.
    pub job: String,
    /// The due time of the run that met it first.
    pub since: i64,
    /// The due time of the run that met it last.
    pub last: i64,
}

/// Something that is set up and cannot be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusalStatus {
    /// Whose entity.
    pub account: AccountId,
    /// The entity.
    pub entity: EntityId,
    /// What people call it.
    pub name: String,
    /// What kind of fault it is.
    pub cause: Cause,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// What waits on the bot's disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueStatus {
    /// Values that wait.
    pub values: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most bytes that may wait.
    pub limit_bytes: u64,
    /// When the oldest of them was measured.
    pub oldest: Option<f64>,
    /// Why it cannot be written, where it cannot.
    pub trouble: Option<String>,
    /// Values that a limit dropped since the start.
    pub dropped: u64,
}

/// What could not be delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeadLetters {
    /// How many there are.
    pub count: u64,
    /// The newest of them.
    pub newest: Vec<DeadLetterStatus>,
}

/// A value that could not be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterStatus {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub account: AccountId,
    /// Its path; none of what is no value.
    pub path: Option<String>,
    /// Its time.
    pub time: Option<f64>,
    /// When it was given up.
    pub rejected_at: f64,
    /// Why, in a word.
    pub kind: String,
    /// Why, for a person.
    pub reason: String,
    /// Whether it waits to be sent again.
    pub again: bool,
}

impl BotStatus {
    /// Returns what of it is of one account, for those who may see that account alone.
    #[must_use]
    pub fn of_account(&self, account: AccountId) -> Self {
        let mut status = self.clone();
        status.jobs.retain(|job| job.account.is_none_or(|of| of == account));
        status.troubles.retain(|trouble| trouble.trouble.scope.account == account);
        status.refused.retain(|refusal| refusal.account == account);
        status.delivery.retain(|delivery| delivery.account == account);
        status.dead_letters.newest.retain(|letter| letter.account == account);
        status.configuration.accounts.retain(|of| *of == account);
        status.configuration.unread.retain(|unread| unread.account == account);
        if let Some(heard) = &mut status.heard {
            heard.verdicts.retain(|verdict| verdict.account == account);
        }
        status
    }
}
