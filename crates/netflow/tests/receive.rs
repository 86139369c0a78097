//! Sockets on loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    num::NonZeroUsize,
    sync::mpsc::{Receiver as Channel, channel},
};

use grafolean_netflow::receive::{Batch, Listen, ReceiveError, Receiver, Running};

/// What came: by which socket, from whom, and its octets.
type Arrival = (usize, SocketAddr, Vec<u8>);

fn listen(listen: &Listen) -> (Vec<SocketAddr>, Running, Channel<Arrival>) {
    let receiver = Receiver::bind(listen).unwrap();
    let addresses = receiver.sockets().iter().map(|bound| bound.address).collect();
    let (sender, channel) = channel();
    let running = receiver
        .start(|place| {
            let sender = sender.clone();
            move |batch: &Batch<'_>| {
                for datagram in batch.datagrams {
                    assert!(batch.now.since(datagram.received).as_secs() < 60, "stamped by the kernel");
                    let _ = sender.send((place, datagram.exporter, datagram.payload.to_vec()));
                }
            }
        })
        .unwrap();
    (addresses, running, channel)
}

#[test]
fn one_socket_takes_both_families_and_names_senders_as_they_are() {
    let (addresses, running, channel) = listen(&Listen::on([SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))]));
    let port = addresses[0].port();
    for source in [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))] {
        let socket = UdpSocket::bind(source).unwrap();
        socket.send_to(b"flows", (source.ip(), port)).unwrap();
        let (_, from, payload) = channel.recv().unwrap();
        assert_eq!((from, payload.as_slice()), (socket.local_addr().unwrap(), &b"flows"[..]));
    }
    running.stop();
    assert!(channel.recv().is_err(), "every thread has ended");
}

#[test]
fn a_burst_arrives_whole_in_order_and_datagrams_may_be_of_any_size() {
    let (addresses, running, channel) = listen(&Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for number in 0..500_u32 {
        socket.send_to(&number.to_be_bytes(), addresses[0]).unwrap();
    }
    socket.send_to(&[7; 65_507], addresses[0]).unwrap();
    for number in 0..500_u32 {
        assert_eq!(channel.recv().unwrap().2, number.to_be_bytes());
    }
    assert_eq!(channel.recv().unwrap().2.len(), 65_507);
    running.stop();
}

#[test]
fn several_threads_share_a_port_and_each_sender_stays_with_one() {
    let threads = NonZeroUsize::new(4).unwrap();
    let both = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
    let (addresses, running, channel) = listen(&Listen { threads, ..Listen::on(both) });
    assert_eq!(addresses.len(), 8);
    assert!(addresses[1..4].iter().all(|address| *address == addresses[0]));
    for _ in 0..20 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let places: Vec<usize> = (0..3)
            .map(|_| {
                socket.send_to(b"x", addresses[0]).unwrap();
                channel.recv().unwrap().0
            })
            .collect();
        assert!(places.iter().all(|place| *place == places[0] && *place < 4), "{places:?}");
    }
    running.stop();
}

#[test]
fn what_the_kernel_drops_is_counted() {
    let small = Listen { buffer_bytes: 4_096, ..Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]) };
    let receiver = Receiver::bind(&small).unwrap();
    let bound = &receiver.sockets()[0];
    assert!(bound.granted_bytes < 100_000, "{}", bound.granted_bytes);
    let address = bound.address;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // nobody reads yet
    for _ in 0..200 {
        socket.send_to(&[0; 1_000], address).unwrap();
    }
    let (sender, channel) = channel();
    let running = receiver
        .start(|_| {
            let sender = sender.clone();
            move |batch: &Batch<'_>| sender.send((batch.datagrams.len(), batch.kernel_drops)).unwrap()
        })
        .unwrap();
    let (mut arrived, mut dropped) = channel.recv().unwrap();
    // the kernel tells with the next datagram that finds room
    socket.send_to(b"one more", address).unwrap();
    while arrived + dropped as usize != 201 {
        let (more, lost) = channel.recv().unwrap();
        arrived += more;
        dropped += lost;
    }
    assert!(dropped > 100, "{dropped}");
    drop(channel);
    drop(running);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Receiver::bind(&Listen::on([address])).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    assert!(matches!(Receiver::bind(&Listen::on([])), Err(ReceiveError::NoAddress)));
}
