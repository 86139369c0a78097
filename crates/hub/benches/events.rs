//! Pages that are open while values arrive: over loopback, each page told all of them. Prints `name value unit` lines.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_hub::{Hub, Options, serve};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::interval};
use tokio_util::sync::CancellationToken;

const PAGES: usize = 200;
/// One user may have 64 windows.
const USERS: usize = 4;
const REQUESTS_A_SECOND: u64 = 20;
const VALUES_A_REQUEST: usize = 1_000;
const SECONDS: u64 = 10;
/// Longer than it can take until the last page has read the last value.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let hub = Arc::new(Hub::open(&folder.path().join("hub"), Options::default()).unwrap());
    let account = hub.setup().account("Bench").await.unwrap();
    let password = hub.setup().first_person("admin").await.unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}/api", listener.local_addr().unwrap());
    let (served, stopped) = (Arc::clone(&hub), stop.clone());
    let serving = tokio::spawn(async move { serve(listener, served, stopped).await.unwrap() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let admin = login(&client, &api, "admin", password.expose_secret()).await;
    let mut sessions = Vec::new();
    for user in 0..USERS {
        let (name, password) = (format!("user{user}"), "long enough");
        let body = json!({"username": name, "password": password, "name": "", "email": ""});
        let person = post(&client, &format!("{api}/persons"), &admin, &body).await;
        let right = json!({"resource_prefix": format!("accounts/{account}"), "methods": ["GET"]});
        post(&client, &format!("{api}/users/{}/permissions", person["id"]), &admin, &right).await;
        sessions.push(login(&client, &api, &name, password).await);
    }
    let (told, open) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut pages = JoinSet::new();
    for page in 0..PAGES {
        let request = client.get(format!("{api}/hub/events?account={account}"));
        let request = request.header("authorization", &sessions[page % USERS]);
        let (told, open) = (Arc::clone(&told), Arc::clone(&open));
        pages.spawn(async move {
            let mut answer = request.send().await.unwrap();
            assert!(answer.status().is_success());
            open.fetch_add(1, Ordering::Relaxed);
            let mut late = Duration::ZERO;
            while let Some(chunk) = answer.chunk().await.unwrap() {
                // Each value has one "p".
                let values = chunk.windows(5).filter(|window| window == b"{\"p\":").count();
                told.fetch_add(values as u64, Ordering::Relaxed);
                late = late.max(lateness(&chunk));
            }
            late
        });
    }
    while open.load(Ordering::Relaxed) < PAGES as u64 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (began, busy) = (Instant::now(), cpu_seconds());
    let mut due = interval(Duration::from_secs(1) / u32::try_from(REQUESTS_A_SECOND).unwrap());
    for _ in 0..SECONDS * REQUESTS_A_SECOND {
        due.tick().await;
        let now = SystemClock.now().as_seconds_f64();
        let values: Vec<Value> = (0..VALUES_A_REQUEST)
            .map(|n| json!({"p": format!("entity.{n}.ping.rtt.avg"), "t": now, "v": now}))
            .collect();
        let answer = client.put(format!("{api}/accounts/{account}/values")).header("authorization", &admin);
        assert!(answer.json(&values).send().await.unwrap().status().is_success());
    }
    let took = began.elapsed();
    let stored = SECONDS * REQUESTS_A_SECOND * VALUES_A_REQUEST as u64;
    // The series that are new are told once, as paths.
    let expected = (stored + VALUES_A_REQUEST as u64) * PAGES as u64;
    let patience = Instant::now();
    while told.load(Ordering::Relaxed) < expected && patience.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("values_stored {:.0} values/s", stored as f64 / took.as_secs_f64());
    println!("pages {PAGES}");
    println!("values_told {} of {expected}", told.load(Ordering::Relaxed));
    println!("cpu_of_hub_and_pages {:.0} %", (cpu_seconds() - busy) / took.as_secs_f64() * 100.0);
    stop.cancel();
    let late = pages.join_all().await.into_iter().max().unwrap();
    println!("latest_value_after {:.2} s", late.as_secs_f64());
    serving.await.unwrap();
}

/// How old the last value of a chunk is: each is its own time.
fn lateness(chunk: &[u8]) -> Duration {
    let text = String::from_utf8_lossy(chunk);
    let last =
        text.rsplit("\"v\":").next().and_then(|rest| rest.split('}').next()).and_then(|v| v.parse().ok());
    last.map_or(Duration::ZERO, |sent: f64| {
        Duration::from_secs_f64((SystemClock.now().as_seconds_f64() - sent).clamp(0.0, 1e6))
    })
}

async fn login(client: &reqwest::Client, api: &str, username: &str, password: &str) -> String {
    let body = json!({"username": username, "password": password});
    let answer = client.post(format!("{api}/auth/login")).json(&body).send().await.unwrap();
    answer.headers()["x-jwt-token"].to_str().unwrap().to_owned()
}

async fn post(client: &reqwest::Client, url: &str, session: &str, body: &Value) -> Value {
    let answer = client.post(url).header("authorization", session).json(body).send().await.unwrap();
    assert!(answer.status().is_success());
    answer.json().await.unwrap()
}

/// What this process took of the processors, in seconds.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
