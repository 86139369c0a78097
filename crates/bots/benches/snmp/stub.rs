//! Any number of agents in one thread: whatever address of loopback is asked answers, each question like the one before.
//! What is said is worked out once for each question and then only sent, with the question's number put in.

use std::{
    collections::{BTreeMap, HashMap},
    io::{IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use async_snmp::{
    DecodeConfig, Oid, Value, VarBind, Version,
    message::CommunityMessage,
    pdu::{PduType, ResponsePdu},
};
use nix::{
    cmsg_space,
    libc::in_pktinfo,
    sys::{
        resource::UsageWho,
        socket::{
            ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmsg,
            setsockopt, sockopt,
        },
    },
};

use super::cpu;

const BATCH: usize = 64;
const ROOM: usize = 2_048;

/// Four octets, so that any other number of four fits in its place.
const NUMBER: i32 = 0x7a7a_7a7a;

/// sysUpTime.0 as it is written.
const UPTIME: [u8; 10] = [6, 8, 0x2b, 6, 1, 2, 1, 1, 3, 0];

/// Rows of the table that is walked.
pub(super) const ROWS: u32 = 1_000;
/// The column of it.
pub(super) const COLUMN: [u32; 9] = [1, 3, 6, 1, 4, 1, 55_555, 1, 1];

pub(super) struct Stub {
    pub(super) port: u16,
    stop: Arc<AtomicBool>,
    busy_us: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Stub {
    pub(super) fn start() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).unwrap();
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20));
        let (stop, busy_us) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, busy) = (Arc::clone(&stop), Arc::clone(&busy_us));
        let mut agents = Agents::new();
        let serve = move || {
            while !stopped.load(Ordering::Relaxed) {
                agents.serve(&socket);
                let used = u64::try_from(cpu(UsageWho::RUSAGE_THREAD).as_micros()).unwrap();
                busy.store(used, Ordering::Relaxed);
            }
        };
        Self { port, stop, busy_us, thread: Some(thread::spawn(serve)) }
    }

    /// An agent's address: each number has its own.
    pub(super) fn agent(&self, number: u32) -> SocketAddr {
        (Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 2, 0, 1)) + number), self.port).into()
    }

    /// Time that it spent on a processor.
    pub(super) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(Ordering::Relaxed))
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What all agents say.
struct Agents {
    objects: BTreeMap<Oid, Value>,
    known: HashMap<Vec<u8>, Said>,
    room: Vec<u8>,
    began: Instant,
}

struct Said {
    message: Vec<u8>,
    number: usize,
    uptime: Option<usize>,
}

