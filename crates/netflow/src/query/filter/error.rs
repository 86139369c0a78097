//! What is wrong with a filter, and where.

use thiserror::Error;

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the filter is wrong at character {}: {message}\n  {text}\n  {:>width$}", .place + 1, "^", width = .place + 1)]
pub struct FilterError {
    /// The filter.
    pub text: String,
    /// Characters before the place that is wrong.
    pub place: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}
