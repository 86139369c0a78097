//! A process that plays a bad network.

use std::{
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::{Child, Command, Stdio},
};

use grafolean_bots::ping::codec::Family;

/// A process that ends when this is dropped.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts our own bad network, see `peer.py`.
    pub(crate) fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ping_network/peer.py");
        let mut peer = Command::new("python3");
        let mut child = peer.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n");
        Self(child)
    }

    /// The address of the peer that behaves as `kind` and `number` say.
    pub(crate) fn address(family: Family, kind: u8, number: u8) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::new(100, 64, kind, number).into(),
            Family::V6 => {
                let decimal = |number: u8| u16::from_str_radix(&number.to_string(), 16).unwrap();
                Ipv6Addr::new(0xfd64, 0, 0, 0, 0, 0, decimal(kind), decimal(number)).into()
            }
        }
    }
}

impl From<Child> for Peer {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
