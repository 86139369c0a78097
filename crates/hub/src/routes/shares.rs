//! Shares of dashboards: made and ended below an account, opened by their token without a login.
//!
//! A token shows its dashboard, its widgets, and of the values those that the widgets' path filters mean. Nothing can be changed
//! by it.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use grafolean_collector::{
    model::{EntityId, SeriesPath},
    protocol::Declaration,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Fields, OfDashboard, flows, given::timestamp, protocols, series};
use crate::{
    Hub,
    answer::ApiError,
    points::{LastValue, PathFilter},
    store::{
        dashboard, entity, listed,
        share::{self, Shared},
        widget,
    },
};

/// Paths of a widget that are named; a widget of more shows the first ones.
const MOST_PATHS: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/accounts/{account_id}/dashboards/{slug}/shares", get(list).post(create))
        .route("/hub/accounts/{account_id}/dashboards/{slug}/shares/{share_id}", delete(end))
        .route("/hub/shared/{token}", get(open))
        .route("/hub/shared/{token}/series", get(series_of))
        .route("/hub/shared/{token}/flows/{entity}", get(flows_of))
}

async fn list(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
) -> Result<impl IntoResponse, ApiError> {
    let read = move |connection: &_| share::list(connection, dashboard::one(connection, account, &slug)?.0);
    Ok(Json(listed(hub.store.read(read).await?)))
}

/// The only answer that has the token.
async fn create(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let now = hub.clock.now();
    let until = match Fields::of_body(&body, &[], &["until"])?.take("until") {
        Value::Null => None,
        Value::Number(number) => {
            let seconds = number.as_f64().unwrap_or(f64::NAN);
            let until = timestamp(seconds).map_err(|reason| ApiError::input(format!("'until': {reason}")))?;
            if until <= now {
                return Err(ApiError::input("'until' has passed: expected a time to come, in seconds"));
            }
            Some(until)
        }
        other => return Err(ApiError::input(format!("'until' is {other}: expected seconds, or null"))),
    };
    let made = hub.store.write(move |connection| {
        share::insert(connection, dashboard::one(connection, account, &slug)?.0, now, until)
    });
    let (id, token) = made.await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id, "token": token.to_string()}))))
}

