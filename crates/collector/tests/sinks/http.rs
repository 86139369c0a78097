//! Receivers over HTTP as files of sinks name them: who is let in, what is trusted, which version is spoken.

use std::{
    error::Error,
    fs, iter,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::post,
};
use grafolean_collector::{
    model::AccountId,
    remote_write::{
        Answer, ByPath, HttpReceiver, Receiver, RemoteWrite, RemoteWriteError, RemoteWriteMetrics,
        RemoteWriteSettings, Version, read_sinks,
    },
    report::{Report, Values},
    spool::{Letters, Limits, Spool, SpoolFile, SpoolMetrics},
    time::{Clock, SystemClock},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::tls::TlsServer;

/// A header that has to stand in a request.
type Demand = (&'static str, String);

/// A server that lets in whoever sends what it demands.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Served>>);

#[derive(Default)]
struct Served {
    demand: Option<Demand>,
    speaks_v2: bool,
    /// `Content-Type` and `X-Prometheus-Remote-Write-Version` of each request that was let in.
    taken: Vec<(String, String)>,
    refused: usize,
}

impl Server {
    fn demanding(name: &'static str, value: &str) -> Self {
        let server = Self::default();
        server.0.lock().unwrap().demand = Some((name, value.to_owned()));
        server
    }

    fn router(&self) -> Router {
        Router::new().route("/write", post(take)).with_state(self.clone())
    }

    /// Listens in the clear; returns where.
    async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{host}/write")
    }

    /// Listens over TLS; returns the port and the authority's certificate.
    async fn listen_over_tls(&self, name: &str) -> (String, String) {
        let TlsServer { listener, host, authority } = TlsServer::named(name).await;
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (format!("https://{host}/write"), authority)
    }
}

async fn take(State(server): State<Server>, headers: HeaderMap) -> impl IntoResponse {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut served = server.0.lock().unwrap();
    let none = [("x-prometheus-remote-write-samples-written", "0")];
    if served.demand.as_ref().is_some_and(|(name, value)| text(name) != *value) {
        served.refused += 1;
        return (StatusCode::UNAUTHORIZED, none, "who are you?");
    }
    let version = text("x-prometheus-remote-write-version");
    if version.starts_with('2') && !served.speaks_v2 {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, none, "unknown message");
    }
    served.taken.push((text("content-type"), version));
    (StatusCode::NO_CONTENT, [("x-prometheus-remote-write-samples-written", "1")], "")
}

/// Reads a file of one sink with these lines.
fn settings(folder: &Path, url: &str, more: &str) -> RemoteWriteSettings {
    let file = folder.join("sinks.toml");
    fs::write(&file, format!("[[remote_write]]\nname = \"a\"\nurl = \"{url}\"\n{more}\n")).unwrap();
    read_sinks(&file, Limits::default()).unwrap().remove(0)
}

async fn answer(settings: &RemoteWriteSettings) -> Answer {
    let receiver = HttpReceiver::new(settings).unwrap();
    receiver.write(Version::V1, Vec::new(), 1).await
}

