//! Sampling: how many packets one that was observed stands for.
//!
//! A [`Book`] holds what one exporter's observation domain said in its options data, by sampler, by
//! interface and for the whole domain, and the [`Shelf`] has the books of all exporters, with what operators set by hand.

mod book;
mod shelf;

pub use book::Book;
pub use shelf::{BOOKS_MAX, Domain, Override, Shelf};
