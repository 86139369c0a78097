//! Why a value is missing: the way from what is set up to what is stored, walked until it is broken.
//!
//! ```text
//!  configuration ─▶ bot ─▶ plan ─▶ schedule ─▶ last runs ─▶ values ─▶ queue ─▶ delivery ─▶ stored
//! ```
//! Pure: [`Facts`] are what is set up, what bots say of themselves and what is stored; [`explain`] makes an [`Answer`] of them
//! for a [`Question`], and [`findings`] says what is wrong with all of an account. A hub and the command line gather the facts
//! and ask the same.

mod answer;
mod bots;
mod configuration;
mod facts;
mod findings;
mod flows;
mod measuring;
mod question;
mod storing;
mod walk;

pub use answer::{Answer, ChainLink, Finding, LinkState, Verdict};
pub use facts::{Facts, KnownBot, Range, Rights, StoredValue, Told};
pub use findings::{GroupedFinding, findings};
pub use question::Question;
pub use walk::explain;
