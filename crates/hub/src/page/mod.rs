//! The page at `/`: plain files, part of the program. It asks the same API as everyone else, and knows no protocol.
//!
//! ```text
//!  main.js ──▶ views/*     one module a view, by the first segment of the address
//!     │           └──────▶ parts/*    what views are made of: charts, tables, forms from JSON Schema, state of a device
//!     ├──▶ shell.js        navigation and head
//!     └──▶ state.js ─▶ api.js         what was read, as signals; requests and the session
//!  ui.js ──▶ vendor/*      Preact, htm and signals, as published; `vendor/update` renews them
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
use include_dir::{Dir, include_dir};

use crate::Hub;

/// Nothing from elsewhere is loaded, asked or shown in a frame, and no script stands in the markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// First segments of addresses that name a view. Any other address shows the page too, which says what is near, as 404.
const VIEWS: [&str; 14] = [
    "first", "devices", "device", "explore", "flows", "boards", "board", "bots", "setup", "why", "more",
    "shared", "discover", "events",
];

static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/page");

struct File {
    content_type: &'static str,
    bytes: &'static [u8],
    etag: String,
}

/// The files by their names below `/page/`.
static FILES: LazyLock<HashMap<String, File>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    collect(&FOLDER, &mut files);
    files
});

fn collect(folder: &Dir<'static>, files: &mut HashMap<String, File>) {
    for file in folder.files() {
        let extension = file.path().extension().and_then(|extension| extension.to_str());
        let Some(content_type) = extension.and_then(content_type) else { continue };
        let name = file.path().to_string_lossy().into_owned();
        files.insert(name, File::new(content_type, file.contents()));
    }
    folder.dirs().for_each(|below| collect(below, files));
}

/// The content type by extension; `None` for what is no part of the page, such as this source.
fn content_type(extension: &str) -> Option<&'static str> {
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        "LICENSE" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

/// Returns the routes of the page, which need no caller: it shows nothing before somebody has logged in.
pub(crate) fn routes() -> Router<Arc<Hub>> {
    let views = VIEWS.iter().fold(Router::new().route("/", get(index)), |router, view| {
        router.route(&format!("/{view}"), get(index)).route(&format!("/{view}/{{*rest}}"), get(index))
    });
    views.route("/page/{*name}", get(file)).fallback(nothing)
}

async fn index(headers: HeaderMap) -> Response {
    answer("index.html", &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

async fn nothing(headers: HeaderMap) -> Response {
    let mut shown = answer("index.html", &headers);
    *shown.status_mut() = StatusCode::NOT_FOUND;
    shown
}

fn answer(name: &str, headers: &HeaderMap) -> Response {
    FILES.get(name).map_or_else(|| StatusCode::NOT_FOUND.into_response(), |file| file.answer(headers))
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