#[tokio::test]
async fn basic_bearer_and_header_let_in_who_has_the_right_secret_and_say_why_not_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "open sesame\n").unwrap();
    fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    // RFC 7617 and RFC 6750; "12:open sesame" in base64.
    let basic = ("authorization", "Basic MTI6b3BlbiBzZXNhbWU=");
    let bearer = ("authorization", "Bearer t0ken");
    let header = ("x-scope-orgid", "net");
    let cases = [
        (
            basic,
            "username = \"12\"\npassword = \"open sesame\"".to_owned(),
            "username = \"12\"\npassword = \"shut\"",
        ),
        (
            basic,
            format!("username = \"12\"\npassword_file = \"{}\"", file("password")),
            "bearer_token = \"t0ken\"",
        ),
        (bearer, "bearer_token = \"t0ken\"".to_owned(), "bearer_token = \"other\""),
        (
            bearer,
            format!("bearer_token_file = \"{}\"", file("token")),
            "headers = { X-Scope-OrgID = \"net\" }",
        ),
        (
            header,
            "headers = { X-Scope-OrgID = \"net\" }".to_owned(),
            "headers = { X-Scope-OrgID = \"other\" }",
        ),
        (
            bearer,
            "headers = { Authorization = \"Bearer t0ken\" }".to_owned(),
            "headers = { Authorization = \"Bearer\" }",
        ),
    ];
    for ((name, value), right, wrong) in &cases {
        let server = Server::demanding(name, value);
        let url = server.listen().await;
        let right = settings(folder.path(), &url, right);
        assert_eq!(answer(&right).await, Answer::Stored, "{right:?}");
        for wrong in [*wrong, ""] {
            let wrong = settings(folder.path(), &url, wrong);
            let expected = Answer::Unauthorized("401: who are you?".to_owned());
            assert_eq!(answer(&wrong).await, expected, "{wrong:?}");
        }
        let shown = format!("{right:?} {:?}", HttpReceiver::new(&right).unwrap());
        for secret in ["sesame", "t0ken", "\"net\""] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_header_that_http_does_not_allow_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (more, name) in [
        ("headers = { \"a b\" = \"c\" }", "a b"),
        ("headers = { X-Scope-OrgID = \"two\\nlines\" }", "X-Scope-OrgID"),
    ] {
        let error = HttpReceiver::new(&settings(folder.path(), "http://127.0.0.1:9/", more)).unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, RemoteWriteError::Header { .. }), "{told}");
        assert!(told.contains(name) && !told.contains("lines"), "{told}");
    }
}

#[tokio::test]
async fn an_own_authority_is_trusted_when_its_file_is_named_and_what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let named = format!("ca_file = \"{}\"", ca.display());
    let server = Server::default();
    let (url, authority) = server.listen_over_tls("127.0.0.1").await;
    fs::write(&ca, authority).unwrap();
    assert_eq!(answer(&settings(folder.path(), &url, &named)).await, Answer::Stored);
    let later = |answer: Answer, part: &str| match answer {
        Answer::Later { text, .. } => assert!(text.contains(part), "{text}"),
        other => panic!("{other:?}"),
    };
    // Another authority's server, a certificate of another name, and nobody's certificate.
    let (other, _) = server.listen_over_tls("127.0.0.1").await;
    later(answer(&settings(folder.path(), &other, &named)).await, "invalid peer certificate");
    let (other_name, authority) = server.listen_over_tls("mimir.example.org").await;
    fs::write(&ca, authority).unwrap();
    later(answer(&settings(folder.path(), &other_name, &named)).await, "not valid for name");
    later(answer(&settings(folder.path(), &url, "")).await, "certificate");

    let told = |more: &str| {
        let error = HttpReceiver::new(&settings(folder.path(), &url, more)).unwrap_err();
        iter::successors(Some(&error as &dyn Error), |&error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    };
    let missing = told(&format!("ca_file = \"{}\"", folder.path().join("none.pem").display()));
    assert!(missing.contains("none.pem") && missing.contains("No such file"), "{missing}");
    fs::write(&ca, "not a certificate").unwrap();
    let none = told(&named);
    assert!(none.contains("ca.pem holds no certificate in PEM form"), "{none}");
}

