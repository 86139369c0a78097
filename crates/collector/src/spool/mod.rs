//! The durable queue between measuring and delivering: one SQLite file a bot.
//!
//! [`Spool`] is the handle: it is a [`crate::sink::Sink`] that returns once the reports are on disk, and delivery
//! takes [`Batch`]s from it, freshest first, and [`Settlement`]s them. What can't be delivered becomes a
//! [`DeadLetter`]; [`SpoolFile`] looks at those (and marks them for another try) from any process, whether the bot
//! runs or not. [`Limits`] bound everything; [`SpoolMetrics`] and [`Statistics`] tell what is going on.
//!
//! ```text
//!  accept ─┐                     ┌─ encode ─▶ entry table ──▶ take ─▶ delivery
//!  accept ─┼─▶ inbox ─▶ writer ──┤                                       │
//!  settle ─┘   (one group, one   └─ dead_letter table ◀──────────────────┘ settle
//!               transaction, one fsync)
//! ```
//!
//! How it is split: `handle` and `inbox` are the asynchronous side, `writer` the one thread at a time that touches
//! SQLite and commits whatever waits as one group. `entries` and `dead_letters` are the two tables, `database` opens
//! the file (and sets a broken one aside), `lock` keeps a second bot out, `codec` draws the bytes of a report,
//! `file` is the view from outside. `sinks` are consumers beside the backend, `kept` their tables, `feed` what they get next. `wal` looks for damage that SQLite would pass over in silence, `pages` and `salvage`
//! get out of a broken file what can be read.
//!
//! **Durability.** WAL with `synchronous=FULL`: a commit is one append and one fsync, so a report that was accepted
//! survives a power cut. A torn tail of the log is cut off by SQLite; a flipped bit in a report fails its checksum and
//! costs that report only, also in the log. A file that is broken is set aside, and every row that some page of it holds
//! goes on in a new one.
//!
//! **A disk that refuses writes** (full, failing). Reports are held in memory, at most [`Limits::memory_bytes`], the
//! oldest dropped and counted beyond it; `accept` answers with [`SpoolError::Held`], since they would not survive the
//! process; [`Statistics::trouble`] says why. Delivery goes on with what is in memory and on disk. Writing is tried
//! again with back-off and the spool recovers by itself. A disk that hangs is one that refuses after a second: what is
//! handed over then waits in `inbox`, within the same limit, and is written in order when the disk answers.
//!
//! **Virtual time.** The writer runs as a `spawn_blocking` task that is started when something waits and ends when
//! nothing does. Tokio's paused clock does not advance by itself while such a task runs, so no time passes in a
//! simulation while the disk is awaited, and nothing needs to be configured for it.

mod codec;
mod database;
mod dead_letters;
mod entries;
mod entry;
mod error;
mod feed;
mod file;
mod group;
mod handle;
mod inbox;
mod kept;
mod lock;
mod metrics;
mod pages;
mod salvage;
mod serve;
mod settings;
mod sinks;
mod statistics;
mod time;
mod trouble;
mod wal;
mod writer;

pub use codec::CodecError;
pub use dead_letters::{Content, DeadLetter, DeadLetterId, Letters, ReasonKind, RejectedEntry};
pub use entry::{Access, Age, Batch, Entry, EntryId, Lane, Settlement, TakeRequest};
pub use error::SpoolError;
pub use file::SpoolFile;
pub use handle::Spool;
pub use metrics::SpoolMetrics;
pub use settings::{Limits, MAX_DEAD_LETTER_BYTES, MAX_DEAD_LETTERS};
pub use sinks::{
    SINK_WINDOW, SinkBatch, SinkNumber, SinkSettings, SinkSettlement, SinkStart, SinkStatistics,
};
pub use statistics::{Depth, Statistics};
