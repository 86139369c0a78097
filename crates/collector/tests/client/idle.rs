//! A bot with nothing to do says why, in the log and in its health.

use std::{sync::Arc, time::Duration};

use grafolean_collector::{
    backend::Inventory,
    model::AccountId,
    refresh::{Idleness, Refresh, RefreshMetrics, Reload},
    time::SystemClock,
};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    logs::Logs,
    simulated::{PingLike, Simulated, entity, inventory},
};

const INTERVAL: Duration = Duration::from_secs(120);

fn start(backend: &Simulated) -> RefreshMetrics {
    let (plans, mut receiver) = mpsc::channel(1);
    let metrics = RefreshMetrics::default();
    let refresh = Refresh {
        backend: Arc::new(backend.clone()),
        bot: Arc::new(PingLike),
        interval: INTERVAL,
        last_good: None,
        clock: Arc::new(SystemClock),
        confirmed: watch::Sender::new(None),
        plans,
        metrics: metrics.clone(),
        reload: Reload::never(),
        idleness: Idleness::Fault,
        stop: CancellationToken::new(),
    };
    tokio::spawn(refresh.run());
    tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    metrics
}

#[tokio::test(start_paused = true)]
async fn a_bot_without_accounts_devices_or_its_own_token_says_so_rarely_and_in_its_health() {
    let without_devices = inventory(vec![]);
    let of_another = Inventory { protocol: Some("snmp".to_owned()), ..inventory(vec![]) };
    let no_device =
        "nothing would be polled: enable protocol ping for a device, with a credential and a sensor";
    for (truth, said) in [
        (Inventory::default(), &["the token sees no account: give the bot permissions", no_device][..]),
        (without_devices, &[no_device]),
        (of_another, &["the token is of a bot of protocol snmp, not ping", no_device]),
    ] {
        let logs = Logs::capture();
        let backend = Simulated::with(truth);
        let metrics = start(&backend);
        sleep(INTERVAL * 10).await;
        for reason in said {
            assert_eq!(logs.count(reason), 1, "said once: {}", logs.text());
        }
        assert_eq!(metrics.check_idle(), Err(format!("nothing is measured: {}", said.join("; "))));
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(logs.count(no_device), 2, "and again once in a while: {}", logs.text());
        backend.script().truth = inventory(vec![entity(1, &[2])]);
        sleep(INTERVAL * 2).await;
        assert_eq!(metrics.check_idle(), Ok(()), "forgotten when there is something to do");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_not_send_values_is_told_before_there_are_any() {
    let logs = Logs::capture();
    let backend = Simulated::with(inventory(vec![entity(1, &[2])]));
    backend.script().unsendable = vec![AccountId::new(1)];
    let metrics = start(&backend);
    sleep(INTERVAL * 10).await;
    let said = "the token may not send values: it needs PUT on accounts/1/values";
    assert_eq!(logs.count(&format!("values can't be sent: {said}")), 1, "{}", logs.text());
    assert_eq!(metrics.check_rights(), Err(said.to_owned()));
    backend.script().unsendable.clear();
    sleep(INTERVAL * 2).await;
    assert_eq!(metrics.check_rights(), Ok(()), "forgotten once the right is there");
    assert!(backend.script().rights_reads < 15, "rights are read once in a while");
    let reads = backend.script().rights_reads;
    sleep(INTERVAL * 10).await;
    assert_eq!(backend.script().rights_reads, reads, "and no more often while none is missing");
}
