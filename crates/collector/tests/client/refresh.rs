//! The refresh task in virtual time.

use std::{path::Path, sync::Arc, time::Duration};

use grafolean_collector::{
    backend::{AccountInventory, BackendError, BrokenRow, Inventory},
    bot::Plan,
    model::Device,
    refresh::{Idleness, LastGood, Refresh, RefreshError, RefreshMetrics, Reload, plan_once},
    time::SystemClock,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    logs::Logs,
    simulated::{PingLike, Simulated, entity, inventory, unreachable_backend},
};

const INTERVAL: Duration = Duration::from_secs(120);

struct Running {
    plans: mpsc::Receiver<Plan<Device>>,
    stop: CancellationToken,
    metrics: RefreshMetrics,
    task: JoinHandle<Result<(), RefreshError>>,
}

fn start(backend: &Simulated, folder: Option<&Path>) -> Running {
    let (sender, plans) = mpsc::channel(1);
    let (stop, metrics) = (CancellationToken::new(), RefreshMetrics::default());
    let refresh = Refresh {
        backend: Arc::new(backend.clone()),
        bot: Arc::new(PingLike),
        interval: INTERVAL,
        last_good: folder.map(|folder| LastGood::new(folder, "http://h/api")),
        clock: Arc::new(SystemClock),
        confirmed: watch::Sender::new(None),
        plans: sender,
        metrics: metrics.clone(),
        reload: Reload::never(),
        idleness: Idleness::Fault,
        stop: stop.clone(),
    };
    Running { plans, stop, metrics, task: tokio::spawn(refresh.run()) }
}

impl Running {
    async fn jobs(&mut self) -> Vec<String> {
        let plan = self.plans.recv().await.unwrap();
        plan.jobs.iter().map(|job| job.id.to_string()).collect()
    }

    /// Lets `span` pass, in which no plan may come.
    async fn nothing_for(&mut self, span: Duration) {
        assert!(timeout(span, self.plans.recv()).await.is_err());
    }

    fn metric(&self, line: &str) -> bool {
        let (mut registry, mut text) = (Registry::default(), String::new());
        self.metrics.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        text.lines().any(|it| it == line)
    }
}

fn refused(status: u16) -> BackendError {
    BackendError::Refused { request: "GET entity".to_owned(), status, answer: "no".to_owned() }
}

fn forbidden() -> BackendError {
    let needs = "GET on accounts/1/entities".to_owned();
    BackendError::Forbidden { request: "GET /accounts/1/entities/".to_owned(), needs }
}

/// An inventory whose only account could not be read.
fn unread() -> Inventory {
    let mut unread = inventory(vec![]);
    let account = &mut unread.accounts[0];
    account.credentials.clear();
    account.sensors.clear();
    account.broken.push(BrokenRow { list: "accounts", row: 1.into(), reason: forbidden().to_string() });
    unread
}

fn devices(ids: &[i64]) -> Inventory {
    inventory(ids.iter().map(|&id| entity(id, &[2, 3])).collect())
}

