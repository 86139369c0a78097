//! Debian's snmpd as a peer: started on a free loopback port with users of every kind, gone with its owner.

use std::{
    fmt::Write as _,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) const AUTH: [(&str, &str); 6] = [
    ("MD5", "MD5"),
    ("SHA", "SHA"),
    ("SHA224", "SHA-224"),
    ("SHA256", "SHA-256"),
    ("SHA384", "SHA-384"),
    ("SHA512", "SHA-512"),
];
/// As our settings call them, as snmpd does.
pub(crate) const PRIV: [(&str, &str); 4] =
    [("DES", "DES"), ("AES", "AES"), ("AES192", "AES-192"), ("AES256", "AES-256")];

pub(crate) const AUTH_KEY: &str = "authpass12";
pub(crate) const PRIV_KEY: &str = "privpass12";

/// An agent that runs as long as this lives.
pub(crate) struct Snmpd {
    process: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    engine_id: &'static str,
}

impl Snmpd {
    /// Starts it; None, said aloud, where there is no snmpd.
    #[allow(clippy::print_stderr, reason = "a test that cannot run says so")]
    pub(crate) fn start() -> Option<Self> {
        let found =
            ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"].into_iter().find(|path| Path::new(path).exists());
        if found.is_none() {
            eprintln!("skipped: no snmpd on this machine");
        }
        found?;
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let engine_id = "8000000001020304aa";
        let process = launch(folder.path(), address, engine_id);
        let snmpd = Self { process, address, folder, engine_id };
        snmpd.wait_until_it_answers();
        Some(snmpd)
    }

    /// Starts it anew on the same port, as after a power cut: it has counted its boots.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.launch_again();
    }

    /// Puts another device at the same address.
    pub(crate) fn replace(&mut self) {
        self.stop();
        std::fs::remove_dir_all(self.folder.path().join("state")).unwrap();
        self.engine_id = "8000000001020304bb";
        self.launch_again();
    }

    fn launch_again(&mut self) {
        self.process = launch(self.folder.path(), self.address, self.engine_id);
        self.wait_until_it_answers();
    }

    pub(crate) fn stop(&mut self) {
        // Politely, so that it writes down how often it booted.
        Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        self.process.wait().unwrap();
    }

    /// An established client that answers is the sign that the agent does.
    fn wait_until_it_answers(&self) {
        let begin = Instant::now();
        while self.snmpget("1.3.6.1.2.1.1.3.0").is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(60), "snmpd does not answer");
        }
    }

    fn snmpget(&self, oid: &str) -> String {
        let output = Command::new("snmpget")
            .args(["-v2c", "-cpublic", "-r0", "-t0.2", "-Oqvn", &self.address.to_string(), oid])
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What `snmpbulkwalk` says: OID and value as text.
    pub(crate) fn snmpbulkwalk(&self, oid: &str) -> Vec<(String, String)> {
        let output = Command::new("snmpbulkwalk")
            .args(["-v2c", "-cpublic", "-Oqn", "-OU", "-Oe", &self.address.to_string(), oid])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| {
            let (oid, value) = line.trim_start_matches('.').split_once(' ')?;
            Some((oid.to_owned(), value.trim_matches('"').to_owned()))
        };
        text.lines().filter_map(line).collect()
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn launch(folder: &Path, address: SocketAddr, engine_id: &str) -> Child {
    let state = folder.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let mut config = format!(
        "agentaddress udp:{address}\nexactEngineID 0x{engine_id}\nrocommunity public\nrouser open noauth\n\
         createUser open\nsysname peer\nsysservices 72\n"
    );
    for (name, protocol) in AUTH {
        writeln!(config, "createUser {name} {protocol} {AUTH_KEY}\nrouser {name} auth").unwrap();
        for (privacy, cipher) in PRIV {
            writeln!(
                config,
                "createUser {name}-{privacy} {protocol} {AUTH_KEY} {cipher} {PRIV_KEY}\nrouser {name}-{privacy} priv"
            )
            .unwrap();
        }
    }
    std::fs::write(folder.join("snmpd.conf"), config).unwrap();
    // Its own folder for what it keeps (SNMP_PERSISTENT_DIR), among that the number of its boots.
    Command::new("/usr/sbin/snmpd")
        .args(["-f", "-Lf"])
        .arg(folder.join("log"))
        .arg("-C")
        .arg("-c")
        .arg(format!("{},{}", folder.join("snmpd.conf").display(), state.join("snmpd.conf").display()))
        .arg("-p")
        .arg(folder.join("pid"))
        .env("SNMP_PERSISTENT_DIR", &state)
        .env("SNMPCONFPATH", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
