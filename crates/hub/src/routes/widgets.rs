//! Widgets.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, put},
};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    Fields, OfDashboard,
    input::{json as read_json, not_of_type},
};
use crate::{
    Hub,
    answer::ApiError,
    store::{
        StoreError, dashboard, listed,
        widget::{self, NewPlace, NewWidget, Place},
    },
};

/// The longest name of a page, in characters.
const MAX_PAGE: usize = 100;

pub(super) fn routes() -> Router<Arc<Hub>> {
    const DASHBOARD: &str = "/accounts/{account_id}/dashboards/{slug}";
    Router::new()
        .route(&format!("{DASHBOARD}/widgets"), get(list).post(create))
        .route(&format!("{DASHBOARD}/widgets/{{widget_id}}"), get(one).put(update).delete(delete))
        .route(&format!("{DASHBOARD}/widgets_positions"), put(place))
}

async fn list(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
) -> Result<impl IntoResponse, ApiError> {
    let read = move |connection: &Connection| {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::list(connection, dashboard)
    };
    Ok(Json(listed(hub.store.read(read).await?)))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_widget(&body)?;
    let id = hub.store.write(move |connection| {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::insert(connection, dashboard, &new)
    });
    Ok((StatusCode::CREATED, Json(json!({"id": id.await?}))))
}

async fn one(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [id] }: OfDashboard<1>,
) -> Result<impl IntoResponse, ApiError> {
    let read = move |connection: &Connection| {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::one(connection, dashboard, id)
    };
    Ok(Json(hub.store.read(read).await?))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [id] }: OfDashboard<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_widget(&body)?;
    let written = hub.store.write(move |connection| {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::update(connection, dashboard, id, &new)
    });
    written.await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [id] }: OfDashboard<1>,
) -> Result<impl IntoResponse, ApiError> {
    let deleted = hub.store.write(move |connection| {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::delete(connection, dashboard, id)
    });
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn place(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let places = match read_json(&body)? {
        Value::Array(places) => places.into_iter().map(new_place).collect::<Result<Vec<_>, _>>()?,
        other => return Err(not_of_type(&other, "'array'")),
    };
    let placed = hub.store.write(move |connection| -> Result<(), StoreError> {
        let (dashboard, _) = dashboard::one(connection, account, &slug)?;
        widget::place(connection, dashboard, &places)
    });
    placed.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_widget(body: &[u8]) -> Result<NewWidget, ApiError> {
    let mut fields = Fields::of_body(body, &["type", "title", "content"], &["p"])?;
    Ok(NewWidget {
        kind: fields.text("type")?,
        title: fields.text("title")?,
        content: fields.text("content")?,
        page: page(&mut fields)?,
    })
}

fn new_place(value: Value) -> Result<NewPlace, ApiError> {
    let mut fields = Fields::of(value, &["widget_id", "x", "y", "w", "h"], &["p"])?;
    let mut cells = |name| fields.cells(name);
    let place = Place { x: cells("x")?, y: cells("y")?, w: cells("w")?, h: cells("h")? };
    let widget = fields.take("widget_id");
    let widget = widget.as_i64().ok_or_else(|| not_of_type(&widget, "'number'"))?;
    Ok(NewPlace { widget, place, page: page(&mut fields)? })
}

fn page(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let page = fields.text_if_given("p")?;
    match page.as_deref().map(|page| page.chars().count()) {
        None | Some(1..=MAX_PAGE) => Ok(page),
        Some(length) => Err(ApiError::input(format!(
            "a page's name of {length} characters: at least 1, at most {MAX_PAGE}"
        ))),
    }
}
