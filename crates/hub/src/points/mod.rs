//! Values: what was measured, by series and time.
//!
//! [`Points`] is the store's handle. A *series* is one path of one account ([`Series`]); a [`Point`] is a time and a
//! value of it. Of two values at one time of one series the one that was accepted last is kept, however old that
//! time is and wherever the earlier one lies.
//!
//! A value goes through three layers, each later one older; a reader lays the newer over the older:
//!
//! ```text
//!  put ──▶ journal (disk, synced) ──▶ accepted
//!             │
//!             ▼
//!          recent (memory) ──── enough for good blocks, or memory's share is used ────▶ sealing (memory)
//!             ▲                                                                            │ step by step
//!             └── read back from the journal when the store opens                          ▼
//!                                                                              blocks (disk, compressed)
//!                                                     and only then the journal's rows of that layer go
//! ```
//!
//! Because a later layer only repeats what an earlier one held, or holds newer values, replaying the journal over
//! blocks that already have its values changes nothing: the process may be killed at any instruction.
//!
//! One thread writes and joins the requests that wait into one synced transaction; readers have connections of their
//! own on blocking threads. All stands in one SQLite file, `points.sqlite`:
//!
//! ```text
//!  series  id | account | path | first | last | latest | bytes   unique (account, path); an id is never used twice;
//!                                                    of sealed points the first time, the newest time and point, and
//!                                                    what they take on disk
//!  journal seq | points                              points: records of 28 bytes, little-endian
//!           0           8           16          24           28
//!          | series i64 | micros i64 | value f64 | crc32     | ...
//!  blocks  id | series | first | last | last_value | count | points  unique (series, first); ranges never overlap
//!           0         1            5              9            9 + n
//!          | version | crc32 of the series | n: length of | times, pco | values, pco |
//!          |  = 2    | and all behind      | the times    |    i64     |    f64      |
//!  hours   id | series | first | last | count | summaries   what is left of hours whose values are no longer kept
//!  retention account | rules                         what accounts keep, as JSON
//!  removed id                                        series whose blocks are still to be deleted
//!  damaged series | first | reason | points          blocks and records that are not what was written, set aside
//! ```

mod aggregate;
mod block;
mod check;
mod damage;
mod database;
mod drawn;
mod error;
mod expire;
mod filter;
mod hours;
mod journal;
mod latest;
mod maintenance;
mod metrics;
mod point;
mod read;
mod recent;
mod reserve;
mod retention;
mod seal;
mod series;
mod store;
mod summary;
mod top;
mod writer;

pub use aggregate::{Aggregate, AggregationLevel};
pub use check::Findings;
pub(crate) use check::{check, repair};
pub use drawn::{Bucket, Drawn};
pub use error::PointsError;
pub use filter::{FilterError, PathFilter};
pub use metrics::PointsMetrics;
pub use point::{Order, Point, Series, SeriesId, Span};
pub use read::{Extent, LastValue, Matches, Reader, SeriesRow, Window};
pub use reserve::Room;
pub use retention::{AccountRetention, Keep, RetentionError, Rule, Usage};
pub use store::{Limits, Points, Settings};
pub use top::Top;
pub use writer::Stored;
