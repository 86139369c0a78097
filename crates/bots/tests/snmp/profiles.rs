//! Profiles over recordings of real devices, in place: how many yield interfaces, processors and memory, and whether any
//! value is another than what others know of its object. And the bot that measures a device by profile.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    thread,
};

use grafolean_bots::snmp::{
    Column, Interfaces, Oid, Request, Value, Varbind,
    engine::SnmpMetrics,
    profile::{Application, Library, Metric, Probe},
    settings::Fetch,
};
use grafolean_collector::{
    model::{AccountId, EntityId},
    time::Timestamp,
};
use serde_json::json;

use crate::{
    bot::{bot, device_at, job, run, sensor},
    recorded::{self, Fact},
    recording::{self, Recording},
    responder::Responder,
};

/// What is known of objects and wrong: a device, the beginning of a path, and why.
const MISTAKEN: [(&str, &str, &str); 3] = [
    ("huaweiups_ups2000", "ups.", "500 tenths of a hertz (RFC 1628) are 50 Hz, and not 5"),
    ("luminato_c12", "load.", "a load average is no share of a processor"),
    ("powerconnect_3064", "memory.free", "the object counts kilobytes"),
];

/// A device that answers as its recording says.
struct Played(Vec<(Oid, Value)>);

impl Played {
    fn next(&self, after: &Oid) -> Option<&(Oid, Value)> {
        self.0.get(self.0.partition_point(|(oid, _)| oid <= after))
    }

    fn get(&self, oid: &Oid) -> Option<&Value> {
        let place = self.0.binary_search_by(|(known, _)| known.cmp(oid)).ok()?;
        Some(&self.0[place].1)
    }

    /// The rows of a column.
    fn rows(&self, root: &Oid) -> &[(Oid, Value)] {
        let from = self.0.partition_point(|(oid, _)| oid <= root);
        let length = self.0[from..].partition_point(|(oid, _)| oid.below(root).is_some());
        &self.0[from..from + length]
    }

    fn cell(&self, fetch: &Fetch, index: &[u32]) -> Option<(Oid, &Value)> {
        let oid = match fetch {
            Fetch::Get(oid) => oid.clone(),
            Fetch::Walk(root) => Oid::new([root.arcs(), index].concat()).ok()?,
        };
        let value = self.get(&oid)?;
        Some((oid, value))
    }

    fn application(&self, library: &Library) -> Application {
        let mut probe = Probe::new(library, None);
        while let Some(request) = probe.next_request() {
            let missing = |oid: &Oid| Varbind {
                oid: oid.clone(),
                value: Err(grafolean_bots::snmp::Exception::NoSuchObject),
            };
            let found = |(oid, value): &(Oid, Value)| Varbind { oid: oid.clone(), value: Ok(value.clone()) };
            let answer = |oid: &Oid| match &request {
                Request::Get(_) => self.get(oid).map(|value| found(&(oid.clone(), value.clone()))),
                _ => self.next(oid).map(found),
            };
            let (Request::Get(oids) | Request::Next(oids)) = &request else { panic!("{request:?}") };
            let varbinds = oids.iter().map(|oid| answer(oid).unwrap_or_else(|| missing(oid))).collect();
            probe.take(Ok(varbinds)).unwrap();
        }
        probe.into_application()
    }

    /// All profiles but those of whoever made it: of the vendor of the profile that is chosen for it, and of each that it
    /// answers.
    fn library_without_its_maker(&self) -> Library {
        let mut library = Library::builtin().clone();
        loop {
            let application = self.application(&library);
            let vendor = application.metrics().find_map(|(profile, _)| profile.vendor.clone());
            match vendor {
                Some(vendor) => library = library.without_vendor(&vendor),
                None => return library,
            }
        }
    }

