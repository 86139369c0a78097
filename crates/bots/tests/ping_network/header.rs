//! How packets look on the wire: source, class of service, hops, fragments, length.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::Command,
    time::Duration,
};

use grafolean_bots::ping::engine::{Header, Options, Outcome, Pinger, Probe, Reason, Source};
use socket2::{Domain, Protocol, Socket, Type};

use crate::namespace::{Rights, inside_namespace};

/// All protocols, as a packet socket wants it.
const ALL: u16 = 3;

/// Sees every packet of the namespace, from its IP header on.
struct Wire(Socket);

impl Wire {
    fn open() -> Self {
        let all = Protocol::from(i32::from(ALL.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(all)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(socket)
    }

    /// Returns the next packet that holds an echo request.
    fn next_request(&mut self) -> Vec<u8> {
        loop {
            let mut packet = vec![0; 70_000];
            let length = self.0.read(&mut packet).unwrap();
            packet.truncate(length);
            let is_request = match packet[0] >> 4 {
                4 => packet[9] == 1 && packet[20] == 8,
                _ => packet[6] == 58 && packet[40] == 128,
            };
            if is_request {
                return packet;
            }
        }
    }
}

async fn ping(address: IpAddr, header: Header, payload_bytes: usize) -> Outcome {
    let pinger = Pinger::open(Options::default()).unwrap();
    let probe =
        Probe { packets: 1, timeout: Duration::from_secs(5), payload_bytes, header, ..Probe::to(address) };
    pinger.ping(probe).await.unwrap()
}

fn prepare() {
    let script = "ip link set lo up && ip -6 addr add 2001:db8::7/128 dev lo";
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
}

#[tokio::test]
async fn packets_leave_as_their_credential_says() {
    if !inside_namespace("header::packets_leave_as_their_credential_says", Rights::Raw) {
        return;
    }
    prepare();
    let mut wire = Wire::open();
    let (to, from) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    for (dont_fragment, bit) in [(Some(true), 0x40), (Some(false), 0)] {
        let source = Some(Source::Address(from.into()));
        let header = Header { source, dscp: Some(46), ttl: Some(12), dont_fragment };
        let outcome = ping(to.into(), header, 1_000).await;
        assert_eq!(outcome.answered(), 1, "{outcome:?}");
        let packet = wire.next_request();
        assert_eq!((packet[1], packet[8], packet[6] & 0x40), (46 << 2, 12, bit));
        assert_eq!((&packet[12..16], &packet[16..20]), (&from.octets()[..], &to.octets()[..]));
        assert_eq!(packet.len(), 1_028);
        wire = Wire::open();
    }
    let from: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let source = Some(Source::Address(from.into()));
    let header = Header { source, dscp: Some(10), ttl: Some(7), dont_fragment: Some(true) };
    assert_eq!(ping(Ipv6Addr::LOCALHOST.into(), header, 56).await.answered(), 1);
    let packet = wire.next_request();
    assert_eq!((packet[0] & 15) << 4 | packet[1] >> 4, 10 << 2, "the traffic class");
    assert_eq!((packet[7], &packet[8..24]), (7, &from.octets()[..]));
}

async fn sources_and_lengths() {
    prepare();
    let localhost: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for address in localhost {
        for payload_bytes in [16, 2_048, 20_000, 65_000, Probe::MAX_PAYLOAD_BYTES] {
            let outcome = ping(address, Header::default(), payload_bytes).await;
            assert_eq!(outcome.answered(), 1, "{payload_bytes}: {outcome:?}");
        }
        let by = |source| Header { source: Some(source), ..Header::default() };
        let interface = Source::interface("lo").unwrap();
        assert_eq!(ping(address, by(interface), 56).await.answered(), 1);
        let elsewhere = ["192.0.2.99", "2001:db8::99"].map(|text| Source::Address(text.parse().unwrap()));
        for source in elsewhere.into_iter().chain([Source::Interface(9_999)]) {
            let outcome = ping(address, by(source), 56).await;
            let packet = outcome.packets[0];
            assert_eq!((packet.sent, packet.reason), (0, Some(Reason::NoSource)), "{source:?}");
        }
    }
}

#[tokio::test]
async fn sources_are_this_machines_and_packets_as_long_as_there_are_over_raw_sockets() {
    let test = "header::sources_are_this_machines_and_packets_as_long_as_there_are_over_raw_sockets";
    if inside_namespace(test, Rights::Raw) {
        sources_and_lengths().await;
    }
}

#[tokio::test]
async fn sources_are_this_machines_and_packets_as_long_as_there_are_over_datagram_sockets() {
    let test = "header::sources_are_this_machines_and_packets_as_long_as_there_are_over_datagram_sockets";
    if inside_namespace(test, Rights::Datagram) {
        sources_and_lengths().await;
    }
}
