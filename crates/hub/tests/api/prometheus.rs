//! The newest values of an account, as Prometheus scrapes them.

use std::{
    fs,
    io::Write,
    net::TcpListener as Port,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use grafolean_hub::serve;
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::world::{START, Who, World};

const PING: &str = r#"{"name": "probe", "outputs": [
    {"path": "entity.{entity}.probe.p{n}.rtt", "unit": "ms", "title": "RTT", "meaning": "How \"long\" a reply took"},
    {"path": "entity.{entity}.probe.loss", "unit": "1", "title": "Loss", "meaning": "Share that was lost", "role": "loss"},
    {"path": "entity.{entity}.probe.if.in-octets.{index}.{interface}", "unit": "By/s", "title": "In", "meaning": "Octets"},
    {"path": "probe.{interval}.{direction}.entity.{entity}.topip.{address}", "unit": "By", "title": "T", "meaning": "Top"}
]}"#;

/// A hub with a device whose values are as old as is said, in seconds.
async fn world(values: &[(&str, f64, i64)]) -> (World, Who, i64, i64) {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "Head \"office\"").await;
    let declared = world.ask("PUT", "/hub/protocols/probe", &admin, Some(PING.to_owned())).await;
    declared.expect(204);
    let device =
        json!({"name": "core-1", "entity_type": "device", "details": {"ipv4": "192.0.2.1"}, "protocols": {}});
    let device = world.post(&format!("/accounts/{account}/entities"), &admin, &device).await.id();
    put(&world, &admin, account, device, values).await;
    (world, admin, account, device)
}

async fn put(world: &World, admin: &Who, account: i64, device: i64, values: &[(&str, f64, i64)]) {
    let sample = |(path, value, age): &(&str, f64, i64)| json!({"p": path.replace("{device}", &device.to_string()), "t": START.seconds() - age, "v": value});
    let samples: Vec<Value> = values.iter().map(sample).collect();
    world.put(&format!("/accounts/{account}/values"), admin, &json!(samples)).await.expect(204);
}

const VALUES: [(&str, f64, i64); 7] = [
    ("entity.{device}.probe.p0.rtt", 12.5, 10),
    ("entity.{device}.probe.loss", 0.25, 10),
    ("entity.{device}.probe.if.in-octets.3.ge-0%2e1", 1e9, 300),
    ("probe.24h.ingress.entity.{device}.topip.10%2e0%2e0%2e1", 7.0, 90_000),
    ("probe.1min.ingress.entity.{device}.topip.10%2e0%2e0%2e2", 8.0, 90_000),
    ("entity.{device}.probe.p1.rtt", 99.0, 5_000),
    ("home.temperature", 21.5, 10),
];

