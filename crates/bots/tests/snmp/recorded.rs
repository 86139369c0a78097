//! Recordings of real devices, played by PyPI's snmpsim: every device walked completely is what its recording says, in
//! each version. Found where `SNMPSIM_RESPONDER` names the program and the recordings lie beside the workspace;
//! `SNMP_RECORDINGS=0-9999` says which of them.
#![allow(clippy::print_stderr, reason = "a test that finds no recordings says so")]

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use grafolean_bots::snmp::{
    Oid, Request, Value,
    engine::{Engine, Session, SnmpMetrics},
    plan::{Dialect, Harvest, Limits, Poll, Wanted},
    settings::{Access, Manners},
};
use grafolean_collector::time::Timestamp;
use serde_json::json;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

/// What snmpsim itself cannot play to the end.
const NOT_PLAYED: [&str; 3] = ["innovaphone", "ibmtl_7420", "vrp_ac6605-26"];

/// All that devices have: 1.0.8802 is LLDP, nearly everything else lies below 1.3.
const ROOTS: [&str; 3] = ["1.0", "1.2", "1.3"];

struct Responder(Child);

impl Drop for Responder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The recordings that are to be played, and the program.
fn recordings() -> Option<(Vec<String>, String)> {
    let (Ok(program), true) = (std::env::var("SNMPSIM_RESPONDER"), Path::new(DATA).exists()) else {
        eprintln!("skipped: SNMPSIM_RESPONDER is not set, or no recordings in {DATA}");
        return None;
    };
    let range = std::env::var("SNMP_RECORDINGS").unwrap_or_else(|_| "0-19".to_owned());
    let (first, last) = range.split_once('-').unwrap();
    let mut names: Vec<String> = std::fs::read_dir(format!("{DATA}/snmp/librenms"))
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().file_name().to_str()?.strip_suffix(".snmprec.bz2")?.to_owned())
        })
        .filter(|name| !NOT_PLAYED.contains(&name.as_str()))
        .collect();
    names.sort();
    let names = names.into_iter().take(last.parse::<usize>().unwrap() + 1).skip(first.parse().unwrap());
    Some((names.collect(), program))
}

fn play(names: &[String], program: &str, folder: &Path) -> (Responder, Vec<(String, SocketAddr)>) {
    let base =
        UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().clamp(20_000, 60_000) - 5_000;
    let process = Command::new("/usr/bin/python3")
        .arg(format!("{DATA}/tools/serve_snmp.py"))
        .args(["--dir", &format!("{DATA}/snmp/librenms"), "--only", &names.join(",")])
        .args(["--base-port", &base.to_string(), "--responder", program, "--work"])
        .arg(folder.join("sim"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let responder = Responder(process);
    let begin = Instant::now();
    let ports = loop {
        let written = std::fs::read_to_string(folder.join("sim/ports.txt")).unwrap_or_default();
        if written.lines().count() == names.len() && folder.join("sim/args").exists() {
            break written;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "snmpsim was not started");
        std::thread::yield_now();
    };
    let port = |line: &str| {
        let (name, port) = line.split_once(' ').unwrap();
        (name.to_owned(), SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
    };
    (responder, ports.lines().map(port).collect())
}

/// What a recording says: object, and its type and value where they stand there as they are.
fn recorded(name: &str) -> Vec<(Oid, Option<Value>)> {
    let output =
        Command::new("bzcat").arg(format!("{DATA}/snmp/librenms/{name}.snmprec.bz2")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut parts = line.splitn(3, '|');
        let (oid, tag, value) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        let value = match tag {
            "2" => value.parse().ok().map(Value::Integer),
            "6" => value.parse().ok().map(Value::Oid),
            "4" if value.is_ascii() && !value.contains('\\') =>
            // The player drops blanks at the end.
            {
                Some(Value::Octets(value.trim_end().as_bytes().into()))
            }
            "65" => value.parse().ok().map(Value::Counter32),
            "66" => value.parse().ok().map(Value::Gauge32),
            "67" => value.parse().ok().map(Value::TimeTicks),
            "70" => value.parse().ok().map(Value::Counter64),
            _ => None,
        };
        Some((oid, value))
    };
    text.lines().filter_map(line).collect()
}

async fn walk_all(engine: &Engine, session: Session, dialect: Dialect, manners: Manners) -> Harvest {
    let mut wanted = Wanted::default();
    ROOTS.iter().for_each(|root| wanted.walk(root.parse().unwrap()));
    let mut poll =
        Poll::new(&wanted, "1.3.6.1.2.1.1.3.0".parse().unwrap(), dialect, Limits::default(), manners);
    let work = async move {
        while let Some(request) = poll.next_request() {
            match session.ask(&request).await {
                Ok((varbinds, at)) => poll.take(Ok(varbinds), at),
                Err(error) => poll.take(Err(error), Timestamp::default()),
            }
        }
        poll.into_harvest()
    };
    engine.on_its_thread(work).await.unwrap()
}

async fn wait_until_it_answers(session: &Session) {
    let begin = Instant::now();
    let uptime = Request::Get(vec!["1.3.6.1.2.1.1.1.0".parse().unwrap()]);
    while session.ask(&uptime).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(300), "{} does not answer", session.address());
    }
}

#[tokio::test]
async fn recorded_devices_walked_completely_are_what_their_recordings_say() {
    let Some((names, program)) = recordings() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_responder, devices) = play(&names, &program, folder.path());
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let manners = Manners { timeout: Duration::from_secs(5), retries: 2, ..Manners::default() };
    let private = json!({
        "version": "snmpv3", "snmpv3_securityName": "shaaes", "snmpv3_securityLevel": "authPriv",
        "snmpv3_authProtocol": "SHA", "snmpv3_authKey": "authpass12", "snmpv3_privProtocol": "AES", "snmpv3_privKey": "privpass12",
    });
    let ways = [
        (json!({"version": "snmpv2c", "snmpv12_community": "public"}), Dialect::Bulk),
        (private, Dialect::Bulk),
    ];
    let mut objects = 0;
    for (name, address) in &devices {
        let expected = recorded(name);
        for (way, dialect) in &ways {
            let access = Access::read(way.as_object().unwrap()).unwrap();
            let session = engine.session(*address, &access, manners).await.unwrap();
            wait_until_it_answers(&session).await;
            let harvest = walk_all(&engine, session, *dialect, manners).await;
            let mut came = Vec::new();
            for root in ROOTS {
                let root: Oid = root.parse().unwrap();
                let column = harvest.column(&root).unwrap();
                assert_eq!(column.end, Ok(()), "{name}");
                let name = |index: &[u32]| Oid::new([root.arcs(), index].concat()).unwrap();
                came.extend(column.rows.iter().map(|row| (name(&row.index), row.value.clone())));
            }
            assert!(came.iter().map(|(oid, _)| oid).eq(expected.iter().map(|(oid, _)| oid)), "{name}");
            for ((oid, came), (_, value)) in came.iter().zip(&expected) {
                assert!(
                    value.as_ref().is_none_or(|value| value == came),
                    "{name} {oid}: {came:?} is not {value:?}"
                );
            }
        }
        objects += expected.len();
    }
    eprintln!("{} devices, {objects} objects, each twice", devices.len());
}
