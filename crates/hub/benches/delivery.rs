//! The whole way of a value: reports are made durable in a spool, delivered over loopback, durable in a hub. Prints
//! `name value unit` lines. The folder is made where `TMPDIR` says: it should be a real disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use grafolean_collector::{
    backend::http::{HttpBackend, HttpSettings, Proxies},
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    model::AccountId,
    report::{Report, Values},
    spool::{Limits, Spool, SpoolMetrics},
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_hub::{Hub, Options, serve};
use secrecy::SecretString;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

const PRODUCERS: usize = 64;
const REPORTS_EACH: usize = 1_000;
const VALUES_A_REPORT: usize = 10;
const VALUES: usize = PRODUCERS * REPORTS_EACH * VALUES_A_REPORT;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let hub = Arc::new(Hub::open(&folder.path().join("hub"), Options::default()).unwrap());
    let account = hub.setup().account("Bench").await.unwrap();
    let token = hub.setup().bot(account, "bench bot", "bench").await.unwrap().token;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/api", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    let (served, stopped) = (Arc::clone(&hub), stop.clone());
    tasks.spawn(async move { serve(listener, served, stopped).await.unwrap() });
    let spool = begin_delivery(&address, token, folder.path(), &stop, &mut tasks).await;

    let began = Instant::now();
    let mut producers = JoinSet::new();
    for producer in 0..PRODUCERS {
        producers.spawn(accept_all(spool.clone(), account, producer));
    }
    producers.join_all().await;
    print("report_to_spool_beside_delivery", began.elapsed());
    while spool.statistics().queue.reports > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    print("report_to_spool_to_hub", began.elapsed());
    stop.cancel();
    tasks.join_all().await;
}

async fn begin_delivery(
    address: &str,
    token: SecretString,
    folder: &Path,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> Spool {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = folder.join("spool.sqlite");
    let spool =
        Spool::open(path, Limits::default(), Arc::clone(&clock), SpoolMetrics::default()).await.unwrap();
    let settings = HttpSettings { proxies: Proxies::None, ..HttpSettings::new(address, token) };
    let delivery = Delivery {
        backend: Arc::new(HttpBackend::new(settings).unwrap()),
        spool: spool.clone(),
        clock,
        settings: DeliverySettings { replay_values_per_second: None, ..DeliverySettings::default() },
        inventory: None,
        metrics: DeliveryMetrics::default(),
        stop: stop.clone(),
    };
    tasks.spawn(async move { delivery.run().await.unwrap() });
    spool
}

/// One series a value of a report, a second between its values: as a bot sends them, only faster.
async fn accept_all(spool: Spool, account: AccountId, producer: usize) {
    let now = SystemClock.now().seconds();
    for (second, _) in (now..).zip(0..REPORTS_EACH) {
        let values =
            (0..VALUES_A_REPORT).map(|number| (format!("entity.{producer}.snmp.if.{number}"), 1.5)).collect();
        let report = Report::Values(Values { account, time: Timestamp::from_seconds(second), values });
        spool.accept(&[report]).await.unwrap();
    }
}

fn print(name: &str, took: Duration) {
    println!("{name} {:.0} values/s", VALUES as f64 / took.as_secs_f64());
}
