//! What users would take instead, fed by the same sender.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    line,
    processor::{drops_of_port, listens, time_of},
    replay::Replay,
};

const SPAN: Duration = Duration::from_secs(5);
const BUFFER: &str = "33554432";

/// nfcapd stores what it receives, and adds up nothing.
pub(crate) fn nfcapd(replay: &Replay) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut nfcapd = Command::new("nfcapd");
    nfcapd.args(["-b", "127.0.0.1", "-p", &port.to_string(), "-B", BUFFER]);
    nfcapd.arg("-l").arg(folder.path());
    feed("nfcapd", replay, nfcapd, port, 2_000_000);
}

/// nfacctd with one table, of address pairs, at a rate that it can follow.
pub(crate) fn nfacctd(replay: &Replay) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let settings = format!(
        "daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nnfacctd_pipe_size: {BUFFER}\nplugins: print[pairs]\n\
         aggregate[pairs]: src_host, dst_host\nprint_refresh_time: 60\nprint_cache_entries: 1048573\n\
         print_output_file: {0}/pairs\nplugin_pipe_size: 102400000\nplugin_buffer_size: 102400\n",
        folder.path().display()
    );
    let file = folder.path().join("nfacctd.conf");
    fs::write(&file, settings).unwrap();
    let mut nfacctd = Command::new("nfacctd");
    nfacctd.arg("-f").arg(file);
    feed("nfacctd", replay, nfacctd, port, 400_000);
}

/// The Python library that the established bot decodes by.
pub(crate) fn netflow_of_pypi(replay: &Replay) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join("target/bench/netflow/bin/python");
    if !python.exists() {
        return println!("skipped: bench/run installs PyPI's netflow into target/bench/netflow");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let framed =
        |(datagram, _): &(Vec<u8>, u64)| [&(datagram.len() as u32).to_be_bytes(), &datagram[..]].concat();
    let bytes: Vec<u8> = replay.datagrams.iter().take(4_000).flat_map(framed).collect();
    fs::write(file.path(), bytes).unwrap();
    let script = root.join("bench/netflow_decode.py");
    assert!(Command::new(python).arg(script).arg(file.path()).status().unwrap().success());
}

/// Starts a collector, feeds it, and tells what it took.
fn feed(name: &str, replay: &Replay, mut command: Command, port: u16, rate: u64) {
    let Ok(mut collector) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return println!("skipped: {name} is not installed");
    };
    while !listens(port) {
        assert!(collector.try_wait().unwrap().is_none(), "{name} ended");
        thread::sleep(Duration::from_millis(50));
    }
    let began = time_on_processor(&collector);
    let sent = replay.send(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), rate, SPAN);
    thread::sleep(Duration::from_secs(1));
    let (took, lost) = (time_on_processor(&collector) - began, drops_of_port(port));
    let received = sent.flows - lost * sent.flows / sent.datagrams;
    line(name, received as f64 / took.as_secs_f64() / 1e6, "Mflows/s");
    line(&format!("{name}_lost"), lost as f64, "datagrams");
    collector.kill().unwrap();
    collector.wait().unwrap();
}

/// With its processes, as pmacct's plugins are.
fn time_on_processor(collector: &Child) -> Duration {
    let id = collector.id().to_string();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    time_of(&id, "") + children.split_whitespace().map(|child| time_of(child, "")).sum::<Duration>()
}

fn free_port() -> u16 {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