#[tokio::test]
async fn version_2_is_spoken_where_the_receiver_takes_it_and_1_after_its_first_no() {
    const V1: (&str, &str) = ("application/x-protobuf", "0.1.0");
    const V2: (&str, &str) = ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0");
    let folder = tempfile::tempdir().unwrap();
    for (speaks_v2, version, expected) in [
        (true, "auto", Some(V2)),
        (false, "auto", Some(V1)),
        (true, "1.0", Some(V1)),
        (true, "2.0", Some(V2)),
        (false, "2.0", None),
    ] {
        let server = Server::default();
        server.0.lock().unwrap().speaks_v2 = speaks_v2;
        let url = server.listen().await;
        let way =
            Way::begin(&folder, settings(folder.path(), &url, &format!("version = \"{version}\""))).await;
        for value in 0..3 {
            way.accept(value).await;
        }
        match expected {
            Some((kind, number)) => {
                way.until(|way| way.waiting() == 0).await;
                let taken = server.0.lock().unwrap().taken.clone();
                assert!(taken.iter().all(|one| *one == (kind.to_owned(), number.to_owned())), "{taken:?}");
            }
            None => {
                way.until(|way| way.metrics.check().is_err()).await;
                let fault = way.metrics.check().unwrap_err();
                assert!(fault.contains("does not speak version 2.0"), "{fault}");
                assert_eq!(way.waiting(), 3);
            }
        }
        way.end().await;
    }
}

/// A wrong token costs nothing but time, and `/healthz` says so.
#[tokio::test]
async fn values_wait_until_a_secret_is_right_and_none_is_a_dead_letter() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::demanding("authorization", "Bearer other");
    let url = server.listen().await;
    let way = Way::begin(&folder, settings(folder.path(), &url, "bearer_token = \"t0ken\"")).await;
    for value in 0..20 {
        way.accept(value).await;
    }
    way.until(|way| way.metrics.check().is_err()).await;
    let fault = way.metrics.check().unwrap_err();
    assert!(fault.contains("the sink a has taken nothing") && fault.contains("401: who are you?"), "{fault}");
    assert!(!fault.contains("t0ken"), "{fault}");
    assert_eq!((way.waiting(), way.metrics.delivered("a")), (20, 0));
    server.0.lock().unwrap().demand = Some(("authorization", "Bearer t0ken".to_owned()));
    way.until(|way| way.waiting() == 0).await;
    assert_eq!((way.metrics.delivered("a"), way.metrics.check()), (20, Ok(())));
    let file = SpoolFile::open(way.spool.path()).unwrap();
    assert!(file.dead_letters(Letters::All, None, 10).unwrap().is_empty());
    way.end().await;
}

/// A spool with one sink, and the task that serves it.
struct Way {
    spool: Spool,
    metrics: RemoteWriteMetrics,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Way {
    async fn begin(folder: &tempfile::TempDir, settings: RemoteWriteSettings) -> Self {
        let path = tempfile::tempdir_in(folder).unwrap().keep().join("spool.sqlite");
        let (sinks, clock) = (vec![settings.sink.clone()], Arc::new(SystemClock));
        let spool = Spool::open_for_sinks(path, Limits::default(), sinks, clock, SpoolMetrics::default());
        let spool = spool.await.unwrap();
        let (metrics, stop) = (RemoteWriteMetrics::default(), CancellationToken::new());
        let task = RemoteWrite {
            spool: spool.clone(),
            sink: spool.sink("a").unwrap(),
            receiver: Arc::new(HttpReceiver::new(&settings).unwrap()),
            naming: ByPath::default(),
            settings,
            clock: Arc::new(SystemClock),
            metrics: metrics.clone(),
            stop: stop.clone(),
        };
        let task = tokio::spawn(async move { task.run().await.unwrap() });
        Self { spool, metrics, stop, task }
    }

    /// Hands over one value, at a time of its own.
    async fn accept(&self, value: u32) {
        let time = SystemClock.now() + Duration::from_millis(u64::from(value));
        let values = vec![("rack.volts".to_owned(), f64::from(value))];
        let report = Report::Values(Values { account: AccountId::new(1), time, values });
        self.spool.accept(&[report]).await.unwrap();
    }

    fn waiting(&self) -> u64 {
        self.spool.statistics().sinks.iter().map(|sink| sink.waiting.values).sum()
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let began = tokio::time::Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_mins(2), "not in time: {:?}", self.metrics.check());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        self.spool.close().await.unwrap();
    }
}
