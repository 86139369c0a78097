//! What a bot knows of itself: what it is to do, what its last runs met, what waits, what the backend took.
//!
//! [`StatusBoard`] gathers it from the parts of a bot, bounded in memory; [`BotStatus`] is it as of one moment, as JSON at
//! `/status.json` and as it is pushed to a hub ([`StatusPush`]). [`RunLog`] keeps the newest runs of each job and the
//! troubles that they met. Nothing of it goes through the spool, and nothing is measured by it.

mod board;
mod commands;
mod heard;
mod push;
mod reading;
mod runs;
mod snapshot;

pub use board::{BotName, StatusBoard};
pub use commands::Commands;
pub use heard::{ExporterVerdict, Heard, HeardExporter, HostCounters, VerdictFinding, VerdictInterface};
pub use push::StatusPush;
pub use reading::Reading;
pub use runs::{RUNS_KEPT, RunEnd, RunLog};
pub use snapshot::{
    BotStatus, Configuration, DeadLetterStatus, DeadLetters, JobStatus, QueueStatus, RefusalStatus,
    RunRecord, StandingTrouble, Unread,
};

pub(crate) use board::Parts;
pub(crate) use runs::About;
