//! Dashboards.

use std::sync::Arc;

use axum::{
    Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::get,
};
use grafolean_collector::model::AccountId;
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;

use super::{Fields, Ids, OfDashboard};
use crate::{
    Hub,
    answer::ApiError,
    store::{
        StoreError,
        dashboard::{self, Dashboard},
        listed,
        widget::{self, Widget},
    },
};

/// The longest name, in characters.
const MAX_NAME: usize = 200;

/// The longest slug.
const MAX_SLUG: usize = 50;

/// A dashboard with all it shows.
#[derive(Serialize)]
struct DashboardAlone {
    #[serde(flatten)]
    dashboard: Dashboard,
    widgets: Vec<Widget>,
}

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/dashboards", get(list).post(create))
        .route("/accounts/{account_id}/dashboards/{slug}", get(one).put(rename).delete(delete))
}

async fn list(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    Ok(Json(listed(hub.store.read(move |connection| dashboard::list(connection, account)).await?)))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let mut fields = Fields::of_body(&body, &["name"], &["slug"])?;
    let (name, slug) = (checked_name(&mut fields)?, checked_slug(&mut fields)?);
    let account = AccountId::new(account);
    let slug = hub.store.write(move |connection| dashboard::insert(connection, account, &name, slug)).await?;
    Ok((StatusCode::CREATED, Json(json!({"slug": slug}))))
}

async fn one(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
) -> Result<impl IntoResponse, ApiError> {
    let read = move |connection: &Connection| {
        let (id, dashboard) = dashboard::one(connection, account, &slug)?;
        Ok::<_, StoreError>(DashboardAlone { dashboard, widgets: widget::list(connection, id)? })
    };
    Ok(Json(hub.store.read(read).await?))
}

async fn rename(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let mut fields = Fields::of_body(&body, &["name"], &["slug"])?;
    let name = checked_name(&mut fields)?;
    if checked_slug(&mut fields)?.is_some_and(|new| new != slug) {
        return Err(ApiError::input("a dashboard's slug can't change"));
    }
    hub.store.write(move |connection| dashboard::rename(connection, account, &slug, &name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    OfDashboard { account, slug, ids: [] }: OfDashboard<0>,
) -> Result<impl IntoResponse, ApiError> {
    hub.store.write(move |connection| dashboard::delete(connection, account, &slug)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn checked_name(fields: &mut Fields) -> Result<String, ApiError> {
    let name = fields.text("name")?;
    match name.chars().count() {
        1..=MAX_NAME => Ok(name),
        length => {
            Err(ApiError::input(format!("a name of {length} characters: at least 1, at most {MAX_NAME}")))
        }
    }
}

/// An empty one is as good as none.
fn checked_slug(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let slug = fields.text_if_given("slug")?.filter(|slug| !slug.is_empty());
    let allowed = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'-');
    if slug.as_deref().is_none_or(|slug| slug.len() <= MAX_SLUG && slug.bytes().all(allowed)) {
        Ok(slug)
    } else {
        Err(ApiError::input(format!("'slug' does not match '^[0-9a-z-]{{0,{MAX_SLUG}}}$'")))
    }
}
