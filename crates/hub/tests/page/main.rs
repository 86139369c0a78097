//! The page in a real browser, on a hub with values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stdout)]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use grafolean_collector::{
    model::{AccountId, Attachment, EntityId, NewEntity, SensorUse},
    time::{Clock, SystemClock},
};
use grafolean_hub::{Hub, Options, serve};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A hub on a socket, with an account, devices in every state, and a session of its first person.
struct World {
    hub: Arc<Hub>,
    address: String,
    session: String,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

/// Devices with their mean round trip in milliseconds, the share of packets answered, and how old their values are.
const DEVICES: [(&str, &str, f64, f64, i64); 7] = [
    ("core-router", "192.0.2.1", 0.42, 1.0, 0),
    ("edge-frankfurt", "198.51.100.14", 11.8, 1.0, 0),
    ("edge-ljubljana", "198.51.100.77", 8.3, 1.0, 0),
    ("wifi-controller", "192.0.2.40", 3.1, 2.0 / 3.0, 0),
    ("old-switch", "192.0.2.99", 0.9, 1.0, 7200),
    ("backup-link", "203.0.113.9", 20.0, 0.0, 0),
    ("<b>bold & new</b>", "2001:db8::7", 0.0, -1.0, 0),
];

/// The device that also sends flows.
const EXPORTER: &str = "core-router";

impl World {
    async fn with_values() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(Hub::open(folder.path(), options()).unwrap());
        let setup = hub.setup();
        let password = setup.first_person("admin").await.unwrap().unwrap();
        let account = setup.account("Example network").await.unwrap();
        let bot = setup.bot(account, "ping bot", "ping").await.unwrap();
        let credential = setup.credential(account, "quick", "ping", Default::default()).await.unwrap();
        let sensor = setup.sensor(account, "often", "ping", Some(600), Default::default()).await.unwrap();
        let sensors = vec![SensorUse { sensor, interval: None }];
        let how = Attachment { credential: Some(credential), bot: None, sensors };
        let credential = setup.credential(account, "flows", "netflow", Default::default()).await.unwrap();
        let sensor = setup.sensor(account, "flows", "netflow", None, Default::default()).await.unwrap();
        let sensors = vec![SensorUse { sensor, interval: None }];
        let flows = Attachment { credential: Some(credential), bot: None, sensors };
        let mut rows = vec![json!({"p": "office.temperature", "t": seconds_ago(30), "v": 21.5})];
        for (name, address, rtt_ms, answered, age) in DEVICES {
            let family = if address.contains(':') { "ipv6" } else { "ipv4" };
            let entity: NewEntity = serde_json::from_value(
                json!({"name": name, "entity_type": "device", "details": {family: address}}),
            )
            .unwrap();
            let mut protocols = BTreeMap::from([("ping".to_owned(), how.clone())]);
            if name == EXPORTER {
                protocols.insert("netflow".to_owned(), flows.clone());
            }
            let id = setup.entity(account, entity, protocols).await.unwrap();
            rows.extend(history(id, rtt_ms, answered, age));
            if name == EXPORTER {
                rows.extend(flow_history(id));
            }
        }
        let world = Self::serve(hub, folder, password.expose_secret()).await;
        for rows in rows.chunks(1_000) {
            world.put(account, bot.token.expose_secret(), rows).await;
        }
        world
    }

