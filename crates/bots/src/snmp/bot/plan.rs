//! What people set up, as jobs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use grafolean_collector::{
    bot::{Job, Refusal},
    cause::Cause,
    details::{self, DetailsError},
    model::{self, AccountId, Details, Device, DeviceSensor, EntityId, Interval, Intervals, SensorId},
    time::Timestamp,
};

use super::counters;
use crate::snmp::{
    Column, Oid, counted,
    interfaces::DISCONTINUITY,
    mib::Names,
    plan::{Dialect, Wanted},
    profile::Library,
    settings::{Access, Community, Credential, Fetch, Host, PollPolicy, ProfileChoice, Sensor, SensorError},
};

/// How often a device's interfaces are brought in step.
const SYNC_INTERVAL_S: i64 = 300;

/// All a run needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct SnmpTask {
    /// Whose values they are.
    pub account: AccountId,
    /// The device.
    pub entity: EntityId,
    /// Its name, for logs.
    pub name: String,
    /// Where it is.
    pub host: Host,
    /// How to get in.
    pub access: Access,
    /// How it is to be treated.
    pub policy: PollPolicy,
    /// What is measured.
    pub sensors: Vec<DueSensor>,
    /// Which profiles are tried on it, and measured beside the sensors.
    pub profile: Option<ProfileChoice>,
    /// What a run reads.
    pub reads: Reads,
}

/// What a run of a job reads of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// What its sensors are due for.
    Sensors,
    /// Interface counters at full minutes, for the flow bot; nothing is reported.
    InterfaceCounters,
}

/// A sensor, and how often it is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct DueSensor {
    /// Which one.
    pub id: SensorId,
    /// How often.
    pub interval: Interval,
    /// What it reads and makes of it; one for all devices that it is set up for.
    pub sensor: Arc<Sensor>,
}

/// Sensors that were read, each once: a thousand switches mostly have the same few.
pub(super) struct Sensors<'d> {
    names: &'d Names,
    library: &'d Library,
    read: HashMap<(AccountId, SensorId), (&'d Details, Arc<Sensor>)>,
}

impl<'d> Sensors<'d> {
    pub(super) fn named_by(names: &'d Names, library: &'d Library) -> Self {
        Self { names, library, read: HashMap::new() }
    }

    fn read(&mut self, account: AccountId, sensor: &'d model::Sensor) -> Result<Arc<Sensor>, SensorError> {
        let known = self.read.get(&(account, sensor.id));
        if let Some((_, read)) = known.filter(|(details, _)| **details == sensor.details) {
            return Ok(Arc::clone(read));
        }
        let read = Arc::new(Sensor::named(&sensor.details, self.names)?);
        self.read.insert((account, sensor.id), (&sensor.details, Arc::clone(&read)));
        Ok(read)
    }
}

/// Whether the device's interfaces are brought in step in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    Due,
    NotDue,
}

/// Whether a run that these intervals caused brings interfaces in step.
pub(super) fn sync(intervals: &[Interval]) -> Sync {
    let is_due = intervals.iter().any(|interval| i64::from(interval.seconds()) == SYNC_INTERVAL_S);
    if is_due { Sync::Due } else { Sync::NotDue }
}

impl SnmpTask {
    /// Returns all that a run asks for which these intervals caused.
    pub fn wanted(&self, intervals: &[Interval]) -> Wanted {
        self.wanted_by(&self.due(intervals).collect::<Vec<_>>(), sync(intervals))
    }

    /// Returns how the device's tables are walked.
    pub fn dialect(&self) -> Dialect {
        let is_v1 = matches!(self.access, Access::Community(Community::V1(_)));
        if is_v1 { Dialect::Next } else { Dialect::Bulk }
    }

