//! Packets in the file format of pcap.
//!
//! ```text
//! | magic | version | zone | accuracy | most octets | link: 1, Ethernet |      then, of each packet:
//! | seconds | microseconds | octets kept | octets in all | the octets |
//! ```

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Command,
};

use grafolean_netflow::{
    generate::{Families, Traffic},
    record::Flow,
};

use crate::{NOW, Sums};

/// Where ordinary traffic lies, recorded.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/traffic");

/// Octets of a frame before its IP header.
const ETHERNET: u64 = 14;

/// Writes packets of our generator into a folder. Returns the file and what is in it.
pub(crate) fn generated(folder: &Path) -> (PathBuf, Sums) {
    let file = folder.join("generated.pcap");
    let (octets, sums) = generate();
    fs::write(&file, octets).unwrap();
    (file, sums)
}

/// Returns files of packets in a folder: those of our generator, and recorded ones where there are any.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![generated(folder).0];
    let Ok(recorded) = fs::read_dir(RECORDED) else {
        println!("skipped: no recorded traffic at {RECORDED}");
        return files;
    };
    for packed in recorded.map(|entry| entry.unwrap().path()) {
        let unpacked = Command::new("xz").arg("-dkc").arg(&packed).output();
        let Some(unpacked) = unpacked.ok().filter(|output| output.status.success()) else {
            println!("skipped: {} can't be unpacked", packed.display());
            continue;
        };
        let file = folder.join(packed.file_stem().unwrap());
        fs::write(&file, unpacked.stdout).unwrap();
        files.push(file);
    }
    files.sort();
    files
}

/// Packets of 400 flows of both families, one to twelve of each.
fn generate() -> (Vec<u8>, Sums) {
    let (mut file, mut sums) = (Vec::new(), Sums::new());
    for word in [0xA1B2_C3D4_u32, 0x0002_0004, 0, 0, 65_535, 1] {
        file.extend(word.to_be_bytes());
    }
    let mut traffic = Traffic::new(5, 300, Families::Mixed);
    for number in 0..400_u32 {
        let flow = traffic.flow(NOW);
        for packet in 0..1 + number % 12 {
            let octets = frame(&flow, 26 + ((number * 31 + packet * 7) % 600) as u16);
            let length = octets.len() as u32;
            for word in [1_700_000_000 + number / 40, packet * 10_000, length, length] {
                file.extend(word.to_be_bytes());
            }
            file.extend(octets);
            let sum = sums.entry(flow.protocol.unwrap()).or_default();
            *sum = (sum.0 + 1, sum.1 + u64::from(length) - ETHERNET);
        }
    }
    (file, sums)
}

/// An Ethernet frame with so many octets behind its IP header.
fn frame(flow: &Flow, payload: u16) -> Vec<u8> {
    let mut out = vec![2; 12];
    let protocol = flow.protocol.unwrap();
    match (flow.source.unwrap(), flow.destination.unwrap()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            out.extend([0x08, 0x00, 0x45, 0]);
            out.extend((20 + payload).to_be_bytes());
            out.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            out.extend([0x86, 0xDD, 0x60, 0, 0, 0]);
            out.extend(payload.to_be_bytes());
            out.extend([protocol, 64]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        mixed => panic!("{mixed:?}"),
    }
    let mut transport = vec![0; usize::from(payload)];
    transport[..2].copy_from_slice(&flow.source_port.unwrap().to_be_bytes());
    transport[2..4].copy_from_slice(&flow.destination_port.unwrap().to_be_bytes());
    match protocol {
        // a header of 20 octets, "acknowledged"
        6 => transport[12..14].copy_from_slice(&[0x50, 0x10]),
        _ => transport[4..6].copy_from_slice(&payload.to_be_bytes()),
    }
    out.extend(transport);
    out
}
