//! What a router's BGP told of a sampled packet: sFlow's extended gateway data (sflow_version_5.txt, format 1003).

use super::reader::Reader;

/// The autonomous systems of a packet's ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Systems {
    pub(super) source: Option<u32>,
    pub(super) destination: Option<u32>,
}

/// Reads the autonomous systems. Zero is no system's number (RFC 7607) and an empty path begins at home (RFC 4271, section
/// 5.1.2): both mean the router's own system.
///
/// ```text
/// | next hop: 0, or 1 and 4 octets, or 2 and 16 | own | source | source's peer |
/// | segment count | segments: kind, count, count x system | communities, preference ...
/// ```
pub(super) fn systems(data: &[u8]) -> Option<Systems> {
    let mut reader = Reader::new(data);
    let next_hop = match reader.u32()? {
        0 => 0,
        1 => 4,
        2 => 16,
        _ => return None,
    };
    reader.take(next_hop)?;
    let (own, source, _peer) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let or_own = |system: u32| if system == 0 { own } else { system };
    let destination = last_of_path(&mut reader).map(or_own);
    Some(Systems { source: Some(or_own(source)), destination })
}

/// Returns the path's last system, 0 where it has none; `None` if it is cut off.
fn last_of_path(reader: &mut Reader<'_>) -> Option<u32> {
    let mut last = 0;
    for _ in 0..reader.u32()? {
        let (_kind, count) = (reader.u32()?, reader.u32()?);
        let systems = reader.take(usize::try_from(count).ok()?.checked_mul(4)?)?;
        last = systems.last_chunk().map_or(last, |octets| u32::from_be_bytes(*octets));
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, next hop, what follows it, what is told.
    type Case<'a> = (&'a str, &'a [u32], &'a [u32], Option<Systems>);

    #[test]
    fn a_path_tells_its_last_system_and_an_empty_one_the_routers_own() {
        let v4 = [1, 0xC000_0201];
        let v6 = [2, 1, 2, 3, 4];
        let cases: [Case<'_>; 8] = [
            (
                "a sequence",
                &v4,
                &[65_000, 64_500, 64_501, 1, 2, 2, 64_510, 64_511, 0, 100],
                told(64_500, 64_511),
            ),
            ("then a set", &v6, &[65_000, 64_500, 64_501, 2, 2, 1, 7, 1, 2, 8, 9], told(64_500, 9)),
            ("an empty segment", &v4, &[65_000, 64_500, 0, 2, 2, 1, 7, 2, 0], told(64_500, 7)),
            ("no path", &[0], &[65_000, 64_500, 64_501, 0, 0, 100], told(64_500, 65_000)),
            ("from home", &v4, &[65_000, 0, 0, 1, 2, 1, 4_200_000_000], told(65_000, 4_200_000_000)),
            (
                "cut",
                &v4,
                &[65_000, 64_500, 0, 1, 2, 2, 7],
                Some(Systems { source: Some(64_500), destination: None }),
            ),
            (
                "a length beyond all",
                &v4,
                &[65_000, 64_500, 0, 1, 2, u32::MAX],
                Some(Systems { source: Some(64_500), destination: None }),
            ),
            ("another kind of address", &[3, 1], &[65_000, 64_500, 64_501, 0], None),
        ];
        for (name, next_hop, rest, expected) in cases {
            let data: Vec<u8> = next_hop.iter().chain(rest).flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(systems(&data), expected, "{name}");
        }
    }

    fn told(source: u32, destination: u32) -> Option<Systems> {
        Some(Systems { source: Some(source), destination: Some(destination) })
    }
}
