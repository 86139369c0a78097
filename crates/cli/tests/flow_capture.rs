//! `grafolean flow tail --read`: captures of both formats and several links, made here.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod world;

use std::{
    collections::VecDeque,
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    process::Stdio,
    time::Duration,
};

use etherparse::{IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, PacketBuilder};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::{
    generate::{Exporter, Families, Setup, Traffic},
    record::{Flow, Protocol},
};
use serde_json::Value;
use world::{Run, grafolean, json_lines, text};

/// 2023-11-14 22:13:20 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const LINUX_COOKED_2: u16 = 276;

/// A packet as it was captured, and how many octets it had.
type Packet = (Vec<u8>, usize);

fn whole(packet: Vec<u8>) -> Packet {
    let length = packet.len();
    (packet, length)
}

/// Datagrams of an exporter, and the flows that they tell.
fn exported(flows: usize) -> (Vec<Vec<u8>>, Vec<Flow>) {
    let mut traffic = Traffic::new(5, 20, Families::Mixed);
    let flows: Vec<Flow> = (0..flows).map(|_| traffic.flow(NOW)).collect();
    let boot = NOW - Duration::from_secs(3_600);
    let mut exporter = Exporter::new(Setup { protocol: Protocol::Ipfix, domain: 7, sampling: 1, boot });
    let (mut queue, mut datagrams) = (VecDeque::from(flows.clone()), Vec::new());
    while !queue.is_empty() {
        let mut datagram = Vec::new();
        exporter.export(NOW, &mut queue, &mut datagram);
        datagrams.push(datagram);
    }
    (datagrams, flows)
}

fn ethernet(payload: &[u8]) -> Vec<u8> {
    let builder =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([192, 0, 2, 1], [192, 0, 2, 99], 64).udp(4_000, 2_055);
    written(builder.size(payload.len()), |out| builder.write(out, payload).unwrap())
}

fn tagged_twice(payload: &[u8]) -> Vec<u8> {
    let vlan = |id: u16| id.try_into().unwrap();
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
        .double_vlan(vlan(100), vlan(200))
        .ipv6([0x20; 16], [0x30; 16], 64)
        .udp(4_000, 2_055);
    written(builder.size(payload.len()), |out| builder.write(out, payload).unwrap())
}

