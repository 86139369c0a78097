//! Questions to kept flows: which of them ([`Filter`]), by what ([`By`]), and how much.
//!
//! ```text
//!   text --parse--> Filter --simplified by each row group's bounds--> chunks of lanes --> Groups, one a thread --> Answer
//! ```
//! A *lane* is a column as numbers. Of each row group only the lanes that the question needs are read, 8,192 flows at a time;
//! a row group in which no flow can be meant is passed over, and what all of its flows have in common is not read at all.

mod bounds;
mod by;
mod chunk;
mod filter;
mod groups;
mod lane;
mod scan;
mod source;

pub use by::{By, ByError};
pub use filter::{Filter, FilterError};
pub use groups::{GROUPS_MAX, Sums};
pub use scan::{Answer, Counts, Group, Progress, QueryError, Question, ask};
