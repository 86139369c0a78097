//! An agent on a loopback port that says what it was told to, in messages of limited size, over a network that may lose them.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use grafolean_bots::snmp::{Exception, Oid, Value};

use crate::message::{self, Asked};

const COMMUNITY: &[u8] = b"public";

/// What happens to answers on their way.
#[allow(dead_code, reason = "each test takes what it needs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkPath {
    /// They arrive.
    Clear,
    /// Some are lost, doubled, late, cut, changed, or come from elsewhere, as the seed wills.
    Lossy(u64),
    /// So many arrive, then none.
    Ends(usize),
    /// They arrive, from an agent that gives the first object behind the last one.
    Round,
}

/// Answers until it is dropped.
pub(crate) struct Responder {
    pub(crate) address: SocketAddr,
    received: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// All objects in their order, each with its octets in an answer.
struct Objects {
    known: Vec<(Oid, Vec<u8>)>,
    /// The longest answer.
    most: usize,
    goes_round: bool,
}

impl Responder {
    #[allow(dead_code, reason = "each test takes what it needs")]
    pub(crate) fn start(objects: &[(Oid, Value)], most: usize) -> Self {
        Self::on(NetworkPath::Clear, objects, most)
    }

    pub(crate) fn on(path: NetworkPath, objects: &[(Oid, Value)], most: usize) -> Self {
        Self::at(UdpSocket::bind("127.0.0.1:0").unwrap(), path, objects, most)
    }

    /// Answers at an address of its own.
    pub(crate) fn at(
        socket: UdpSocket,
        mut path: NetworkPath,
        objects: &[(Oid, Value)],
        most: usize,
    ) -> Self {
        let known =
            objects.iter().map(|(oid, value)| (oid.clone(), message::varbind(oid, Ok(value)))).collect();
        let objects = Objects { known, most, goes_round: path == NetworkPath::Round };
        let address = socket.local_addr().unwrap();
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let serve = move || {
            let (mut datagram, mut late) = (vec![0; 65_536], Vec::new());
            let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
            while let Ok((length, from)) = socket.recv_from(&mut datagram) {
                if length == 0 {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
                let asked = message::decode(&datagram[..length]).filter(|asked| asked.community == COMMUNITY);
                let Some(asked) = asked else { continue };
                let answer = objects.answer(&asked);
                let send = |octets: &[u8]| {
                    socket.send_to(octets, from).unwrap();
                };
                late.drain(..).for_each(|octets: Vec<u8>| send(&octets));
                match path.next() {
                    Outcome::Arrives => send(&answer),
                    Outcome::Lost => {}
                    Outcome::Doubled => (0..2).for_each(|_| send(&answer)),
                    Outcome::Late => late.push(answer),
                    Outcome::Cut => send(&answer[..answer.len() / 2]),
                    Outcome::Elsewhere => {
                        elsewhere.send_to(&answer, from).unwrap();
                    }
                    Outcome::Another => send(&objects.answer(&Asked { id: vec![0x01, 0x02], ..asked })),
                }
            }
        };
        Self { address, received, thread: Some(thread::spawn(serve)) }
    }

    /// How many datagrams it got.
    #[allow(dead_code, reason = "each test takes what it needs")]
    pub(crate) fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

/// What becomes of one answer.
enum Outcome {
    Arrives,
    Lost,
    Doubled,
    Late,
    Cut,
    /// It answers a request that nobody made.
    Another,
    Elsewhere,
}

impl NetworkPath {
    fn next(&mut self) -> Outcome {
        match self {
            Self::Clear | Self::Round => Outcome::Arrives,
            Self::Ends(0) => Outcome::Lost,
            Self::Ends(left) => {
                *left -= 1;
                Outcome::Arrives
            }
            Self::Lossy(state) => {
                // Knuth's MMIX generator; its upper bits are the good ones.
                *state =
                    state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                match *state >> 59 {
                    0..=2 => Outcome::Lost,
                    3..=5 => Outcome::Doubled,
                    6..=8 => Outcome::Late,
                    9..=10 => Outcome::Cut,
                    11 => Outcome::Another,
                    12 => Outcome::Elsewhere,
                    _ => Outcome::Arrives,
                }
            }
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.address).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Objects {
    fn answer(&self, asked: &Asked) -> Vec<u8> {
        const TOO_BIG: u8 = 1;
        const NO_SUCH_NAME: u8 = 2;
        let mut varbinds = Vec::new();
        if asked.pdu == 0xa5 {
            assert_eq!(asked.non_repeaters, 0);
            let mut cursors: Vec<Oid> = asked.oids.clone();
            'all: for _ in 0..asked.repetitions {
                for cursor in &mut cursors {
                    let end = || (cursor.clone(), message::varbind(cursor, Err(Exception::EndOfMibView)));
                    let (oid, octets) = self.next(cursor).unwrap_or_else(end);
                    if !varbinds.is_empty() && varbinds.len() + octets.len() > self.most {
                        break 'all;
                    }
                    varbinds.extend(octets);
                    *cursor = oid;
                }
            }
            return message::answer(asked, 0, 0, &varbinds);
        }
        for (place, oid) in asked.oids.iter().enumerate() {
            let (found, without) = match asked.pdu {
                0xa1 => (self.next(oid).map(|(_, octets)| octets), Exception::EndOfMibView),
                _ => (self.get(oid), Exception::NoSuchInstance),
            };
            match found {
                Some(octets) => varbinds.extend(octets),
                None if asked.version == 0 => {
                    return message::answer(asked, NO_SUCH_NAME, u8::try_from(place + 1).unwrap(), &[]);
                }
                None => varbinds.extend(message::varbind(oid, Err(without))),
            }
        }
        if varbinds.len() > self.most && asked.oids.len() > 1 {
            return message::answer(asked, TOO_BIG, 0, &[]);
        }
        message::answer(asked, 0, 0, &varbinds)
    }

    fn get(&self, oid: &Oid) -> Option<Vec<u8>> {
        let place = self.known.binary_search_by(|(known, _)| known.cmp(oid)).ok()?;
        Some(self.known[place].1.clone())
    }

    fn next(&self, oid: &Oid) -> Option<(Oid, Vec<u8>)> {
        let next = self.known.get(self.known.partition_point(|(known, _)| known <= oid));
        next.or_else(|| self.known.first().filter(|_| self.goes_round)).cloned()
    }
}
