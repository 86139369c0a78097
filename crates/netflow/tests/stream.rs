//! IPFIX over TCP, by real connections.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::mpsc::{Receiver as Channel, channel},
};

use grafolean_netflow::{
    decoder::Decoder,
    receive::{Batch, CONNECTIONS_OF_ADDRESS_MAX, Listen, Receiver, Running},
    record::{Flow, Origin},
};
use wire::{SMALL, ipfix, set, small, template};

/// Listens, and hands on the bytes of each flow with the port of its exporter.
fn listening() -> (Running, SocketAddr, Channel<(u16, u64)>) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let receiver = Receiver::bind(&Listen { tcp_addresses: vec![any], ..Listen::on([any]) }).unwrap();
    let address = receiver.tcp_addresses()[0];
    let (sender, flows) = channel();
    let running = receiver.start(|_| {
        let (mut decoder, sender) = (Decoder::default(), sender.clone());
        move |batch: &Batch<'_>| {
            for datagram in batch.datagrams {
                let mut sink = |origin: &Origin, flow: &Flow| {
                    sender.send((origin.stream.exporter.port(), flow.bytes.unwrap())).unwrap();
                };
                decoder.take(datagram, &mut sink).unwrap();
            }
        }
    });
    (running.unwrap(), address, flows)
}

fn message(bytes: u32) -> Vec<u8> {
    ipfix(0, 5, &[set(2, &template(256, SMALL)), set(256, &small(bytes))])
}

#[test]
fn messages_are_taken_from_each_connection_however_they_are_cut() {
    let (running, address, flows) = listening();
    let mut first = TcpStream::connect(address).unwrap();
    let mut second = TcpStream::connect(address).unwrap();
    let [of_first, of_second] = [&first, &second].map(|stream| stream.local_addr().unwrap().port());
    let octets = [message(70), message(71)].concat();
    // the first one stops within a message while the second one speaks
    first.write_all(&octets[..50]).unwrap();
    second.write_all(&message(80)).unwrap();
    assert_eq!(flows.recv().unwrap(), (of_second, 80));
    first.write_all(&octets[50..]).unwrap();
    assert_eq!(flows.recv().unwrap(), (of_first, 70));
    assert_eq!(flows.recv().unwrap(), (of_first, 71));
    running.stop();
}

#[test]
fn a_connection_that_speaks_something_else_is_closed_and_hurts_no_other() {
    let (running, address, flows) = listening();
    let mut good = TcpStream::connect(address).unwrap();
    let mut bad = TcpStream::connect(address).unwrap();
    bad.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    // closed; some systems reset it, as octets were left unread
    assert_eq!(bad.read(&mut [0; 16]).unwrap_or(0), 0);
    good.write_all(&message(70)).unwrap();
    assert_eq!(flows.recv().unwrap().1, 70);
    running.stop();
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let (running, address, flows) = listening();
    let mut open: Vec<_> =
        (0..CONNECTIONS_OF_ADDRESS_MAX).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut open {
        stream.write_all(&message(70)).unwrap();
        assert_eq!(flows.recv().unwrap().1, 70);
    }
    let mut further = TcpStream::connect(address).unwrap();
    assert_eq!(further.read(&mut [0; 16]).unwrap_or(0), 0, "it is closed");
    // one that ends makes room
    drop(open.pop());
    open[0].write_all(&message(71)).unwrap();
    assert_eq!(flows.recv().unwrap().1, 71);
    let mut next = TcpStream::connect(address).unwrap();
    next.write_all(&message(72)).unwrap();
    assert_eq!(flows.recv().unwrap().1, 72);
    running.stop();
}