impl Agents {
    fn new() -> Self {
        let mut objects = BTreeMap::new();
        let mut put = |arcs: &[u32], value: Value| _ = objects.insert(Oid::from_slice(arcs), value);
        put(&[1, 3, 6, 1, 2, 1, 1, 1, 0], Value::OctetString((&b"a stub that answers for many"[..]).into()));
        put(&[1, 3, 6, 1, 2, 1, 1, 3, 0], Value::TimeTicks(0x0123_4567));
        for index in 1..=4 {
            put(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1, index], Value::Integer(index as i32));
            put(
                &[1, 3, 6, 1, 2, 1, 2, 2, 1, 2, index],
                Value::OctetString(format!("eth{index}").into_bytes().into()),
            );
            put(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 5, index], Value::Gauge32(1_000_000_000));
            for column in 10..=20 {
                put(
                    &[1, 3, 6, 1, 2, 1, 2, 2, 1, column, index],
                    Value::Counter32(column * 1_000_000 + index),
                );
            }
        }
        for row in 1..=ROWS {
            put(&[&COLUMN[..], &[row]].concat(), Value::Counter64(0x1234_5678_9a00 + u64::from(row)));
        }
        Self { objects, known: HashMap::new(), room: vec![0; BATCH * ROOM], began: Instant::now() }
    }

    fn serve(&mut self, socket: &UdpSocket) {
        let fd = socket.as_raw_fd();
        let mut room = std::mem::take(&mut self.room);
        {
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, Some(cmsg_space!(in_pktinfo)));
            let mut slices: Vec<_> =
                room.chunks_exact_mut(ROOM).map(|room| [IoSliceMut::new(room)]).collect();
            let flags = MsgFlags::MSG_WAITFORONE;
            if let Ok(messages) = recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) {
                for message in messages {
                    let asked = message.cmsgs().unwrap().find_map(|control| match control {
                        ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
                        _ => None,
                    });
                    let (Some(mut info), Some(question)) = (asked, message.iovs().next()) else { continue };
                    let Some(answer) = self.answer(question) else { continue };
                    info.ipi_spec_dst = info.ipi_addr;
                    info.ipi_ifindex = 0;
                    let control = [ControlMessage::Ipv4PacketInfo(&info)];
                    let _ = sendmsg(
                        fd,
                        &[IoSlice::new(answer)],
                        &control,
                        MsgFlags::empty(),
                        message.address.as_ref(),
                    );
                }
            }
        }
        self.room = room;
    }

    fn answer(&mut self, question: &[u8]) -> Option<&[u8]> {
        let (pdu, number, rest) = dissect(question)?;
        // The number varies in length, and with it what stands before; all else tells one question from another.
        let mut key = Vec::with_capacity(rest.len() + 1);
        key.push(pdu);
        key.extend_from_slice(rest);
        if !self.known.contains_key(&key) {
            let said = self.say(question)?;
            self.known.insert(key.clone(), said);
        }
        let ticks = u32::try_from(self.began.elapsed().as_millis() / 10).unwrap() + 0x0100_0000;
        let said = self.known.get_mut(&key)?;
        said.message[said.number..said.number + 4].copy_from_slice(&number.to_be_bytes());
        if let Some(place) = said.uptime {
            said.message[place..place + 4].copy_from_slice(&ticks.to_be_bytes());
        }
        Some(&said.message)
    }

    /// Works out an answer.
    fn say(&self, question: &[u8]) -> Option<Said> {
        let message = CommunityMessage::decode(question.to_vec().into(), DecodeConfig::default()).ok()?.value;
        let (version, community, pdu) = message.into_parts();
        let pdu = pdu.standard()?.clone();
        let names: Vec<Oid> = pdu.varbinds().iter().map(|varbind| varbind.oid.clone()).collect();
        let after = |name: &Oid| {
            use std::ops::Bound::{Excluded, Unbounded};
            let next = self.objects.range((Excluded(name.clone()), Unbounded)).next();
            next.map_or_else(
                || VarBind::new(name.clone(), Value::EndOfMibView),
                |(name, value)| VarBind::new(name.clone(), value.clone()),
            )
        };
        let varbinds = match pdu.pdu_type() {
            PduType::GetRequest => {
                let found = |name: &Oid| self.objects.get(name).cloned().unwrap_or(Value::NoSuchObject);
                names.iter().map(|name| VarBind::new(name.clone(), found(name))).collect()
            }
            PduType::GetNextRequest => names.iter().map(after).collect(),
            PduType::GetBulkRequest => {
                let (mut cursors, mut all) = (names, Vec::new());
                for _ in 0..pdu.get_bulk_fields()?.1 {
                    for cursor in &mut cursors {
                        let varbind = after(cursor);
                        *cursor = varbind.oid.clone();
                        all.push(varbind);
                    }
                }
                all
            }
            _ => return None,
        };
        let pdu = ResponsePdu::success(version, NUMBER, varbinds).ok()?.into_raw();
        let message = match version {
            Version::V1 => CommunityMessage::v1(community, pdu),
            _ => CommunityMessage::v2c(community, pdu),
        };
        let message = message.ok()?.encode().ok()?.to_vec();
        let number = message.windows(4).position(|octets| octets == NUMBER.to_be_bytes())?;
        let uptime = message
            .windows(UPTIME.len() + 2)
            .position(|octets| octets.starts_with(&UPTIME) && octets.ends_with(&[0x43, 4]));
        Some(Said { message, number, uptime: uptime.map(|place| place + UPTIME.len() + 2) })
    }
}

/// The type of a question's PDU, its number, and all behind it.
fn dissect(question: &[u8]) -> Option<(u8, i32, &[u8])> {
    fn enter(octets: &[u8]) -> Option<&[u8]> {
        let long = usize::from(*octets.get(1)?);
        octets.get(if long < 0x80 { 2 } else { 2 + (long & 0x7f) }..)
    }
    let message = enter(question)?;
    let community = usize::from(*message.get(4)?);
    let pdu = message.get(5 + community..)?;
    let inside = enter(pdu)?;
    let length = usize::from(*inside.get(1)?);
    let number =
        inside.get(2..2 + length)?.iter().fold(0, |number: i32, octet| (number << 8) | i32::from(*octet));
    Some((*pdu.first()?, number, inside.get(2 + length..)?))
}
