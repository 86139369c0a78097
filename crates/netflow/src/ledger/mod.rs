//! The ledger of truth: what exporters sent, what arrived, and what became of it.
//!
//! Every protocol numbers what it sends, each in its own way. A [`Sequence`] follows the numbers of one stream and tells loss
//! from reordering and from restarts; an [`Account`] holds the stream's sums; the [`Ledger`] has all accounts, and gives for
//! each exporter the share of what was sent that was seen ([`Coverage`]).
//!
//! Datagrams that the kernel dropped as a socket's buffer was full are a sum of the whole bot: nobody read whose they were.
//! Into an exporter's coverage they come as the gap that they leave in its numbers, as any other loss does, and once the
//! exporter's next datagram shows it; adding the sum as well would count them twice.

mod account;
mod coverage;
mod inclusion;
mod sequence;
mod session;
mod streams;

pub(super) use account::Tally;
pub use account::{Account, SAMPLE_SOURCES_MAX};
pub use coverage::Coverage;
pub use sequence::{Counted, HOLES_MAX, JUMP_MAX, Sequence, Step, Units};
pub use session::NumberedOver;
pub(super) use streams::Numbering;
pub use streams::{ACCOUNTS_MAX, ExporterSums, Ledger};
