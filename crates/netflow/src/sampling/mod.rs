//! Sampling: how many packets one that was observed stands for.
//!
//! A [`DomainSampling`] holds what one exporter's observation domain said in its options data, by sampler, selection sequence,
//! interface, template and line card and for the whole domain; the [`SamplingStore`] has those of all exporters, with what
//! operators set by hand.

mod domain;
mod store;

pub use domain::{COMPOUND_RULES_MAX, Disbelieved, DomainSampling, RULES_MAX, Scaling};
pub use store::{DOMAINS_MAX, Override, PORTS_MAX, SamplingStore, SessionDomain};