#[tokio::test(start_paused = true)]
async fn the_first_plan_comes_at_once_and_the_next_when_something_changed() {
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    let began = Instant::now();
    assert_eq!(running.jobs().await, ["1", "2"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    running.nothing_for(5 * INTERVAL + INTERVAL / 2).await;
    backend.script().truth = devices(&[1, 2, 3]);
    assert_eq!(running.jobs().await, ["1", "2", "3"]);
    assert_eq!(began.elapsed(), 6 * INTERVAL);
    running.stop.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_account_without_devices_is_a_plan_without_jobs() {
    assert_eq!(start(&Simulated::with(devices(&[])), None).jobs().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_half_written_entity_keeps_its_jobs() {
    let backend = Simulated::with(devices(&[1, 2, 3, 4]));
    let mut running = start(&backend, None);
    running.jobs().await;
    let mut half_written = devices(&[1, 2, 4]);
    half_written.accounts[0].entities[0].protocols = Some(Default::default());
    half_written.accounts[0].entities[1] = entity(2, &[3]).into();
    backend.script().inventories.push_back(Ok(half_written));
    running.nothing_for(INTERVAL + Duration::from_secs(10)).await;
    let mut alone: Vec<_> = backend.script().read_alone.iter().map(|id| id.number()).collect();
    alone.sort_unstable();
    assert_eq!(alone, [1, 2, 3], "only what seemed to have lost something is read again");
    assert!(running.metric("grafolean_refresh_second_looks_total 3"));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_at_the_second_look_stops_a_moment_later() {
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    running.jobs().await;
    let began = Instant::now();
    backend.script().truth = devices(&[2]);
    assert_eq!(running.jobs().await, ["2"]);
    assert_eq!(began.elapsed(), INTERVAL + Duration::from_secs(2));
    // A device that lost a sensor for good is a changed one.
    backend.script().truth.accounts[0].entities[0] = entity(2, &[3]).into();
    assert_eq!(running.jobs().await, ["2"]);
    // An account that is gone was not caught half-written.
    let before = Instant::now();
    backend.script().truth.accounts.clear();
    assert_eq!(running.jobs().await, [""; 0]);
    assert_eq!(before.elapsed(), INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn a_second_look_that_fails_stops_nothing_but_an_unreadable_entity_goes() {
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    running.jobs().await;
    backend.script().entities.push_back(unreachable_backend());
    backend.script().inventories.push_back(Ok(devices(&[1])));
    running.nothing_for(INTERVAL * 3).await;
    let nonsense = BackendError::Nonsense { request: "GET".into(), reason: "no entity_type".into() };
    backend.script().entities.push_back(nonsense);
    backend.script().inventories.push_back(Ok(devices(&[1])));
    assert_eq!(running.jobs().await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_leaves_the_jobs_and_is_tried_again_soon() {
    let backend = Simulated::with(devices(&[1]));
    let mut running = start(&backend, None);
    running.jobs().await;
    let failures = (0..3).map(|_| Err(unreachable_backend()));
    backend.script().inventories.extend(failures);
    backend.script().truth = devices(&[1, 2]);
    let began = Instant::now();
    assert_eq!(running.jobs().await, ["1", "2"]);
    let late = began.elapsed() - INTERVAL;
    assert!(
        late > Duration::from_millis(3499) && late <= Duration::from_secs(7),
        "1 + 2 + 4 s, up to half less: {late:?}"
    );
    assert!(running.metric("grafolean_refresh_failures_total{kind=\"Unreachable\"} 3"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_ends_a_start_without_a_configuration_and_nothing_else() {
    let refused = || BackendError::Unauthorized { request: "GET /accounts/".to_owned() };
    let backend = Simulated::with(devices(&[1]));
    backend.script().inventories.push_back(Err(refused()));
    let running = start(&backend, None);
    assert!(matches!(running.task.await.unwrap(), Err(RefreshError::TokenRefused(_))));

    let mut running = start(&backend, None);
    running.jobs().await;
    backend.script().inventories.push_back(Err(refused()));
    backend.script().truth = devices(&[1, 2]);
    let began = Instant::now();
    assert_eq!(running.jobs().await, ["1", "2"]);
    assert_eq!(began.elapsed(), INTERVAL + Duration::from_secs(300), "a refused token is asked with slowly");
}

#[tokio::test(start_paused = true)]
async fn the_last_good_configuration_is_used_while_the_backend_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, Some(folder.path()));
    running.jobs().await;
    running.nothing_for(INTERVAL).await;
    running.stop.cancel();
    running.task.await.unwrap().unwrap();

    backend.script().inventories.push_back(Err(unreachable_backend()));
    let mut running = start(&backend, Some(folder.path()));
    let looks = backend.script().looks;
    assert_eq!(running.jobs().await, ["1", "2"]);
    running.nothing_for(INTERVAL).await;
    assert!(backend.script().looks > looks + 1, "the backend is asked again");
    backend.script().truth = devices(&[2]);
    assert_eq!(running.jobs().await, ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_named_when_it_appears_and_not_at_each_refresh() {
    let logs = Logs::capture();
    let mut wrong = devices(&[1, 2]);
    wrong.accounts[0].sensors[1].default_interval = Some(-1);
    let backend = Simulated::with(wrong);
    let mut running = start(&backend, None);
    running.jobs().await;
    running.nothing_for(3 * INTERVAL).await;
    assert_eq!(logs.count("an interval of -1 s"), 2, "{}", logs.text());
    backend.script().truth = devices(&[1, 2]);
    running.jobs().await;
    assert_eq!(logs.count("added=2 changed=0 removed=0"), 1, "{}", logs.text());
    assert_eq!(logs.count("added=0 changed=2 removed=0"), 1, "{}", logs.text());
    assert!(running.metric("grafolean_devices 2") && running.metric("grafolean_configuration_faults 0"));
}

#[tokio::test(start_paused = true)]
async fn a_fault_of_thousands_does_not_flood_the_log() {
    let logs = Logs::capture();
    let mut wrong = devices(&(1..=1000).collect::<Vec<_>>());
    wrong.accounts[0].credentials.clear();
    start(&Simulated::with(wrong), None).jobs().await;
    // fifty faults, how many more there are, and why nothing is measured
    assert_eq!(logs.count("WARN"), 52, "{}", logs.text());
    assert_eq!(logs.count("nothing is measured"), 1);
    assert_eq!(logs.count("more=950"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_when_it_is_stopped_even_while_nobody_takes_its_plans() {
    let backend = Simulated::with(devices(&[1]));
    let running = start(&backend, None);
    tokio::time::sleep(INTERVAL / 2).await;
    backend.script().truth = devices(&[1, 2]);
    tokio::time::sleep(INTERVAL).await;
    running.stop.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn one_look_by_hand_tells_what_would_be_done_and_what_not() {
    let mut truth = devices(&[1, 2]);
    truth.accounts[0].entities[1].protocols = Some(Default::default());
    let planned = plan_once(&Simulated::with(truth), &PingLike).await.unwrap();
    assert_eq!((planned.plan.jobs.len(), planned.skipped.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_may_not_be_read_keeps_its_jobs_and_the_missing_right_is_named() {
    let logs = Logs::capture();
    let folder = tempfile::tempdir().unwrap();
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, Some(folder.path()));
    running.jobs().await;
    backend.script().truth = unread();
    running.nothing_for(5 * INTERVAL).await;
    assert_eq!(logs.count("it needs GET on accounts/1/entities"), 1, "{}", logs.text());
    assert!(running.metric("grafolean_jobs 2"));
    // A restart knows them, too.
    running.stop.cancel();
    running.task.await.unwrap().unwrap();
    let mut running = start(&backend, Some(folder.path()));
    assert_eq!(running.jobs().await, ["1", "2"]);
    running.nothing_for(2 * INTERVAL).await;
    backend.script().truth = devices(&[2]);
    assert_eq!(running.jobs().await, ["2"], "once it can be read, what is gone is gone");
}

#[tokio::test(start_paused = true)]
async fn only_a_404_for_the_entity_alone_is_a_removal() {
    let logs = Logs::capture();
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    running.jobs().await;
    for error in [forbidden(), refused(400), refused(405), refused(410)] {
        let text = error.to_string();
        backend.script().entities.push_back(error);
        backend.script().inventories.push_back(Ok(devices(&[1])));
        running.nothing_for(INTERVAL + Duration::from_secs(10)).await;
        assert_eq!(logs.count(&format!("2 (device 2) can't be read, it is measured as before: {text}")), 1);
    }
    backend.script().truth = devices(&[1]);
    assert_eq!(running.jobs().await, ["1"]);
    assert_eq!(logs.count("stopped=\"device 2\" (entity 2)"), 1, "{}", logs.text());
}

/// Ways in which lists that answer with 200 lack what is there.
fn lists_that_lack() -> Vec<(&'static str, Inventory)> {
    let without = |change: fn(&mut Inventory)| {
        let mut inventory = devices(&[1, 2]);
        change(&mut inventory);
        inventory
    };
    vec![
        ("the account", without(|it| it.accounts.clear())),
        ("its entities", without(|it| it.accounts[0].entities.clear())),
        ("its credentials", without(|it| it.accounts[0].credentials.clear())),
        ("its sensors", without(|it| it.accounts[0].sensors.clear())),
        ("a sensor", without(|it| _ = it.accounts[0].sensors.remove(0))),
        (
            "all but the account",
            without(|it| {
                let list = &mut it.accounts[0];
                (list.entities, list.credentials, list.sensors) = (vec![], vec![], vec![]);
            }),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_what_is_there_stops_nothing_however_long_that_lasts() {
    for (what, lacking) in lists_that_lack() {
        let logs = Logs::capture();
        let backend = Simulated::with(devices(&[1, 2]));
        let mut running = start(&backend, None);
        running.jobs().await;
        backend.script().inventories.extend((0..5).map(|_| Ok(lacking.clone())));
        running.nothing_for(5 * INTERVAL + INTERVAL / 2).await;
        assert!(backend.script().inventories.is_empty(), "{what}");
        assert!(running.metric("grafolean_jobs 2"), "{what}");
        // What lasts is said once. Entities alone are looked at again without a word.
        let said = logs.count("the list lacks it") + logs.count("does not name it");
        assert_eq!(said > 0, what != "its entities", "{what}: {}", logs.text());
        assert!(said <= 3, "{what}: {}", logs.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_or_sensor_that_is_gone_stops_what_used_it() {
    let changes: [fn(&mut AccountInventory); 2] =
        [|list| _ = list.credentials.drain(..), |list| _ = list.sensors.drain(..)];
    for change in changes {
        let backend = Simulated::with(devices(&[1, 2]));
        let mut running = start(&backend, None);
        running.jobs().await;
        change(&mut backend.script().truth.accounts[0]);
        assert_eq!(running.jobs().await, [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_lists_lack_and_may_not_be_read_alone_goes_on() {
    let logs = Logs::capture();
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    running.jobs().await;
    for error in [forbidden(), refused(400), refused(405), unreachable_backend()] {
        let mut lacking = devices(&[1, 2]);
        _ = lacking.accounts[0].sensors.remove(0);
        backend.script().rows.push_back(error);
        backend.script().inventories.push_back(Ok(lacking));
        running.nothing_for(2 * INTERVAL).await;
    }
    assert!(running.metric("grafolean_jobs 2"));
    assert_eq!(logs.count("it can't be read, it is used as before"), 3, "{}", logs.text());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_neither_listed_nor_readable_is_measured_on_for_a_day() {
    let logs = Logs::capture();
    let backend = Simulated::with(devices(&[1, 2]));
    let mut running = start(&backend, None);
    running.jobs().await;
    let began = Instant::now();
    backend.script().truth.accounts.clear();
    backend.script().accounts.extend((0..10_000).map(|_| forbidden()));
    running.nothing_for(Duration::from_hours(23)).await;
    assert_eq!(logs.count("it needs GET on accounts/1/entities"), 1, "{}", logs.text());
    assert_eq!(running.jobs().await, [""; 0]);
    assert!(began.elapsed() <= Duration::from_hours(24) + 2 * INTERVAL, "{:?}", began.elapsed());
    // Where its lists can't be read for a reason that may pass, nothing changes either.
    backend.script().truth = devices(&[1]);
    assert_eq!(running.jobs().await, ["1"]);
    backend.script().accounts.clear();
    backend.script().accounts.push_back(unreachable_backend());
    backend.script().inventories.push_back(Ok(Inventory::default()));
    running.nothing_for(2 * INTERVAL).await;
}

#[tokio::test(start_paused = true)]
async fn what_stops_is_named_up_to_a_few() {
    let logs = Logs::capture();
    let backend = Simulated::with(devices(&(1..=9).collect::<Vec<_>>()));
    let mut running = start(&backend, None);
    running.jobs().await;
    backend.script().truth = devices(&[9]);
    running.jobs().await;
    let named =
        r#"removed=8 devices=1 jobs=1 stopped="device 1" (entity 1), "device 2" (entity 2), "device 3""#;
    assert_eq!(logs.count(named), 1, "{}", logs.text());
    assert_eq!(logs.count("and 3 more"), 1);
    backend.script().truth.accounts[0].entities[0] = entity(9, &[2]).into();
    running.jobs().await;
    running.nothing_for(INTERVAL).await;
    assert_eq!(logs.count("removed=0"), 2, "a device that lost a sensor is a changed job");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_refreshes_is_a_line_at_its_start_one_a_minute_and_one_at_its_end() {
    let logs = Logs::capture();
    let backend = Simulated::with(devices(&[1]));
    let mut running = start(&backend, None);
    running.jobs().await;
    for _ in 0..12 {
        let busy = |status| BackendError::Failed {
            request: "GET /accounts/".to_owned(),
            status,
            answer: "no".to_owned(),
            retry_after: None,
        };
        let outage = [Err(unreachable_backend()), Err(busy(500)), Err(busy(503))];
        backend.script().inventories.extend(outage);
    }
    running.nothing_for(Duration::from_secs(36 * 120)).await;
    let lines = logs.count("could not read the configuration");
    let failed = 36;
    assert!(backend.script().inventories.is_empty(), "all of it was lived through");
    assert!((30..=failed).contains(&lines), "{lines} lines, a pause is a minute or longer");
    assert_eq!(logs.count("the configuration can be read again"), 1);
    assert!(logs.count("failures=36") >= 1, "{}", logs.text());
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_before_the_next_refresh() {
    let backend = Simulated::with(devices(&[1]));
    backend.script().inventories.push_back(Err(BackendError::Failed {
        request: "GET /accounts/".to_owned(),
        status: 503,
        answer: "busy".to_owned(),
        retry_after: Some(Duration::from_secs(600)),
    }));
    let mut running = start(&backend, None);
    let began = Instant::now();
    running.jobs().await;
    assert_eq!(began.elapsed(), Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_unhealthy_and_a_new_one_is_used_within_seconds() {
    let backend = Simulated::with(devices(&[1]));
    let mut running = start(&backend, None);
    running.jobs().await;
    assert_eq!(running.metrics.check(), Ok(()));
    backend.script().inventories.push_back(Err(BackendError::Unauthorized { request: "GET /x".to_owned() }));
    running.nothing_for(INTERVAL + Duration::from_secs(1)).await;
    assert!(running.metrics.check().unwrap_err().contains("does not know this token"));
    backend.script().has_new_token = true;
    backend.script().truth = devices(&[1, 2]);
    let began = Instant::now();
    assert_eq!(running.jobs().await, ["1", "2"]);
    assert!(began.elapsed() <= Duration::from_secs(10));
    assert_eq!(running.metrics.check(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_could_not_be_saved_is_saved_later_though_nothing_changed() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("state.sqlite");
    std::fs::create_dir(&blocked).unwrap();
    let backend = Simulated::with(devices(&[1]));
    let mut running = start(&backend, Some(folder.path()));
    running.jobs().await;
    running.nothing_for(INTERVAL).await;
    std::fs::remove_dir(&blocked).unwrap();
    running.nothing_for(INTERVAL).await;
    let (kept, _) = LastGood::new(folder.path(), "http://h/api").load().await.unwrap();
    assert_eq!(kept, devices(&[1]));
}
