//! The ping bot: one job a device, one probe a run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use grafolean_collector::{
    bot::{BotError, Job, Plan, Refusal, Run},
    cause::{Cause, Scope},
    model::{AccountId, Device, EntityId, Intervals},
    protocol::{Defaults, DeviceTester, OpenError, Opening, Output, Protocol},
    report::{Report, Values},
};
use tracing::debug;

use super::{
    codec::Family,
    declaration,
    engine::{Options, Packet, Pinger, Reason},
    settings::{Credential, Settings},
    statistics::Statistics,
    target::Target,
    tester::PingTester,
};
use crate::net::{AddressFamily, Resolver, Unresolved};

/// How long a run waits for an address of a name that has none yet.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// What a run may take beside its packets and their time-outs: looking its name up, then waiting for its turn among all
/// other pings, of which the usual pace sends half a million in that time.
const MARGIN: Duration = LOOKUP_TIMEOUT.saturating_add(Duration::from_secs(25));

/// Pings devices. Protocol `ping`: the target is the first of `details.ipv4`, `details.ipv6`, `details.hostname`.
pub struct PingBot {
    pinger: Pinger,
    resolver: Resolver,
}

/// All a run needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct PingTask {
    /// Whose values they are.
    pub account: AccountId,
    /// The device.
    pub entity: EntityId,
    /// Where it is.
    pub target: Target,
    /// How it is pinged.
    pub settings: Settings,
}

impl PingBot {
    /// A bot that sends by an engine that is open.
    pub fn new(pinger: Pinger) -> Self {
        let resolver = Resolver::new(pinger.metrics().names.clone());
        Self { pinger, resolver }
    }

    /// Counts the packets of a run that could not even be tried, and has no values.
    fn nothing_sent(&self, run: &Run<PingTask>, reason: &Reason) -> Vec<Report> {
        (0..run.task.settings.packets).for_each(|_| self.pinger.metrics().count_unanswered(*reason));
        debug!(job = %run.id, target = %run.task.target, %reason, "nothing was sent");
        Vec::new()
    }

    async fn address(&self, target: &Target) -> Result<SocketAddr, Unresolved> {
        let (name, family) = match target {
            Target::Address(address) => return Ok((*address, 0).into()),
            Target::Name(name, family) => (name, family),
        };
        let family = family.map(|family| match family {
            Family::V4 => AddressFamily::V4,
            Family::V6 => AddressFamily::V6,
        });
        Ok(self.resolver.resolve(name, family, LOOKUP_TIMEOUT).await?.address)
    }
}

impl Protocol for PingBot {
    const NAME: &'static str = "ping";
    const ABOUT: &'static str = "Pings devices over ICMP";
    const TESTABLE: bool = true;
    const OUTPUTS: &'static [Output] = declaration::OUTPUTS;
    type Credential = Credential;
    type Sensor = declaration::Sensor;
    type Entity = declaration::Entity;
    type Task = PingTask;

    fn tester() -> Result<Arc<dyn DeviceTester>, OpenError> {
        Ok(Arc::new(PingTester::open()?))
    }

    fn defaults() -> Defaults {
        declaration::defaults()
    }

