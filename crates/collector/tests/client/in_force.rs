//! A plan is asked for any number of times; it takes effect only once it is sure.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use grafolean_collector::{
    backend::Inventory,
    bot::{BotError, Plan, Run},
    details::NoFields,
    model::{AccountId, Device},
    protocol::Protocol,
    refresh::{Idleness, Refresh, RefreshMetrics, Reload},
    report::Report,
    time::SystemClock,
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::simulated::{ACCOUNT, PingLike, Simulated, entity, inventory, unreachable_backend};

const INTERVAL: Duration = Duration::from_secs(120);

/// Writes down which jobs took effect, and which accounts a plan was made for.
#[derive(Default)]
struct Recorder {
    in_force: Mutex<Vec<Vec<String>>>,
    accounts: Mutex<Vec<AccountId>>,
}

impl Protocol for Recorder {
    const NAME: &'static str = "ping";
    type Credential = NoFields;
    type Sensor = NoFields;
    type Entity = NoFields;
    type Task = Device;

    fn plan(&self, accounts: &[AccountId], devices: &[Device]) -> Plan<Device> {
        *self.accounts.lock().unwrap() = accounts.to_vec();
        Protocol::plan(&PingLike, accounts, devices)
    }

    fn in_force(&self, plan: &Plan<Device>) {
        self.in_force.lock().unwrap().push(plan.jobs.iter().map(|job| job.id.to_string()).collect());
    }

    async fn perform(&self, _: Run<Device>) -> Result<Vec<Report>, BotError> {
        Ok(Vec::new())
    }
}

fn devices(ids: &[i64]) -> Inventory {
    inventory(ids.iter().map(|&id| entity(id, &[2, 3])).collect())
}

#[tokio::test(start_paused = true)]
async fn only_a_plan_that_was_confirmed_and_changed_takes_effect() {
    let (backend, bot) = (Simulated::with(devices(&[1, 2])), Arc::new(Recorder::default()));
    let (plans, mut receiver) = mpsc::channel(1);
    let refresh = Refresh {
        backend: Arc::new(backend.clone()),
        bot: bot.clone(),
        interval: INTERVAL,
        last_good: None,
        clock: Arc::new(SystemClock),
        confirmed: tokio::sync::watch::Sender::new(None),
        plans,
        metrics: RefreshMetrics::default(),
        reload: Reload::never(),
        idleness: Idleness::Fault,
        stop: CancellationToken::new(),
    };
    tokio::spawn(refresh.run());
    tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    sleep(INTERVAL / 2).await;
    // A half-written list whose re-check fails, then one that was half-written indeed, then the same as before.
    backend.script().inventories.extend([Ok(devices(&[1])), Err(unreachable_backend()), Ok(devices(&[2]))]);
    backend.script().entities.push_back(unreachable_backend());
    sleep(INTERVAL * 3).await;
    assert_eq!(*bot.in_force.lock().unwrap(), [["1", "2"]]);
    assert_eq!(*bot.accounts.lock().unwrap(), [ACCOUNT]);
    backend.script().truth = devices(&[2]);
    sleep(INTERVAL * 2).await;
    let in_force = bot.in_force.lock().unwrap().clone();
    assert_eq!(in_force, [vec!["1", "2"], vec!["2"]], "what is gone for sure");
}