#[tokio::test]
async fn the_newest_values_have_names_units_and_labels_and_stale_ones_are_left_out() {
    let (world, admin, account, device) = world(&VALUES).await;
    let answer = world.get(&format!("/accounts/{account}/prometheus"), &admin).await.expect(200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let account_of = format!(r#"account="Head \"office\"",account_id="{account}""#);
    let of_device = format!(r#"{account_of},address="192.0.2.1",entity="core-1",entity_id="{device}""#);
    let expected = format!(
        "# HELP grafolean_probe_exporter_topip_bytes Top\n\
         # TYPE grafolean_probe_exporter_topip_bytes gauge\n\
         # UNIT grafolean_probe_exporter_topip_bytes bytes\n\
         grafolean_probe_exporter_topip_bytes{{{account_of},address=\"10.0.0.1\",direction=\"ingress\",exporter=\"core-1\",exporter_id=\"{device}\",interval=\"24h\"}} 7\n\
         # HELP grafolean_probe_if_in_octets_bytes_per_second Octets\n\
         # TYPE grafolean_probe_if_in_octets_bytes_per_second gauge\n\
         # UNIT grafolean_probe_if_in_octets_bytes_per_second bytes_per_second\n\
         grafolean_probe_if_in_octets_bytes_per_second{{{of_device},index=\"3\",interface=\"ge-0.1\"}} 1000000000\n\
         # HELP grafolean_probe_loss_ratio Share that was lost\n\
         # TYPE grafolean_probe_loss_ratio gauge\n\
         # UNIT grafolean_probe_loss_ratio ratio\n\
         grafolean_probe_loss_ratio{{{of_device}}} 0.25\n\
         # HELP grafolean_probe_rtt_seconds How 'long' a reply took\n\
         # TYPE grafolean_probe_rtt_seconds gauge\n\
         # UNIT grafolean_probe_rtt_seconds seconds\n\
         grafolean_probe_rtt_seconds{{{of_device},n=\"0\"}} 0.0125\n\
         # HELP grafolean_value A value of a series that no protocol declares\n\
         # TYPE grafolean_value gauge\n\
         grafolean_value{{{account_of},path=\"home.temperature\"}} 21.5\n\
         # HELP grafolean_scrape_truncated Whether there are more values than one scrape holds: filter them\n\
         # TYPE grafolean_scrape_truncated gauge\n\
         grafolean_scrape_truncated 0\n\
         # EOF\n"
    );
    assert_eq!(answer.body, expected);
    let filtered =
        world.get(&format!("/accounts/{account}/prometheus?filter=*.loss"), &admin).await.expect(200);
    assert_eq!(filtered.body.matches("entity_id").count(), 1, "{}", filtered.body);
    world.get(&format!("/accounts/{account}/prometheus?filter=a%20b"), &admin).await.expect(400);
    world.get("/accounts/5/prometheus", &admin).await.expect(404);
}

/// A program that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Debian's Prometheus scrapes the hub with a bot's token out of a file, and answers what the hub holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_it() {
    if !has("prometheus") || !has("promtool") {
        eprintln!("skipped: prometheus is not installed");
        return;
    }
    let (world, admin, account, device) = world(&VALUES).await;
    let (bot_id, bot) = world.bot(&admin, account, "prometheus").await;
    let right = json!({"resource_prefix": format!("accounts/{account}/prometheus"), "methods": ["GET"]});
    world.post(&format!("/accounts/{account}/bots/{bot_id}/permissions"), &admin, &right).await.expect(201);
    let Who::Bot(token) = bot else { panic!("{bot:?}") };
    let page = world.get(&format!("/accounts/{account}/prometheus"), &admin).await.expect(200).body;
    lint(&page);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, Arc::clone(&world.hub), stop.clone()));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), token).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: grafolean\n  \
         metrics_path: /api/accounts/{account}/prometheus\n  \
         authorization: {{credentials_file: token}}\n  static_configs: [{{targets: ['{hub}']}}]\n"
    );
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let (_prometheus, address) = prometheus(folder.path());
    // Another test of this process may have done it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let rtt = query(&client, &address, "grafolean_probe_rtt_seconds").await;
    assert_eq!(rtt["value"][1], "0.0125", "{rtt}");
    let labels = &rtt["metric"];
    assert_eq!((&labels["entity"], &labels["entity_id"]), (&json!("core-1"), &json!(device.to_string())));
    assert_eq!((&labels["account"], &labels["n"]), (&json!("Head \"office\""), &json!("0")), "{labels}");
    let octets = query(&client, &address, "grafolean_probe_if_in_octets_bytes_per_second").await;
    assert_eq!(octets["metric"]["interface"], "ge-0.1", "{octets}");
    stop.cancel();
    server.await.unwrap().unwrap();
}

/// Prometheus' own opinion on names, units and help.
fn lint(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.is_empty(), "{told}");
}

fn prometheus(folder: &Path) -> (Running, String) {
    let port = Port::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let log = fs::File::create(folder.join("log")).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    (Running(child), address)
}

/// Asks until there is an answer: Prometheus has to start and to scrape first.
async fn query(client: &reqwest::Client, address: &str, metric: &str) -> Value {
    let url = format!("http://{address}/api/v1/query?query={metric}");
    let mut last = String::new();
    for _ in 0..600 {
        if let Ok(answer) = client.get(&url).send().await {
            last = answer.text().await.unwrap();
            let answer: Value = serde_json::from_str(&last).unwrap_or_default();
            if let Some(found) = answer["data"]["result"].get(0) {
                return found.clone();
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("Prometheus has no {metric}: {last}");
}