    /// What a metric comes to, counters taken as they stand: of each row the objects, their numbers and the result.
    fn results(&self, metric: &Metric) -> Vec<Row> {
        let sensor = &metric.sensor;
        let walked = sensor.fetches.iter().find_map(|fetch| match fetch {
            Fetch::Walk(root) => Some(root),
            Fetch::Get(_) => None,
        });
        let indices: Vec<&[u32]> = match walked {
            Some(root) => self.rows(root).iter().map(|(oid, _)| oid.below(root).unwrap()).collect(),
            None => vec![&[]],
        };
        let row = |index: &[u32]| {
            let cells: Vec<_> = sensor.fetches.iter().map(|fetch| self.cell(fetch, index)).collect();
            let operands: Vec<f64> = cells
                .iter()
                .map(|cell| cell.as_ref().and_then(|(_, value)| value.number()).unwrap_or(f64::NAN))
                .collect();
            let text = |place: usize| Some(cells.get(place - 1)?.as_ref()?.1.text().into_owned());
            let path = sensor.output_path.fill(index, text)?.path;
            let result = sensor.expression.evaluate(&operands)?;
            let objects = cells.into_iter().map(|cell| cell.map(|(oid, _)| oid)).collect();
            Some(Row { path, objects, operands, result })
        };
        indices.into_iter().filter_map(row).collect()
    }
}

struct Row {
    path: String,
    objects: Vec<Option<Oid>>,
    operands: Vec<f64>,
    result: f64,
}

/// What came of a device.
#[derive(Default)]
struct Yield {
    /// Whether it has interfaces, and whether they came as they should.
    interfaces: Option<bool>,
    /// Whether it has processors or memory that anybody knows, and whether any came.
    cpu_memory: Option<bool>,
    compared: usize,
    wrong: Vec<String>,
    requests: usize,
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

/// Whether the device's interfaces have names, a speed where any tells one, and 64-bit counters where there are any.
fn interfaces(device: &Played, metrics: &[(&Metric, Vec<Row>)]) -> Option<bool> {
    let described = device.rows(&oid("1.3.6.1.2.1.2.2.1.2"));
    if described.is_empty() {
        return None;
    }
    let mut interfaces = Interfaces::default();
    for column in Column::ALL {
        let root = Oid::new(column.arcs()).unwrap();
        for (cell, value) in device.rows(&root) {
            interfaces.put(column, cell.below(&root).unwrap(), value);
        }
    }
    let children = interfaces.children(AccountId::new(1), EntityId::new(1), Timestamp::default()).children;
    let has = |column: &str| !device.rows(&oid(column)).is_empty();
    let (wide, narrow) = (has("1.3.6.1.2.1.31.1.1.1.6"), has("1.3.6.1.2.1.2.2.1.10"));
    let tells_speed = ["1.3.6.1.2.1.2.2.1.5", "1.3.6.1.2.1.31.1.1.1.15"]
        .iter()
        .any(|column| device.rows(&oid(column)).iter().any(|(_, value)| value.whole_number() > Some(0)));
    let has_speed = children.iter().any(|child| child.details["speed_bps"] != "0");
    let counts = |column: u32, path: &str| {
        metrics.iter().any(|(metric, rows)| {
            metric.sensor.output_path.as_str().starts_with(path)
                && metric.sensor.fetches.iter().any(|fetch| fetch.oid().arcs().ends_with(&[column]))
                && !rows.is_empty()
        })
    };
    let is_counted = match (wide, narrow) {
        (true, _) => counts(6, "if.in-octets.") && counts(10, "if.out-octets."),
        (false, true) => counts(10, "if.in-octets.") && counts(16, "if.out-octets."),
        (false, false) => true,
    };
    let names = children.iter().all(|child| !child.name.is_empty());
    Some(!children.is_empty() && names && (has_speed || !tells_speed) && is_counted)
}

/// Compares each result with what others know of the object that it is a multiple of.
fn compare(name: &str, metric: &Metric, rows: &[Row], facts: &HashMap<&Oid, &Fact>, outcome: &mut Yield) {
    let expression = &metric.sensor.expression;
    for row in rows {
        for (place, object) in row.objects.iter().enumerate() {
            let fact = object.as_ref().and_then(|object| facts.get(object));
            let Some(expected) = fact.and_then(|fact| fact.expect.as_f64()) else { continue };
            let mut halved = row.operands.clone();
            halved[place] /= 2.0;
            // What is only looked at, or taken off something else, is not what the result is.
            let is_multiple = row.operands[place] != 0.0
                && row.result != 0.0
                && expression
                    .evaluate(&halved)
                    .is_some_and(|it| (2.0 * it - row.result).abs() <= 1e-9 * row.result.abs());
            if !expression.reads(place + 1) || !is_multiple || expression.as_str().contains('=') {
                continue;
            }
            outcome.compared += 1;
            let distance = (row.result - expected).abs();
            let is_rounded = expected.fract() == 0.0 && distance <= 0.500_000_1;
            let is_mistaken =
                MISTAKEN.iter().any(|(device, path, _)| *device == name && row.path.starts_with(path));
            if distance > row.result.abs() * 1e-6 && !is_rounded && !is_mistaken {
                outcome.wrong.push(format!("{name} {}: {} is not {expected}", row.path, row.result));
            }
        }
    }
}

/// Whether the device is measured as if nobody knew its maker.
#[derive(Clone, Copy, PartialEq)]
enum Maker {
    Known,
    Unknown,
}

fn look(file: &str, facts: &[Fact], maker: Maker) -> Yield {
    let Recording { name, objects, .. } = recording::read(file);
    let device = Played(objects);
    let application = match maker {
        Maker::Known => device.application(Library::builtin()),
        Maker::Unknown => device.application(&device.library_without_its_maker()),
    };
    let mut outcome = Yield { requests: application.requests, ..Yield::default() };
    let metrics: Vec<_> = application.metrics().map(|(_, metric)| (metric, device.results(metric))).collect();
    outcome.interfaces = interfaces(&device, &metrics);
    let of_object: HashMap<&Oid, &Fact> = facts.iter().map(|fact| (&fact.oid, fact)).collect();
    for (metric, rows) in &metrics {
        compare(&name, metric, rows, &of_object, &mut outcome);
    }
    // Memory of HOST-RESOURCES-MIB is a row of its storage.
    let ram = oid("1.3.6.1.2.1.25.2.1.2");
    let has_ram =
        device.rows(&oid("1.3.6.1.2.1.25.2.3.1.2")).iter().any(|(_, kind)| *kind == Value::Oid(ram.clone()));
    let came = |part: &str| metrics.iter().any(|(metric, rows)| metric.part == part && !rows.is_empty());
    let is_known = facts.iter().any(|fact| matches!(fact.k.as_str(), "processor" | "mempool"));
    let is_measured = came("cpu-memory") || (has_ram && came("storage"));
    outcome.cpu_memory = (is_known || is_measured || has_ram).then_some(is_measured);
    outcome
}

#[derive(Default)]
struct Share {
    good: usize,
    all: usize,
}

impl Share {
    fn add(&mut self, outcome: Option<bool>) {
        self.all += usize::from(outcome.is_some());
        self.good += usize::from(outcome == Some(true));
    }

