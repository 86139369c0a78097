//! A datagram as an agent might send it: it is read or refused, and what is made of it is no larger than what came.

use grafolean_bots::snmp::{Value, codec::decode_reply};

/// An object has a name, a value and a frame around them, of two octets each.
const SMALLEST_OBJECT: usize = 6;

/// Reads it whole.
pub fn run(data: &[u8]) {
    let Ok((reply, varbinds)) = decode_reply(data) else { return };
    assert!(
        varbinds.len() * SMALLEST_OBJECT <= data.len(),
        "{} objects of {} octets",
        varbinds.len(),
        data.len()
    );
    assert!(reply.community.len() < data.len());
    assert!(varbinds.iter().all(|varbind| varbind.oid.arcs().len() <= 128));
    let octets: usize = varbinds
        .iter()
        .map(|varbind| match &varbind.value {
            Ok(Value::Octets(octets) | Value::Opaque(octets)) => octets.len(),
            _ => 0,
        })
        .sum();
    assert!(octets <= data.len(), "{octets} octets of text in {}", data.len());
    // Reading is a function of the octets alone.
    let again = decode_reply(data).map(|(_, again)| again);
    assert_eq!(again.as_ref(), Ok(&varbinds));
}
