//! Runs a test in a network namespace of its own.

use std::{env, process::Command};

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

/// Returns whether the caller runs inside. If not, the test named `test` is run again in a new namespace, where it will
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
    // Mounts of its own as well: a test may have its own resolv.conf.
    command.args(["--net", "--mount"]);
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