    fn percent(&self) -> f64 {
        100.0 * self.good as f64 / self.all as f64
    }
}

/// What comes of all recordings, by two threads.
fn all(files: &[String], look: impl Fn(&str) -> Yield + Sync) -> Vec<(&String, Yield)> {
    thread::scope(|scope| {
        let halves = files.chunks(files.len().div_ceil(2));
        let look = &look;
        let threads: Vec<_> = halves
            .map(|half| scope.spawn(move || half.iter().map(|file| (file, look(file))).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Whatever is not known of a maker, what its devices have of standards comes, and comes right.
#[test]
#[allow(clippy::print_stderr, reason = "the figures are what the test is for")]
fn devices_of_a_maker_that_nobody_knows_yield_what_standards_say_and_no_wrong_value() {
    let Some(files) = recording::files() else { return };
    let facts = recorded::facts();
    let of = |file: &str| {
        let name = file.split("/librenms/").nth(1).and_then(|name| name.strip_suffix(".snmprec.bz2"));
        name.and_then(|name| facts.get(name)).map_or(&[][..], |facts| facts)
    };
    let (mut interfaces, mut cpu_memory) = (Share::default(), Share::default());
    let (mut compared, mut wrong) = (0, Vec::new());
    for (_, outcome) in all(&files, |file| look(file, of(file), Maker::Unknown)) {
        interfaces.add(outcome.interfaces);
        cpu_memory.add(outcome.cpu_memory);
        compared += outcome.compared;
        wrong.extend(outcome.wrong);
    }
    eprintln!(
        "of makers that nobody knows: interfaces of {} of {} ({:.1} %), processors or memory of {} of {} ({:.1} %), \
         {compared} values compared, {} wrong",
        interfaces.good,
        interfaces.all,
        interfaces.percent(),
        cpu_memory.good,
        cpu_memory.all,
        cpu_memory.percent(),
        wrong.len(),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(interfaces.percent() >= 95.0 && cpu_memory.percent() >= 25.0);
    assert!(interfaces.all > 400 && cpu_memory.all > 300 && compared > 5_000);
}

#[test]
#[allow(clippy::print_stderr, reason = "the figures are what the test is for")]
fn recorded_devices_yield_interfaces_processors_and_memory_and_no_wrong_value() {
    let Some(files) = recording::files() else { return };
    let facts = recorded::facts();
    let of = |file: &str| {
        let name = file.split("/librenms/").nth(1).and_then(|name| name.strip_suffix(".snmprec.bz2"));
        name.and_then(|name| facts.get(name)).map_or(&[][..], |facts| facts)
    };
    let looked = all(&files, |file| look(file, of(file), Maker::Known));
    let mut failed = BTreeSet::new();
    let (mut interfaces, mut cpu_memory) = (Share::default(), Share::default());
    let (mut compared, mut wrong, mut requests) = (0, Vec::new(), Vec::new());
    for (file, outcome) in &looked {
        interfaces.add(outcome.interfaces);
        cpu_memory.add(outcome.cpu_memory);
        compared += outcome.compared;
        wrong.extend(&outcome.wrong);
        requests.push(outcome.requests);
        if outcome.interfaces == Some(false) || outcome.cpu_memory == Some(false) {
            failed.insert(file.rsplit('/').next().unwrap());
        }
    }
    requests.sort_unstable();
    eprintln!(
        "{} devices: interfaces of {} of {} ({:.1} %), processors or memory of {} of {} ({:.1} %), {compared} values \
         compared, {} wrong; {} packets to find out (median), {} at most; without: {failed:?}",
        looked.len(),
        interfaces.good,
        interfaces.all,
        interfaces.percent(),
        cpu_memory.good,
        cpu_memory.all,
        cpu_memory.percent(),
        wrong.len(),
        requests[requests.len() / 2],
        requests.last().unwrap(),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(interfaces.percent() >= 95.0 && cpu_memory.percent() >= 90.0, "{failed:?}");
    assert!(interfaces.all > 400 && cpu_memory.all > 300 && compared > 10_000);
}

/// A switch of a maker that is known: two ports of which one counts in 64 bits as well, a processor, a sensor and one that
/// says that it knows nothing.
fn switch() -> Vec<(Oid, Value)> {
    let text = |text: &str| Value::Octets(text.as_bytes().into());
    let mut objects = vec![
        (oid("1.3.6.1.2.1.1.1.0"), text("Cisco IOS Software")),
        (oid("1.3.6.1.2.1.1.2.0"), Value::Oid(oid("1.3.6.1.4.1.9.1.1208"))),
        (oid("1.3.6.1.2.1.1.3.0"), Value::TimeTicks(100_000)),
        (oid("1.3.6.1.4.1.9.9.109.1.1.1.1.8.1"), Value::Gauge32(17)),
        (oid("1.3.6.1.4.1.9.9.13.1.3.1.2.1"), text("inlet")),
        (oid("1.3.6.1.4.1.9.9.13.1.3.1.2.2"), text("outlet")),
        (oid("1.3.6.1.4.1.9.9.13.1.3.1.3.1"), Value::Gauge32(41)),
        (oid("1.3.6.1.4.1.9.9.13.1.3.1.3.2"), Value::Gauge32(65_535)),
    ];
    for row in 1..=2 {
        let cell = |column: u32| oid(&format!("1.3.6.1.2.1.2.2.1.{column}.{row}"));
        objects.push((cell(2), text(&format!("port{row}"))));
        objects.push((cell(5), Value::Gauge32(1_000_000_000)));
        objects.push((cell(8), Value::Integer(row)));
        objects.push((cell(10), Value::Counter32(1_000)));
        objects.push((cell(16), Value::Counter32(1_000)));
    }
    objects.push((oid("1.3.6.1.2.1.31.1.1.1.6.1"), Value::Counter64(1_000)));
    objects.sort_by(|(one, _), (other, _)| one.cmp(other));
    objects
}

#[tokio::test]
async fn a_device_is_measured_by_profile_beside_its_own_sensors() {
    let agent = Responder::start(&switch(), 1_400);
    let own = json!({
        "oids": [{"oid": "1.3.6.1.4.1.9.9.109.1.1.1.1.8", "fetch_method": "walk"}],
        "expression": "$1 + 1000", "output_path": "cpu.{$index}.load",
    });
    for sensors in [vec![], vec![sensor(1, own)]] {
        let has_own = !sensors.is_empty();
        let mut device = device_at(agent.address, sensors);
        device.entity.details.insert("snmp_profile".to_owned(), json!("auto"));
        let bot = bot(&SnmpMetrics::default());
        let job = job(&bot, &device);
        assert_eq!(job.task.intervals().map(|it| it.seconds()).collect::<Vec<_>>(), [60, 300]);
        run(&bot, &job, 60, &[60, 300]).await;
        let (values, children) = run(&bot, &job, 120, &[60, 300]).await;
        assert_eq!(children.unwrap().children.len(), 2);
        let values: HashMap<String, f64> = values.into_iter().collect();
        let value = |path: &str| values.get(&format!("entity.7.snmp.{path}")).copied();
        assert_eq!(value("completeness"), Some(1.0), "{values:?}");
        // What is set up by hand stands before what a profile says of the same path.
        assert_eq!(value("cpu.1.load"), Some(if has_own { 1_017.0 } else { 17.0 }));
        assert_eq!(value("temperature.chassis.1.inlet"), Some(41.0));
        assert_eq!(value("temperature.chassis.2.outlet"), None, "65535 says that there is none");
        assert_eq!(value("if.in-octets.1.port1"), Some(0.0));
        assert_eq!(value("if.out-octets.2.port2"), Some(0.0));
        assert_eq!((value("if.up.1.port1"), value("if.up.2.port2")), (Some(1.0), Some(0.0)));
        assert_eq!(value("uptime"), Some(1_000.0));
    }
}

#[test]
fn a_profile_that_is_none_is_refused_by_name() {
    let mut device = device_at("127.0.0.1:161".parse().unwrap(), vec![]);
    device.entity.details.insert("snmp_profile".to_owned(), json!("cisko"));
    let bot = bot(&SnmpMetrics::default());
    let plan = grafolean_collector::protocol::Protocol::plan(&bot, &[device.account], &[device.clone()]);
    assert!(plan.jobs.is_empty());
    let said = plan.refused[0].to_string();
    assert!(said.contains("expected auto or a profile's name, found \"cisko\""), "{said}");
}

#[test]
fn a_device_says_by_what_it_answers_what_it_is() {
    let application = Played(switch()).application(Library::builtin());
    assert_eq!(application.name(), Some("cisco"));
    let paths: HashSet<&str> =
        application.metrics().map(|(_, metric)| metric.sensor.output_path.as_str()).collect();
    assert!(paths.contains("cpu.{$index}.load") && !paths.contains("memory.{$index}.used"), "{paths:?}");
    let of = |path: &str| {
        let metric = application.metrics().find(|(_, it)| it.sensor.output_path.as_str() == path).unwrap().1;
        metric.sensor.fetches[1].oid().to_string()
    };
    assert_eq!(of("if.in-octets.{$index}.{$1}"), "1.3.6.1.2.1.31.1.1.1.6", "64 bits come first");
    assert_eq!(of("if.out-octets.{$index}.{$1}"), "1.3.6.1.2.1.2.2.1.16", "and 32 where there are no others");
    let sensors = application.sensors();
    let load = sensors.iter().find(|it| it["details"]["output_path"] == "cpu.{$index}.load").unwrap();
    assert_eq!((&load["protocol"], &load["default_interval"]), (&json!("snmp"), &json!(60)));
    for sensor in sensors {
        let read = grafolean_bots::snmp::settings::Sensor::read(sensor["details"].as_object().unwrap());
        assert!(read.is_ok(), "{sensor}");
    }
}