    async fn serve(hub: Arc<Hub>, folder: tempfile::TempDir, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&hub), stop.clone()));
        let login = json!({"username": "admin", "password": password}).to_string();
        let request = Request::post("/api/auth/login").body(Body::from(login)).unwrap();
        let answer = hub.router().oneshot(request).await.unwrap();
        let session = answer.headers()["x-jwt-token"].to_str().unwrap().to_owned();
        Self { hub, address, session, stop, _folder: folder }
    }

    async fn put(&self, account: AccountId, token: &str, rows: &[Value]) {
        let uri = format!("/api/accounts/{account}/values?b={token}");
        let request = Request::put(uri).body(Body::from(json!(rows).to_string())).unwrap();
        assert_eq!(self.hub.router().oneshot(request).await.unwrap().status(), StatusCode::NO_CONTENT);
    }

    fn url(&self, fragment: &str) -> String {
        format!("http://{}/{fragment}", self.address)
    }

    fn url_logged_in(&self) -> String {
        self.url(&format!("#token={}", self.session.replace(' ', "%20")))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn seconds_ago(seconds: i64) -> i64 {
    SystemClock.now().seconds() - seconds
}

/// A hub that knows how pings are measured, and a protocol of a bot that no page was ever written for.
fn options() -> Options {
    let protocols = json!([
        {"name": "ping", "about": "Whether a device answers, and how fast", "credential": {"type": "object", "properties": {}},
            "sensor": {"type": "object", "properties": {}},
            "outputs": [
                {"path": "entity.{entity}.ping.success", "unit": "1", "title": "Success", "meaning": "", "role": "reachability"},
                {"path": "entity.{entity}.ping.loss", "unit": "1", "title": "Packet loss", "meaning": "", "role": "loss"},
                {"path": "entity.{entity}.ping.rtt.avg", "unit": "s", "title": "Round trip", "meaning": "", "role": "round-trip"},
            ],
            "defaults": {"credentials": [{"name": "usual"}], "sensors": [{"name": "ping", "interval": 60}]}},
        {"name": "netflow", "about": "Who talks to whom", "credential": {"type": "object", "properties": {}},
            "sensor": {"type": "object", "properties": {}},
            "outputs": [
                {"path": "netflow.{interval}.{direction}.entity.{entity}", "unit": "By", "title": "Bytes", "meaning": ""},
                {"path": "netflow.coverage.entity.{entity}", "unit": "1", "title": "Coverage", "meaning": "", "role": "coverage"},
            ],
            "defaults": {}},
        {"name": "weather", "about": "How it is outside",
            "credential": {"type": "object", "required": ["key"], "properties": {
                "key": {"type": "string", "title": "Key", "writeOnly": true},
                "timeout": {"type": ["number", "string"], "title": "Timeout", "minimum": 1, "maximum": 60, "default": 10}}},
            "sensor": {"type": "object", "properties": {"places": {"type": "array", "title": "Places", "minItems": 1,
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "title": "Name"}}}}}},
            "outputs": [{"path": "entity.{entity}.weather.{place}", "unit": "Cel", "title": "Temperature", "meaning": "In the shade"}]},
    ]);
    Options { protocols: serde_json::from_value(protocols).unwrap(), ..Options::default() }
}

/// Twenty minutes of a ping sensor, every ten seconds.
fn history(id: EntityId, rtt_ms: f64, answered: f64, age: i64) -> Vec<Value> {
    let mut rows = Vec::new();
    if answered < 0.0 {
        return rows;
    }
    for step in 0..120_i64 {
        let t = seconds_ago(age + 10 * step + 2);
        let wave =
            (step as f64 / 9.0).sin() * 0.12 + f64::from(u8::try_from(step * 7919 % 100).unwrap()) / 700.0;
        let rtt = rtt_ms * (1.0 + wave) / 1e3;
        rows.push(json!({"p": format!("entity.{id}.ping.success"), "t": t, "v": answered}));
        rows.push(json!({"p": format!("entity.{id}.ping.loss"), "t": t, "v": 1.0 - answered}));
        for packet in 0..3 {
            let ok = f64::from(packet) < answered * 3.0 - 0.5;
            rows.push(
                json!({"p": format!("entity.{id}.ping.p{packet}.ok"), "t": t, "v": f64::from(u8::from(ok))}),
            );
            if ok {
                rows.push(json!({"p": format!("entity.{id}.ping.p{packet}.rtt"), "t": t, "v": rtt}));
            }
        }
        if answered > 0.0 {
            rows.push(json!({"p": format!("entity.{id}.ping.rtt.avg"), "t": t, "v": rtt}));
        }
    }
    rows
}

