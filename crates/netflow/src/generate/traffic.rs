//! Invented flows.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use grafolean_time::Timestamp;

use crate::record::{Direction, Flow};

/// Services that the flows go to: protocol and port.
const SERVICES: [(u8, u16); 8] =
    [(6, 443), (6, 80), (17, 53), (6, 22), (17, 443), (6, 25), (17, 123), (6, 5432)];
const INTERFACES: u32 = 8;
const TCP: u8 = 6;

/// Which address families flows have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Families {
    /// IPv4 only, which is all that NetFlow v5 knows.
    #[default]
    V4,
    /// One flow in four is IPv6.
    Mixed,
}

/// An endless row of flows between a set number of address pairs, the same from the same seed.
#[derive(Clone, Debug)]
pub struct Traffic {
    state: u64,
    pairs: u32,
    families: Families,
}

impl Traffic {
    /// Begins a row of flows between so many address pairs (at least one, at most 2^24).
    pub fn new(seed: u64, pairs: u32, families: Families) -> Self {
        Self { state: seed, pairs: pairs.clamp(1, 1 << 24), families }
    }

    /// Returns the next flow, which ended just before `now`.
    pub fn flow(&mut self, now: Timestamp) -> Flow {
        let pair = self.below(self.pairs);
        let v6 = self.families == Families::Mixed && pair % 4 == 3;
        let (protocol, port) =
            usize::try_from(self.below(8)).ok().and_then(|at| SERVICES.get(at)).copied().unwrap_or((6, 443));
        let egress = self.below(4) == 0;
        let size = self.below(10);
        let packets = u64::from(1 + self.below(1 << size));
        let last = now - Duration::from_millis(u64::from(self.below(1_000)));
        Flow {
            source: Some(address(v6, Ends::Client, pair)),
            destination: Some(address(v6, Ends::Server, pair)),
            source_port: u16::try_from(1_024 + self.below(60_000)).ok(),
            destination_port: Some(port),
            protocol: Some(protocol),
            tcp_flags: Some(if protocol == TCP { 0x1B } else { 0 }),
            tos: Some(0),
            source_as: Some(64_500),
            destination_as: Some(64_501),
            bytes: Some(packets * u64::from(40 + self.below(1_461))),
            packets: Some(packets),
            // packets between two addresses take one way
            input: Some(1 + pair % INTERFACES),
            output: Some(1 + pair / INTERFACES % INTERFACES),
            direction: Some(if egress { Direction::Egress } else { Direction::Ingress }),
            first: Some(last - Duration::from_millis(u64::from(self.below(50_000)))),
            last: Some(last),
            ..Flow::default()
        }
    }

    /// SplitMix64, scaled to what is below a bound.
    fn below(&mut self, bound: u32) -> u32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        u32::try_from(((mixed >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Client,
    Server,
}

/// Clients are in 10.0.0.0/8, servers in 100.64.0.0/10; in IPv6 both in the prefix for documentation.
fn address(v6: bool, end: Ends, pair: u32) -> IpAddr {
    let client = end == Ends::Client;
    if v6 {
        let [_, a, b, c] = pair.to_be_bytes();
        let side = if client { 0xC } else { 0x5 };
        return IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xDB8,
            side,
            0,
            0,
            0,
            u16::from(a),
            u16::from_be_bytes([b, c]),
        ));
    }
    let network: u32 = if client { 0x0A00_0000 } else { 0x6440_0000 };
    let mask = if client { 0x00FF_FFFF } else { 0x003F_FFFF };
    IpAddr::V4(Ipv4Addr::from_bits(network | (pair & mask)))
}