    async fn open(opening: Opening<'_>) -> Result<Self, OpenError> {
        let pinger = Pinger::open(Options::default())?;
        pinger.metrics().register(opening.health.registry_of(Self::NAME));
        Ok(Self::new(pinger))
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn plan(&self, _: &[AccountId], devices: &[Device]) -> Plan<PingTask> {
        devices.iter().flat_map(plan).collect()
    }

    async fn perform(&self, run: Run<PingTask>) -> Result<Vec<Report>, BotError> {
        let PingTask { account, entity, target, settings } = &*run.task;
        let scope = Scope { account: *account, entity: *entity, sensor: None };
        let address = match self.address(target).await {
            Ok(address) => address,
            Err(reason) => {
                debug!(%target, %reason, "a name does not resolve");
                run.troubles.note(Cause::Dns, scope, None, || reason.to_string());
                return Ok(self.nothing_sent(&run, &Reason::Name));
            }
        };
        let source = match settings.source() {
            Ok(source) => source,
            Err(reason) => {
                run.troubles.note(reason.cause(), scope, None, || reason.to_string());
                return Ok(self.nothing_sent(&run, &reason));
            }
        };
        let outcome = self.pinger.ping(settings.probe(address, source)).await;
        let failed = |error| BotError::caused_by("engine", format!("pinging {target}"), error);
        let packets = outcome.map_err(failed)?.packets;
        let answered = packets.iter().filter(|packet| packet.rtt.is_some()).count();
        let reason = packets.iter().find_map(|packet| packet.reason);
        if let (0, Some(reason)) = (answered, reason) {
            let of = packets.len();
            run.troubles.note(reason.cause(), scope, None, || {
                format!("0 of {of} pings of {target} answered: {reason}")
            });
        }
        let reason = reason.map(tracing::field::display);
        debug!(job = %run.id, %target, answered, packets = packets.len(), reason, "pinged");
        let values = values(*entity, &packets);
        if values.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Report::Values(Values { account: *account, time: run.due, values })])
    }
}

/// A device's job, and what about it cannot be done.
fn plan(device: &Device) -> Vec<Result<Job<PingTask>, Refusal>> {
    let refuse = |reason: String| Err(Refusal::of(device, reason));
    let mut outcomes: Vec<_> = device
        .sensors
        .iter()
        .filter(|sensor| sensor.interval.is_none())
        .map(|sensor| {
            let name = &sensor.sensor.name;
            let id = sensor.sensor.id;
            let reason = format!("sensor {id} ({name}) has no interval: set one, here or as its default");
            Err(Refusal::of(device, reason).because(Cause::NoInterval))
        })
        .collect();
    let Ok(intervals) = Intervals::new(device.sensors.iter().filter_map(|sensor| sensor.interval)) else {
        return outcomes;
    };
    let (settings, target) = match (
        device.credential_details::<Credential>().map(Settings::from),
        Target::of(&device.entity.details),
    ) {
        (Ok(settings), Ok(target)) => (settings, target),
        (settings, target) => {
            outcomes.extend(settings.err().map(|error| refuse(error.to_string())));
            outcomes
                .extend(target.err().map(|error| Err(Refusal::of(device, error).because(Cause::NoAddress))));
            return outcomes;
        }
    };
    let (longest, shortest) = (settings.longest_run(), intervals.shortest());
    if longest > shortest.duration() {
        let reason = format!(
            "not every firing can be kept: a run may take {longest:?}, its shortest interval is {shortest}; \
             fewer packets, closer together, with a shorter time-out or fewer repetitions would fit"
        );
        outcomes.push(Err(Refusal::of(device, reason).because(Cause::RunSkipped)));
    }
    let (account, entity) = (device.account, device.entity.id);
    let id = format!("ping.{account}.{entity}");
    let job = Job::new(id, intervals, PingTask { account, entity, target, settings });
    outcomes.push(Ok(Job { deadline: Some(longest + MARGIN), ..job.titled(&device.title()) }));
    outcomes
}

