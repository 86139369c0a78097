//! The gate before every route of the API.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};
use tracing::debug;

use crate::{
    Hub,
    answer::{ApiError, Resource},
    rights::Verb,
};

/// What needs no caller.
const OPEN_TO_ALL: [(&str, Verb); 9] = [
    ("status/info", Verb::Get),
    ("admin/migratedb", Verb::Post),
    ("admin/first", Verb::Post),
    ("auth/login", Verb::Post),
    ("auth/refresh", Verb::Post),
    ("docs", Verb::Get),
    ("openapi.json", Verb::Get),
    ("hub/login", Verb::Post),
    ("hub/session", Verb::Get),
];

/// Lets a request through that its caller may make, with the [`Caller`] as an extension.
pub(crate) async fn guard(
    State(hub): State<Arc<Hub>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let verb = Verb::of(request.method());
    let Some(resource) = request.extensions().get::<Resource>().cloned() else {
        return Err(ApiError::Forbidden);
    };
    if !is_open(&resource, verb) {
        let caller = hub.gate.caller(&hub.store, request.headers(), request.uri(), verb).await?;
        let verb = verb.ok_or(ApiError::MethodNotAllowed)?;
        if !caller.may(verb, &resource.path) {
            debug!(user = %caller.user, verb = verb.as_str(), resource = resource.path, "access denied");
            return Err(ApiError::Forbidden);
        }
        request.extensions_mut().insert(caller);
    }
    // axum would answer it as a GET, Grafolean refuses it.
    if request.method() == Method::HEAD {
        return Err(ApiError::MethodNotAllowed);
    }
    Ok(next.run(request).await)
}

/// `status/info/` is not open: the one place where Grafolean minds a slash at the end.
fn is_open(resource: &Resource, verb: Option<Verb>) -> bool {
    let minded = resource.ended_in_slash && resource.path == "status/info";
    // Whoever has the link of a shared dashboard may see it; its handlers hold it to that.
    let shared = verb == Some(Verb::Get) && resource.path.starts_with("hub/shared/");
    shared || !minded && verb.is_some_and(|verb| OPEN_TO_ALL.contains(&(&*resource.path, verb)))
}
