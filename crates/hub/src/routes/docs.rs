//! What the API is: `/docs`, a page that needs nothing else, where the established frontend links to, and
//! `/api/openapi.json` for programs. Both are made of the same lines.

use std::sync::Arc;

use axum::{
    Json, Router,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::{Html, IntoResponse},
    routing::get,
};

use crate::{Hub, answer::ApiError, openapi};

/// Where in the page its table stands.
const TABLE: &str = "<!-- operations -->";

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/docs", get(docs))
}

/// What stands below `/api` alone.
pub(super) fn document_routes() -> Router<Arc<Hub>> {
    Router::new().route("/openapi.json", get(document))
}

async fn docs() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(include_str!("docs.html").replace(TABLE, &openapi::table())))
}

async fn document() -> Result<impl IntoResponse, ApiError> {
    openapi::document().map(Json).map_err(|error| ApiError::Failed(format!("the API's document: {error}")))
}
