//! Runs a test in a network namespace of its own, beside a peer that plays a bad network there.

use std::{
    env,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::{Child, Command, Stdio},
};

use grafolean_bots::ping::codec::Family;

/// What the test may do within its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// Raw sockets.
    Raw,
    /// Datagram sockets, and no raw ones.
    Datagram,
    /// Neither.
    Neither,
}

const INSIDE: &str = "GRAFOLEAN_TEST_NAMESPACE";

/// Tells whether the caller runs inside. If not, the test named `test` is run again in a new namespace, where it will
/// be, and its failure is a failure here; without the right to make a namespace it is skipped.
pub(crate) fn inside_namespace(test: &str, rights: Rights) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let usable =
        ["python3 --version", "ip -V", "setpriv --version", "unshare --net ip tuntap add probe mode tun"];
    for needed in usable {
        let mut words = needed.split(' ');
        let ran = Command::new(words.next().unwrap()).args(words).output();
        if !ran.is_ok_and(|output| output.status.success()) {
            println!("skipped: `{needed}` does not work here (it takes root)");
            return false;
        }
    }
    let mut command = Command::new("unshare");
    command.arg("--net");
    if rights != Rights::Raw {
        // Still root, which may read this program and make the device, but without the one capability.
        command.args(["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]);
    }
    let range = if rights == Rights::Datagram { "0 0" } else { "1 0" };
    let script = "echo \"$0\" > /proc/sys/net/ipv4/ping_group_range && exec \"$@\"";
    command.args(["sh", "-c", script, range]).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let status = command.status().unwrap();
    assert!(status.success(), "{test} failed in its namespace");
    false
}

/// A process that ends when this is dropped.
pub(crate) struct Peer(Child);

impl Peer {
    /// Starts our own bad network, see `peer.py`.
    pub(crate) fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/network/peer.py");
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

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
