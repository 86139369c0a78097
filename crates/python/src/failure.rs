//! Errors as Python sees them.

use std::error::Error;

use grafolean_collector::{backend, error_chain};
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
        From::Unreachable { request, .. } | From::Nonsense { request, .. } => (None, Some(request)),
        From::Unauthorized { request } => (Some(401), Some(request)),
        From::Forbidden { request, .. } => (Some(403), Some(request)),
        From::Refused { request, status, .. } | From::Failed { request, status, .. } => {
            (Some(*status), Some(request))
        }
        _ => (None, None),
    };
    let path = request.and_then(|request| request.split(' ').nth(1)).map(str::to_owned);
    BackendError::new_err((status, path, error_chain(error)))
}

/// Any other error.
pub(crate) fn of(error: &dyn Error) -> PyErr {
    PyException::new_err(error_chain(error))
}
