//! A way between a bot and an agent that does something to the datagrams that come back.

use std::{net::UdpSocket, thread, time::Duration};

/// What is done to what an agent answers.
pub(crate) struct Relay {
    /// How long each answer takes.
    pub(crate) delay: Duration,
    /// From where it comes, if not from where it was asked.
    pub(crate) from: Option<&'static str>,
    /// What it becomes.
    pub(crate) change: fn(&mut [u8]),
}

impl Default for Relay {
    fn default() -> Self {
        Self { delay: Duration::ZERO, from: None, change: |_| {} }
    }
}

impl Relay {
    /// Begins between an address that is asked and an agent; it lives as long as the test.
    pub(crate) fn begin(self, asked: &str, agent: &'static str) {
        let near = UdpSocket::bind(asked).unwrap();
        let back = self.from.map_or_else(|| near.try_clone().unwrap(), |from| UdpSocket::bind(from).unwrap());
        thread::spawn(move || {
            let far = UdpSocket::bind("127.0.0.1:0").unwrap();
            far.connect(agent).unwrap();
            far.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut datagram = vec![0; 65_536];
            loop {
                let (length, bot) = near.recv_from(&mut datagram).unwrap();
                let _ = far.send(&datagram[..length]);
                // What the agent does not answer is lost.
                let Ok(length) = far.recv(&mut datagram) else { continue };
                thread::sleep(self.delay);
                (self.change)(&mut datagram[..length]);
                let _ = back.send_to(&datagram[..length], bot);
            }
        });
    }
}
