//! Agents on loopback that answer as no agent should, over the engine's real sockets.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use async_snmp::{
    DecodeConfig, VarBind,
    message::CommunityMessage,
    pdu::{Pdu, ResponsePdu},
};
use futures_util::future::join_all;
use grafolean_bots::snmp::{
    AskError, Oid, Request, Value, Varbind,
    engine::{Engine, Session, SnmpMetrics},
    settings::{Access, Community, PollPolicy},
};

/// Long enough for a loaded machine; what is right never waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// An agent that answers each request with the datagrams that `answer` makes of it, from its port or from another one.
/// It ends when it is asked for nothing by an empty datagram.
struct Agent {
    address: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

enum From {
    Here,
    Elsewhere,
}

impl Agent {
    fn start(
        local: SocketAddr,
        mut answer: impl FnMut(&Pdu) -> Vec<(From, Vec<u8>)> + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind(local).unwrap();
        let address = socket.local_addr().unwrap();
        let elsewhere = UdpSocket::bind(SocketAddr::new(local.ip(), 0)).unwrap();
        let serve = move || {
            let mut room = vec![0; 65_536];
            loop {
                let (length, from) = socket.recv_from(&mut room).unwrap();
                if length == 0 {
                    return;
                }
                let message =
                    CommunityMessage::decode(room[..length].to_vec().into(), DecodeConfig::default());
                let request = message.unwrap().value.into_pdu().unwrap();
                for (place, datagram) in answer(&request) {
                    let socket = if matches!(place, From::Here) { &socket } else { &elsewhere };
                    socket.send_to(&datagram, from).unwrap();
                }
            }
        };
        Self { address, thread: Some(thread::spawn(serve)) }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let local = if self.address.is_ipv4() {
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        } else {
            SocketAddr::from((Ipv6Addr::LOCALHOST, 0))
        };
        UdpSocket::bind(local).unwrap().send_to(&[], self.address).unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

fn local() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// What a good agent says: each object is the number 7, or a text.
fn answer(request: &Pdu, request_id: i32, community: &str, value: &async_snmp::Value) -> Vec<u8> {
    let varbinds = request.varbinds().iter().map(|varbind| VarBind::new(varbind.oid.clone(), value.clone()));
    let pdu = ResponsePdu::success(async_snmp::Version::V2c, request_id, varbinds.collect()).unwrap();
    let message = CommunityMessage::v2c(community.to_owned(), pdu.into_raw()).unwrap();
    message.encode().unwrap().to_vec()
}

fn seven(request: &Pdu) -> Vec<u8> {
    answer(request, request.request_id(), "public", &async_snmp::Value::Integer(7))
}

async fn session(engine: &Engine, address: SocketAddr, timeout: Duration, retries: u32) -> Session {
    let access = Access::Community(Community::V2c("public".into()));
    let policy = PollPolicy { timeout, retries, ..PollPolicy::default() };
    engine.session(address, &access, policy).await.unwrap()
}

fn uptime() -> Oid {
    "1.3.6.1.2.1.1.3.0".parse().unwrap()
}

fn get() -> Request {
    Request::Get(vec![uptime()])
}

fn engine() -> (Engine, SnmpMetrics) {
    let metrics = SnmpMetrics::default();
    (Engine::start(metrics.clone()).unwrap(), metrics)
}

fn is_seven(answered: &Result<(Vec<Varbind>, grafolean_bots::snmp::Moment), AskError>) -> bool {
    let expected = [Varbind { oid: uptime(), value: Ok(Value::Integer(7)) }];
    answered.as_ref().is_ok_and(|(varbinds, _)| *varbinds == expected)
}

#[tokio::test]
async fn whatever_else_comes_only_the_right_answer_counts_and_the_rest_is_counted() {
    let forge = |request: &Pdu| {
        let wrong = async_snmp::Value::Integer(666);
        let right = seven(request);
        let mut late = request.request_id();
        late ^= 1;
        vec![
            (From::Elsewhere, answer(request, request.request_id(), "public", &wrong)),
            (From::Here, answer(request, request.request_id(), "private", &wrong)),
            (From::Here, answer(request, late, "public", &wrong)),
            (From::Here, right[..right.len() - 1].to_vec()),
            (From::Here, b"\x30\x80rubbish".to_vec()),
            (From::Here, right.clone()),
            (From::Here, right),
        ]
    };
    let agent = Agent::start(local(), forge);
    let (engine, metrics) = engine();
    let session = session(&engine, agent.address, PATIENCE, 0).await;
    assert!(is_seven(&session.ask(&get()).await));
    // The second copy of the first answer came before the answer to this.
    assert!(is_seven(&session.ask(&get()).await));
    engine.metrics();
    assert!((7..=8).contains(&metrics.datagrams_discarded.get()), "{}", metrics.datagrams_discarded.get());
    assert_eq!(metrics.datagrams_malformed.get(), 4);
    assert_eq!(metrics.requests_repeated.get(), 0);
}

#[tokio::test]
async fn a_request_that_is_lost_is_sent_again_and_silence_is_told() {
    let mut seen = Vec::new();
    let silent_once = move |request: &Pdu| {
        let is_known = seen.contains(&request.request_id());
        seen.push(request.request_id());
        if is_known { vec![(From::Here, seven(request))] } else { Vec::new() }
    };
    let agent = Agent::start(local(), silent_once);
    let (engine, metrics) = engine();
    let patient = session(&engine, agent.address, Duration::from_millis(50), 400).await;
    assert!(is_seven(&patient.ask(&get()).await));
    assert!(metrics.requests_repeated.get() >= 1);
    let silent = Agent::start(local(), |_| Vec::new());
    let impatient = session(&engine, silent.address, Duration::from_millis(10), 2).await;
    assert_eq!(impatient.ask(&get()).await, Err(AskError::Timeout));
}

#[tokio::test]
async fn answers_in_any_order_find_their_requests() {
    // As many as the agent's own buffer surely takes at once.
    const REQUESTS: u32 = 100;
    let mut held: Vec<Vec<u8>> = Vec::new();
    let backwards = move |request: &Pdu| {
        let name = request.varbinds()[0].oid.arcs().last().copied().unwrap();
        held.push(answer(request, request.request_id(), "public", &async_snmp::Value::Gauge32(name)));
        let all = if held.len() == REQUESTS as usize { std::mem::take(&mut held) } else { Vec::new() };
        all.into_iter().rev().map(|datagram| (From::Here, datagram)).collect()
    };
    let agent = Agent::start(local(), backwards);
    let (engine, _) = engine();
    let session = session(&engine, agent.address, PATIENCE, 0).await;
    let ask = |number: u32| {
        let session = session.clone();
        async move {
            let (varbinds, _) =
                session.ask(&Request::Get(vec![Oid::new([1, 3, 6, number]).unwrap()])).await.unwrap();
            assert_eq!(varbinds[0].value, Ok(Value::Gauge32(number)));
        }
    };
    join_all((0..REQUESTS).map(ask)).await;
}

#[tokio::test]
async fn an_answer_may_be_as_long_as_a_datagram_and_over_ipv6() {
    let long = |request: &Pdu| {
        let text = async_snmp::Value::OctetString(vec![b'x'; 65_400].into());
        vec![(From::Here, answer(request, request.request_id(), "public", &text))]
    };
    let (engine, _) = engine();
    let mut locals = vec![local()];
    // Machines without IPv6 exist.
    locals.extend(
        UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok().then(|| SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
    );
    for local in locals {
        let agent = Agent::start(local, long);
        let session = session(&engine, agent.address, PATIENCE, 0).await;
        let (varbinds, _) = session.ask(&get()).await.unwrap();
        assert_eq!(varbinds[0].value.as_ref().unwrap().text().len(), 65_400, "{local}");
    }
}

#[tokio::test]
async fn a_request_without_a_way_out_fails_at_once_and_one_too_long_is_too_big() {
    let (engine, _) = engine();
    // A broadcast, which a socket has to be allowed to send.
    let nowhere = session(&engine, "255.255.255.255:161".parse().unwrap(), PATIENCE, 5).await;
    assert!(matches!(nowhere.ask(&get()).await, Err(AskError::Local(_))));
    let agent = Agent::start(local(), |_| Vec::new());
    let session = session(&engine, agent.address, PATIENCE, 5).await;
    let long = Oid::new([vec![1, 3], vec![u32::MAX; 126]].concat()).unwrap();
    let status = session.ask(&Request::Get(vec![long; 110])).await;
    assert!(matches!(status, Err(AskError::Status { .. })), "{status:?}");
}

#[tokio::test]
async fn whoever_waits_when_the_engine_ends_is_told() {
    let (asked, wait): (Sender<()>, _) = channel();
    let silent = move |_: &Pdu| {
        let _ = asked.send(());
        Vec::new()
    };
    let agent = Agent::start(local(), silent);
    let (engine, _) = engine();
    let session = session(&engine, agent.address, PATIENCE, 0).await;
    let asking = session.clone();
    let waiting = tokio::spawn(async move { asking.ask(&get()).await });
    tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
    drop(engine);
    assert!(matches!(waiting.await.unwrap(), Err(AskError::Local(_))));
    assert!(matches!(session.ask(&get()).await, Err(AskError::Local(_))), "and whoever asks after that");
}
