//! The ledger of truth: what exporters sent, what arrived, and what became of it.
//!
//! Every protocol numbers what it sends, each in its own way. A [`Sequence`] follows the numbers of one stream and tells loss
//! from reordering and from restarts; an [`Account`] holds the stream's sums; the [`Ledger`] has all accounts, and gives for
//! each exporter the share of what was sent that was seen ([`Coverage`]).

mod account;
mod book;
mod coverage;
mod inclusion;
mod sequence;

pub(super) use account::Tally;
pub use account::{Account, SAMPLE_SOURCES_MAX};
pub(super) use book::Numbering;
pub use book::{ACCOUNTS_MAX, Ledger};
pub use coverage::Coverage;
pub use sequence::{HOLES_MAX, JUMP_MAX, Sequence, Step, Units};