/// The values of a run, by the paths that dashboards hang on. A packet that stayed here for a reason of this machine is no
/// loss: it has no value, and a run of such packets alone has none at all. An unreachable network is a loss.
fn values(entity: EntityId, packets: &[Packet]) -> Vec<(String, f64)> {
    let path = |name: &str| format!("entity.{entity}.ping.{name}");
    let mut values = Vec::with_capacity(packets.len() * 2 + 10);
    for (number, packet) in packets.iter().enumerate().filter(|(_, packet)| packet.counts()) {
        values.push((path(&format!("p{number}.ok")), if packet.rtt.is_some() { 1.0 } else { 0.0 }));
        values.extend(packet.rtt.map(|rtt| (path(&format!("p{number}.rtt")), rtt.as_secs_f64())));
    }
    let statistics = Statistics::of(packets);
    values.extend(statistics.success().map(|success| (path("success"), success)));
    values.extend(statistics.loss().map(|loss| (path("loss"), loss)));
    if let Some(rtt) = statistics.rtt {
        let percentiles = rtt.percentiles;
        let defined = [
            ("min", Some(rtt.min)),
            ("avg", Some(rtt.avg)),
            ("max", Some(rtt.max)),
            ("stddev", rtt.stddev),
            ("p50", percentiles.map(|percentiles| percentiles.p50)),
            ("p90", percentiles.map(|percentiles| percentiles.p90)),
            ("p99", percentiles.map(|percentiles| percentiles.p99)),
        ];
        for (name, figure) in defined {
            values.extend(figure.map(|figure| (path(&format!("rtt.{name}")), figure.as_secs_f64())));
        }
    }
    values.extend(statistics.jitter.map(|jitter| (path("jitter"), jitter.as_secs_f64())));
    values
}

#[cfg(test)]
mod tests {
    use grafolean_collector::model::{DeviceSensor, Interval};
    use serde_json::{Value, json};

    use super::*;

    fn device(details: Value, credential: Value, intervals: &[Option<i64>]) -> Device {
        let read = |value: Value| serde_json::from_value(value).unwrap();
        let sensor = |(number, interval): (usize, &Option<i64>)| DeviceSensor {
            sensor: serde_json::from_value(json!({"id": number, "name": "S", "protocol": "ping"})).unwrap(),
            interval: interval.map(|seconds| Interval::from_seconds(seconds).unwrap()),
        };
        Device {
            account: AccountId::new(1),
            entity: read(json!({"id": 7, "name": "router", "entity_type": "device", "details": details})),
            credential: serde_json::from_value(json!({"id": 3, "protocol": "ping", "details": credential}))
                .unwrap(),
            sensors: intervals.iter().enumerate().map(sensor).collect(),
        }
    }

    fn refusals(outcomes: Vec<Result<Job<PingTask>, Refusal>>) -> Vec<String> {
        outcomes.into_iter().filter_map(Result::err).map(|refusal| refusal.to_string()).collect()
    }

    #[test]
    fn a_device_is_one_job_with_the_intervals_of_all_its_sensors() {
        let device = device(json!({"ipv4": "192.0.2.1"}), json!({}), &[Some(300), Some(60), Some(300)]);
        let [Ok(job)] = &plan(&device)[..] else { panic!("no job") };
        assert_eq!(job.id.as_str(), "ping.1.7");
        assert_eq!(
            job.intervals.as_slice().iter().map(|interval| interval.seconds()).collect::<Vec<_>>(),
            [60, 300]
        );
        assert_eq!(job.task.target, Target::Address([192, 0, 2, 1].into()));
        assert_eq!(job.deadline, Some(Duration::from_secs(2 + 2 + 30)));
    }

    #[test]
    fn a_sensor_without_an_interval_is_named_and_costs_only_itself() {
        let with_another = device(json!({"ipv4": "192.0.2.1"}), json!({}), &[None, Some(60)]);
        let outcomes = plan(&with_another);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let said =
            "entity 7 of account 1 (router): sensor 0 (S) has no interval: set one, here or as its default";
        assert_eq!(refusals(outcomes), [said]);
        let alone = device(json!({"ipv4": "192.0.2.1"}), json!({}), &[None]);
        assert_eq!(refusals(plan(&alone)), [said]);
    }

