//! What signals and closed pipes do to the binary.

#![allow(clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod world;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Stdio,
};

use nix::sys::signal::Signal;
use world::{Process, grafolean, text};

#[test]
fn a_hub_outlives_sighup_and_ends_in_good_order_on_sigquit() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = grafolean(folder.path());
    command.args(["hub", "--listen", "127.0.0.1:0", "--data", "hub"]).stdout(Stdio::piped());
    let mut hub = Process::start(&mut command);
    let mut lines = BufReader::new(hub.stdout()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    hub.signal(Signal::SIGHUP);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /api/status/info HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(hub.end(Signal::SIGQUIT).code(), Some(0));
}

#[test]
fn who_stops_reading_is_told_nothing_by_any_command() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = ["--backend-url", "http://127.0.0.1:1/api", "--bot-token", "x"];
    for arguments in [
        &["config"][..],
        &["config", "--json"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["spool", "list"],
        &["spool", "list", "--json"],
        &[&["check"][..], &nowhere].concat(),
        &[&["check", "--json"][..], &nowhere].concat(),
        &["ping", "-c", "1", "127.0.0.1"],
        &["ping", "-c", "1", "--json", "127.0.0.1"],
    ] {
        // Nobody reads from the beginning.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = grafolean(folder.path()).args(arguments).stdout(writer).output().unwrap();
        let told = text(&output.stderr).to_lowercase();
        assert!(!told.contains("broken pipe") && !told.contains("panic"), "{arguments:?}: {told}");
    }
}
