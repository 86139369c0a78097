//! What a request is about, and what the API answers when it does not do what it was asked.

use std::time::Duration;

use axum::{
    Extension, Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

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
    /// The body is not called JSON.
    NotJson,
    /// The body is not what it has to be.
    Input(String),
    /// The request as a whole makes no sense.
    BadRequest(String),
    /// These parts of the path are no integers.
    NotIntegers(Vec<String>),
    /// Too many ask for the same at once.
    Busy,
    /// Too many wrong passwords: it may be tried again after so long.
    Wait(Duration),
    /// Too much was asked for: it may be tried again after so long.
    Throttled(Duration),
    /// The hub's own fault, for its log; trying again later may help.
    Failed(String),
    /// The same, when the log knows already.
    Unavailable,
}

/// What a request is about: its path below `/api/`, which rights speak of.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) path: String,
    /// It did, before that slash was dropped.
    pub(crate) ended_in_slash: bool,
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
            Self::NotJson => detail(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected a body of JSON and the header Content-Type: application/json",
            ),
            Self::Input(reason) => {
                (StatusCode::BAD_REQUEST, format!("Input validation failed: {reason}")).into_response()
            }
            Self::BadRequest(reason) => detail(StatusCode::BAD_REQUEST, reason),
            Self::NotIntegers(names) => detail(
                StatusCode::UNPROCESSABLE_ENTITY,
                names.iter().map(|name| not_an_integer(name)).collect::<Value>(),
            ),
            Self::Wait(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let reason = format!("too many wrong passwords, try again in {seconds} s");
                ([(RETRY_AFTER, seconds.to_string())], detail(StatusCode::TOO_MANY_REQUESTS, reason))
                    .into_response()
            }
            Self::Throttled(wait) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let reason = format!("too many requests of this kind, try again in {seconds} s");
                ([(RETRY_AFTER, seconds.to_string())], detail(StatusCode::TOO_MANY_REQUESTS, reason))
                    .into_response()
            }
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
