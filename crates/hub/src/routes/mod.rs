//! The API, `/api/...`: one file for each kind of thing, none of which asks who calls.
//!
//! A request passes, from the outside in: a slash at the end is dropped; it is logged; what nobody read of its body is
//! dealt with; it has to be done in time; bodies are unpacked and answers packed; a panic costs only itself; and the
//! guard lets it through or not. What it changed is announced.

mod accounts;
mod admin;
mod announce;
mod audit;
mod body;
mod bots;
mod client;
mod credentials;
mod dashboards;
mod device_events;
mod device_tests;
mod discovery;
mod docs;
mod entities;
mod events;
mod flows;
mod given;
mod guard;
mod ids;
mod input;
mod login;
mod metrics;
mod overview;
mod paths;
mod permissions;
mod persons;
mod plugins;
mod profile;
mod prometheus;
mod protocols;
mod raw_flows;
mod readings;
mod retention;
mod sensors;
mod series;
mod shares;
mod status;
mod statuses;
mod values;
mod why;
mod widgets;

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::{
        StatusCode, Uri,
        header::{ALLOW, CONTENT_TYPE},
        uri::PathAndQuery,
    },
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower::ServiceBuilder;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    decompression::RequestDecompressionLayer,
    timeout::TimeoutLayer,
};
use tracing::{debug, error};

use self::client::Client;
pub(crate) use self::{
    ids::{Ids, OfDashboard, Scoped},
    input::Fields,
    overview::Overviews,
};
use crate::{
    Hub,
    answer::{ApiError, Failure, Resource},
    mqtt, page,
    serve::occupy,
};

/// The largest body, unpacked: over 200,000 values, or an entity with as much as anyone can mean. Beyond it: 413.
const MAX_BODY_BYTES: usize = 16 << 20;

/// The largest body of a request that needs no caller: a login, or the first person. Beyond it: 413.
const ANONYMOUS_BYTES: usize = 8 << 10;

/// How long a request may take from its head to the head of the answer, its body included. Beyond it: 408.
const DEADLINE: Duration = Duration::from_secs(60);

/// Answers below this size are not packed: they fit into one packet anyway.
const PACKED_FROM_BYTES: u64 = 1_024;

/// Returns the routes of a hub.
pub(crate) fn router(hub: &Arc<Hub>) -> Router {
    let api = Router::new()
        .merge(status::routes())
        .merge(admin::routes())
        .merge(login::routes())
        .merge(profile::routes())
        .merge(protocols::routes())
        .merge(device_tests::routes())
        .merge(device_events::routes())
        .merge(discovery::routes())
        .merge(events::routes())
        .merge(statuses::routes())
        .merge(why::routes())
        .merge(persons::routes())
        .merge(permissions::routes())
        .merge(accounts::routes())
        .merge(bots::routes())
        .merge(entities::routes())
        .merge(credentials::routes())
        .merge(sensors::routes())
        .merge(dashboards::routes())
        .merge(widgets::routes())
        .merge(values::routes())
        .merge(readings::routes())
        .merge(prometheus::routes())
        .merge(paths::routes())
        .merge(series::routes())
        .merge(overview::routes())
        .merge(retention::routes())
        .merge(flows::routes())
        .merge(raw_flows::routes())
        .merge(shares::routes())
        .merge(metrics::routes())
        .merge(plugins::routes())
        .merge(audit::routes())
        .merge(docs::routes())
        .merge(docs::document_routes())
        .fallback(async || ApiError::NotFound("Not Found".to_owned()))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(from_fn_with_state(Arc::clone(hub), announce::announce))
        .layer(from_fn_with_state(Arc::clone(hub), guard::guard))
        .with_state(Arc::clone(hub));
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(Arc::clone(hub), log))
        .layer(from_fn(occupy))
        .layer(from_fn(body::finish))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, DEADLINE))
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                // What goes on and on would wait for a full block.
                .compress_when(SizeAbove::new(PACKED_FROM_BYTES).and(NotForContentType::SSE)),
        )
        .layer(RequestDecompressionLayer::new())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let all = Router::new()
        .nest("/api", api)
        .merge(page::routes().with_state(Arc::clone(hub)))
        .merge(mqtt::routes().with_state(Arc::clone(hub)))
        .merge(docs::routes().with_state(Arc::clone(hub)))
        .layer(layers);
    // Outside of the router, which has chosen a route before its own layers are asked.
    let outer = ServiceBuilder::new().map_request(name_resource).map_response(keep_allow_to_methods);
    Router::new().fallback_service(outer.service(all))
}

/// The router says which methods there are in whatever answer a request of another method gets.
fn keep_allow_to_methods(mut response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().remove(ALLOW);
    }
    response
}

/// `/api/accounts/` is `/api/accounts`, whose resource is `accounts`. A second slash is a part of the name.
fn name_resource(mut request: Request<Body>) -> Request<Body> {
    let shorter = without_slash(request.uri());
    let ended_in_slash = shorter.is_some();
    if let Some(uri) = shorter {
        *request.uri_mut() = uri;
    }
    if let Some(path) = request.uri().path().strip_prefix("/api/") {
        let path = path.to_owned();
        request.extensions_mut().insert(Resource { path, ended_in_slash });
    }
    request
}

fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

/// Logs the path without its query, where the token stands; of the hub's own failures one line a minute.
async fn log(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), without_token(request.uri().path()));
    let start = tokio::time::Instant::now();
    let mut response = next.run(request).await;
    debug!(%method, path, status = response.status().as_u16(), took = ?start.elapsed(), "request");
    if let Some(Failure(failure)) = response.extensions_mut().remove()
        && let Some(times) = hub.failures.count(&failure, hub.clock.now())
    {
        error!(failure, times, %method, path, "a request could not be answered");
    }
    response
}

/// The link of a shared dashboard is as good as a password.
fn without_token(path: &str) -> String {
    match path.split_once("/shared/") {
        Some((before, token)) => {
            let rest = token.find('/').and_then(|end| token.get(end..)).unwrap_or_default();
            format!("{before}/shared/***{rest}")
        }
        None => path.to_owned(),
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    error!("a request panicked");
    ApiError::Unavailable.into_response()
}

/// An answer that is JSON already.
pub(super) fn list_answer(written: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], written)
}
