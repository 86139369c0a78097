//! An agent that exists as data, whose answers a test twists before they are sent.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::Instant,
};

use grafolean_bots::snmp::{Oid, Value};

use crate::message::{self, Asked};

pub(crate) const UPTIME: &str = "1.3.6.1.2.1.1.3.0";
pub(crate) const IF: &str = "1.3.6.1.2.1.2.2.1";
pub(crate) const IFX: &str = "1.3.6.1.2.1.31.1.1.1";

/// Objects with their values as octets.
pub(crate) type Objects = Vec<(Oid, Vec<u8>)>;

/// What an agent has, and how it answers.
pub(crate) struct State {
    /// Objects with their type, length and value as octets.
    pub(crate) objects: BTreeMap<Oid, Vec<u8>>,
    /// What is done with an answer before it is sent.
    pub(crate) twist: fn(&State, &Asked, Objects) -> Reply,
    pub(crate) is_silent: bool,
    pub(crate) requests: u32,
    pub(crate) began: Instant,
}

pub(crate) enum Reply {
    Objects(Vec<(Oid, Vec<u8>)>),
    TooBig,
    Silence,
}

/// An agent on loopback until it is dropped.
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

pub(crate) fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

pub(crate) fn octets(value: &Value) -> Vec<u8> {
    let whole = message::varbind(&oid("1.3"), Ok(value));
    let (_, varbind, _) = message::element(&whole).unwrap();
    let (_, _, value) = message::element(varbind).unwrap();
    value.to_vec()
}

pub(crate) fn text(text: &[u8]) -> Value {
    Value::Octets(text.into())
}

impl State {
    pub(crate) fn put(&mut self, name: &str, value: &Value) {
        self.objects.insert(oid(name), octets(value));
    }

    pub(crate) fn value(&self, name: &Oid) -> Vec<u8> {
        if *name == oid(UPTIME) {
            let ticks = 100_000 + u32::try_from(self.began.elapsed().as_millis() / 10).unwrap();
            return octets(&Value::TimeTicks(ticks));
        }
        self.objects[name].clone()
    }

    pub(crate) fn next(&self, after: &Oid) -> (Oid, Vec<u8>) {
        let mut behind = self.objects.range(after..).filter(|(found, _)| *found != after);
        match behind.next() {
            Some((found, _)) => (found.clone(), self.value(found)),
            None => (after.clone(), message::tlv(0x82, &[])),
        }
    }

    pub(crate) fn answer(&mut self, asked: &Asked) -> Option<Vec<u8>> {
        self.requests += 1;
        if self.is_silent {
            return None;
        }
        let mut found = Vec::new();
        let mut cursors = asked.oids.clone();
        for _ in 0..if asked.pdu == 0xa5 { asked.repetitions.min(50) } else { 1 } {
            for cursor in &mut cursors {
                let missing = || (cursor.clone(), message::tlv(0x81, &[]));
                let cell = match asked.pdu {
                    0xa0 if self.objects.contains_key(cursor) => (cursor.clone(), self.value(cursor)),
                    0xa0 => missing(),
                    _ => self.next(cursor),
                };
                *cursor = cell.0.clone();
                found.push(cell);
            }
        }
        match (self.twist)(self, asked, found) {
            Reply::Objects(found) => {
                let cell = |(name, value): &(Oid, Vec<u8>)| {
                    message::tlv(
                        0x30,
                        &[message::tlv(0x06, &message::write_oid(name)), value.clone()].concat(),
                    )
                };
                Some(message::answer(asked, 0, 0, &found.iter().flat_map(cell).collect::<Vec<_>>()))
            }
            Reply::TooBig => Some(message::answer(asked, 1, 0, &[])),
            Reply::Silence => None,
        }
    }
}

impl Agent {
    /// A device with so many interfaces of a gigabit a second.
    pub(crate) fn with_interfaces(number: u32) -> Self {
        let mut state = State {
            objects: BTreeMap::from([(oid(UPTIME), Vec::new())]),
            twist: |_, _, found| Reply::Objects(found),
            is_silent: false,
            requests: 0,
            began: Instant::now(),
        };
        for index in 1..=number {
            state.put(&format!("{IF}.2.{index}"), &text(format!("eth{index}").as_bytes()));
            state.put(&format!("{IF}.3.{index}"), &Value::Integer(6));
            state.put(&format!("{IF}.5.{index}"), &Value::Gauge32(1_000_000_000));
            state.put(&format!("{IF}.10.{index}"), &Value::Counter32(0));
            state.put(&format!("{IFX}.1.{index}"), &text(format!("e{index}").as_bytes()));
            state.put(&format!("{IFX}.6.{index}"), &Value::Counter64(0));
            state.put(&format!("{IFX}.15.{index}"), &Value::Gauge32(1_000));
            state.put(&format!("{IFX}.18.{index}"), &text(format!("alias {index}").as_bytes()));
        }
        Self::start(state)
    }

    pub(crate) fn start(state: State) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let serve = move || {
            let mut room = vec![0; 65_536];
            while let Ok((length @ 1.., from)) = socket.recv_from(&mut room) {
                let asked = message::decode(&room[..length]).filter(|asked| asked.version < 3);
                let answer = asked.and_then(|asked| shared.lock().unwrap().answer(&asked));
                if let Some(answer) = answer {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        };
        Self { address, state, thread: Some(thread::spawn(serve)) }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn requests(&self) -> u32 {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.address).unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}
