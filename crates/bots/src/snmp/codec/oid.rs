//! Object identifiers on the wire: arcs of seven bits an octet, the first two in one (X.690, section 8.19).
//!
//! ```text
//! | 40 x first + second | third | 1nnnnnnn 0nnnnnnn | ...
//! ```

use crate::snmp::Oid;

/// Reads an object identifier. None if it is none: an arc without end or beyond 2^32 - 1, more than 128 arcs. One of no
/// octets is 0.0, as net-snmp takes it.
pub(super) fn decode(octets: &[u8]) -> Option<Oid> {
    if octets.is_empty() {
        return Oid::new([0, 0]).ok();
    }
    let ends = octets.iter().filter(|octet| **octet < 0x80).count();
    if ends >= Oid::MAX_ARCS {
        return None;
    }
    let mut arcs = Vec::with_capacity(ends + 1);
    let mut arc = 0_u64;
    for octet in octets {
        arc = (arc << 7) | u64::from(octet & 0x7f);
        if arc > u64::from(u32::MAX) + 80 {
            return None;
        }
        if *octet < 0x80 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(u32::try_from(first).ok()?);
                arc -= first * 40;
            }
            arcs.push(u32::try_from(arc).ok()?);
            arc = 0;
        }
    }
    // The last one has to end.
    octets.last().filter(|octet| **octet < 0x80).and_then(|_| Oid::new(arcs).ok())
}

/// Returns how many octets an object identifier takes.
pub(super) fn length(oid: &Oid) -> usize {
    subidentifiers(oid).map(octets_of).sum()
}

/// Appends an object identifier.
pub(super) fn encode(oid: &Oid, out: &mut Vec<u8>) {
    for arc in subidentifiers(oid) {
        for place in (1..octets_of(arc)).rev() {
            out.push(seven_bits(arc >> (7 * place)) | 0x80);
        }
        out.push(seven_bits(arc));
    }
}

/// The arcs as they are written: the first two are one.
fn subidentifiers(oid: &Oid) -> impl Iterator<Item = u64> {
    let (first, rest) = oid
        .arcs()
        .split_first_chunk::<2>()
        .map_or((0, &[][..]), |([first, second], rest)| (u64::from(*first) * 40 + u64::from(*second), rest));
    std::iter::once(first).chain(rest.iter().map(|arc| u64::from(*arc)))
}

const fn octets_of(arc: u64) -> usize {
    match arc {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        _ => 5,
    }
}

fn seven_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> Vec<u8> {
        let oid: Oid = text.parse().unwrap();
        let mut out = Vec::new();
        encode(&oid, &mut out);
        assert_eq!(out.len(), length(&oid), "{text}");
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "0.0",
            "1.3",
            "1.39",
            "2.999.3",
            "2.4294967295",
            "1.3.6.1.4.1.127.128.16383.16384",
            "1.3.4294967295",
        ] {
            assert_eq!(decode(&encoded(text)).unwrap().to_string(), text);
        }
        assert_eq!(encoded("1.3.6.1.2.1"), [0x2b, 6, 1, 2, 1]);
        assert_eq!(encoded("2.999.3"), [0x88, 0x37, 3]);
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(decode(&[0x2b, 0x86]), None, "no end");
        assert_eq!(decode(&[0x2b, 0x90, 0x80, 0x80, 0x80, 0]), None, "2^32");
        assert_eq!(decode(&[0x2b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(decode(&[1; 127]).map(|oid| oid.arcs().len()), Some(128));
        assert_eq!(decode(&[1; 128]), None, "129 arcs");
        assert_eq!(decode(&[]).unwrap().to_string(), "0.0");
        // Zeros in front of an arc say nothing.
        assert_eq!(decode(&[0x2b, 0x80, 0x80, 6]).unwrap().to_string(), "1.3.6");
    }
}
