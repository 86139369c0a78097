//! Each change that succeeded is announced, and stands in the audit log.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use tracing::error;

use super::Client;
use crate::{
    Hub,
    answer::Resource,
    auth::Caller,
    store::audit::{self, Change},
};

/// What changes nothing that is set up, by the last segment of its path: questions that are asked by POST, values, which
/// announce themselves, and what bots say of themselves.
const NO_CHANGE: [&str; 5] = ["getvalues", "getaggrvalues", "values", "status", "device-events"];

/// What stands in entities, so that they change with it.
const PARTS_OF_ENTITIES: [&str; 3] = ["credentials", "sensors", "bots"];

/// What the audit log says of a request beside its path: an extension of the answer.
#[derive(Clone, Debug)]
pub(super) struct Audited(pub(super) String);

pub(super) async fn announce(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let Client(address) = Client::of(&hub, request.extensions(), request.headers());
    let user_id = request.extensions().get::<Caller>().map(|caller| caller.user);
    let resource = request.extensions().get::<Resource>().map(|resource| resource.path.clone());
    let mut response = next.run(request).await;
    let audited = response.extensions_mut().remove::<Audited>();
    if let Some(resource) = resource
        && response.status().is_success()
    {
        for changed in changed(&method, &resource) {
            hub.announcer.changed(&changed);
        }
        if is_audited(&method, &resource) {
            let (method, address) = (method.to_string(), address.to_string());
            let (time, status) = (hub.clock.now().seconds(), response.status().as_u16());
            let resource = match audited {
                Some(Audited(more)) => format!("{resource} {more}"),
                None => resource,
            };
            let change = Change { time, user_id, address, method, resource, status };
            if let Err(error) = hub.store.write(move |connection| audit::insert(connection, &change)).await
                && let Some(times) = hub.failures.count("audit", hub.clock.now())
            {
                error!(
                    error = grafolean_collector::error_chain(&error),
                    times, "a change could not be written into the audit log"
                );
            }
        }
    }
    response
}

/// What people and bots change of what is set up, and who logs in; not values, and not that a session goes on.
fn is_audited(method: &Method, resource: &str) -> bool {
    let last = resource.rsplit('/').next().unwrap_or_default();
    method != Method::GET && !NO_CHANGE.contains(&last) && resource != "auth/refresh"
}

/// The resources that a request changed.
fn changed(method: &Method, resource: &str) -> Vec<String> {
    let segments: Vec<&str> = resource.split('/').collect();
    let last = segments.last().copied().unwrap_or_default();
    match segments.as_slice() {
        _ if method == Method::GET || NO_CHANGE.contains(&last) => Vec::new(),
        ["auth" | "status" | "profile", ..] | ["hub", "test", ..] | ["admin", "migratedb"] => Vec::new(),
        ["admin", "accounts"] => vec!["accounts".to_owned()],
        ["admin", "first"] => vec!["persons".to_owned()],
        ["accounts", account, part, _] if method == Method::DELETE && PARTS_OF_ENTITIES.contains(part) => {
            vec![resource.to_owned(), format!("accounts/{account}/entities")]
        }
        // The topic of the list is for new paths.
        ["accounts", _, "paths", _] => Vec::new(),
        _ => vec![resource.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_not_announced() {
        let none: [String; 0] = [];
        assert_eq!(changed(&Method::GET, "accounts/1/entities"), none);
        assert_eq!(changed(&Method::POST, "accounts/1/getvalues"), none);
        assert_eq!(changed(&Method::POST, "auth/login"), none);
        assert_eq!(changed(&Method::PUT, "accounts/1/entities/5"), ["accounts/1/entities/5"]);
        let both = ["accounts/1/sensors/5", "accounts/1/entities"];
        assert_eq!(changed(&Method::DELETE, "accounts/1/sensors/5"), both);
        assert_eq!(changed(&Method::PUT, "accounts/1/sensors/5"), ["accounts/1/sensors/5"]);
    }
}
