//! 10,000 devices of three sensors, each every 60 s, polled by the whole bot under the run loop for a little more than a
//! minute: does each get its turn in time, what does it cost, and what memory does a device take that waits?

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use grafolean_bots::snmp::{
    SnmpBot, SnmpTask,
    engine::{Engine, SnmpMetrics},
};
use grafolean_collector::{
    bot::{Bot, BotError, Plan, Run},
    model::{AccountId, Device, DeviceSensor, Interval},
    protocol::Protocol,
    report::Report,
    run::{DEFAULT_CONCURRENCY, Heartbeat, Performer, RunLoop, RunMetrics},
    schedule::FirstRun,
    sink::{Sink, SinkError},
    time::{Clock, SystemClock, Timestamp},
};
use nix::sys::resource::UsageWho;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Stub, cpu, line, on_a_runtime};

const DEVICES: u32 = 10_000;
const INTERVAL_S: i64 = 60;
/// All of them once, and some twice.
const WATCHED: Duration = Duration::from_secs(66);

/// The bot, watched.
struct Timed {
    bot: SnmpBot,
    runs: Mutex<Vec<Ran>>,
}

struct Ran {
    due: Timestamp,
    late: Duration,
    took: Duration,
}

impl Bot for Timed {
    type Task = SnmpTask;

    fn protocol(&self) -> &str {
        SnmpBot::NAME
    }

    fn jobs(&self, devices: &[Device]) -> Plan<SnmpTask> {
        self.bot.plan(&[], devices)
    }

    async fn perform(&self, run: Run<SnmpTask>) -> Result<Vec<Report>, BotError> {
        let (due, late, began) = (run.due, SystemClock.now().since(run.due), Instant::now());
        let reports = Protocol::perform(&self.bot, run).await;
        self.runs.lock().unwrap().push(Ran { due, late, took: began.elapsed() });
        reports
    }
}

/// Counts what comes.
#[derive(Default)]
struct Counting {
    values: AtomicU64,
    incomplete: AtomicU64,
}

impl Sink for Counting {
    async fn accept(&self, reports: Vec<Report>) -> Result<(), SinkError> {
        for report in reports {
            let Report::Values(report) = report else { continue };
            self.values.fetch_add(report.values.len() as u64, Ordering::Relaxed);
            let missing =
                report.values.iter().filter(|(path, value)| path.ends_with("completeness") && *value < 1.0);
            self.incomplete.fetch_add(missing.count() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn device(number: u32, stub: &Stub) -> Device {
    let walk = |column: u32| json!({"oid": format!("1.3.6.1.2.1.2.2.1.{column}"), "fetch_method": "walk"});
    let get = |oid: &str| json!({"oid": oid, "fetch_method": "get"});
    let traffic = |column, name: &str| json!({"oids": [walk(2), walk(column)], "expression": "$2 * 8", "output_path": format!("if.{name}.{{$index}}.{{$1}}")});
    let up = json!({"oids": [get("1.3.6.1.2.1.1.3.0")], "expression": "$1 / 100", "output_path": "uptime"});
    let sensors = [traffic(10, "in-octets"), traffic(16, "out-octets"), up];
    let sensor = |(id, details): (usize, Value)| DeviceSensor {
        sensor: serde_json::from_value(
            json!({"id": id, "name": "S", "protocol": "snmp", "details": details}),
        )
        .unwrap(),
        interval: Some(Interval::from_seconds(INTERVAL_S).unwrap()),
    };
    let agent = stub.agent(number);
    let details = json!({"ipv4": agent.ip().to_string(), "snmp_port": agent.port().to_string()});
    let entity = json!({"id": number + 1, "name": "switch", "entity_type": "device", "details": details});
    let credential = json!({"version": "snmpv2c", "snmpv12_community": "public"});
    Device {
        account: AccountId::new(1),
        entity: serde_json::from_value(entity).unwrap(),
        credential: serde_json::from_value(json!({"id": 3, "protocol": "snmp", "details": credential}))
            .unwrap(),
        sensors: sensors.into_iter().enumerate().map(sensor).collect(),
    }
}

/// Octets that this process has in memory.
fn resident() -> f64 {
    let pages: f64 =
        fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096.0
}

pub(super) fn run() {
    let (stub, metrics) = (Stub::start(), SnmpMetrics::default());
    on_a_runtime(async {
        let bot = SnmpBot::new(Engine::start(metrics.clone()).unwrap());
        let bot = Arc::new(Timed { bot, runs: Mutex::default() });
        let sink = Arc::new(Counting::default());
        let (plans, receiver) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let run_loop = RunLoop {
            performer: Performer::new(
                bot.clone(),
                sink.clone(),
                Arc::new(SystemClock),
                RunMetrics::default(),
            ),
            plans: receiver,
            concurrency: DEFAULT_CONCURRENCY,
            first_run: FirstRun::OnCadence,
            heartbeat: Heartbeat::default(),
            stop: stop.clone(),
        };
        // What is set up is read from a backend and let go; a thousand at a time, lest that be measured.
        let mut plan = Plan::default();
        let before = resident();
        for first in (0..DEVICES).step_by(1_000) {
            let devices: Vec<Device> = (first..first + 1_000).map(|number| device(number, &stub)).collect();
            plan.jobs.extend(Bot::jobs(&*bot, &devices).jobs);
        }
        assert_eq!(plan.jobs.len(), DEVICES as usize);
        let used = cpu(UsageWho::RUSAGE_SELF) - stub.busy();
        let (began, since) = (Instant::now(), SystemClock.now());
        let task = tokio::spawn(run_loop.run());
        plans.send(plan).await.unwrap();
        sleep(WATCHED).await;
        let used = cpu(UsageWho::RUSAGE_SELF) - stub.busy() - used;
        let took = began.elapsed();
        // Each device has been measured and waits; but for a handful that are just being asked.
        let memory = resident() - before;
        stop.cancel();
        task.await.unwrap();
        tell(&bot, since, memory);
        line("snmp_fleet_cpu", 100.0 * used.as_secs_f64() / took.as_secs_f64(), "%");
        line("snmp_fleet_values", sink.values.load(Ordering::Relaxed) as f64, "values");
        line("snmp_fleet_incomplete", sink.incomplete.load(Ordering::Relaxed) as f64, "polls");
        line("snmp_fleet_repeated", metrics.requests_repeated.get() as f64, "requests");
    });
}

fn tell(bot: &Timed, since: Timestamp, memory: f64) {
    let runs = bot.runs.lock().unwrap();
    // Those that were due in whole minutes of watching: each device has one of them.
    let first_minute =
        runs.iter().filter(|ran| ran.due.since(since) < Duration::from_secs(INTERVAL_S as u64));
    line("snmp_fleet_devices_polled", first_minute.count().min(DEVICES as usize) as f64, "devices");
    line("snmp_fleet_polls", runs.len() as f64, "polls");
    let ranked = |what: fn(&Ran) -> Duration| {
        let mut all: Vec<f64> = runs.iter().map(|ran| what(ran).as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() * 99 / 100]
    };
    line("snmp_fleet_poll_p99", ranked(|ran| ran.took), "ms");
    line("snmp_fleet_late_p99", ranked(|ran| ran.late), "ms");
    line("snmp_fleet_memory_of_an_idle_device", memory / f64::from(DEVICES), "bytes");
}
