//! Flows against interface counters: both say how many bytes crossed the same interface.
//!
//! ```text
//!  ExporterLinks ─┐
//!  carried octets ─┼─▶ ExporterMinute ─▶ Window, 15 minutes ─ diagnose ─▶ Finding: a cause, its interfaces, what to change
//!  Coverage ───────┘         └─▶ ratio by interface                  └──▶ Verdict: an exporter in a sentence
//! ```
//! [`ExporterMinute`] holds one minute, [`Window`] the last ones; [`Profile`] is what an exporter sends as its templates
//! tell. [`diagnose`] names the [`Cause`] of what differs, [`Verdict`] puts it into words.
//!
//! All of it is pure: moments are arguments.

mod cause;
mod diagnosis;
mod minute;
mod profile;
mod relatives;
mod side;
mod verdict;
mod window;

pub use cause::{Cause, Flowing};
pub use diagnosis::{Finding, diagnose};
pub use minute::{ExporterMinute, InterfaceMinute};
pub use profile::Profile;
pub use side::{Ratios, TOLERANCE};
pub use verdict::{FindingText, InterfaceVerdict, Verdict};
pub use window::{WINDOW_MINUTES, Window};
