//! net-snmp's library as Python uses it (easysnmp), at the same stub, and both at net-snmp's agent.

use std::{
    fmt::Write as _,
    fs,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use grafolean_bots::snmp::{
    Oid, Request,
    engine::{Engine, SnmpMetrics},
};

use super::{COLUMN, Stub, line, on_a_runtime, session, walk_for_a_while};

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench/easysnmp/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/easysnmp_beside.py");

/// Rows that snmpd has to tell.
const ROWS: usize = 1_000;
/// vacmGroupName below a security model of 2, which has a row for each group that snmpd is told of.
const GROUPS: [u32; 12] = [1, 3, 6, 1, 6, 3, 16, 1, 2, 1, 3, 2];

pub(super) fn run() {
    let stub = Stub::start();
    beside("easysnmp", &["get", "walk"], stub.agent(0), &dotted(&COLUMN));
}

/// Has Python ask an agent; it prints its own lines.
fn beside(name: &str, what: &[&str], agent: SocketAddr, root: &str) {
    if !Path::new(PYTHON).exists() {
        return println!("skipped: easysnmp is not installed, bench/run does that");
    }
    let status = Command::new(PYTHON)
        .arg(SCRIPT)
        .args([name, &agent.ip().to_string(), &agent.port().to_string(), root])
        .args(what)
        .status();
    assert!(status.unwrap().success());
}

fn dotted(arcs: &[u32]) -> String {
    Oid::new(arcs).unwrap().to_string()
}

struct Snmpd(Child);

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) fn walk_of_snmpd() {
    const PROGRAM: &str = "/usr/sbin/snmpd";
    if !Path::new(PROGRAM).exists() {
        return println!("skipped: no snmpd on this machine");
    }
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let agent = SocketAddr::from(([127, 0, 0, 1], port));
    let mut config = format!("agentaddress udp:{agent}\nrocommunity public\n");
    (0..ROWS).for_each(|row| writeln!(config, "group g{row:04} v2c s{row:04}").unwrap());
    let file = folder.path().join("snmpd.conf");
    fs::write(&file, config).unwrap();
    let started = Command::new(PROGRAM)
        .args(["-f", "-LE", "0", "-C", "-c"])
        .arg(&file)
        .env("SNMP_PERSISTENT_DIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _snmpd = Snmpd(started.unwrap());
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    on_a_runtime(async {
        let session = session(&engine, agent).await;
        let uptime = Request::Get(vec![Oid::new([1, 3, 6, 1, 2, 1, 1, 3, 0]).unwrap()]);
        while session.ask(&uptime).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let root = Oid::new(GROUPS).unwrap();
        let (rows, _, took) = walk_for_a_while(&engine, vec![session], &root, None).await;
        line("snmpd_walk", rows as f64 / took.as_secs_f64(), "varbinds/s");
    });
    beside("easysnmp_snmpd", &["walk"], agent, &dotted(&GROUPS));
}
