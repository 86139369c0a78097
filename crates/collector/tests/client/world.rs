//! A Grafolean on loopback with what a test puts into it; it counts what it is asked and fails on demand.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    serve::Listener,
};
use grafolean_collector::backend::http::{HttpBackend, HttpSettings, Proxies};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub(crate) const TOKEN: &str = "0f6c1c2e-9f0b-4a57-8f5e-1b7d5f1d2a3c";
pub(crate) const BOT: i64 = 77;

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What is done to the next requests whose `METHOD path` contains a text.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Answer(u16, String),
    Redirect(String),
    /// A status, and the seconds after which to ask again.
    RetryAfter(u16, u64),
    Slow(Duration),
}

pub(crate) struct Grafolean {
    /// Who the token belongs to.
    pub(crate) bot: i64,
    /// By account: `entities`, `credentials`, `sensors`.
    pub(crate) accounts: BTreeMap<i64, BTreeMap<String, Vec<Value>>>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) faults: Vec<(String, usize, Fault)>,
    pub(crate) lists_lack_protocols: bool,
}

impl Default for Grafolean {
    fn default() -> Self {
        Self {
            bot: BOT,
            accounts: BTreeMap::new(),
            asked: vec![],
            faults: vec![],
            lists_lack_protocols: false,
        }
    }
}

impl Grafolean {
    pub(crate) fn with(mut self, account: i64, list: &str, row: Value) -> Self {
        self.accounts.entry(account).or_default().entry(list.to_owned()).or_default().push(row);
        self
    }

    /// An account with `devices` that are pinged every minute.
    pub(crate) fn with_pinged(mut self, account: i64, devices: i64) -> Self {
        for id in 1..=devices {
            self = self.with(account, "entities", device(account * 1000 + id, "ping", 1, &[2]));
        }
        self.with(account, "credentials", json!({"id": 1, "name": "c", "protocol": "ping", "details": {}}))
            .with(
                account,
                "sensors",
                json!({"id": 2, "name": "s", "protocol": "ping", "default_interval": 60, "details": {}}),
            )
    }

    pub(crate) fn fail(mut self, what: &str, times: usize, fault: Fault) -> Self {
        self.faults.push((what.to_owned(), times, fault));
        self
    }
}

pub(crate) fn device(id: i64, protocol: &str, credential: i64, sensors: &[i64]) -> Value {
    let sensors: Vec<_> = sensors.iter().map(|id| json!({"sensor": id, "interval": null})).collect();
    json!({
        "id": id, "name": format!("device {id}"), "entity_type": "device", "parent": null,
        "details": {"ipv4": "127.0.0.1"},
        "protocols": {protocol: {"credential": credential, "bot": BOT, "sensors": sensors}},
    })
}

pub(crate) struct World {
    state: Arc<Shared>,
    pub(crate) host: String,
    server: JoinHandle<()>,
}

struct Shared {
    grafolean: Mutex<Grafolean>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl World {
    pub(crate) async fn of(grafolean: Grafolean) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        Self::behind(listener, host, grafolean)
    }

