//! The page at `/`: plain files, part of the program. It asks the same API as everyone else.
//!
//! ```text
//!  main.js ──▶ login.js                     the ways in
//!     │──────▶ entities.js ──▶ element.js   the list, its last values
//!     │──────▶ chart.js ─────▶ units.js     the picked series, drawn by uPlot (vendor/, MIT)
//!     └──────▶ api.js                       requests, the token
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    extract::Path,
    http::{
        HeaderMap, HeaderName, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::{IntoResponse, Response},
    routing::get,
};

use crate::Hub;

/// Nothing from elsewhere is loaded, asked or shown in a frame, and no script stands in the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    etag: String,
}

static INDEX: LazyLock<File> =
    LazyLock::new(|| File::new("text/html; charset=utf-8", include_bytes!("index.html")));

static FILES: LazyLock<HashMap<&'static str, File>> = LazyLock::new(|| {
    HashMap::from([
        ("main.js", File::new(JAVASCRIPT, include_bytes!("main.js"))),
        ("api.js", File::new(JAVASCRIPT, include_bytes!("api.js"))),
        ("chart.js", File::new(JAVASCRIPT, include_bytes!("chart.js"))),
        ("element.js", File::new(JAVASCRIPT, include_bytes!("element.js"))),
        ("entities.js", File::new(JAVASCRIPT, include_bytes!("entities.js"))),
        ("login.js", File::new(JAVASCRIPT, include_bytes!("login.js"))),
        ("units.js", File::new(JAVASCRIPT, include_bytes!("units.js"))),
        ("uPlot.iife.min.js", File::new(JAVASCRIPT, include_bytes!("vendor/uPlot.iife.min.js"))),
        ("uPlot.min.css", File::new(CSS, include_bytes!("vendor/uPlot.min.css"))),
        ("style.css", File::new(CSS, include_bytes!("style.css"))),
        ("icon.svg", File::new("image/svg+xml", include_bytes!("icon.svg"))),
    ])
});

/// Returns the routes of the page, which need no caller: it shows nothing before somebody has logged in.
pub(crate) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/", get(index)).route("/page/{name}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match FILES.get(name.as_str()) {
        Some(file) => file.answer(&headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl File {
    fn new(content_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { content_type, bytes, etag: format!("\"{:08x}\"", crc32fast::hash(bytes)) }
    }

    /// A browser asks each time whether its copy is still good, so that a new version is never mixed with an old one.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let common: [(HeaderName, &str); 5] = [
            (ETAG, &self.etag),
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
        ];
        let known = headers.get(IF_NONE_MATCH).is_some_and(|etag| etag.as_bytes() == self.etag.as_bytes());
        if known {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(CONTENT_TYPE, self.content_type)], self.bytes).into_response()
    }
}
