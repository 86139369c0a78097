//! The limit of any program: datagrams of a request's size, sent and read many at a time, come back from a thread that
//! does nothing else, and are not looked at.

use std::{
    io::{IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    resource::UsageWho,
    socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg},
};

use super::{SECONDS, cpu, line};

const BATCH: usize = 64;
const ROOM: usize = 512;
/// Octets of a GET of 10 objects, and about those of its answer.
const LENGTH: usize = 200;
/// Datagrams under way.
const WINDOW: usize = 8 * BATCH;

pub(super) fn run() {
    let peer = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let SocketAddr::V4(address) = peer.local_addr().unwrap() else { return };
    peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let from = receive(&peer, MsgFlags::MSG_WAITFORONE);
            send(&peer, &from);
        }
    });
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (used, began) = (cpu(UsageWho::RUSAGE_THREAD), Instant::now());
    let (mut came, mut under_way) = (0, 0);
    while began.elapsed() < Duration::from_secs(SECONDS) {
        while under_way + BATCH <= WINDOW {
            under_way += send(&socket, &[address; BATCH]);
        }
        let count = receive(&socket, MsgFlags::MSG_WAITFORONE).len();
        // What was lost is lost.
        under_way = if count == 0 { 0 } else { under_way.saturating_sub(count) };
        came += count;
    }
    let (used, took) = (cpu(UsageWho::RUSAGE_THREAD) - used, began.elapsed());
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    line("udp_echo", came as f64 / took.as_secs_f64(), "datagrams/s");
    line("udp_echo_of_one_core", came as f64 / used.as_secs_f64(), "datagrams/s");
}

fn receive(socket: &UdpSocket, flags: MsgFlags) -> Vec<SocketAddrV4> {
    let mut room = [0; BATCH * ROOM];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut slices: Vec<_> = room.chunks_exact_mut(ROOM).map(|room| [IoSliceMut::new(room)]).collect();
    let messages = recvmmsg(socket.as_raw_fd(), &mut headers, slices.iter_mut(), flags, None);
    messages.into_iter().flatten().filter_map(|message| Some(message.address?.into())).collect()
}

fn send(socket: &UdpSocket, to: &[SocketAddrV4]) -> usize {
    let message = [7; LENGTH];
    let slices = vec![[IoSlice::new(&message)]; to.len()];
    let addresses: Vec<_> = to.iter().map(|to| Some(SockaddrIn::from(*to))).collect();
    let mut headers = MultiHeaders::preallocate(to.len(), None);
    let sent = sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), &addresses, [], MsgFlags::empty());
    sent.map_or(0, Iterator::count)
}