/// Twenty minutes of an exporter's flows, by source, port, protocol and pair.
fn flow_history(id: EntityId) -> Vec<Value> {
    let sources = ["192.0.2.10", "192.0.2.11", "2001:db8::5"];
    let segment = |address: &str| address.replace('.', "%2e").replace(':', "%3a");
    let mut rows =
        vec![json!({"p": format!("netflow.coverage.entity.{id}"), "t": seconds_ago(60), "v": 0.9})];
    for minute in 1..=20_i64 {
        let t = seconds_ago(60 * minute) / 60 * 60;
        let mut row = |path: String, v: i64| rows.push(json!({"p": path, "t": t, "v": v}));
        let prefix = format!("netflow.1min.ingress.entity.{id}");
        row(prefix.clone(), 7_000_000);
        for (share, source) in (1..).zip(sources) {
            row(format!("{prefix}.topip.{}", segment(source)), share * 1_000_000);
            row(format!("{prefix}.topconn.{}.198%2e51%2e100%2e9", segment(source)), share * 1_000_000);
        }
        row(format!("{prefix}.topdstports.443"), 5_000_000);
        row(format!("{prefix}.topprotocol.TCP"), 6_000_000);
        row(format!("{prefix}.if.3"), 7_000_000);
    }
    rows
}

/// Drives the page by `drive.py`; false where Playwright or Chromium is not installed.
async fn drive(arguments: &[&str]) -> bool {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = workspace.join("target/browser/bin/python");
    if !python.exists() || !Path::new("/usr/bin/chromium").exists() {
        return false;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/drive.py");
    let output = Command::new(python).arg(script).args(arguments).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    true
}

/// The folder where pictures are kept for whoever wants to look.
fn pictures() -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&folder).unwrap();
    folder.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_works_by_day_and_night_at_a_desk_and_on_a_phone() {
    let world = World::with_values().await;
    if !drive(&["views", &world.url_logged_in(), &pictures()]).await {
        println!("skipped: Playwright or Chromium is not installed, ./test installs them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_hub_to_a_device_of_a_protocol_that_only_declared_itself() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), options()).unwrap());
    let secret = hub.setup_secret().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, hub, stop.clone()));
    let driven = drive(&["setup", &url, &pictures(), secret.expose_secret()]).await;
    stop.cancel();
    serving.await.unwrap().unwrap();
    if !driven {
        println!("skipped: Playwright or Chromium is not installed, ./test installs them");
    }
}

/// Files of others are as they were published, but for what `vendor/update` says.
#[test]
fn what_was_taken_from_others_is_what_its_checksums_say() {
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/vendor");
    let checked = std::process::Command::new("sha256sum")
        .args(["--check", "--quiet", "CHECKSUMS"])
        .current_dir(&vendor)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let listed = fs::read_to_string(vendor.join("CHECKSUMS")).unwrap();
    for file in fs::read_dir(&vendor).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let code = [".js", ".css", ".woff2"].iter().any(|end| name.ends_with(end));
        assert!(!code || listed.contains(&name), "{name} has no checksum");
    }
}

#[tokio::test]
async fn its_files_are_served_with_a_strict_policy_and_cached_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), options()).unwrap());
    let ask = async |path: &str, etag: &str| {
        let request = Request::get(path).header("if-none-match", etag).body(Body::empty()).unwrap();
        hub.router().oneshot(request).await.unwrap()
    };
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/devices", "text/html; charset=utf-8"),
        ("/device/7/charts", "text/html; charset=utf-8"),
        ("/page/views/devices.js", "text/javascript; charset=utf-8"),
        ("/page/vendor/uPlot.iife.min.js", "text/javascript; charset=utf-8"),
        ("/page/vendor/inter-latin.woff2", "font/woff2"),
        ("/page/style.css", "text/css; charset=utf-8"),
        ("/shared/2f6b0c1e-7d4a-4f0e-9b8a-5c3d1e2f4a6b", "text/html; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ] {
        let answer = ask(path, "").await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["content-type"], content_type);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(ask(path, &etag).await.status(), StatusCode::NOT_MODIFIED);
    }
    for path in ["/page/nothing.js", "/page/mod.rs", "/page/vendor/update", "/page/../mod.rs", "/nowhere"] {
        assert_eq!(ask(path, "").await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
