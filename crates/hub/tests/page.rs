//! The page in a real browser, on a hub with values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

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
use tokio::net::TcpListener;
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

impl World {
    async fn with_values() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
        let setup = hub.setup();
        let password = setup.first_person("admin").await.unwrap().unwrap();
        let account = setup.account("Example network").await.unwrap();
        let bot = setup.bot(account, "ping bot", "ping").await.unwrap();
        let credential = setup.credential(account, "quick", "ping", Default::default()).await.unwrap();
        let sensor = setup.sensor(account, "often", "ping", Some(10), Default::default()).await.unwrap();
        let sensors = vec![SensorUse { sensor, interval: None }];
        let how = Attachment { credential: Some(credential), bot: None, sensors };
        let mut rows = vec![json!({"p": "office.temperature", "t": seconds_ago(30), "v": 21.5})];
        for (name, address, rtt_ms, answered, age) in DEVICES {
            let family = if address.contains(':') { "ipv6" } else { "ipv4" };
            let entity: NewEntity = serde_json::from_value(
                json!({"name": name, "entity_type": "device", "details": {family: address}}),
            )
            .unwrap();
            let id = setup.entity(account, entity, BTreeMap::from([("ping".to_owned(), how.clone())])).await;
            rows.extend(history(id.unwrap(), rtt_ms, answered, age));
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

/// Runs the browser without a window; None where there is none.
fn browser(arguments: &[&OsStr]) -> Option<String> {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let program = chromium.iter().find(|path| Path::new(path).exists())?;
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--virtual-time-budget=6000", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // What a script throws and what the policy forbids is told on the console.
    assert!(!told.contains("CONSOLE"), "{told}");
    Some(String::from_utf8(output.stdout).unwrap())
}

async fn dom(url: String) -> Option<String> {
    tokio::task::spawn_blocking(move || browser(&["--dump-dom".as_ref(), url.as_ref()])).await.unwrap()
}

/// Takes a picture of a window of this size and gives the file, which is kept for whoever wants to look.
async fn screenshot(
    name: &str,
    width: u32,
    height: u32,
    more: &'static [&str],
    url: String,
) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let arguments =
        [format!("--screenshot={}", file.display()), format!("--window-size={width},{height}"), url];
    let taken = tokio::task::spawn_blocking(move || {
        let more = more.iter().map(OsStr::new);
        browser(&more.chain(arguments.iter().map(OsStr::new)).collect::<Vec<_>>())
    });
    taken.await.unwrap().map(|_| file)
}

/// Width and height as a PNG's header tells them.
fn png_size(bytes: &[u8]) -> (u32, u32) {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test(flavor = "multi_thread")]
async fn entities_and_their_last_values_are_on_the_page() {
    let world = World::with_values().await;
    let Some(dom) = dom(world.url_logged_in()).await else { return println!("skipped: no chromium") };
    for shown in
        ["core-router", "198.51.100.14", "edge-ljubljana", "Other values", "no answer", "no values yet"]
    {
        assert!(dom.contains(shown), "{shown} is not in {dom}");
    }
    // A name is text, whatever it looks like.
    assert!(dom.contains("&lt;b&gt;bold &amp; new&lt;/b&gt;"), "{dom}");
    // A round trip with its unit, the share of packets lost, the chart, and the states.
    for shown in [
        " µs</span>",
        " ms</span>",
        "33.3 % lost",
        "<canvas",
        "dot down",
        "dot lossy",
        "dot unknown",
        "dot fine",
    ] {
        assert!(dom.contains(shown), "{shown} is not in {dom}");
    }
    assert!(!dom.contains(&world.session), "the session stands on the page");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_there_is_a_login_and_nothing_else() {
    let world = World::with_values().await;
    let Some(dom) = dom(world.url("")).await else { return println!("skipped: no chromium") };
    assert!(dom.contains("current-password"), "{dom}");
    assert!(!dom.contains("core-router"), "{dom}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hub_asks_for_its_first_user() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, hub, stop.clone()));
    let dom = dom(url).await;
    stop.cancel();
    serving.await.unwrap().unwrap();
    let Some(dom) = dom else { return println!("skipped: no chromium") };
    assert!(dom.contains("new-password"), "{dom}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_looked_at_on_a_desk_and_on_a_phone_by_day_and_by_night() {
    let world = World::with_values().await;
    for (name, width, height, more) in [
        ("page-desk.png", 1440, 900, &[][..]),
        ("page-night.png", 1440, 900, &["--blink-settings=preferredColorScheme=0"][..]),
        ("page-phone.png", 500, 1000, &[][..]),
    ] {
        let Some(file) = screenshot(name, width, height, more, world.url_logged_in()).await else {
            return println!("skipped: no chromium");
        };
        let png = fs::read(&file).unwrap();
        assert_eq!(png_size(&png), (width, height));
        // An empty page of one colour packs to a few kB.
        assert!(png.len() > 30_000, "{} bytes", png.len());
        println!("screenshot: {}", file.display());
    }
}

#[tokio::test]
async fn its_files_are_served_with_a_strict_policy_and_cached_by_their_content() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
    let ask = async |path: &str, etag: &str| {
        let request = Request::get(path).header("if-none-match", etag).body(Body::empty()).unwrap();
        hub.router().oneshot(request).await.unwrap()
    };
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/uPlot.iife.min.js", "text/javascript; charset=utf-8"),
        ("/page/style.css", "text/css; charset=utf-8"),
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
    assert_eq!(ask("/page/nothing.js", "").await.status(), StatusCode::NOT_FOUND);
}
