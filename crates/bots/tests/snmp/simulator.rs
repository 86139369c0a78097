//! PyPI's snmpsim as a peer: devices of files, in every version, that may be late, fail, or count at a known rate.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use grafolean_bots::snmp::{
    Oid, Request,
    engine::{Engine, Session},
    settings::{Access, PollPolicy},
};
use nix::unistd::Uid;
use serde_json::{Value, json};

/// Where `./test` puts it.
const INSTALLED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/snmpsim");

const AUTH_KEY: &str = "authpass12";
const PRIV_KEY: &str = "privpass12";

/// A user: name, authentication, privacy as snmpsim calls it, and as our settings do.
pub(crate) type User = (&'static str, &'static str, &'static str, &'static str);

pub(crate) const USERS: [User; 4] = [
    ("md5des", "MD5", "DES", "DES"),
    ("shaaes", "SHA", "AES", "AES"),
    ("sha256aes256", "SHA256", "AES256BLMT", "AES256"),
    ("sha512cisco", "SHA512", "AES256", "AES256-Cisco"),
];

/// An agent that runs as long as this lives. A device is asked by its file's name, as community or context.
pub(crate) struct Simulator {
    process: Child,
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// Recordings that come with snmpsim-data.
pub(crate) fn packaged() -> Vec<PathBuf> {
    let Ok(versions) = fs::read_dir(format!("{INSTALLED}/lib")) else { return Vec::new() };
    let folders = versions.map(|entry| entry.unwrap().path().join("site-packages/snmpsim_data/data"));
    let mut files: Vec<PathBuf> = folders.flat_map(|folder| below(&folder)).collect();
    files.sort();
    files
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

impl Simulator {
    /// Starts it with files, by name and content; None, said aloud, where it is not installed.
    #[allow(clippy::print_stderr, reason = "a test that cannot run says so")]
    pub(crate) fn start(files: &[(String, Vec<u8>)]) -> Option<Self> {
        let program = format!("{INSTALLED}/bin/snmpsim-command-responder");
        if !Path::new(&program).exists() {
            eprintln!("skipped: no {program}, which ./test installs");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for (name, content) in files {
            fs::write(data.join(name), content).unwrap();
        }
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.arg("--logging-method=null").arg("--cache-dir").arg(folder.path().join("cache"));
        if Uid::current().is_root() {
            command.args(["--process-user", "root", "--process-group", "root"]);
        }
        command.args(["--v3-engine-id", "auto"]);
        for (user, auth, privacy, _) in USERS {
            command.args(["--v3-user", user, "--v3-auth-proto", auth, "--v3-auth-key", AUTH_KEY]);
            command.args(["--v3-priv-proto", privacy, "--v3-priv-key", PRIV_KEY]);
        }
        command.arg("--data-dir").arg(&data).arg(format!("--agent-udpv4-endpoint={address}"));
        let process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self { process, address, _folder: folder })
    }

    /// How a device is asked in v2c.
    pub(crate) fn community(device: &str) -> Value {
        json!({"version": "snmpv2c", "snmpv12_community": device})
    }

    /// How a device is asked by a user.
    pub(crate) fn user(device: &str, (user, auth, _, privacy): User) -> Value {
        json!({
            "version": "snmpv3", "snmpv3_securityName": user, "snmpv3_securityLevel": "authPriv",
            "snmpv3_authProtocol": auth, "snmpv3_authKey": AUTH_KEY,
            "snmpv3_privProtocol": privacy, "snmpv3_privKey": PRIV_KEY, "snmpv3_contextName": device,
        })
    }

    /// Opens a session with a device, once it answers.
    pub(crate) async fn session(&self, engine: &Engine, access: &Value, policy: PollPolicy) -> Session {
        let access = Access::read(access.as_object().unwrap()).unwrap();
        let patient = PollPolicy { timeout: Duration::from_millis(500), retries: 0, ..policy };
        let session = engine.session(self.address, &access, patient).await.unwrap();
        let uptime: Oid = "1.3.6.1.2.1.1.3.0".parse().unwrap();
        let begin = Instant::now();
        while session.ask(&Request::Get(vec![uptime.clone()])).await.is_err() {
            assert!(begin.elapsed() < Duration::from_secs(120), "snmpsim does not answer");
        }
        engine.session(self.address, &access, policy).await.unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
