//! Datagrams written by hand.
#![allow(dead_code, reason = "each test crate uses its own part of it")]

use std::net::{IpAddr, SocketAddr};

use grafolean_bots::netflow::{
    flow::Flow,
    intake::Intake,
    origin::{Datagram, Origin},
};
use grafolean_collector::time::Timestamp;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// Source, destination, bytes.
pub(crate) const SMALL: &[(u16, u16)] = &[(8, 4), (12, 4), (1, 4)];

pub(crate) fn exporter(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([192, 0, 2, 7]), port)
}

pub(crate) fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(crate) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [words(&[id, u16::try_from(body.len() + 4).unwrap()]).as_slice(), body].concat()
}

pub(crate) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    let head = words(&[id, u16::try_from(fields.len()).unwrap()]);
    fields.iter().fold(head, |out, (element, length)| [out, words(&[*element, *length])].concat())
}

/// A record of [`SMALL`].
pub(crate) fn small(bytes: u32) -> Vec<u8> {
    [[10, 0, 0, 1], [10, 0, 0, 2], bytes.to_be_bytes()].concat()
}

pub(crate) fn v9(sequence: u32, domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = words(&[9, 1]);
    for word in [60_000, 1_700_000_000, sequence, domain] {
        out.extend(u32::to_be_bytes(word));
    }
    out.extend(sets.concat());
    out
}

pub(crate) fn ipfix(sequence: u32, domain: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let sets = sets.concat();
    let mut out = words(&[10, u16::try_from(16 + sets.len()).unwrap()]);
    for word in [1_700_000_000, sequence, domain] {
        out.extend(u32::to_be_bytes(word));
    }
    out.extend(sets);
    out
}

/// Feeds one datagram. Gives its flows; what cannot be decoded is left to the ledger.
pub(crate) fn take(intake: &mut Intake, port: u16, payload: &[u8]) -> Vec<(Origin, Flow)> {
    take_at(intake, port, payload, NOW)
}

pub(crate) fn take_at(
    intake: &mut Intake,
    port: u16,
    payload: &[u8],
    received: Timestamp,
) -> Vec<(Origin, Flow)> {
    let mut flows = Vec::new();
    let datagram = Datagram { exporter: exporter(port), received, payload };
    let _ = intake.take(&datagram, &mut |origin: &Origin, flow: &Flow| flows.push((*origin, *flow)));
    flows
}

pub(crate) fn bytes(flows: &[(Origin, Flow)]) -> Vec<u64> {
    flows.iter().filter_map(|(_, flow)| flow.bytes).collect()
}
