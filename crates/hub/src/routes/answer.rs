//! What the API answers when it does not do what it was asked.

use axum::{
    Extension, Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{auth::PasswordError, points::PointsError, repeats::chain, store::StoreError};

/// Why a request was not done, as Grafolean says it. Nothing a client sends is ever answered by a 500.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ApiError {
    /// No caller, or one that is not known.
    Unauthorized,
    /// The caller may not do this.
    Forbidden,
    /// The caller lacks the right that this is about.
    Denied(String),
    /// Nobody may do this.
    Never(&'static str),
    /// There is none.
    NotFound(String),
    /// There is such a resource, but this is nothing to do to it.
    MethodNotAllowed,
    /// The body is not what it has to be.
    Input(String),
    /// The request as a whole makes no sense.
    BadRequest(String),
    /// These parts of the path are no integers.
    NotIntegers(Vec<String>),
    /// Too many ask for the same at once.
    Busy,
    /// The hub's own fault, for its log; trying again later may help.
    Failed(String),
    /// The same, when the log knows already.
    Unavailable,
}

/// Why an answer says that the hub could not do it: an extension of the answer, which the log takes out.
#[derive(Clone, Debug)]
pub(crate) struct Failure(pub(crate) String);

impl ApiError {
    /// A body that is not what it has to be.
    pub(crate) fn input(reason: impl Into<String>) -> Self {
        Self::Input(reason.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Access denied").into_response(),
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "Access to resource denied, insufficient permissions").into_response()
            }
            Self::Denied(reason) => detail(StatusCode::UNAUTHORIZED, reason),
            Self::Never(reason) => detail(StatusCode::FORBIDDEN, reason),
            Self::NotFound(reason) => detail(StatusCode::NOT_FOUND, reason),
            Self::MethodNotAllowed => detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Self::Input(reason) => {
                (StatusCode::BAD_REQUEST, format!("Input validation failed: {reason}")).into_response()
            }
            Self::BadRequest(reason) => detail(StatusCode::BAD_REQUEST, reason),
            Self::NotIntegers(names) => detail(
                StatusCode::UNPROCESSABLE_ENTITY,
                names.iter().map(|name| not_an_integer(name)).collect::<Value>(),
            ),
            Self::Busy => detail(StatusCode::TOO_MANY_REQUESTS, "Too many logins at once, try again later"),
            Self::Failed(reason) => (Extension(Failure(reason)), Self::Unavailable).into_response(),
            Self::Unavailable => {
                detail(StatusCode::SERVICE_UNAVAILABLE, "The hub could not do this now, try again later")
            }
        }
    }
}

fn detail(status: StatusCode, detail: impl Into<Value>) -> Response {
    (status, Json(json!({"detail": detail.into()}))).into_response()
}

fn not_an_integer(name: &str) -> Value {
    json!({"loc": ["path", name], "msg": "value is not a valid integer", "type": "type_error.integer"})
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing(what) => Self::NotFound(format!("No such {what}")),
            StoreError::Invalid(reason) => Self::Input(reason),
            StoreError::Denied(reason) => Self::Denied(reason.to_owned()),
            StoreError::Database(_) | StoreError::Json(_) | StoreError::Gone(_) | StoreError::Stopped => {
                Self::Failed(format!("the hub's store failed: {}", chain(&error)))
            }
        }
    }
}

impl From<PointsError> for ApiError {
    fn from(error: PointsError) -> Self {
        Self::Failed(format!("the store of values failed: {}", chain(&error)))
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            PasswordError::Hash(reason) => Self::Failed(format!("could not hash a password: {reason}")),
        }
    }
}