    /// Returns the intervals of its runs, ascending.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> {
        let sync = Interval::from_seconds(SYNC_INTERVAL_S);
        let of_profile = self.profile.iter().map(|_| Interval::MINUTE);
        let of_sensors = self.sensors.iter().map(|sensor| sensor.interval);
        of_sensors.chain(of_profile).chain(sync).collect::<BTreeSet<Interval>>().into_iter()
    }

    /// Returns the sensors that fall due with these intervals.
    pub fn due(&self, intervals: &[Interval]) -> impl Iterator<Item = &DueSensor> {
        self.sensors.iter().filter(|sensor| intervals.contains(&sensor.interval))
    }

    pub(super) fn wanted_by(&self, due: &[&DueSensor], interfaces: Sync) -> Wanted {
        let mut wanted = Wanted::default();
        for fetch in due.iter().flat_map(|sensor| &sensor.sensor.fetches) {
            wanted.add(fetch);
            // With counters of interfaces comes when they began anew, and whose they are: an index may be given to another.
            let (Fetch::Get(oid) | Fetch::Walk(oid)) = fetch;
            let told = [&DISCONTINUITY[..], Column::Description.arcs()];
            match (fetch, counted(oid.arcs(), &[]).map(|counted| counted.interface)) {
                (Fetch::Walk(_), Some(None)) => {
                    told.into_iter().filter_map(|root| Oid::new(root).ok()).for_each(|it| wanted.walk(it));
                }
                (Fetch::Get(_), Some(Some(interface))) => {
                    let cells = told.into_iter().map(|root| Oid::new([root, &[interface]].concat()));
                    cells.flatten().for_each(|it| wanted.get(it));
                }
                _ => {}
            }
        }
        if interfaces == Sync::Due {
            let roots = Column::ALL.iter().filter_map(|column| Oid::new(column.arcs()).ok());
            roots.for_each(|root| wanted.walk(root));
        }
        wanted
    }
}

/// A device's job, and what about it cannot be done.
pub(super) fn plan<'d>(device: &'d Device, known: &mut Sensors<'d>) -> Vec<Result<Job<SnmpTask>, Refusal>> {
    let mut outcomes = Vec::new();
    let mut sensors = Vec::new();
    for sensor in &device.sensors {
        match due_sensor(device.account, sensor, known) {
            Ok(sensor) => sensors.push(sensor),
            Err((cause, reason)) => {
                let DeviceSensor { sensor, .. } = sensor;
                let reason = format!("sensor {} ({}): {reason}", sensor.id, sensor.name);
                outcomes.push(Err(Refusal::of(device, reason).because(cause)));
            }
        }
    }
    let credential = credential(device);
    let host = Host::read(&device.entity.details);
    let sync = Interval::from_seconds(SYNC_INTERVAL_S);
    let mut profile = ProfileChoice::read(&device.entity.details);
    if let Ok(Some(ProfileChoice::Named(name))) = &profile
        && known.library.named(name).is_none()
    {
        let reason =
            format!("its `snmp_profile` is invalid: expected auto or a profile's name, found {name:?}");
        outcomes.push(Err(Refusal::of(device, reason)));
        profile = Ok(None);
    }
    let of_profile = profile.iter().flatten().map(|_| Interval::MINUTE);
    let intervals =
        Intervals::new(sensors.iter().map(|sensor| sensor.interval).chain(of_profile).chain(sync));
    match (credential, host, profile, intervals) {
        (Ok((access, policy)), Ok(host), Ok(profile), Ok(intervals))
            if !sensors.is_empty() || profile.is_some() =>
        {
            let (account, entity) = (device.account, device.entity.id);
            let name = device.entity.name.clone();
            let reads = Reads::Sensors;
            let task = SnmpTask { account, entity, name, host, access, policy, sensors, profile, reads };
            let counters = counters::is_exporter(&device.entity).then(|| counters_job(&task));
            let job = Job::new(format!("snmp.{account}.{entity}"), intervals, task);
            outcomes.push(Ok(job.titled(&device.title())));
            outcomes.extend(counters.map(|job| Ok(job.titled(&device.title()))));
        }
        (credential, host, profile, _) => {
            let errors = credential.err().into_iter().flatten().chain(profile.err());
            outcomes.extend(errors.map(|error| Err(Refusal::of(device, error))));
            outcomes
                .extend(host.err().map(|error| Err(Refusal::of(device, error).because(Cause::NoAddress))));
        }
    }
    outcomes
}

