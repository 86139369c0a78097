//! `grafolean bot netflow` with a socket that whoever started it handed over, as systemd does: a restart loses nothing.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod world;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    generate::{Exporter, Families, Setup, Traffic},
    record::Protocol,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use world::{Process, Run, grafolean, json_lines};

/// A bot that gets this socket as systemd would give it; its backend is away.
fn bot(folder: &Path, socket: &UdpSocket) -> Process {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "exec 3<&0 </dev/null; LISTEN_FDS=1 exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_grafolean"),
    ]);
    command.args(["bot", "netflow", "--backend-url", "http://127.0.0.1:9/api", "--data", "data"]);
    command
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .env("BOT_TOKEN", "token")
        .current_dir(folder);
    command.stdin(Stdio::from(OwnedFd::from(socket.try_clone().unwrap()))).stderr(Stdio::null());
    Process::start(&mut command)
}

fn streams(folder: &Path) -> Option<Value> {
    let told = grafolean(folder).args(["flow", "exporters", "--json", "--data", "data"]).finished();
    json_lines(&told).first().map(|exporter| exporter["streams"][0].clone())
}

#[test]
fn datagrams_wait_in_the_socket_while_the_bot_is_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to: SocketAddr = socket.local_addr().unwrap();
    let boot = SystemClock.now() - Duration::from_secs(60);
    let mut exporter = Exporter::new(Setup { protocol: Protocol::Netflow5, domain: 1, sampling: 1, boot });
    let (mut traffic, source) =
        (Traffic::new(4, 50, Families::V4), UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    let mut send = |datagrams: usize| {
        let now = SystemClock.now();
        let mut flows: VecDeque<_> = (0..datagrams * 10).map(|_| traffic.flow(now)).collect();
        let mut datagram = Vec::new();
        while !flows.is_empty() {
            exporter.export(now, &mut flows, &mut datagram);
            source.send_to(&datagram, to).unwrap();
        }
        exporter.totals().flows
    };
    for _ in 0..3 {
        // before it has begun
        send(2);
        let mut running = bot(folder.path(), &socket);
        let sent = send(2);
        world::until(|| streams(folder.path()).is_some_and(|stream| stream["flows"] == sent));
        assert!(running.end(Signal::SIGTERM).success());
    }
    let stream = streams(folder.path()).unwrap();
    assert_eq!((&stream["flows"], &stream["lost"]), (&Value::from(120), &Value::from(0)), "{stream}");
}