fn written(size: usize, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(size);
    write(&mut out);
    out
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    [&4_000_u16.to_be_bytes()[..], &2_055_u16.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// A datagram over IPv4 in fragments of so many octets, in any order.
fn fragments_v4(payload: &[u8], size: usize, identification: u16) -> Vec<Vec<u8>> {
    let udp = udp(payload);
    let parts = udp.chunks(size).enumerate().map(|(place, part)| {
        let mut header = Ipv4Header::new(
            u16::try_from(part.len()).unwrap(),
            64,
            IpNumber::UDP,
            [192, 0, 2, 1],
            [192, 0, 2, 99],
        )
        .unwrap();
        header.identification = identification;
        header.more_fragments = (place + 1) * size < udp.len();
        header.fragment_offset = IpFragOffset::try_new(u16::try_from(place * size / 8).unwrap()).unwrap();
        header.header_checksum = header.calc_header_checksum();
        written(0, |out| {
            header.write(out).unwrap();
            out.extend(part);
        })
    });
    parts.collect()
}

/// A datagram over IPv6 in two fragments.
fn fragments_v6(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let udp = udp(payload);
    let parts = udp.chunks(size).enumerate().map(|(place, part)| {
        let offset = IpFragOffset::try_new(u16::try_from(place * size / 8).unwrap()).unwrap();
        let fragment = Ipv6FragmentHeader::new(IpNumber::UDP, offset, (place + 1) * size < udp.len(), 77);
        let length = u16::try_from(part.len() + 8).unwrap();
        let (source, destination) =
            (Ipv6Addr::from_bits(1 << 100).octets(), Ipv6Addr::from_bits(2 << 100).octets());
        let head = [&[0x60, 0, 0, 0][..], &length.to_be_bytes(), &[44, 64], &source, &destination].concat();
        [&head[..], &fragment.to_bytes(), part].concat()
    });
    parts.collect()
}

fn pcap(link: u32, packets: &[Packet]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let mut file =
        [&0xA1B2_C3D4_u32.to_be_bytes()[..], &[0, 2, 0, 4], &words(&[0, 0, 65_535, link])].concat();
    for (data, length) in packets {
        let captured = u32::try_from(data.len()).unwrap();
        file.extend(words(&[1_700_000_000, 250_000, captured, u32::try_from(*length).unwrap()]));
        file.extend(data);
    }
    file
}

/// Of nanoseconds, as a resolution of its own; each packet on an interface of its own link.
fn pcapng(packets: &[(u16, Packet)]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padded = body.len().next_multiple_of(4);
        let length = u32::try_from(padded + 12).unwrap().to_le_bytes();
        let padding = vec![0; padded - body.len()];
        [&kind.to_le_bytes()[..], &length, body, &padding, &length].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = block(0x0A0D_0D0A, &[&words(&[0x1A2B_3C4D])[..], &[1, 0, 0, 0], &[0xFF; 8]].concat());
    let ticks = 1_700_000_000_250_000_000_u64;
    for (interface, (link, (data, length))) in (0_u32..).zip(packets) {
        let resolution = [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0];
        file.extend(block(1, &[&link.to_le_bytes()[..], &[0, 0], &words(&[0]), &resolution].concat()));
        let high = u32::try_from(ticks >> 32).unwrap();
        let low = u32::try_from(ticks & 0xFFFF_FFFF).unwrap();
        let head = words(&[
            interface,
            high,
            low,
            u32::try_from(data.len()).unwrap(),
            u32::try_from(*length).unwrap(),
        ]);
        file.extend(block(6, &[&head[..], data].concat()));
    }
    file
}

fn read(folder: &Path, capture: &[u8], more: &[&str]) -> (Vec<Value>, String) {
    fs::write(folder.join("capture"), capture).unwrap();
    let tail = grafolean(folder).args(["flow", "tail", "--read", "capture", "--json"]).args(more).finished();
    assert!(tail.status.success(), "{}", text(&tail.stderr));
    (json_lines(&tail), text(&tail.stderr))
}

fn bytes(lines: &[Value]) -> u64 {
    lines.iter().filter_map(|line| line["bytes"].as_u64()).sum()
}

fn bytes_of(flows: &[Flow]) -> u64 {
    flows.iter().filter_map(|flow| flow.bytes).sum()
}

#[test]
fn a_capture_is_shown_flow_by_flow_with_the_addresses_and_times_that_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let (datagrams, flows) = exported(100);
    let packets: Vec<Packet> = datagrams.iter().map(|it| whole(ethernet(it))).collect();
    let (lines, told) = read(folder.path(), &pcap(ETHERNET, &packets), &[]);
    assert_eq!((lines.len(), bytes(&lines)), (100, bytes_of(&flows)));
    assert_eq!((&lines[0]["exporter"], told.as_str()), (&Value::from("192.0.2.1"), ""));
    assert_eq!(lines[0]["received"], 1_700_000_000.25);
    let filter = ["--filter", "dst port https", "--columns", "src,bytes"];
    let (lines, _) = read(folder.path(), &pcap(ETHERNET, &packets), &filter);
    let https: Vec<Flow> = flows.iter().filter(|flow| flow.destination_port == Some(443)).copied().collect();
    assert_eq!((lines.len(), bytes(&lines)), (https.len(), bytes_of(&https)));
    assert_eq!(lines[0].as_object().unwrap().len(), 2);
    let (lines, _) = read(folder.path(), &pcap(ETHERNET, &packets), &["--count", "7"]);
    assert_eq!(lines.len(), 7);
    let (lines, _) = read(folder.path(), &pcap(ETHERNET, &packets), &["--port", "2056,2057"]);
    assert_eq!(lines.len(), 0);
    let (lines, _) = read(folder.path(), &pcap(ETHERNET, &packets), &["--port", "2055"]);
    assert_eq!(lines.len(), 100);
}

#[test]
fn links_tags_families_and_formats_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (datagrams, flows) = exported(100);
    let (first, rest) = datagrams.split_first().unwrap();
    // templates first, as nobody else brings them
    let mut packets = vec![(1_u16, whole(ethernet(first)))];
    for datagram in rest {
        let ip = ethernet(datagram)[14..].to_vec();
        let cooked = [&[0x08, 0, 0, 0][..], &[0; 16], &ip].concat();
        packets.push((101, whole(ip)));
        packets.push((LINUX_COOKED_2, whole(cooked)));
    }
    let (lines, told) = read(folder.path(), &pcapng(&packets), &[]);
    let of_first = lines.iter().position(|line| line["received"] != lines[0]["received"]);
    assert_eq!(of_first, None, "all at the same time: {told}");
    assert_eq!(lines[0]["received"], 1_700_000_000.25, "nanoseconds by the interface's own resolution");
    let doubled = bytes(&lines);
    let (tagged, _) = read(
        folder.path(),
        &pcap(ETHERNET, &datagrams.iter().map(|it| whole(tagged_twice(it))).collect::<Vec<_>>()),
        &[],
    );
    assert_eq!((tagged.len(), bytes(&tagged)), (100, bytes_of(&flows)));
    assert_eq!(tagged[0]["exporter"], "2020:2020:2020:2020:2020:2020:2020:2020");
    let single = bytes_of(&flows);
    let once: u64 = {
        let (lines, _) = read(folder.path(), &pcap(ETHERNET, &[whole(ethernet(first))]), &[]);
        bytes(&lines)
    };
    assert_eq!(doubled, single * 2 - once, "each of the rest came over two links");
}

