//! Where reports go when a run hands them over: the spool, or the lines of a dry run ([`JsonLines`]).

mod json_lines;

use std::future::Future;

use thiserror::Error;

use crate::report::Report;

pub use json_lines::JsonLines;

/// Where reports end: the durable spool, or the lines a dry run prints.
pub trait Sink: Send + Sync + 'static {
    /// Returns once the reports are safe; an error means that none of them is.
    fn accept(&self, reports: Vec<Report>) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// Why reports were not taken.
#[derive(Debug, Error)]
#[error("could not keep {reports} reports")]
pub struct SinkError {
    /// How many were handed over.
    pub reports: usize,
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
