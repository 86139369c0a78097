//! nfdump's collectors: a second opinion on the same datagrams.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    process::Stdio,
    thread,
    time::Duration,
};

use crate::{Sums, is_there, tool};

/// Sends datagrams on to `nfcapd` or `sfcapd` and gives what it stored, scaled as it scales; none where it is missing.
pub(crate) fn collected(collector: &str, datagrams: &[Vec<u8>]) -> Option<Sums> {
    if !is_there(collector) || !is_there("nfdump") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut running = tool(collector);
    running.args(["-b", "127.0.0.1", "-B", "4000000", "-p", &port.to_string(), "-w"]).arg(folder.path());
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut until = |holds: &dyn Fn(u64) -> bool| {
        while !waiting(port).is_some_and(holds) {
            assert!(running.try_wait().unwrap().is_none(), "{collector} ended");
            thread::sleep(Duration::from_millis(10));
        }
    };
    until(&|_| true);
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for datagram in datagrams {
        sender.send_to(datagram, (Ipv4Addr::LOCALHOST, port)).unwrap();
        until(&|octets| octets < 1_000_000);
    }
    until(&|octets| octets == 0);
    // it ends after the datagram that it is reading, and writes its file
    assert!(tool("kill").arg(running.id().to_string()).status().unwrap().success());
    running.wait().unwrap();
    let mut nfdump = tool("nfdump");
    let output =
        nfdump.arg("-R").arg(folder.path()).args(["-q", "-N", "-o", "fmt:%pr %pkt %byt"]).output().unwrap();
    let mut sums = Sums::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let row: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let [protocol, packets, bytes] = row[..] else { continue };
        let sum = sums.entry(u8::try_from(protocol).unwrap()).or_default();
        *sum = (sum.0 + packets, sum.1 + bytes);
    }
    Some(sums)
}

/// Octets that wait in the socket of a port; none where nobody listens yet.
fn waiting(port: u16) -> Option<u64> {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let ends = format!(":{port:04X}");
    let columns = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let socket =
        columns.into_iter().find(|columns| columns.get(1).is_some_and(|local| local.ends_with(&ends)))?;
    u64::from_str_radix(socket.get(4)?.split_once(':')?.1, 16).ok()
}
