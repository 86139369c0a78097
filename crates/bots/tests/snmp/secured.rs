//! Agents of SNMPv3 that behave as reports about real ones tell: they start anew without counting it, send values that are
//! none, and report what is wrong with who asks.

use std::{
    net::UdpSocket,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use async_snmp::v3::{LocalizedKey, MasterKeys};
use grafolean_bots::snmp::{
    AskError, Oid, Request, Value, Varbind,
    engine::{Engine, Session, SnmpMetrics},
    settings::{Access, PollPolicy},
};
use serde_json::json;

use crate::message::{element, read_oid, tlv, write_oid};

const ENGINE_ID: &[u8] = &[0x80, 0, 0, 0, 1, 2, 3, 4, 0xcc];
const PASSWORD: &str = "authpass12";
const UPTIME: &str = "1.3.6.1.2.1.1.3.0";

/// What an agent is like from one request to the next.
#[derive(Clone)]
struct State {
    boots: u32,
    time: u32,
    /// Objects and their values as octets.
    objects: Vec<(Oid, Vec<u8>)>,
    /// What it reports instead of an answer.
    report: Option<&'static str>,
    /// Whether its word that a message is late carries a digest.
    signs_reports: bool,
    requests: u32,
}

struct Agent {
    address: std::net::SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

/// A request as it came.
struct Asked {
    message_id: Vec<u8>,
    engine_id: Vec<u8>,
    boots: u32,
    time: u32,
    user: Vec<u8>,
    digest: Vec<u8>,
    request_id: Vec<u8>,
    oids: Vec<Oid>,
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |sum, octet| sum << 8 | u32::from(*octet))
}

fn integer(number: u32) -> Vec<u8> {
    let octets = [&[0][..], &number.to_be_bytes()].concat();
    let skipped = octets.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
    tlv(0x02, &octets[skipped..])
}

fn decode(datagram: &[u8]) -> Option<Asked> {
    let (_, message, _) = element(datagram)?;
    let (_, _version, rest) = element(message)?;
    let (_, header, rest) = element(rest)?;
    let (_, message_id, _) = element(header)?;
    let (_, parameters, rest) = element(rest)?;
    let (_, parameters, _) = element(parameters)?;
    let (_, engine_id, parameters) = element(parameters)?;
    let (_, boots, parameters) = element(parameters)?;
    let (_, time, parameters) = element(parameters)?;
    let (_, user, parameters) = element(parameters)?;
    let (_, digest, _) = element(parameters)?;
    let (_, scoped, _) = element(rest)?;
    let (_, _context_engine, rest) = element(scoped)?;
    let (_, _context, rest) = element(rest)?;
    let (_, pdu, _) = element(rest)?;
    let (_, request_id, rest) = element(pdu)?;
    let (_, _, rest) = element(rest)?;
    let (_, _, rest) = element(rest)?;
    let (_, mut varbinds, _) = element(rest)?;
    let mut oids = Vec::new();
    while let Some((_, varbind, rest)) = element(varbinds) {
        oids.push(read_oid(element(varbind)?.1)?);
        varbinds = rest;
    }
    let (message_id, request_id) = (message_id.to_vec(), request_id.to_vec());
    let (engine_id, user, digest) = (engine_id.to_vec(), user.to_vec(), digest.to_vec());
    let (boots, time) = (number(boots), number(time));
    Some(Asked { message_id, engine_id, boots, time, user, digest, request_id, oids })
}

fn report(oid: &str) -> Vec<u8> {
    tlv(0x30, &[tlv(0x06, &write_oid(&oid.parse().unwrap())), tlv(0x41, &[1])].concat())
}

impl State {
    fn answer(&mut self, asked: &Asked, key: &LocalizedKey) -> Vec<u8> {
        self.requests += 1;
        let is_authentic = !asked.digest.is_empty();
        if asked.engine_id != ENGINE_ID {
            return self.message(asked, 0xa8, &report("1.3.6.1.6.3.15.1.1.4.0"), None);
        }
        if let Some(oid) = self.report {
            return self.message(asked, 0xa8, &report(oid), None);
        }
        let is_late = asked.boots != self.boots || asked.time.abs_diff(self.time) > 150;
        if is_authentic && is_late {
            let key = self.signs_reports.then_some(key);
            return self.message(asked, 0xa8, &report("1.3.6.1.6.3.15.1.1.2.0"), key);
        }
        let cell = |oid: &Oid| {
            let known = self.objects.iter().find(|(known, _)| known == oid);
            let value = known.map_or_else(|| tlv(0x80, &[]), |(_, value)| value.clone());
            tlv(0x30, &[tlv(0x06, &write_oid(oid)), value].concat())
        };
        let varbinds: Vec<u8> = asked.oids.iter().flat_map(cell).collect();
        self.message(asked, 0xa2, &varbinds, is_authentic.then_some(key))
    }

    fn message(&self, asked: &Asked, kind: u8, varbinds: &[u8], key: Option<&LocalizedKey>) -> Vec<u8> {
        let pdu = [tlv(0x02, &asked.request_id), integer(0), integer(0), tlv(0x30, varbinds)].concat();
        let scoped = tlv(0x30, &[tlv(0x04, ENGINE_ID), tlv(0x04, &[]), tlv(kind, &pdu)].concat());
        let digest = vec![0; key.map_or(0, LocalizedKey::mac_len)];
        let parameters = [
            tlv(0x04, ENGINE_ID),
            integer(self.boots),
            integer(self.time),
            tlv(0x04, &asked.user),
            tlv(0x04, &digest),
            tlv(0x04, &[]),
        ];
        let flags = u8::from(key.is_some());
        let header = [tlv(0x02, &asked.message_id), integer(65_507), tlv(0x04, &[flags]), integer(3)];
        let parts = [
            integer(3),
            tlv(0x30, &header.concat()),
            tlv(0x04, &tlv(0x30, &parameters.concat())),
            scoped.clone(),
        ];
        let mut message = tlv(0x30, &parts.concat());
        if let Some(key) = key {
            let mac = key.compute_hmac(&message).unwrap();
            // Behind the digest stand an empty salt and the scoped PDU.
            let place = message.len() - scoped.len() - 2 - mac.len();
            message[place..place + mac.len()].copy_from_slice(&mac);
        }
        message
    }
}

impl Agent {
    fn start(objects: &[(&str, Vec<u8>)]) -> Self {
        let objects = objects.iter().map(|(oid, value)| (oid.parse().unwrap(), value.clone())).collect();
        let state = State { boots: 1, time: 70_000, objects, report: None, signs_reports: true, requests: 0 };
        let state = Arc::new(Mutex::new(state));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let key = MasterKeys::new(async_snmp::AuthProtocol::Sha1, PASSWORD.as_bytes()).unwrap();
        let (key, _) = key.localize(ENGINE_ID).unwrap();
        let shared = Arc::clone(&state);
        let serve = move || {
            let mut room = vec![0; 65_536];
            while let Ok((length @ 1.., from)) = socket.recv_from(&mut room) {
                let asked = decode(&room[..length]).unwrap();
                let answer = shared.lock().unwrap().answer(&asked, &key);
                socket.send_to(&answer, from).unwrap();
            }
        };
        Self { address, state, thread: Some(thread::spawn(serve)) }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.address).unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

/// Long enough for a loaded machine; what is right never waits for it.
fn patiently() -> PollPolicy {
    PollPolicy { timeout: Duration::from_secs(20), retries: 0, ..PollPolicy::default() }
}

async fn session(engine: &Engine, agent: &Agent, level: &str) -> Session {
    let access = json!({
        "version": "snmpv3", "snmpv3_securityName": "x", "snmpv3_securityLevel": level,
        "snmpv3_authProtocol": "SHA", "snmpv3_authKey": PASSWORD,
    });
    let access = Access::read(access.as_object().unwrap()).unwrap();
    engine.session(agent.address, &access, patiently()).await.unwrap()
}

async fn ask(session: &Session, oids: &[&str]) -> Result<Vec<Varbind>, AskError> {
    let request = Request::Get(oids.iter().map(|oid| oid.parse().unwrap()).collect());
    session.ask(&request).await.map(|(varbinds, _)| varbinds)
}

fn uptime() -> (&'static str, Vec<u8>) {
    (UPTIME, vec![0x43, 1, 9])
}

#[tokio::test]
async fn values_are_read_as_in_v2c_and_one_that_is_none_costs_itself() {
    let values: [(&str, Vec<u8>, Result<Value, ()>); 8] = [
        ("1.3.6.1.4.1.1", vec![0x02, 5, 4, 0, 0, 0, 0], Ok(Value::Unreadable("INTEGER"))),
        ("1.3.6.1.4.1.2", vec![0x02, 5, 0, 0xff, 0xff, 0xff, 0xff], Ok(Value::Gauge32(u32::MAX))),
        ("1.3.6.1.4.1.3", vec![0x46, 0], Ok(Value::Unreadable("Counter64"))),
        ("1.3.6.1.4.1.4", vec![0x41, 5, 1, 0, 0, 0, 9], Ok(Value::Unreadable("Counter32"))),
        ("1.3.6.1.4.1.5", vec![0x40, 3, 1, 2, 3], Ok(Value::Unreadable("IpAddress"))),
        ("1.3.6.1.4.1.6", vec![0x02, 0], Ok(Value::Unreadable("INTEGER"))),
        (
            "1.3.6.1.4.1.7",
            vec![0x46, 9, 0, 0xff, 0, 0, 0, 0, 0, 0, 1],
            Ok(Value::Counter64((0xff << 56) + 1)),
        ),
        ("1.3.6.1.4.1.8", vec![0x06, 2, 0x2b, 0x86], Ok(Value::Unreadable("OBJECT IDENTIFIER"))),
    ];
    let objects: Vec<_> = values.iter().map(|(oid, octets, _)| (*oid, octets.clone())).collect();
    let agent = Agent::start(&objects);
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    for level in ["noAuthNoPriv", "authNoPriv"] {
        let session = session(&engine, &agent, level).await;
        let came = ask(&session, &values.each_ref().map(|(oid, ..)| *oid)).await.unwrap();
        for ((oid, _, expected), came) in values.iter().zip(came) {
            assert_eq!(came.value.map_err(|_| ()), *expected, "{level}: {oid}");
        }
    }
}

#[tokio::test]
async fn an_agent_that_starts_anew_without_counting_it_is_asked_on_and_its_restarts_are_counted() {
    for signs_reports in [true, false] {
        let agent = Agent::start(&[uptime()]);
        agent.change(|state| state.signs_reports = signs_reports);
        let metrics = SnmpMetrics::default();
        let engine = Engine::start(metrics.clone()).unwrap();
        let session = session(&engine, &agent, "authNoPriv").await;
        assert!(ask(&session, &[UPTIME]).await.is_ok());
        assert_eq!((session.boots(), metrics.engine_restarts.get()), (Some(1), 0));
        // Twice in a row, then by boots that go back, then by ones that grow.
        for (boots, time) in [(1, 3), (1, 60_000), (1, 0), (0, 5), (7, 80_000)] {
            agent.change(|state| (state.boots, state.time) = (boots, time));
            assert!(ask(&session, &[UPTIME]).await.is_ok(), "{boots} {time}");
            assert_eq!(session.boots(), Some(boots));
        }
        if signs_reports {
            assert_eq!(metrics.engine_restarts.get(), 4);
        }
    }
}

#[tokio::test]
async fn what_an_agent_reports_is_told_at_once_and_by_its_name() {
    let agent = Agent::start(&[uptime()]);
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let session = session(&engine, &agent, "authNoPriv").await;
    for (oid, expected) in [
        ("1.3.6.1.6.3.15.1.1.1.0", AskError::UnsupportedLevel),
        ("1.3.6.1.6.3.15.1.1.2.0", AskError::NotInTimeWindow),
        ("1.3.6.1.6.3.15.1.1.3.0", AskError::UnknownUser),
        ("1.3.6.1.6.3.15.1.1.5.0", AskError::WrongDigest),
        ("1.3.6.1.6.3.15.1.1.6.0", AskError::Decryption),
        ("1.3.6.1.6.3.12.1.4.0", AskError::UnknownContext),
        ("1.3.6.1.6.3.12.1.5.0", AskError::UnknownContext),
        ("1.3.6.1.6.3.11.2.1.3.0", AskError::Report(Some("1.3.6.1.6.3.11.2.1.3.0".parse().unwrap()))),
    ] {
        agent.change(|state| state.report = Some(oid));
        assert_eq!(ask(&session, &[UPTIME]).await, Err(expected), "{oid}");
    }
    agent.change(|state| state.report = None);
    assert!(ask(&session, &[UPTIME]).await.is_ok());
}

#[tokio::test]
async fn a_message_that_is_not_authentic_is_no_answer_to_one_that_is() {
    let agent = Agent::start(&[uptime()]);
    let engine = Engine::start(SnmpMetrics::default()).unwrap();
    let access = json!({
        "version": "snmpv3", "snmpv3_securityName": "x", "snmpv3_securityLevel": "authNoPriv",
        "snmpv3_authProtocol": "SHA", "snmpv3_authKey": "another password",
    });
    let access = Access::read(access.as_object().unwrap()).unwrap();
    let policy = PollPolicy { timeout: Duration::from_millis(50), retries: 1, ..PollPolicy::default() };
    let session = engine.session(agent.address, &access, policy).await.unwrap();
    // The agent looks at no digest, so what it answers has one of another key.
    assert_eq!(ask(&session, &[UPTIME]).await, Err(AskError::Timeout));
    assert_eq!(session.boots(), None, "and its time is not believed");
}
