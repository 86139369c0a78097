//! A hub in a folder of its own, asked without a socket, with a clock that tests set.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, Response, StatusCode},
};
use grafolean_collector::{
    protocol::OpenTester,
    time::{Clock, Timestamp},
};
use grafolean_hub::{Hub, Options};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Of the first person.
pub(crate) const PASSWORD: &str = "correct horse";

/// A clock that stands still until it is set.
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn pass(&self, span: Duration) {
        self.0.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Nobody,
    /// By the header `Authorization`.
    Person(String),
    /// By `?b=`.
    Bot(String),
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The rows of a `{"list":[...]}`.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.json()["list"].as_array().unwrap_or_else(|| panic!("no list: {self:?}")).clone()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// The id of what was made.
    #[track_caller]
    pub(crate) fn id(self) -> i64 {
        self.expect(201).json()["id"].as_i64().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<SetClock>,
    router: Router,
    folder: Arc<TempDir>,
}

impl World {
    /// A hub that nobody has ever used.
    pub(crate) fn fresh() -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(START.micros())));
        Self::on(Arc::new(tempfile::tempdir().unwrap()), clock)
    }

    fn on(folder: Arc<TempDir>, clock: Arc<SetClock>) -> Self {
        Self::on_with(folder, clock, Vec::new())
    }

    fn on_with(folder: Arc<TempDir>, clock: Arc<SetClock>, testers: Vec<(String, OpenTester)>) -> Self {
        let clock_of_hub = Arc::clone(&clock) as Arc<dyn Clock>;
        let options = Options { clock: clock_of_hub, testers, ..Options::default() };
        let hub = Arc::new(Hub::open(folder.path(), options).unwrap());
        let router = hub.router();
        Self { hub, clock, router, folder }
    }

    /// A hub that was opened with options of its own, on its folder.
    pub(crate) fn of(hub: Hub, folder: Arc<TempDir>) -> Self {
        let hub = Arc::new(hub);
        let router = hub.router();
        Self { hub, clock: Arc::new(SetClock(AtomicI64::new(START.micros()))), router, folder }
    }

    /// A hub with its first person, and their session.
    pub(crate) async fn with_admin() -> (Self, Who) {
        Self::fresh().begun().await
    }

    /// The same, which tests devices.
    pub(crate) async fn with_testers(testers: Vec<(String, OpenTester)>) -> (Self, Who) {
        let clock = Arc::new(SetClock(AtomicI64::new(START.micros())));
        Self::on_with(Arc::new(tempfile::tempdir().unwrap()), clock, testers).begun().await
    }

    /// The same hub with its first person, and their session.
    pub(crate) async fn begun(self) -> (Self, Who) {
        let world = self;
        world.post("/admin/first", &Who::Nobody, &world.first_person()).await.expect(201);
        let session = world.login("admin", PASSWORD).await;
        (world, session)
    }

    /// What makes the first person.
    pub(crate) fn first_person(&self) -> Value {
        let secret = self.hub.setup_secret();
        json!({
            "username": "admin", "password": PASSWORD, "name": "Admin", "email": "admin@example.org",
            "setup_secret": secret.as_ref().map(ExposeSecret::expose_secret),
        })
    }

    /// Stops the hub and starts it again on the same folder.
    pub(crate) fn restarted(self) -> Self {
        let Self { hub, clock, router, folder } = self;
        drop((hub, router));
        Self::on(folder, clock)
    }

    /// Stops the hub; what it left stands in its folder.
    pub(crate) fn stopped(self) -> Arc<TempDir> {
        let Self { hub, clock: _, router, folder } = self;
        drop((hub, router));
        folder
    }

    /// Starts a hub on a folder of one that was stopped.
    pub(crate) fn again(folder: Arc<TempDir>) -> Self {
        Self::on(folder, Arc::new(SetClock(AtomicI64::new(START.micros()))))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Logs in; panics if that is refused.
    pub(crate) async fn login(&self, username: &str, password: &str) -> Who {
        let answer = self.try_login(username, password).await.expect(200);
        Who::Person(answer.headers["x-jwt-token"].to_str().unwrap().to_owned())
    }

    pub(crate) async fn try_login(&self, username: &str, password: &str) -> Answer {
        let body = json!({"username": username, "password": password});
        self.post("/auth/login", &Who::Nobody, &body).await
    }

    pub(crate) async fn account(&self, admin: &Who, name: &str) -> i64 {
        self.post("/admin/accounts", admin, &json!({"name": name})).await.id()
    }

    /// A bot of an account with its token, as yet without rights.
    pub(crate) async fn bot(&self, admin: &Who, account: i64, protocol: &str) -> (i64, Who) {
        let bots = format!("/accounts/{account}/bots");
        let body = json!({"name": format!("{protocol} bot"), "protocol": protocol});
        let id = self.post(&bots, admin, &body).await.id();
        let token = self.get(&format!("{bots}/{id}/token"), admin).await.expect(200).json();
        (id, Who::Bot(token["token"].as_str().unwrap().to_owned()))
    }

    pub(crate) async fn get(&self, path: &str, who: &Who) -> Answer {
        self.ask("GET", path, who, None).await
    }

    pub(crate) async fn post(&self, path: &str, who: &Who, body: &Value) -> Answer {
        self.ask("POST", path, who, Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, who: &Who, body: &Value) -> Answer {
        self.ask("PUT", path, who, Some(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str, who: &Who) -> Answer {
        self.ask("DELETE", path, who, None).await
    }

    /// Asks; the path stands below `/api` and may have a query.
    pub(crate) async fn ask(&self, method: &str, path: &str, who: &Who, body: Option<String>) -> Answer {
        let mut uri = format!("/api{path}");
        let mut request = Request::builder().method(method);
        match who {
            Who::Nobody => {}
            Who::Person(header) => request = request.header("authorization", header),
            Who::Bot(token) => {
                uri.push(if uri.contains('?') { '&' } else { '?' });
                uri.push_str(&format!("b={token}"));
            }
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        self.send(request.uri(uri).body(body.map_or_else(Body::empty, Body::from)).unwrap()).await
    }

    /// Asks what is answered without an end.
    pub(crate) async fn stream(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}
