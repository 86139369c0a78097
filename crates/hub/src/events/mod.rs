//! What happens in the hub, told to pages that are open: new values, new series, changed resources, what bots report.
//!
//! ```text
//!  tell ─▶ | 41 | 42 | 43 | 44 |  the last events, for all        reader: a place in them, a filter, rights
//!             ▲         ▲
//!          reader     reader
//! ```
//! [`Feed`] keeps the last events once, whoever reads; a [`Reader`] is a place among them. Nothing is queued for a reader:
//! one that falls behind what is kept is told that it has to look at everything anew.

mod feed;
mod reader;

pub(crate) use feed::{EventId, Feed, Kind};
pub(crate) use reader::{Reader, Wanted};
