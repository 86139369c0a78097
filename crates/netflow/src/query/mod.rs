//! Questions to kept flows: which of them ([`Filter`]), and how much by what ([`By`], [`ask`]) or each by itself ([`list`]).
//!
//! ```text
//!   text --parse--> Filter --simplified by each row group's bounds--> chunks of attributes --> Groups, one a thread --> Answer
//!                                                                                          --> First,  one a thread --> Listing
//! ```
//! An [`Attribute`] is a column as numbers, or what follows from some. Of each row group only those that the query needs are
//! read, 8,192 flows at a time; a row group in which no flow can be meant is passed over, and what all of its flows have in
//! common is not read at all.

mod attribute;
mod bounds;
mod by;
mod filter;
mod groups;
mod list;
mod named;
mod reader;
mod request;
mod row;
mod scan;
mod source;
mod totals;

pub use attribute::{Attribute, NOT_TOLD};
pub use by::{By, ByError};
pub use filter::{Filter, FilterError};
pub use groups::{GROUPS_MAX, Sums};
pub use list::{LIST_MAX, list};
pub use named::{dscp_name, flag_letters, service_name};
pub use request::{Answer, FlowTime, Group, GroupTimes, Listing, Order, Query, QueryError, Scanned};
pub use row::FlowRow;
pub use scan::{Progress, scale};
pub use totals::ask;