/// Reads a device's credential; fails with all that is wrong with it, not with the first alone.
fn credential(device: &Device) -> Result<(Access, PollPolicy), Vec<DetailsError>> {
    let of = || format!("credential {} ({})", device.credential.id, device.credential.name);
    let (mut details, mut errors) = (device.credential.details.clone(), Vec::new());
    let credential: Option<Credential> = loop {
        match details::read(&details) {
            Ok(credential) => break Some(credential),
            Err(error) => {
                let field = error.field().split(['.', '[']).next().unwrap_or_default().to_owned();
                errors.push(error.of(of()));
                if details.remove(&field).is_none() {
                    break None;
                }
            }
        }
    };
    match credential.map(|credential| (Access::of(&credential), PollPolicy::of(&credential))) {
        Some((Ok(access), policy)) if errors.is_empty() => Ok((access, policy)),
        read => {
            let is_new = |error: &DetailsError| errors.iter().all(|known| known.field() != error.field());
            let further = read.and_then(|(access, _)| access.err()).filter(is_new);
            errors.extend(further.map(|error| error.of(of())));
            Err(errors)
        }
    }
}

/// The job that reads interface counters when the flow bot's minutes end.
fn counters_job(task: &SnmpTask) -> Job<SnmpTask> {
    let id = format!("snmp.{}.{}.counters", task.account, task.entity);
    let task =
        SnmpTask { sensors: Vec::new(), profile: None, reads: Reads::InterfaceCounters, ..task.clone() };
    Job { start: Some(Timestamp::from_seconds(0)), ..Job::new(id, Interval::MINUTE, task) }
}