async fn end(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [id] }: OfDashboard<1>,
) -> Result<impl IntoResponse, ApiError> {
    let change =
        move |connection: &_| share::delete(connection, dashboard::one(connection, account, &slug)?.0, id);
    hub.store.write(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns what a token shows; one that shows nothing is not told from one that never was.
async fn shared(hub: &Hub, token: &str) -> Result<Shared, ApiError> {
    let missing = || ApiError::NotFound("This link shows nothing, or no longer".to_owned());
    let token = Uuid::try_parse(token).map_err(|_| missing())?;
    let now = hub.clock.now();
    hub.store.read(move |connection| share::by_token(connection, token, now)).await?.ok_or_else(missing)
}

/// Returns the widgets of what is shared, and the filters that say which values are.
async fn widgets(
    hub: &Hub,
    of: &Shared,
) -> Result<(Vec<widget::Widget>, Vec<(String, PathFilter)>), ApiError> {
    let id = of.id;
    let widgets = hub.store.read(move |connection| widget::list(connection, id)).await?;
    let texts = widgets.iter().flat_map(|widget| filters_of(widget.content()));
    let filters = texts.filter_map(|text| text.parse().ok().map(|filter| (text, filter)));
    let filters = filters.collect();
    Ok((widgets, filters))
}

/// Everything that a page needs to draw a shared dashboard, but for the values over time.
async fn open(State(hub): State<Arc<Hub>>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let of = shared(&hub, &token).await?;
    let (widgets, filters) = widgets(&hub, &of).await?;
    let account = of.account;
    let found = hub.points.read(move |reader| {
        let mut paths = serde_json::Map::new();
        let mut last = Vec::new();
        for (text, filter) in filters {
            let values = reader.last_values(account, &filter, MOST_PATHS)?;
            paths.insert(text, values.iter().map(|value| json!(value.path)).collect());
            last.extend(values);
        }
        Ok((paths, last))
    });
    let (paths, last) = found.await?;
    let shown = |LastValue { path, point }: &LastValue| json!({"p": path, "t": point.time.as_seconds_f64(), "v": point.value});
    let entities = hub.store.read(move |connection| entity::names(connection, account)).await?;
    let named: Value = entities
        .into_iter()
        .filter(|(id, _)| last.iter().any(|value| names(&value.path, *id)))
        .map(|(id, name)| json!({"id": id, "name": name}))
        .collect();
    let answer = json!({
        "name": of.dashboard.name, "until": of.until, "now": hub.clock.now().as_seconds_f64(), "widgets": widgets,
        "paths": paths, "values": last.iter().map(shown).collect::<Value>(), "entities": named,
        "outputs": outputs(protocols::all(&hub).await?),
    });
    Ok(Json(answer).into_response())
}

/// Whether the id of an entity stands in a path, behind a segment `entity`.
fn names(path: &str, id: EntityId) -> bool {
    let id = id.to_string();
    path.split('.').zip(path.split('.').skip(1)).any(|(before, segment)| before == "entity" && segment == id)
}

/// Of declarations what says how values are shown.
fn outputs(declarations: Vec<Declaration>) -> Value {
    declarations
        .into_iter()
        .map(|declared| json!({"name": declared.name, "outputs": declared.outputs}))
        .collect()
}

/// Values over time of paths that the dashboard shows; another path is refused.
async fn series_of(
    State(hub): State<Arc<Hub>>,
    Path(token): Path<String>,
    Query(asked): Query<series::Asked>,
) -> Result<Response, ApiError> {
    let of = shared(&hub, &token).await?;
    let (_, filters) = widgets(&hub, &of).await?;
    let wanted = asked.checked(&hub)?;
    let is_shown = |path: &SeriesPath| filters.iter().any(|(_, filter)| filter.matches(path.as_str()));
    if !wanted.paths.iter().all(is_shown) {
        return Err(ApiError::Never("This link shows other values"));
    }
    series::answer(&hub, of.account, wanted).await
}

/// The same for flows.
async fn flows_of(
    State(hub): State<Arc<Hub>>,
    Path((token, entity)): Path<(String, String)>,
    Query(asked): Query<flows::Asked>,
) -> Result<Response, ApiError> {
    let of = shared(&hub, &token).await?;
    let (_, filters) = widgets(&hub, &of).await?;
    let entity = entity.parse().map_err(|_| ApiError::NotFound("No such exporter".to_owned()))?;
    let wanted = asked.checked(&hub, EntityId::new(entity))?;
    let covered = |path: &str| filters.iter().any(|(_, filter)| filter.matches(path));
    // A filter that means one part means all of this kind, or names it: that is no widget of flows.
    if !covered(&wanted.prefix) || !filters.iter().any(|(text, _)| wanted.is_of(text)) {
        return Err(ApiError::Never("This link shows other flows"));
    }
    flows::answer(&hub, of.account, wanted).await
}

/// Returns the path filters that a widget's content has: in `paths`, `path_filter`, `path` or `path_input`, as the page and
/// Grafolean's frontend write them.
fn filters_of(content: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(content) = serde_json::from_str(content) {
        collect(&content, &mut found);
    }
    found
}

fn collect(content: &Value, found: &mut Vec<String>) {
    const NAMES: [&str; 4] = ["paths", "path_filter", "path", "path_input"];
    match content {
        Value::Array(list) => list.iter().for_each(|one| collect(one, found)),
        Value::Object(fields) => {
            for name in NAMES {
                match fields.get(name) {
                    Some(Value::String(text)) => found.push(text.clone()),
                    Some(Value::Array(list)) => {
                        found.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_widget_shows_what_its_content_names() {
        for (content, wanted) in [
            (r#"{"paths": ["a.?", "b.*"], "n": 5}"#, vec!["a.?", "b.*"]),
            (r#"[{"path_filter": "a.*", "renaming": "x"}, {"path_filter": "b"}]"#, vec!["a.*", "b"]),
            (r#"{"path": "a"}"#, vec!["a"]),
            (r#"{"title": "secret.*", "paths": [7]}"#, vec![]),
            ("no JSON", vec![]),
        ] {
            assert_eq!(filters_of(content), wanted, "{content}");
        }
    }

    #[test]
    fn an_entity_is_named_by_its_id_alone() {
        assert!(names("netflow.1min.ingress.entity.7.topip.1", EntityId::new(7)));
        for path in ["entity.77.ping", "a.7", "entity.8.if.7"] {
            assert!(!names(path, EntityId::new(7)), "{path}");
        }
    }
}
