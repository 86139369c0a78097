//! How much memory a whole process takes that measures many devices: refresh, schedule, spool and delivery, with the
//! binary's allocator. The backend is a process of its own.
//!
//! Prints lines of `name value unit`: what the process holds after three refreshes, and the most it ever held.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, missing_docs)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse};
use grafolean_collector::{
    backend::http::{HttpBackend, HttpSettings, Proxies},
    bot::{Bot, BotError, Job, Plan, Run},
    collector::{CollectorSettings, Pipeline},
    health::Health,
    model::{AccountId, Device},
    report::Report,
    time::{Clock, SystemClock},
};
use mimalloc::MiMalloc;
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const DEVICES: [u32; 2] = [20_000, 100_000];
const SENSORS: u32 = 3;

/// A path, and where it is measured.
type Task = (AccountId, String, String);

struct Pinging;

impl Bot for Pinging {
    type Task = Task;

    fn protocol(&self) -> &str {
        "ping"
    }

    fn jobs(&self, devices: &[Device]) -> Plan<Task> {
        let jobs = devices.iter().flat_map(|device| {
            device.sensors.iter().map(|used| {
                let path = format!("entity.{}.ping.{}", device.entity.id, used.sensor.id);
                let host = device.detail("ipv4").unwrap();
                Ok(Job::new(path.clone(), used.interval.unwrap(), (device.account, path, host)))
            })
        });
        jobs.collect()
    }

    async fn perform(&self, run: Run<Task>) -> Result<Vec<Report>, BotError> {
        let (account, path, _) = &*run.task;
        let values = ["success", "rtt", "loss"].map(|name| (format!("{path}.{name}"), 1.0));
        Ok(vec![Report::values(*account, run.due, values)])
    }
}

fn main() {
    let (role, devices) = (env::var("MEMORY_ROLE"), env::var("MEMORY_DEVICES"));
    match (role.as_deref(), devices) {
        (Ok("backend"), Ok(devices)) => serve(devices.parse().unwrap()),
        (Ok("bot"), Ok(devices)) => measure(devices.parse().unwrap()),
        _ => {
            for devices in DEVICES {
                assert!(start("bot", devices).wait().unwrap().success());
            }
        }
    }
}

/// Starts this program again, so that each figure is of a fresh process.
fn start(role: &str, devices: u32) -> Child {
    let output = if role == "backend" { Stdio::piped() } else { Stdio::inherit() };
    Command::new(env::current_exe().unwrap())
        .env("MEMORY_ROLE", role)
        .env("MEMORY_DEVICES", devices.to_string())
        .stdout(output)
        .spawn()
        .unwrap()
}

fn measure(devices: u32) {
    let mut backend = start("backend", devices);
    let mut line = String::new();
    BufReader::new(backend.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let folder = tempfile::tempdir().unwrap();
    run(line.trim(), folder.path());
    let name = format!("memory_{devices}_devices_x_{SENSORS}_sensors");
    println!("{name} {:.0} MB", status("VmRSS"));
    println!("{name}_peak {:.0} MB", status("VmHWM"));
    backend.kill().unwrap();
    backend.wait().unwrap();
}

/// Works for three refreshes, and long enough for runs of all jobs to be due.
fn run(url: &str, folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = HttpSettings {
            proxies: Proxies::None,
            request_timeout: Duration::from_mins(5),
            ..HttpSettings::new(url, SecretString::from("token"))
        };
        let backend = Arc::new(HttpBackend::new(settings).unwrap());
        let mut settings = CollectorSettings::new(url, folder);
        settings.refresh_interval = Duration::from_secs(20);
        let mut health = Health::new("bench", SystemClock.now());
        let collector = Pipeline::new(Arc::new(Pinging), backend, settings).open(&mut health).await.unwrap();
        let stop = CancellationToken::new();
        let bot = tokio::spawn(collector.run(stop.clone()));
        while !health.render().contains("grafolean_refreshes_total{protocol=\"ping\"} 3") {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        stop.cancel();
        bot.await.unwrap().unwrap();
    });
}

/// Megabytes as the kernel counts them.
fn status(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1.024 / 1_000.0
}

fn serve(devices: u32) {
    let entities: Arc<str> = entities(devices).into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}/api", listener.local_addr().unwrap());
        let answer = move |request: Request| {
            let entities = Arc::clone(&entities);
            async move { answered(request.uri().path(), &entities) }
        };
        axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
    });
}

fn answered(path: &str, entities: &Arc<str>) -> axum::response::Response {
    let list = |rows: serde_json::Value| json!({ "list": rows }).to_string();
    let body = match path {
        "/api/profile/" => json!({"user_id": 7, "user_type": "bot"}).to_string(),
        "/api/accounts/" => list(json!([{"id": 1, "name": "account"}])),
        "/api/accounts/1/entities/" => entities.to_string(),
        "/api/accounts/1/credentials/" => {
            list(json!([{"id": 1, "name": "usual", "protocol": "ping", "details": {"n_packets": "3"}}]))
        }
        "/api/accounts/1/sensors/" => {
            let sensor = |id| json!({"id": id, "name": format!("sensor {id}"), "protocol": "ping", "default_interval": 300, "details": {}});
            list((1..=SENSORS).map(sensor).collect())
        }
        _ => return StatusCode::NO_CONTENT.into_response(),
    };
    body.into_response()
}

fn entities(devices: u32) -> String {
    let uses: Vec<_> = (1..=SENSORS).map(|id| json!({"sensor": id, "interval": null})).collect();
    let rows = (1..=devices).map(|id| {
        let [_, b, c, d] = id.to_be_bytes();
        json!({
            "id": id, "name": format!("device {id} in a room"), "entity_type": "device", "parent": null,
            "details": {"ipv4": format!("10.{b}.{c}.{d}")},
            "protocols": {"ping": {"credential": 1, "bot": 7, "sensors": uses}},
        })
    });
    json!({ "list": rows.collect::<Vec<_>>() }).to_string()
}