fn due_sensor<'d>(
    account: AccountId,
    DeviceSensor { sensor, interval }: &'d DeviceSensor,
    known: &mut Sensors<'d>,
) -> Result<DueSensor, (Cause, String)> {
    let no_interval =
        || (Cause::NoInterval, "it has no interval: set one, here or as its default".to_owned());
    let interval = interval.ok_or_else(no_interval)?;
    let read = known.read(account, sensor).map_err(|error| {
        let is_of_path = matches!(error, SensorError::OutputPath(_));
        (if is_of_path { Cause::OutputPath } else { Cause::Refused }, error.to_string())
    })?;
    Ok(DueSensor { id: sensor.id, interval, sensor: read })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn device(details: Value, credential: Value, sensors: &[(Value, Option<i64>)]) -> Device {
        let sensor = |(number, (details, interval)): (usize, &(Value, Option<i64>))| DeviceSensor {
            sensor: serde_json::from_value(
                json!({"id": number, "name": "S", "protocol": "snmp", "details": details}),
            )
            .unwrap(),
            interval: interval.map(|seconds| Interval::from_seconds(seconds).unwrap()),
        };
        Device {
            account: AccountId::new(1),
            entity: serde_json::from_value(
                json!({"id": 7, "name": "switch", "entity_type": "device", "details": details}),
            )
            .unwrap(),
            credential: serde_json::from_value(json!({"id": 3, "protocol": "snmp", "details": credential}))
                .unwrap(),
            sensors: sensors.iter().enumerate().map(sensor).collect(),
        }
    }

    fn uptime() -> Value {
        json!({"oids": [{"oid": "1.3.6.1.2.1.1.3.0", "fetch_method": "get"}], "expression": "$1", "output_path": "up"})
    }

    fn public() -> Value {
        json!({"version": "snmpv2c", "snmpv12_community": "public"})
    }

    fn refusals(outcomes: &[Result<Job<SnmpTask>, Refusal>]) -> Vec<String> {
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).map(ToString::to_string).collect()
    }

    #[test]
    fn a_device_is_one_job_with_all_intervals_and_that_of_its_interfaces() {
        let device =
            device(json!({"ipv4": "192.0.2.1"}), public(), &[(uptime(), Some(60)), (uptime(), Some(3600))]);
        let [Ok(job)] = &plan(&device, &mut Sensors::named_by(Names::builtin(), Library::builtin()))[..]
        else {
            panic!("no job")
        };
        assert_eq!(job.id.as_str(), "snmp.1.7");
        let seconds: Vec<_> = job.intervals.as_slice().iter().map(|interval| interval.seconds()).collect();
        assert_eq!(seconds, [60, 300, 3600]);
        assert_eq!(job.task.sensors.len(), 2);
    }

    #[test]
    fn a_flow_exporter_has_its_interface_counters_read_at_full_minutes() {
        let mut device = device(json!({"ipv4": "192.0.2.1"}), public(), &[(uptime(), Some(300))]);
        assert_eq!(plan(&device, &mut Sensors::named_by(Names::builtin(), Library::builtin())).len(), 1);
        let protocols = json!({"snmp": {"credential": 3}, "netflow": {"credential": 4}});
        device.entity.protocols = serde_json::from_value(protocols).unwrap();
        let [Ok(sensors), Ok(counters)] =
            &plan(&device, &mut Sensors::named_by(Names::builtin(), Library::builtin()))[..]
        else {
            panic!("not two jobs")
        };
        assert_eq!((sensors.id.as_str(), counters.id.as_str()), ("snmp.1.7", "snmp.1.7.counters"));
        assert_eq!((sensors.start, counters.start), (None, Some(Timestamp::from_seconds(0))));
        assert_eq!(counters.intervals.as_slice(), [Interval::MINUTE]);
        assert_eq!((counters.task.reads, counters.task.sensors.len()), (Reads::InterfaceCounters, 0));
    }

    #[test]
    fn a_bad_sensor_is_named_and_costs_only_itself() {
        let bad = json!({"oids": [{"oid": "1.3.6", "fetch_method": "get"}], "expression": "$1 +", "output_path": "a"});
        let device = device(
            json!({"ipv4": "192.0.2.1"}),
            public(),
            &[(uptime(), Some(60)), (bad, Some(60)), (uptime(), None)],
        );
        let outcomes = plan(&device, &mut Sensors::named_by(Names::builtin(), Library::builtin()));
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let said = refusals(&outcomes);
        assert!(
            said[0].contains("sensor 1 (S): expression \"$1 +\", character 5: a value is missing here"),
            "{said:?}"
        );
        assert!(said[1].contains("sensor 2 (S): it has no interval"), "{said:?}");
    }

    #[test]
    fn everything_that_is_wrong_with_a_device_is_said_at_once() {
        let device = device(json!({}), json!({"snmp_retries": "many"}), &[(uptime(), Some(60))]);
        let said = refusals(&plan(&device, &mut Sensors::named_by(Names::builtin(), Library::builtin())));
        assert_eq!(said.len(), 3, "{said:?}");
    }

    #[test]
    fn devices_share_their_sensors_until_one_is_another() {
        let [one, two] = [1, 2].map(|host| {
            device(
                json!({"ipv4": format!("192.0.2.{host}")}),
                public(),
                &[(uptime(), Some(60)), (uptime(), Some(60))],
            )
        });
        let mut three = two.clone();
        three.sensors[0].sensor.details.insert("output_path".to_owned(), json!("other"));
        let mut known = Sensors::named_by(Names::builtin(), Library::builtin());
        let [one, two, three] = [&one, &two, &three].map(|device| {
            let Some(Ok(job)) = plan(device, &mut known).pop() else { panic!("no job") };
            job.task.sensors
        });
        assert!(Arc::ptr_eq(&one[0].sensor, &two[0].sensor) && Arc::ptr_eq(&one[1].sensor, &two[1].sensor));
        assert_eq!(three[0].sensor.output_path.as_str(), "other");
        assert!(Arc::ptr_eq(&one[1].sensor, &three[1].sensor));
    }
}
