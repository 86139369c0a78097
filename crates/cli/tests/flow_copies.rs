//! Raw flows in S3: copied through an outage and a kill, kept here until they are there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use nix::sys::signal::Signal;
use world::{Fill, Process, World, request_to, until};

const FILES: u64 = 6;
/// Beyond what is sent in one part.
const LARGE: usize = 12 << 20;

/// What answers as S3 does.
fn moto() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/moto/bin/moto_server");
    let found = own.is_file().then_some(own);
    if found.is_none() {
        eprintln!("skipped: target/moto is not there, ./test installs it");
    }
    found
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn ask(address: &str, request: &str) -> (u16, String) {
    // Who asks has to say who it is; whether that is true is not looked at.
    let scope =
        "AWS4-HMAC-SHA256 Credential=key/20261127/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
    let request = format!(
        "{request} HTTP/1.0\r\nhost: {address}\r\nauthorization: {scope}\r\ncontent-length: 0\r\n\r\n"
    );
    let (status, _, body) = request_to(address, &request);
    (status, body)
}

/// Files as an archive has them, of the last hours, with their names and what is in them.
fn fill(archive: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for number in 0..FILES {
        let moment = SystemTime::now() - Duration::from_mins(30 + 5 * number);
        let text = humantime::format_rfc3339_seconds(moment).to_string();
        let (date, time) = text.trim_end_matches('Z').split_once('T').unwrap();
        let stem = format!("flows-{}T{}Z", date.replace('-', ""), time.replace(':', ""));
        let name = format!("date={date}/hour={}/{stem}.parquet", time.get(..2).unwrap());
        let length = if number == 3 { LARGE } else { 1_000 };
        let content = format!("{number}").repeat(length);
        let path = archive.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &content).unwrap();
        files.push((name, content));
    }
    files
}

#[tokio::test]
async fn files_are_kept_until_they_are_in_s3_through_an_outage_and_a_kill() {
    let Some(moto) = moto() else { return };
    let world = World::start_for("netflow", Fill { devices: &["127.0.0.1"], interval: 60 }).await;
    let archive = world.folder.path().join("bot/netflow/archive");
    let files = fill(&archive);
    let (storage, metrics) = (free_address(), free_address());
    let start = || {
        let mut command = world.bot();
        command.args(["bot", "netflow", "--log", "error", "--metrics", &metrics]);
        command.args(["--netflow-listen", &free_address(), "--flow-archive"]);
        // Older than they may be: only what is copied goes.
        command.args(["--flow-archive-max-age", "60s", "--flow-archive-to", "s3://flows/raw"]);
        command.envs([
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
        ]);
        command.env("AWS_ENDPOINT", format!("http://{storage}"));
        Process::start(&mut command)
    };
    let count = |name: &str| -> Option<u64> {
        TcpStream::connect(&metrics).ok()?;
        let (_, body) = ask(&metrics, "GET /metrics");
        let line = body.lines().find(|line| line.starts_with(name))?.to_owned();
        line.rsplit_once(' ')?.1.parse().ok()
    };
    let mut bot = start();
    until(|| count("grafolean_netflow_archive_copy_errors_total").is_some_and(|errors| errors > 0));
    assert!(
        files.iter().all(|(name, _)| archive.join(name).exists()),
        "nothing that is not there is deleted"
    );
    bot.end(Signal::SIGKILL);

    let (host, port) = storage.split_once(':').unwrap();
    let mut command = Command::new(moto);
    let _moto =
        Process::start(command.args(["-H", host, "-p", port]).stdout(Stdio::null()).stderr(Stdio::null()));
    until(|| TcpStream::connect(&storage).is_ok());
    assert_eq!(ask(&storage, "PUT /flows").0, 200);
    let mut bot = start();
    let is_there = |name: &str, content: &str| {
        let (status, body) = ask(&storage, &format!("GET /flows/raw/{name}"));
        status == 200 && body == content
    };
    until(|| is_there(&files[5].0, &files[5].1));
    bot.end(Signal::SIGKILL);
    let mut bot = start();
    until(|| files.iter().all(|(name, content)| is_there(name, content)));
    until(|| {
        let copied = fs::read_to_string(archive.join("copied.txt")).unwrap();
        copied.starts_with("s3://flows/raw\n") && files.iter().all(|(name, _)| copied.contains(name.as_str()))
    });
    bot.end(Signal::SIGTERM);
    // They are there and too old here: the next start deletes them, and copies nothing again.
    let mut bot = start();
    until(|| files.iter().all(|(name, _)| !archive.join(name).exists()));
    until(|| count("grafolean_netflow_archive_copied_files_total").is_some());
    assert!(files.iter().all(|(name, content)| is_there(name, content)));
    assert_eq!(count("grafolean_netflow_archive_copied_files_total"), Some(0));
    bot.end(Signal::SIGTERM);
}