    /// Answers on connections of any kind.
    pub(crate) fn behind<L: Listener<Addr: Debug>>(listener: L, host: String, grafolean: Grafolean) -> Self {
        let state = Arc::new(Shared {
            grafolean: Mutex::new(grafolean),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(answer).with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { state, host, server }
    }

    pub(crate) fn grafolean(&self) -> MutexGuard<'_, Grafolean> {
        self.state.grafolean.lock().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/api", self.host)
    }

    pub(crate) fn client(&self) -> HttpBackend {
        let mut settings = HttpSettings::new(self.url(), SecretString::from(TOKEN));
        settings.proxies = Proxies::None;
        HttpBackend::new(settings).unwrap()
    }

    /// Removes and returns the `METHOD path` of all requests since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.grafolean().asked.drain(..).map(|asked| asked.what).collect()
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.state.most_in_flight.load(Ordering::SeqCst)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let in_flight = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
    let response = considered(&shared, request).await;
    shared.in_flight.fetch_sub(1, Ordering::SeqCst);
    response
}

async fn considered(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let what = format!("{} {}", parts.method, parts.uri.path());
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let fault = {
        let mut grafolean = shared.grafolean.lock().unwrap();
        let asked =
            Asked { what: what.clone(), query: query.clone(), headers: parts.headers, body: body.clone() };
        grafolean.asked.push(asked);
        grafolean.faults.iter_mut().find(|(text, left, _)| *left > 0 && what.contains(text)).map(|it| {
            it.1 -= 1;
            it.2.clone()
        })
    };
    match fault {
        Some(Fault::Answer(status, text)) => {
            return (StatusCode::from_u16(status).unwrap(), text).into_response();
        }
        Some(Fault::Redirect(target)) => {
            return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)]).into_response();
        }
        Some(Fault::RetryAfter(status, seconds)) => {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, [(header::RETRY_AFTER, seconds.to_string())], "not now").into_response();
        }
        Some(Fault::Slow(span)) => tokio::time::sleep(span).await,
        // Requests of one refresh overlap only if an answer takes a moment.
        None => tokio::time::sleep(Duration::from_millis(2)).await,
    }
    routed(&shared.grafolean.lock().unwrap(), &what, &query, &body)
}

fn routed(grafolean: &Grafolean, what: &str, query: &str, body: &[u8]) -> Response {
    let (method, path) = what.split_once(' ').unwrap();
    let Some(path) = path.strip_prefix("/api/") else { return StatusCode::FORBIDDEN.into_response() };
    if (method, path) == ("GET", "status/info") {
        return json_of(
            200,
            json!({"alive": true, "db_migration_needed": false, "db_version": 30, "user_exists": true}),
        );
    }
    if query != format!("b={TOKEN}") {
        return (StatusCode::UNAUTHORIZED, "Access denied").into_response();
    }
    let segments: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let account = |id: &str| id.parse().ok().and_then(|id: i64| grafolean.accounts.get(&id));
    match (method, segments.as_slice()) {
        ("GET", ["profile"]) => json_of(
            200,
            json!({"user_id": grafolean.bot, "user_type": "bot", "record": {"name": "b", "protocol": "ping"}}),
        ),
        ("GET", ["profile", "permissions"]) => {
            json_of(200, json!({"list": [{"id": 1, "resource_prefix": "accounts", "methods": null}]}))
        }
        ("GET", ["accounts"]) => {
            let rows: Vec<_> =
                grafolean.accounts.keys().map(|id| json!({"id": id, "name": format!("a{id}")})).collect();
            json_of(200, json!({"list": rows}))
        }
        ("GET", ["accounts", id, list]) => {
            let mut rows = account(id).and_then(|lists| lists.get(*list)).cloned().unwrap_or_default();
            if grafolean.lists_lack_protocols {
                rows.iter_mut().for_each(|row| _ = row.as_object_mut().unwrap().remove("protocols"));
            }
            json_of(200, json!({"list": rows}))
        }
        ("GET", ["accounts", id, list, row]) => {
            let rows = account(id).and_then(|lists| lists.get(*list)).into_iter().flatten();
            match rows.into_iter().find(|it| it["id"].as_i64() == row.parse().ok()) {
                Some(row) => json_of(200, row.clone()),
                None => json_of(404, json!({"detail": "No such entity"})),
            }
        }
        ("POST", ["accounts", _, "entities"]) => json_of(201, json!({"id": 4711})),
        ("POST" | "PUT", ["accounts", _, "values"]) if serde_json::from_slice::<Value>(body).is_ok() => {
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT" | "DELETE", ["accounts", _, "entities", _]) => StatusCode::NO_CONTENT.into_response(),
        _ => (StatusCode::FORBIDDEN, "Access to resource denied, insufficient permissions").into_response(),
    }
}

fn json_of(status: u16, body: Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}
