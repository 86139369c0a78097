//! net-snmp's agent on loopback.

use std::{fs, net::UdpSocket, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use tokio::process::{Child, Command};

/// An agent of v2c with the community `public`, until it is dropped.
pub(crate) struct SnmpAgent {
    port: u16,
    _process: Child,
}

impl SnmpAgent {
    /// Starts one in a folder; `None` where this machine has no `snmpd`.
    ///
    /// # Errors
    /// The folder cannot be written, or the agent does not begin to answer.
    pub(crate) async fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(program) =
            ["/usr/sbin/snmpd", "/usr/local/sbin/snmpd"].into_iter().find(|it| Path::new(it).exists())
        else {
            return Ok(None);
        };
        let free = UdpSocket::bind("127.0.0.1:0")?;
        let port = free.local_addr()?.port();
        drop(free);
        let settings = folder.join("snmpd.conf");
        fs::write(&settings, format!("agentaddress udp:127.0.0.1:{port}\nrocommunity public 127.0.0.1\n"))?;
        let process = Command::new(program)
            .args(["-f", "-Lf", "/dev/null", "-C", "-c"])
            .arg(&settings)
            .env("SNMP_PERSISTENT_DIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting snmpd")?;
        for _ in 0..100 {
            if answers(port) {
                return Ok(Some(Self { port, _process: process }));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("snmpd does not answer on 127.0.0.1:{port}")
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Whether an agent answers a GET of sysUpTime.0.
fn answers(port: u16) -> bool {
    let request = [
        0x30, 0x29, 0x02, 0x01, 0x01, 0x04, 0x06, b'p', b'u', b'b', b'l', b'i', b'c', 0xA0, 0x1C, 0x02, 0x04,
        0x01, 0x02, 0x03, 0x04, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x0E, 0x30, 0x0C, 0x06, 0x08, 0x2B,
        0x06, 0x01, 0x02, 0x01, 0x01, 0x03, 0x00, 0x05, 0x00,
    ];
    let ask = || -> std::io::Result<usize> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket.send_to(&request, ("127.0.0.1", port))?;
        socket.recv(&mut [0; 1_500])
    };
    ask().is_ok()
}
