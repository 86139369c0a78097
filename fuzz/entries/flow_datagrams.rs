//! Datagrams of a few exporters, one after the other, into one decoder. Whatever they say, no flow is made of nothing, what
//! is kept stays within its bounds, and the next good datagram is decoded.
//!
//! ```text
//!  0          1               3
//! | exporter | length in octets | payload |  then the next one; the last may be cut short
//! ```

use std::net::{Ipv4Addr, SocketAddr};

use grafolean_netflow::{
    Timestamp,
    decoder::Decoder,
    record::{Datagram, Flow, Origin},
    template::PENDING_BYTES_MAX,
};

/// NetFlow version 5 in each datagram.
pub fn netflow5(data: &[u8]) {
    run(&[0, 5], data);
}

/// NetFlow version 9.
pub fn netflow9(data: &[u8]) {
    run(&[0, 9], data);
}

/// IPFIX.
pub fn ipfix(data: &[u8]) {
    run(&[0, 10], data);
}

/// sFlow version 5.
pub fn sflow5(data: &[u8]) {
    run(&[0, 0, 0, 5], data);
}

fn run(version: &[u8], data: &[u8]) {
    let mut decoder = Decoder::default();
    let mut now = Timestamp::from_seconds(1_700_000_000);
    let (mut rest, mut octets, mut flows) = (data, 0, 0);
    while let Some((exporter, payload, after)) = datagram(rest) {
        rest = after;
        let mut payload = payload.to_vec();
        for (octet, wanted) in payload.iter_mut().zip(version) {
            *octet = *wanted;
        }
        octets += payload.len();
        take(&mut decoder, exporter, now, &payload, &mut |_, _| flows += 1);
        decoder.expire(now);
        assert!(decoder.pending_bytes() <= PENDING_BYTES_MAX, "{} octets wait", decoder.pending_bytes());
        now = now + std::time::Duration::from_secs(u64::from(exporter));
    }
    // Parked data is decoded at most once, and a record of a flow may be as short as an octet and tell two ways.
    assert!(flows <= 2 * octets, "{flows} flows of {octets} octets");
    let mut told = Vec::new();
    take(&mut decoder, u8::MAX, now, &good(), &mut |_, flow| told.push((flow.bytes, flow.packets)));
    assert_eq!(told, [(Some(840), Some(3))], "the next good datagram is decoded");
}

fn take(
    decoder: &mut Decoder,
    exporter: u8,
    now: Timestamp,
    payload: &[u8],
    sink: &mut impl FnMut(&Origin, &Flow),
) {
    let exporter = SocketAddr::from((Ipv4Addr::new(192, 0, 2, exporter), 2055));
    // A fault is what is looked for here; it is counted, not met with a panic.
    let _ = decoder.take(&Datagram { exporter, received: now, payload }, sink);
}

fn datagram(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([exporter, high, low], rest) = data.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (payload, rest) = rest.split_at(length);
    Some((*exporter, payload, rest))
}

/// One flow of NetFlow version 5: 840 bytes in 3 packets.
fn good() -> Vec<u8> {
    let mut datagram = vec![0; 24 + 48];
    datagram[1] = 5;
    datagram[3] = 1;
    datagram[24 + 19] = 3;
    datagram[24 + 22..24 + 24].copy_from_slice(&840_u16.to_be_bytes());
    datagram
}
