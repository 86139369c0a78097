//! A process that gave up what it does not need cannot have it back, and does its work.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::{
    env, fs, io,
    net::{TcpListener, ToSocketAddrs, UdpSocket},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
};

use grafolean_collector::sandbox::{Files, Held, Sandbox, privileged};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

const FOLDER: &str = "SANDBOX_TEST_FOLDER";

/// The test starts itself again, since nothing of it can be taken back.
#[test]
fn what_was_given_up_is_gone_for_every_thread_and_the_rest_works() {
    if let Ok(folder) = env::var(FOLDER) {
        return restricted(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["data", "settings", "others"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("file"), name).unwrap();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "what_was_given_up_is_gone_for_every_thread_and_the_rest_works"])
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("all was tried"), "{told}");
}

fn kind<T>(outcome: io::Result<T>) -> Option<io::ErrorKind> {
    outcome.err().map(|error| error.kind())
}

fn restricted(folder: &Path) {
    let [data, settings, others] = ["data", "settings", "others"].map(|name| folder.join(name));
    let needed = Files { written: vec![data.clone()], read: vec![settings.clone()] };
    let sandbox = Sandbox::begin(&needed);
    // A thread that was there before all was closed.
    let (go, wait) = mpsc::channel();
    let earlier = thread::spawn(move || {
        wait.recv().unwrap();
        (status(), Command::new("/bin/true").status().is_err())
    });
    let may_be_raw = privileged(raw_socket).is_ok();
    assert!(raw_socket().is_err(), "a raw socket is for those that ask for it");
    let calls = sandbox.close();
    go.send(()).unwrap();
    let (earlier, no_programs) = earlier.join().unwrap();

    for status in [status(), earlier] {
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        if calls != Held::Not {
            assert_eq!((field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()), ("1", "2"));
        }
        // Bits 1 and 3 are root's way into files of others.
        let in_effect = u64::from_str_radix(&field("CapEff:"), 16).unwrap();
        assert_eq!(in_effect & !0b1010, 0, "{in_effect:x}");
    }
    if calls == Held::Not {
        println!("skipped: this kernel has no seccomp");
    } else {
        assert!(no_programs && Command::new("/bin/true").status().is_err());
        assert!(privileged(raw_socket).is_err(), "a socket that needs rights is not opened any more");
        let all = CapabilitySets {
            effective: CapabilitySet::NET_RAW,
            permitted: CapabilitySet::NET_RAW,
            inheritable: CapabilitySet::empty(),
        };
        assert!(set_capabilities(None, all).is_err());
        assert!(!capabilities(None).unwrap().permitted.contains(CapabilitySet::NET_RAW));
    }
    if sandbox.files == Held::Not {
        println!("skipped: this kernel has no Landlock");
    } else {
        let denied = Some(io::ErrorKind::PermissionDenied);
        assert_eq!(kind(fs::read(others.join("file"))), denied);
        assert_eq!(kind(fs::write(others.join("new"), "")), denied);
        assert_eq!(kind(fs::write(settings.join("file"), "")), denied);
        assert_eq!(kind(fs::write(env::temp_dir().join("new"), "")), denied);
        assert!(fs::rename(data.join("file"), others.join("stolen")).is_err() && data.join("file").exists());
    }
    works(&data, &settings);
    println!("all was tried, raw sockets: {may_be_raw}");
}

/// What bots do: files, a database, names, sockets, threads.
fn works(data: &Path, settings: &Path) {
    assert_eq!(fs::read_to_string(settings.join("file")).unwrap(), "settings");
    fs::create_dir_all(data.join("deep/er")).unwrap();
    fs::write(data.join("deep/er/new"), "x").unwrap();
    fs::rename(data.join("deep/er/new"), data.join("moved")).unwrap();
    fs::remove_file(data.join("moved")).unwrap();
    let database = rusqlite::Connection::open(data.join("some.sqlite")).unwrap();
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    database
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE a = 1")
        .unwrap();
    drop(database);
    assert!("localhost:80".to_socket_addrs().unwrap().count() > 0);
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    udp.send_to(b"x", udp.local_addr().unwrap()).unwrap();
    std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    thread::spawn(|| ()).join().unwrap();
}

fn raw_socket() -> io::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
    let opened = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Icmp);
    opened.map(drop).map_err(io::Error::from)
}

fn status() -> String {
    fs::read_to_string("/proc/thread-self/status").unwrap()
}
