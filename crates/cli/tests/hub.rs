//! `grafolean hub backup`, `check`, `repair` and `restore`: the drill of an operator, by processes alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr, missing_docs)]

mod world;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
    process::Output,
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::json;
use world::{Fill, Process, Run, World, grafolean, text};

/// Runs `grafolean hub ...` on the hub's folder, or another.
fn hub(world: &World, arguments: &[&str], data: &str) -> Output {
    grafolean(world.folder.path()).arg("hub").args(arguments).args(["--data", data]).finished()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn put(world: &World, count: usize) {
    let values: Vec<_> = (0..count).map(|at| json!({"p": "a.b", "t": 1_700_000_000 + at, "v": at})).collect();
    let (status, body) = world.tell("PUT", &format!("/accounts/{}/values", world.account), &json!(values));
    assert_eq!(status, 204, "{body}");
}

/// Flips the last byte of all blocks of values.
fn damage(points: &Path) {
    let database = rusqlite::Connection::open(points).unwrap();
    let blocks = "UPDATE blocks SET points = CAST(substr(points, 1, length(points) - 1) || x'ff' AS BLOB)";
    assert!(database.execute(blocks, ()).unwrap() > 0);
}

#[tokio::test]
async fn a_backup_of_a_running_hub_is_restored_and_damage_is_found_and_set_aside() {
    let mut world = World::start(Fill { devices: &[], interval: 60 }).await;
    // More than stand in memory alone, so that there are blocks.
    for _ in 0..2 {
        put(&world, 5_000);
    }
    let refused = hub(&world, &["restore", "kept.tar"], "hub");
    assert_eq!(code(&refused), Some(2), "{refused:?}");

    let backup = hub(&world, &["backup", "kept.tar"], "hub");
    assert_eq!(code(&backup), Some(0), "{backup:?}");
    let kept = world.folder.path().join("kept.tar");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let again = hub(&world, &["backup", "kept.tar"], "hub");
    assert!(code(&again) == Some(2) && text(&again.stderr).contains("is there already"), "{again:?}");
    let running = hub(&world, &["repair"], "hub");
    assert!(code(&running) == Some(2) && text(&running.stderr).contains("another hub uses"), "{running:?}");
    world.stop_hub();

    let good = hub(&world, &["check"], "hub");
    assert!(code(&good) == Some(0) && text(&good.stdout).contains("damaged: 0"), "{good:?}");
    damage(&world.folder.path().join("hub/points.sqlite"));
    let bad = hub(&world, &["check"], "hub");
    assert!(code(&bad) == Some(1) && text(&bad.stdout).contains("damaged: a block of series"), "{bad:?}");
    let repaired = hub(&world, &["repair"], "hub");
    assert!(code(&repaired) == Some(0) && text(&repaired.stdout).contains("set aside: "), "{repaired:?}");
    assert_eq!(code(&hub(&world, &["check"], "hub")), Some(0));

    // The drill: another folder, all that was there before, and the same person may log in.
    let restored = hub(&world, &["restore", "kept.tar"], "restored");
    assert_eq!(code(&restored), Some(0), "{restored:?}");
    fs::remove_dir_all(world.folder.path().join("hub")).unwrap();
    fs::rename(world.folder.path().join("restored"), world.folder.path().join("hub")).unwrap();
    world.start_hub();
    let (status, _) = world.ask("GET", "/accounts");
    assert_eq!(status, 200);
    let stored = world.stored().await;
    assert_eq!(stored["a.b"].len(), 5_000);
}

/// What a process held of memory at most, in bytes.
fn most_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Sends a login whose body is as long as is said, or as much of it as the hub takes.
fn log_in(address: &str, user: usize, body_bytes: usize) {
    let mut body = format!("{{\"username\": \"user{user}\", \"password\": \"wrong password\"}}").into_bytes();
    body.resize(body_bytes.max(body.len()), b' ');
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // It may refuse, and close, before all is sent.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    let _ = stream.read_to_end(&mut Vec::new());
}

#[tokio::test]
async fn who_is_not_logged_in_costs_the_hub_little_memory() {
    let world = World::start(Fill { devices: &[], interval: 60 }).await;
    let (process, address) = world.hub();
    // The first login takes what hashing needs, once.
    log_in(address, 0, 0);
    let before = most_memory(process);
    for (clients, body_bytes) in [(60, 15 << 20), (100, 0)] {
        thread::scope(|scope| {
            for client in 0..clients {
                scope.spawn(move || log_in(address, client, body_bytes));
            }
        });
    }
    let grown = most_memory(process) - before;
    // Two threads hash, with 19 MiB each; one of them has had its share before. What all clients would take if nothing
    // were bounded is 1.4 GB and 418 MB.
    assert!(grown < 100 << 20, "{} MiB", grown >> 20);
}

/// What a unit of `Type=notify` waits for: whoever started the hub may ask it at once.
#[test]
fn a_hub_says_to_systemd_when_it_answers_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut notice = [0; 128];
        let length = systemd.recv(&mut notice).unwrap();
        text(&notice[..length]).trim_end().to_owned()
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut hub = grafolean(folder.path());
    hub.args(["hub", "--data", "hub", "--listen", &format!("127.0.0.1:{port}")])
        .env("NOTIFY_SOCKET", &socket);
    let mut hub = Process::start(&mut hub);
    assert_eq!(next(), "READY=1");
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    hub.signal(Signal::SIGTERM);
    assert_eq!(next(), "STOPPING=1");
    assert_eq!(hub.ended().code(), Some(0));
}
