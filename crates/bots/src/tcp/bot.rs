//! The TCP bot: a job for each port of a device.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use grafolean_collector::{
    bot::{BotError, Job, Plan, Refusal, Run},
    cause::Scope,
    details::DetailsError,
    model::{AccountId, Device, DeviceSensor, EntityId, Interval, Intervals},
    protocol::{Defaults, DeviceTester, OpenError, Opening, Output, Protocol},
    report::Report,
    settings::Setting,
};
use serde_json::json;
use tracing::debug;

use super::{
    Attempt, Credential, Entity, Sensor, TcpMetrics, Tls,
    certificate::days,
    connect::{Connected, Connector},
    tester::TcpTester,
};
use crate::net::Resolver;

/// What a run may take beside its time-out: to hand over what it measured.
const MARGIN: Duration = Duration::from_secs(5);

/// Connects to TCP ports.
pub struct TcpBot {
    connector: Connector,
    metrics: TcpMetrics,
}

/// All a run needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpTask {
    /// Whose values they are.
    pub account: AccountId,
    /// The device.
    pub entity: EntityId,
    /// What is connected to, and how.
    pub attempt: Attempt,
}

impl TcpBot {
    /// Creates a bot that counts in `metrics` and asks the machine's resolver.
    ///
    /// # Errors
    /// Fails if this build has no version of TLS to offer.
    pub fn new(metrics: TcpMetrics) -> Result<Self, rustls::Error> {
        Ok(Self { connector: Connector::new(Resolver::new(metrics.names.clone()))?, metrics })
    }
}

impl Protocol for TcpBot {
    const NAME: &'static str = "tcp";
    const ABOUT: &'static str = "Connects to TCP ports, and reads when their certificates expire";
    const SETTINGS: &'static [Setting] = &[];
    const TESTABLE: bool = true;
    const OUTPUTS: &'static [Output] = &[
        Output::new(
            "entity.{entity}.tcp.{port}.ok",
            "bool",
            "Reachable",
            "1 if the connection came about, and its TLS handshake where TLS is on; else 0",
        ),
        Output::new(
            "entity.{entity}.tcp.{port}.connect",
            "s",
            "Connect time",
            "How long the TCP connection took, without the lookup of a name and the TLS handshake; none if it did not \
             come about",
        ),
        Output::new(
            "entity.{entity}.tcp.{port}.tls.expires",
            "d",
            "Certificate expires in",
            "Days until the server's certificate expires, negative once it has; none if none was seen",
        ),
    ];
    type Credential = Credential;
    type Sensor = Sensor;
    type Entity = Entity;
    type Task = TcpTask;

    fn tester() -> Result<Arc<dyn DeviceTester>, OpenError> {
        Ok(Arc::new(TcpTester::open()?))
    }

    fn defaults() -> Defaults {
        let sensor = |name, port, tls| (name, Interval::MINUTE, json!({"port": port, "tls": tls}));
        let sensors = [sensor("SSH", 22, false), sensor("HTTP", 80, false), sensor("HTTPS", 443, true)];
        let defaults = Defaults::none().credential("TCP", json!({}));
        sensors
            .into_iter()
            .fold(defaults, |all, (name, interval, details)| all.sensor(name, interval, details))
    }

    async fn open(opening: Opening<'_>) -> Result<Self, OpenError> {
        let metrics = TcpMetrics::default();
        metrics.register(opening.health.registry_of(Self::NAME));
        Ok(Self::new(metrics)?)
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn plan(&self, _: &[AccountId], devices: &[Device]) -> Plan<TcpTask> {
        devices.iter().flat_map(jobs).collect()
    }

    async fn perform(&self, run: Run<TcpTask>) -> Result<Vec<Report>, BotError> {
        let TcpTask { account, entity, attempt } = &*run.task;
        let connected = self.connector.attempt(attempt).await;
        let Connected { connect, expires, failure } = &connected;
        connect.iter().for_each(|span| self.metrics.count_connection(span.as_secs_f64()));
        failure.iter().for_each(|failure| self.metrics.count_failure(*failure));
        if let Some(failure) = failure {
            let scope = Scope { account: *account, entity: *entity, sensor: None };
            run.troubles.note(failure.cause(), scope, None, || {
                format!("connecting to {}, port {}: {}", attempt.target.host, attempt.port, failure.label())
            });
        }
        debug!(job = %run.id, host = %attempt.target.host, port = attempt.port, ?failure, "connected");
        let mut values = vec![("ok", if failure.is_none() { 1.0 } else { 0.0 })];
        values.extend(connect.map(|span| ("connect", span.as_secs_f64())));
        values.extend(expires.map(|expires| ("tls.expires", days(run.due, expires))));
        let path = |name| format!("entity.{entity}.tcp.{}.{name}", attempt.port);
        let values = values.into_iter().map(|(name, value)| (path(name), value));
        Ok(vec![Report::values(*account, run.due, values)])
    }
}

/// A port of a device: sensors that name the same one are one job.
struct Port {
    intervals: Vec<Interval>,
    sensor: Sensor,
}

/// The jobs of a device, and what about it cannot be done.
fn jobs(device: &Device) -> Vec<Result<Job<TcpTask>, Refusal>> {
    let refuse = |reason: DetailsError| Err(Refusal::of(device, reason));
    let target = device.details().and_then(Entity::target);
    let (target, credential) = match (target, device.credential_details::<Credential>()) {
        (Ok(target), Ok(credential)) => (target, credential),
        (target, credential) => {
            return [target.err(), credential.err()].into_iter().flatten().map(refuse).collect();
        }
    };
    let (mut ports, mut outcomes) = (BTreeMap::<u16, Port>::new(), Vec::new());
    for sensor in &device.sensors {
        match add(sensor, &mut ports) {
            Ok(()) => {}
            Err(reason) => outcomes.push(Err(Refusal::of(device, reason))),
        }
    }
    outcomes.extend(ports.into_iter().filter_map(|(port, Port { intervals, sensor })| {
        let tls = if sensor.tls {
            Tls::Named(sensor.server_name.unwrap_or_else(|| target.host.clone()))
        } else {
            Tls::Off
        };
        let attempt = Attempt { target: target.clone(), port, tls, timeout: credential.timeout.duration() };
        let deadline = Some(attempt.timeout + MARGIN);
        let task = TcpTask { account: device.account, entity: device.entity.id, attempt };
        let id = format!("tcp.{}.{}.{port}", device.account, device.entity.id);
        // A port is there because a sensor with an interval named it.
        let intervals = Intervals::new(intervals).ok()?;
        let title = format!("{}, port {port}", device.title());
        Some(Ok(Job { deadline, ..Job::new(id, intervals, task).titled(&title) }))
    }));
    outcomes
}

fn add(used: &DeviceSensor, ports: &mut BTreeMap<u16, Port>) -> Result<(), String> {
    let of = || format!("sensor {} ({})", used.sensor.id, used.sensor.name);
    let interval =
        used.interval.ok_or_else(|| format!("{} has no interval: set one, here or as its default", of()))?;
    let sensor: Sensor = used.details().map_err(|error| error.to_string())?;
    let port = u16::try_from(sensor.port.get()).map_err(|_| format!("{}: `port` is invalid", of()))?;
    match ports.get_mut(&port) {
        Some(known) if known.sensor == sensor => known.intervals.push(interval),
        Some(_) => {
            return Err(format!("{}: another sensor of the device measures port {port} otherwise", of()));
        }
        None => {
            ports.insert(port, Port { intervals: vec![interval], sensor });
        }
    }
    Ok(())
}
