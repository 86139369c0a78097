//! Errors as Python sees them.

use std::error::Error;

use grafolean_collector::backend;
use pyo3::{PyErr, create_exception, exceptions::PyException};

create_exception!(
    grafoleancollector,
    BackendError,
    PyException,
    "A request that the backend did not answer as it should: (status or None, path or None, what was wrong)."
);

/// Describes which request failed, with which status if there was an answer. The token is in none of it.
pub(crate) fn of_backend(error: &backend::BackendError) -> PyErr {
    use backend::BackendError as From;
    let (status, request) = match error {
        From::Unreachable { request, .. } | From::Nonsense { request, .. } => (None, request),
        From::Unauthorized { request } => (Some(401), request),
        From::Forbidden { request, .. } => (Some(403), request),
        From::Refused { request, status, .. } | From::Failed { request, status, .. } => {
            (Some(*status), request)
        }
    };
    let path = request.split(' ').nth(1).map(str::to_owned);
    BackendError::new_err((status, path, with_causes(error)))
}

/// Any other error.
pub(crate) fn of(error: &dyn Error) -> PyErr {
    PyException::new_err(with_causes(error))
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}
