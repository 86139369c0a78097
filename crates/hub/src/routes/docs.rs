//! What the API is, as a page that needs nothing else: `/docs`, where the established frontend links to.

use std::sync::Arc;

use axum::{
    Router,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS},
    response::{Html, IntoResponse},
    routing::get,
};

use crate::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/docs", get(docs))
}

async fn docs() -> impl IntoResponse {
    let headers = [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Html(include_str!("docs.html")))
}
