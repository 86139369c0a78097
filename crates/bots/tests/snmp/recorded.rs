//! Recordings of real devices, played in this process: every device walked completely is what its recording says, and
//! what others know of its objects is what we read.

use std::{collections::HashMap, process::Command, time::Duration};

use futures_util::{StreamExt, stream};
use grafolean_bots::snmp::{
    Expression, Oid, Value, drive,
    engine::{Engine, Session, SnmpMetrics},
    plan::{Dialect, Limits, Poll, PollResult, Wanted},
    settings::{Access, PollPolicy},
};
use serde_json::json;
use tokio::time::Instant;

use crate::{
    recording::{self, Recording},
    responder::Responder,
};

const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

/// Devices asked at a time.
const AT_A_TIME: usize = 8;

/// A device of more objects is walked by GETBULK only: object by object would take minutes.
const MOST_BY_NEXT: usize = 100;

/// Sizes of answers, by turns: what RFC 3417 demands, an Ethernet's, and a generous one.
const SIZES: [usize; 3] = [400, 1_400, 8_000];

/// All there is lies below one of them.
pub(crate) const ROOTS: &[u32] = &[0, 1, 2];

fn policy() -> PollPolicy {
    PollPolicy { timeout: Duration::from_secs(60), retries: 0, ..PollPolicy::default() }
}

fn access(version: &str) -> Access {
    let details = json!({"version": version, "snmpv12_community": "public"});
    Access::read(details.as_object().unwrap()).unwrap()
}

/// Asks for everything that is wanted.
pub(crate) async fn ask(engine: &Engine, session: Session, dialect: Dialect, wanted: &Wanted) -> PollResult {
    let poll = Poll::new(wanted, UPTIME.parse().unwrap(), dialect, Limits::default(), policy());
    let driven = drive(session, poll, policy(), Instant::now() + Duration::from_secs(3_600));
    engine.on_its_thread(driven).await.unwrap()
}

/// All objects of a device, in their order; panics at a walk that did not reach its end.
pub(crate) async fn walk(
    engine: &Engine,
    session: Session,
    dialect: Dialect,
    (name, roots): (&str, &[u32]),
) -> Vec<(Oid, Value)> {
    let roots: Vec<_> = roots.iter().map(|arc| Oid::root([*arc]).unwrap()).collect();
    let mut wanted = Wanted::default();
    roots.iter().for_each(|root| wanted.walk(root.clone()));
    let result = ask(engine, session, dialect, &wanted).await;
    let mut came = Vec::new();
    for root in &roots {
        let column = result.column(root).unwrap();
        assert_eq!(column.end, Ok(()), "{name}");
        let oid = |index: &[u32]| Oid::new([root.arcs(), index].concat()).unwrap();
        came.extend(column.rows.iter().map(|row| (oid(&row.index), row.value.clone())));
    }
    came
}

/// Holds what came of a device against what it has.
pub(crate) fn hold(name: &str, came: &[(Oid, Value)], expected: &[(Oid, Value)]) {
    for (came, expected) in came.iter().zip(expected) {
        assert!(came == expected, "{name}: {came:?} came where {expected:?} was recorded");
    }
    assert_eq!(came.len(), expected.len(), "{name}");
}

async fn check(engine: &Engine, number: usize, file: &str, facts: &[Fact]) -> usize {
    let Recording { name, objects, left_out, .. } = recording::read(file);
    assert!(left_out == 0 || name == "ibmtl_7420", "{name}: {left_out} lines are left out");
    let agent = Responder::start(&objects, SIZES[number % SIZES.len()]);
    for (version, dialect) in [("snmpv2c", Dialect::Bulk), ("snmpv1", Dialect::Next)] {
        if dialect == Dialect::Bulk || objects.len() <= MOST_BY_NEXT {
            let session = engine.session(agent.address, &access(version), policy()).await.unwrap();
            hold(&name, &walk(engine, session, dialect, (&name, ROOTS)).await, &objects);
        }
    }
    let mut wanted = Wanted::default();
    facts.iter().for_each(|fact| wanted.get(fact.oid.clone()));
    let session = engine.session(agent.address, &access("snmpv2c"), policy()).await.unwrap();
    let result = ask(engine, session, Dialect::Bulk, &wanted).await;
    for fact in facts {
        let (value, _) = result.value(&fact.oid).unwrap_or_else(|why| panic!("{name} {}: {why}", fact.oid));
        assert!(fact.holds(value), "{name} {}: {value} is not {}", fact.oid, fact.expect);
    }
    objects.len()
}

/// Half of the recordings: two processes walk them side by side.
async fn check_half(half: usize) {
    let Some(files) = recording::files() else { return };
    assert_eq!(files.len(), 678);
    let facts = facts();
    assert_eq!(facts.values().map(Vec::len).sum::<usize>(), 64_859);
    let of = |file: &str| {
        let name = file.split("/librenms/").nth(1).and_then(|name| name.strip_suffix(".snmprec.bz2"));
        name.and_then(|name| facts.get(name)).map_or(&[][..], |facts| facts)
    };
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let files = files.iter().enumerate().skip(half).step_by(2);
    let checks = stream::iter(files.map(|(number, file)| check(&engine, number, file, of(file))));
    let objects: usize = checks.buffer_unordered(AT_A_TIME).collect::<Vec<_>>().await.iter().sum();
    assert!(objects > 700_000, "{objects} objects");
}

#[tokio::test]
async fn recorded_devices_are_what_their_recordings_and_others_say_of_them() {
    check_half(0).await;
}

#[tokio::test]
async fn recorded_devices_of_the_other_half_are_so_too() {
    check_half(1).await;
}

/// What LibreNMS makes of an object.
#[derive(serde::Deserialize)]
pub(crate) struct Fact {
    pub(crate) k: String,
    pub(crate) oid: Oid,
    pub(crate) expect: serde_json::Value,
    #[serde(default = "one")]
    mul: f64,
    #[serde(default = "one")]
    div: f64,
}

fn one() -> f64 {
    1.0
}

#[derive(serde::Deserialize)]
struct Facts {
    device: String,
    facts: Vec<Fact>,
}

/// What is known of each device.
pub(crate) fn facts() -> HashMap<String, Vec<Fact>> {
    let file = format!("{}/snmp/librenms.facts.jsonl.xz", recording::DATA);
    let output = Command::new("xzcat").arg(file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let Facts { device, facts } = serde_json::from_str(line).unwrap();
        (device, facts)
    };
    text.lines().map(line).collect()
}

impl Fact {
    /// Whether a value is what LibreNMS knows: it rounds the load of processors, and takes blanks off texts.
    fn holds(&self, value: &Value) -> bool {
        match &self.expect {
            serde_json::Value::String(expected) => {
                let text = value.text();
                text.trim() == expected.trim() || is_shown_as_hex(value, expected)
            }
            expected => {
                let scale = Expression::compile("$1 * ($2 / $3)", 3).unwrap();
                let number = value.number().and_then(|it| scale.evaluate(&[it, self.mul, self.div]));
                let (number, expected) = (number.unwrap_or(f64::NAN), expected.as_f64().unwrap());
                let is_near = (number - expected).abs() <= number.abs() * 1e-9;
                is_near || (expected.fract() == 0.0 && (number - expected).abs() <= 0.500_000_1)
            }
        }
    }
}

/// One device's text is hexadecimal in itself: net-snmp broke its lines where the recording joins them.
fn is_shown_as_hex(value: &Value, expected: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    plain(&value.text()) == plain(expected)
}
