//! Every recorded datagram, cut and changed at each octet: whatever an exporter garbles, its next good datagrams are read.
//! Skipped where the recordings are not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

#[path = "fixture/captures.rs"]
mod captures;

use captures::{Capture, captures, datagram};
use grafolean_netflow::{
    decoder::Decoder,
    record::{Factor, Flow, Origin},
};

/// Octets of a datagram that are changed: all of its headers, templates and first records are among them.
const OCTETS_MAX: usize = 512;

/// Keeps what a record itself tells: a garbled word about sampling or the system's start is as believable as a good one.
fn feed(decoder: &mut Decoder, exporter: u32, payload: &[u8], flows: &mut Vec<Flow>) {
    let mut keep = |_: &Origin, flow: &Flow| {
        flows.push(Flow { factor: Factor::NONE, first: None, last: None, ..*flow });
    };
    let _ = decoder.take(&datagram(exporter, payload), &mut keep);
}

/// Returns the flows of a whole capture to whom its templates are known.
fn once_more(decoder: &mut Decoder, capture: &Capture) -> Vec<Flow> {
    let mut flows = Vec::new();
    capture.datagrams().iter().for_each(|(exporter, payload)| feed(decoder, *exporter, payload, &mut flows));
    flows
}

/// Cuts a datagram at each octet, and sets each octet to values that make lengths and counts of it lie.
fn garble(decoder: &mut Decoder, exporter: u32, payload: &[u8]) {
    let mut unwanted = Vec::new();
    let mut changed = payload.to_vec();
    for at in 0..payload.len().min(OCTETS_MAX) {
        feed(decoder, exporter, &payload[..at], &mut unwanted);
        for value in [0, 0xFF, payload[at] ^ 0x01] {
            changed[at] = value;
            feed(decoder, exporter, &changed, &mut unwanted);
        }
        changed[at] = payload[at];
        unwanted.clear();
    }
}

#[test]
fn whatever_an_exporter_garbled_its_next_good_datagrams_are_read() {
    let Some(captures) = captures() else { return };
    let mut read = 0;
    for capture in &captures {
        let mut decoder = Decoder::default();
        once_more(&mut decoder, capture);
        let good = once_more(&mut decoder, capture);
        read += good.len();
        let mut seen = Vec::new();
        for (exporter, payload) in capture.datagrams() {
            if seen.contains(&payload.len()) {
                continue;
            }
            seen.push(payload.len());
            garble(&mut decoder, *exporter, payload);
        }
        // the first time its templates are declared anew
        once_more(&mut decoder, capture);
        assert_eq!(once_more(&mut decoder, capture), good, "{}", capture.id);
    }
    assert!(read > 1_000, "{read}");
}
