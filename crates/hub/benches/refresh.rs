//! A refresh of 1,000 devices with 3 sensors each, measured over loopback: prints `name value unit` lines. Run with
//! `cargo bench -p grafolean-hub --bench refresh`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use grafolean_collector::{
    backend::{
        Backend,
        http::{HttpBackend, HttpSettings, Proxies},
    },
    model::{AccountId, Attachment, NewEntity, SensorUse},
};
use grafolean_hub::{Hub, Options, serve};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const DEVICES: usize = 1_000;
const SENSORS: usize = 3;
const REFRESHES: usize = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
        let (account, token) = fill(&hub).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Arc::clone(&hub), stop.clone()));
        let settings = HttpSettings { proxies: Proxies::None, ..HttpSettings::new(&address, token) };
        let client = HttpBackend::new(settings).unwrap();

        report("refresh_1000x3_first", refresh(&client).await);
        let mut unchanged = Vec::new();
        let mut after_a_change = Vec::new();
        for number in 0..REFRESHES {
            unchanged.push(refresh(&client).await);
            // A change makes the hub read its lists anew.
            hub.setup().entity(account, device(&format!("other {number}")), BTreeMap::new()).await.unwrap();
            after_a_change.push(refresh(&client).await);
        }
        report("refresh_1000x3_unchanged", median(unchanged));
        report("refresh_1000x3_after_a_change", median(after_a_change));
        stop.cancel();
        server.await.unwrap().unwrap();
    });
}

fn report(name: &str, took: Duration) {
    println!("{name} {:.3} ms", took.as_secs_f64() * 1_000.0);
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans.get(spans.len() / 2).copied().unwrap_or_default()
}

async fn refresh(client: &HttpBackend) -> Duration {
    let start = Instant::now();
    let inventory = client.inventory().await.unwrap();
    let took = start.elapsed();
    assert!(inventory.accounts.iter().map(|account| account.entities.len()).sum::<usize>() >= DEVICES);
    took
}

fn device(name: &str) -> NewEntity {
    let details = json!({"ipv4": "127.0.0.1"}).as_object().cloned().unwrap_or_default();
    NewEntity { name: name.to_owned(), entity_type: "device".to_owned(), parent: None, details }
}

async fn fill(hub: &Hub) -> (AccountId, SecretString) {
    let setup = hub.setup();
    let account = setup.account("Bench").await.unwrap();
    let bot = setup.bot(account, "ping bot", "ping").await.unwrap();
    let credential = setup.credential(account, "quick", "ping", Default::default()).await.unwrap();
    let mut sensors = Vec::new();
    for number in 0..SENSORS {
        let name = format!("sensor {number}");
        let sensor = setup.sensor(account, &name, "ping", Some(60), Default::default()).await.unwrap();
        sensors.push(SensorUse { sensor, interval: None });
    }
    let how = Attachment { credential: Some(credential), sensors, bot: Some(bot.id) };
    let protocols = BTreeMap::from([("ping".to_owned(), how)]);
    for number in 0..DEVICES {
        setup.entity(account, device(&format!("device {number}")), protocols.clone()).await.unwrap();
    }
    (account, bot.token)
}