    #[test]
    fn everything_that_is_wrong_with_a_device_is_said_at_once() {
        let wrong = device(json!({"ipv4": "10.0.0.300"}), json!({"retry": "many"}), &[Some(60), None]);
        let said = refusals(plan(&wrong));
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[1].contains("credential 3 (): `retry` is invalid: found \"many\"")
                && said[2].contains("`ipv4` is invalid: found \"10.0.0.300\""),
            "{said:?}"
        );
    }

    #[test]
    fn a_run_longer_than_its_interval_is_done_and_named() {
        let credential = json!({"n_packets": 10, "sleep_packets": 1, "timeout": 2});
        let outcomes = plan(&device(json!({"hostname": "a"}), credential, &[Some(10)]));
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let said = refusals(outcomes);
        assert!(said[0].contains("a run may take 11s, its shortest interval is 10 s"), "{said:?}");
    }

    fn rtt_ms(ms: u64) -> Packet {
        Packet { sent: 1, rtt: Some(Duration::from_millis(ms)), ..Packet::default() }
    }

    #[test]
    fn values_stand_at_the_paths_of_the_contract() {
        let lost = Packet { sent: 1, reason: Some(Reason::Timeout), ..Packet::default() };
        let values = values(EntityId::new(7), &[rtt_ms(10), lost, rtt_ms(30), rtt_ms(20)]);
        let expected = [
            ("p0.ok", 1.0),
            ("p0.rtt", 0.01),
            ("p1.ok", 0.0),
            ("p2.ok", 1.0),
            ("p2.rtt", 0.03),
            ("p3.ok", 1.0),
            ("p3.rtt", 0.02),
            ("success", 0.75),
            ("loss", 0.25),
            ("rtt.min", 0.01),
            ("rtt.avg", 0.02),
            ("rtt.max", 0.03),
            ("rtt.stddev", 0.008_164_965),
            ("jitter", 0.015),
        ];
        assert_eq!(values.len(), expected.len());
        for ((path, value), (name, figure)) in values.iter().zip(expected) {
            assert!(PingBot::OUTPUTS.iter().any(|output| output.matches(path)), "{path} is not declared");
            assert_eq!(*path, format!("entity.7.ping.{name}"));
            assert!((value - figure).abs() < 1e-8, "{path} is {value}, not {figure}");
        }
    }

    #[test]
    fn of_silence_only_what_is_defined_is_reported() {
        let lost = Packet { sent: 1, reason: Some(Reason::Timeout), ..Packet::default() };
        let values = values(EntityId::new(7), &[lost]);
        let expected =
            [("entity.7.ping.p0.ok", 0.0), ("entity.7.ping.success", 0.0), ("entity.7.ping.loss", 1.0)];
        assert_eq!(values, expected.map(|(path, value)| (path.to_owned(), value)));
    }

    #[test]
    fn what_never_left_is_no_loss() {
        let unsent = Packet { reason: Some(Reason::NoBuffers), ..Packet::default() };
        assert_eq!(values(EntityId::new(7), &[unsent, unsent]), []);
        let unreachable = Packet { reason: Some(Reason::NoRoute), ..Packet::default() };
        let lost = values(EntityId::new(7), &[unreachable]);
        assert!(lost.contains(&("entity.7.ping.p0.ok".to_owned(), 0.0)), "{lost:?}");
        let values = values(EntityId::new(7), &[unsent, rtt_ms(10)]);
        let paths: Vec<_> =
            values.iter().map(|(path, _)| path.trim_start_matches("entity.7.ping.")).collect();
        assert_eq!(paths, ["p1.ok", "p1.rtt", "success", "loss", "rtt.min", "rtt.avg", "rtt.max"]);
        assert_eq!(values[2].1, 1.0, "of the one that left");
    }

    #[test]
    fn a_run_of_many_answers_has_percentiles() {
        let values = values(EntityId::new(7), &(1..=10).map(rtt_ms).collect::<Vec<_>>());
        let value = |name| values.iter().find(|(path, _)| path.ends_with(name)).map(|(_, value)| *value);
        assert_eq!(
            [value("rtt.p50"), value("rtt.p90"), value("rtt.p99")],
            [Some(0.005), Some(0.009), Some(0.01)]
        );
    }
}
