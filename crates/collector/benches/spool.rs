//! How fast reports become durable, and how fast they are drained to a backend that costs nothing.
//!
//! Prints lines of `name value unit`. The folder is made where `TMPDIR` says: it should be a real disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use grafolean_collector::{
    backend::{Backend, BackendError, EntityChange, Inventory, Stamp},
    deliver::{Delivery, DeliveryMetrics, DeliverySettings},
    model::{AccountId, Entity, EntityId, Sample},
    report::{Report, Values},
    spool::{Limits, Spool, SpoolMetrics},
    time::{Clock, SystemClock},
};
use tokio_util::sync::CancellationToken;

const PRODUCERS: usize = 64;
const REPORTS_EACH: usize = 1_000;
const VALUES_A_REPORT: usize = 10;
const VALUES: usize = PRODUCERS * REPORTS_EACH * VALUES_A_REPORT;

/// Removes everything at once and counts it.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Backend for Counting {
    async fn inventory(&self) -> Result<Inventory, BackendError> {
        Ok(Inventory::default())
    }

    async fn entity(&self, _: AccountId, _: EntityId) -> Result<Option<Entity>, BackendError> {
        Ok(None)
    }

    async fn put_values(&self, _: AccountId, samples: &[Sample], _: Stamp) -> Result<(), BackendError> {
        self.0.fetch_add(samples.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn change_entity(&self, _: AccountId, _: EntityChange) -> Result<EntityId, BackendError> {
        Ok(EntityId::new(1))
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let path = folder.path().join("spool.sqlite");
    let spool =
        Spool::open(&path, Limits::default(), Arc::clone(&clock), SpoolMetrics::default()).await.unwrap();

    let began = Instant::now();
    produce(&spool).await;
    print("spool_accept", began.elapsed());
    println!("spool_size {} bytes_per_value", std::fs::metadata(&path).unwrap().len() / VALUES as u64);

    let began = Instant::now();
    let (stop, draining) = drain(&spool, &clock);
    emptied(&spool).await;
    print("spool_drain", began.elapsed());

    let began = Instant::now();
    produce(&spool).await;
    emptied(&spool).await;
    print("spool_through", began.elapsed());
    stop.cancel();
    draining.await.unwrap();
}

async fn produce(spool: &Spool) {
    let producers: Vec<_> =
        (0..PRODUCERS).map(|producer| tokio::spawn(accept_all(spool.clone(), producer))).collect();
    for producer in producers {
        producer.await.unwrap();
    }
}

async fn accept_all(spool: Spool, producer: usize) {
    for _ in 0..REPORTS_EACH {
        let values =
            (0..VALUES_A_REPORT).map(|number| (format!("entity.{producer}.snmp.if.{number}"), 1.5)).collect();
        let report = Report::Values(Values { account: AccountId::new(7), time: SystemClock.now(), values });
        spool.accept(&[report]).await.unwrap();
    }
}

fn drain(spool: &Spool, clock: &Arc<dyn Clock>) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    let delivery = Delivery {
        backend: Arc::new(Counting::default()),
        spool: spool.clone(),
        clock: Arc::clone(clock),
        settings: DeliverySettings { replay_values_per_second: None, ..DeliverySettings::default() },
        inventory: None,
        metrics: DeliveryMetrics::default(),
        stop: stop.clone(),
    };
    (stop, tokio::spawn(async move { delivery.run().await.unwrap() }))
}

async fn emptied(spool: &Spool) {
    while spool.statistics().queue.reports > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn print(name: &str, took: Duration) {
    println!("{name} {:.0} values/s", VALUES as f64 / took.as_secs_f64());
}