#[test]
fn fragments_are_put_together_in_any_order_and_those_left_alone_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (datagrams, flows) = exported(60);
    let mut packets = Vec::new();
    for (number, datagram) in (0_u16..).zip(&datagrams) {
        let mut parts = if number % 2 == 0 {
            fragments_v4(datagram, 400, number)
        } else {
            fragments_v4(datagram, 1_000, number)
        };
        parts.reverse();
        packets.extend(parts.into_iter().map(whole));
    }
    let (lines, told) = read(folder.path(), &pcap(RAW, &packets), &[]);
    assert_eq!((lines.len(), bytes(&lines), told.as_str()), (60, bytes_of(&flows), ""));
    let (only, _) = exported(1);
    let v6: Vec<Packet> = fragments_v6(&only[0], 256).into_iter().map(whole).collect();
    assert!(v6.len() > 1);
    let (lines, _) = read(folder.path(), &pcap(RAW, &v6), &[]);
    assert_eq!((lines.len(), &lines[0]["exporter"]), (1, &Value::from("0:10::")));
    packets.remove(0);
    let (lines, told) = read(folder.path(), &pcap(RAW, &packets), &[]);
    assert!(lines.len() < 60, "{}", lines.len());
    assert!(told.contains("fragments="), "{told}");
}

#[test]
fn what_brings_no_datagram_is_told_and_what_is_no_capture_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (datagrams, _) = exported(10);
    let cut = ethernet(&datagrams[0]);
    let length = cut.len();
    let arp =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).tcp(1, 2, 3, 4);
    let other = written(0, |out| arp.write(out, &[]).unwrap());
    let packets = [(cut[..100].to_vec(), length), whole(other), whole(vec![0x45; 9])];
    let (lines, told) = read(folder.path(), &pcap(ETHERNET, &packets), &[]);
    assert!(lines.is_empty() && told.contains("cut=1") && told.contains("unreadable=1"), "{told}");
    let whole_file = pcap(ETHERNET, &[whole(ethernet(&datagrams[0]))]);
    for (capture, expected) in [
        (&b"no capture at all, but long enough to be one"[..], "neither pcap nor pcapng"),
        (&whole_file[..whole_file.len() - 5], "it ends within a packet"),
        (&pcap(147, &[whole(vec![0; 60])]), "link of type 147"),
    ] {
        fs::write(folder.path().join("capture"), capture).unwrap();
        let refused = grafolean(folder.path()).args(["flow", "tail", "--read", "capture"]).finished();
        assert_eq!(refused.status.code(), Some(2), "{expected}");
        assert!(text(&refused.stderr).contains(expected), "{}", text(&refused.stderr));
    }
    let absent = grafolean(folder.path()).args(["flow", "tail", "--read", "absent"]).finished();
    assert!(text(&absent.stderr).contains("could not open absent"), "{}", text(&absent.stderr));
}

#[test]
fn a_capture_may_come_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let (datagrams, _) = exported(10);
    let packets: Vec<Packet> = datagrams.iter().map(|it| whole(ethernet(it))).collect();
    fs::write(folder.path().join("capture"), pcap(ETHERNET, &packets)).unwrap();
    let mut tail = grafolean(folder.path());
    tail.args(["flow", "tail", "--read", "-"])
        .stdin(Stdio::from(fs::File::open(folder.path().join("capture")).unwrap()));
    let shown = text(&tail.finished().stdout);
    assert_eq!(shown.lines().count(), 10, "{shown}");
    let line = shown.lines().next().unwrap();
    assert!(
        line.contains(&Ipv4Addr::new(192, 0, 2, 1).to_string())
            && line.contains(" duration ")
            && line.contains(" flags "),
        "{line}"
    );
}
