//! Messages of SNMPv1 and v2c as octets, written by hand: so that what the engine sends and reads is not held against
//! itself.

use grafolean_bots::snmp::{Exception, Oid, Value};

/// A request as it arrived.
pub(crate) struct Asked {
    pub(crate) version: u8,
    pub(crate) community: Vec<u8>,
    /// 0xa0 is GET, 0xa1 GETNEXT, 0xa5 GETBULK.
    pub(crate) pdu: u8,
    pub(crate) id: Vec<u8>,
    pub(crate) non_repeaters: usize,
    pub(crate) repetitions: usize,
    pub(crate) oids: Vec<Oid>,
}

pub(crate) fn decode(datagram: &[u8]) -> Option<Asked> {
    let (0x30, message, _) = element(datagram)? else { return None };
    let (_, version, rest) = element(message)?;
    let (_, community, rest) = element(rest)?;
    let (pdu, rest, _) = element(rest)?;
    let (_, id, rest) = element(rest)?;
    let (_, non_repeaters, rest) = element(rest)?;
    let (_, repetitions, rest) = element(rest)?;
    let (_, mut varbinds, _) = element(rest)?;
    let mut oids = Vec::new();
    while !varbinds.is_empty() {
        let (_, varbind, rest) = element(varbinds)?;
        let (0x06, oid, _) = element(varbind)? else { return None };
        oids.push(read_oid(oid)?);
        varbinds = rest;
    }
    let number = |octets: &[u8]| octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
    Some(Asked {
        version: *version.first()?,
        community: community.to_vec(),
        pdu,
        id: id.to_vec(),
        non_repeaters: number(non_repeaters),
        repetitions: number(repetitions),
        oids,
    })
}

/// An answer with its status and its varbinds, which are octets.
pub(crate) fn answer(asked: &Asked, status: u8, index: u8, varbinds: &[u8]) -> Vec<u8> {
    let mut pdu = tlv(0x02, &asked.id);
    pdu.extend(tlv(0x02, &[status]));
    pdu.extend(tlv(0x02, &[index]));
    pdu.extend(tlv(0x30, varbinds));
    let mut message = tlv(0x02, &[asked.version]);
    message.extend(tlv(0x04, &asked.community));
    message.extend(tlv(0xa2, &pdu));
    tlv(0x30, &message)
}

pub(crate) fn varbind(oid: &Oid, value: Result<&Value, Exception>) -> Vec<u8> {
    let value = match value {
        Ok(Value::Integer(number)) => tlv(0x02, &shortest(&i64::from(*number).to_be_bytes())),
        Ok(Value::Octets(octets)) => tlv(0x04, octets),
        Ok(Value::Unknown | Value::Unreadable(_)) => tlv(0x05, &[]),
        Ok(Value::Oid(oid)) => tlv(0x06, &write_oid(oid)),
        Ok(Value::Address(address)) => tlv(0x40, address),
        Ok(Value::Counter32(number)) => tlv(0x41, &shortest(&i64::from(*number).to_be_bytes())),
        Ok(Value::Gauge32(number)) => tlv(0x42, &shortest(&i64::from(*number).to_be_bytes())),
        Ok(Value::TimeTicks(number)) => tlv(0x43, &shortest(&i64::from(*number).to_be_bytes())),
        Ok(Value::Opaque(octets)) => tlv(0x44, octets),
        Ok(Value::Counter64(number)) => tlv(0x46, &shortest(&i128::from(*number).to_be_bytes())),
        Err(Exception::NoSuchObject) => tlv(0x80, &[]),
        Err(Exception::NoSuchInstance) => tlv(0x81, &[]),
        Err(Exception::EndOfMibView) => tlv(0x82, &[]),
    };
    tlv(0x30, &[tlv(0x06, &write_oid(oid)), value].concat())
}

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    match content.len() {
        short @ 0..=127 => octets.push(u8::try_from(short).unwrap()),
        long => {
            octets.push(0x82);
            octets.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    octets.extend(content);
    octets
}

pub(crate) fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = match octets {
        [tag, 0x81, length, rest @ ..] => (tag, usize::from(*length), rest),
        [tag, 0x82, high, low, rest @ ..] => (tag, usize::from(u16::from_be_bytes([*high, *low])), rest),
        [tag, length @ 0..=127, rest @ ..] => (tag, usize::from(*length), rest),
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Without leading octets that say nothing.
fn shortest(octets: &[u8]) -> Vec<u8> {
    let says_nothing = |pair: &[u8]| matches!(pair, [0x00, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let skipped = octets.windows(2).take_while(|pair| says_nothing(pair)).count();
    octets[skipped..].to_vec()
}

pub(crate) fn write_oid(oid: &Oid) -> Vec<u8> {
    let [first, second, rest @ ..] = oid.arcs() else { panic!("{oid} has a single arc") };
    let mut octets = Vec::new();
    for arc in std::iter::once(first * 40 + second).chain(rest.iter().copied()) {
        let groups = (1..5).filter(|group| arc >> (7 * group) > 0).count();
        for group in (0..=groups).rev() {
            let seven = u8::try_from(arc >> (7 * group) & 0x7f).unwrap();
            octets.push(if group > 0 { seven | 0x80 } else { seven });
        }
    }
    octets
}

pub(crate) fn read_oid(octets: &[u8]) -> Option<Oid> {
    let (mut arcs, mut arc) = (Vec::new(), 0_u32);
    for octet in octets {
        arc = arc << 7 | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.extend([first, arc - first * 40]);
            } else {
                arcs.push(arc);
            }
            arc = 0;
        }
    }
    Oid::new(arcs).ok()
}
