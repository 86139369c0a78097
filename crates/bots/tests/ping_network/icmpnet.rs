//! The engine beside fping on a network made by other hands: each behaviour's loss must be what fping sees too.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use grafolean_bots::ping::engine::{Options, Pinger, Probe};

use crate::{
    namespace::{Rights, inside_namespace},
    peer::Peer,
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/tools/icmpnet.py");
const PACKETS: u16 = 20;
const MS: Duration = Duration::from_millis(1);

/// Kind and number of a behaviour, and whether fping may be asked: it takes a changed payload for an answer.
const BEHAVIOURS: &[(u8, u8, bool)] = &[
    (0, 0, true),
    (0, 120, true),
    (1, 0, true),
    (1, 30, true),
    (1, 75, true),
    (1, 100, true),
    (2, 50, true),
    (2, 100, true),
    (3, 3, true),
    (4, 0, true),
    (5, 0, true),
    (5, 1, true),
    (5, 13, true),
    (6, 0, true),
    (7, 100, true),
    (8, 0, true),
    (8, 1, false),
    (8, 2, false),
    (8, 3, false),
    (8, 4, true),
    (8, 5, false),
    (8, 6, true),
    (8, 7, true),
    (9, 20, true),
    (10, 2, true),
    (10, 5, true),
];

fn addresses(kind: u8, number: u8) -> [IpAddr; 2] {
    let in_hex = |number: u8| u16::from_str_radix(&number.to_string(), 16).unwrap();
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0x18, in_hex(kind), 0, 0, 0, number.into());
    [Ipv4Addr::new(198, 18, kind, number).into(), v6.into()]
}

/// What must come out, by the description of the network alone.
fn is_answered(kind: u8, number: u8, sequence: u16) -> bool {
    let number = u16::from(number);
    match kind {
        0 | 2 | 3 | 7 => true,
        1 => (sequence * 37) % 100 >= number,
        8 => number == 6,
        // 2 s late, with a time-out of one.
        9 => false,
        10 => (sequence / number).is_multiple_of(2),
        _ => false,
    }
}

/// Starts fping; None where it is not installed.
fn fping(address: IpAddr) -> Option<Child> {
    let (count, options) = (PACKETS.to_string(), ["-q", "-p", "10", "-t", "1000", "-r", "0", "-C"]);
    let mut fping = Command::new("fping");
    fping.args(options).arg(&count).arg(address.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
    fping.spawn().ok()
}

/// Which of its packets fping sees answered.
fn seen(fping: Child) -> Vec<bool> {
    let said = String::from_utf8_lossy(&fping.wait_with_output().unwrap().stderr).into_owned();
    let rtts = said.lines().last().and_then(|line| line.split_once(" : ")).map(|(_, rtts)| rtts);
    rtts.unwrap_or_else(|| panic!("{said}")).split_whitespace().map(|rtt| rtt != "-").collect()
}

fn wait_for_the_device() {
    let has_route = || {
        let routes = Command::new("ip").args(["-6", "route", "show", "2001:db8:18::/48"]).output().unwrap();
        !routes.stdout.is_empty()
    };
    while !has_route() {
        std::thread::sleep(10 * MS);
    }
}

#[tokio::test]
async fn every_behaviour_is_measured_as_described_and_as_fping_measures_it() {
    if !std::path::Path::new(SCRIPT).exists() {
        println!("skipped: there is no {SCRIPT}");
        return;
    }
    if !inside_namespace(
        "icmpnet::every_behaviour_is_measured_as_described_and_as_fping_measures_it",
        Rights::Raw,
    ) {
        return;
    }
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    let _network = Peer::from(Command::new("python3").arg(SCRIPT).stdin(Stdio::null()).spawn().unwrap());
    wait_for_the_device();
    let pinger = Pinger::open(Options::default()).unwrap();
    // A device that just came up may lose what is sent before its other side reads.
    for address in addresses(0, 0) {
        while pinger.ping(Probe { timeout: 200 * MS, ..Probe::to(address) }).await.unwrap().packets[0]
            .rtt
            .is_none()
        {}
    }
    let probe = |address| Probe { packets: PACKETS, gap: 10 * MS, timeout: 1_000 * MS, ..Probe::to(address) };
    let questions =
        BEHAVIOURS.iter().flat_map(|behaviour| addresses(behaviour.0, behaviour.1).map(|to| (to, behaviour)));
    let asked = questions.map(async |(address, &(kind, number, as_fping))| {
        let fping = if as_fping { fping(address) } else { None };
        let outcome = pinger.ping(probe(address)).await.unwrap();
        let answered: Vec<_> = outcome.packets.iter().map(|packet| packet.rtt.is_some()).collect();
        let described: Vec<_> = (0..PACKETS).map(|sequence| is_answered(kind, number, sequence)).collect();
        assert_eq!(answered, described, "{address}: {outcome:?}");
        let seen = fping.map(seen);
        assert!(seen.as_ref().is_none_or(|seen| *seen == answered), "{address}: fping sees {seen:?}");
    });
    // Few at a time: the other side is one thread of Python, and its device drops what it does not take in time.
    stream::iter(asked).buffer_unordered(6).collect::<()>().await;
    let [v4, v6] = addresses(5, 1);
    for (address, label) in [(v4, "host-unreachable"), (v6, "prohibited")] {
        let outcome =
            pinger.ping(Probe { packets: 1, timeout: 1_000 * MS, ..Probe::to(address) }).await.unwrap();
        assert_eq!(outcome.packets[0].reason.map(|reason| reason.label()), Some(label));
    }
}
