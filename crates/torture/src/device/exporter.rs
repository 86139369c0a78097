//! An exporter of NetFlow v5 that remembers each byte that it told of, and when.

use std::{
    net::UdpSocket,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

use crate::clock;

/// Flows of a datagram, and the bytes of each.
const FLOWS: u32 = 4;
const BYTES: u32 = 1_000;
const EVERY: Duration = Duration::from_millis(20);

/// Sends flows on until it is stopped.
pub(crate) struct Exporter {
    sent: Arc<Mutex<Vec<(Duration, u64)>>>,
    stop: Arc<AtomicBool>,
}

impl Exporter {
    /// Begins to send to a port of this machine.
    ///
    /// # Errors
    /// No socket can be had.
    pub(crate) fn start(port: u16) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let (sent, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (noted, told) = (Arc::clone(&sent), Arc::clone(&stop));
        thread::spawn(move || {
            let began = clock::now();
            let mut sequence = 0_u32;
            while !told.load(Ordering::Relaxed) {
                let now = clock::now();
                // refused while nobody listens: those bytes never crossed the wire
                let arrived = socket.send_to(&datagram(began, now, sequence), ("127.0.0.1", port)).is_ok();
                if arrived {
                    let bytes = u64::from(FLOWS) * u64::from(BYTES);
                    noted.lock().unwrap_or_else(PoisonError::into_inner).push((now, bytes));
                }
                sequence = sequence.wrapping_add(FLOWS);
                thread::sleep(EVERY);
            }
        });
        Ok(Self { sent, stop })
    }

    /// Ends sending.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Returns when each datagram was sent, and its bytes.
    pub(crate) fn sent(&self) -> Vec<(Duration, u64)> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Makes a datagram of NetFlow v5: flows that began and ended in this moment.
fn datagram(boot: Duration, now: Duration, sequence: u32) -> Vec<u8> {
    let millis = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
    let up = millis(now.saturating_sub(boot)) + 60_000;
    let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
    let mut out = Vec::new();
    let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
    put(&5_u16.to_be_bytes());
    put(&u16::try_from(FLOWS).unwrap_or(u16::MAX).to_be_bytes());
    put(&up.to_be_bytes());
    put(&seconds.to_be_bytes());
    put(&now.subsec_nanos().to_be_bytes());
    put(&sequence.to_be_bytes());
    put(&[0, 0, 0, 0]); // engine, sampling
    for flow in 0..FLOWS {
        put(&[10, 0, 0, 1]);
        put(&(0x0A00_0100 + flow).to_be_bytes());
        put(&[0; 4]); // next hop
        put(&1_u16.to_be_bytes());
        put(&2_u16.to_be_bytes());
        put(&1_u32.to_be_bytes()); // packets
        put(&BYTES.to_be_bytes());
        put(&up.to_be_bytes());
        put(&up.to_be_bytes());
        put(&443_u16.to_be_bytes());
        put(&50_000_u16.to_be_bytes());
        put(&[0, 0x10, 6, 0]); // padding, flags, TCP, type of service
        put(&[0; 4]); // AS numbers
        put(&[24, 24, 0, 0]); // masks, padding
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_a_header_of_24_bytes_and_records_of_48() {
        let datagram = datagram(Duration::from_secs(1_000), Duration::from_secs(1_001), 7);
        assert_eq!(datagram.len(), 24 + 48 * 4);
        assert_eq!(datagram[..4], [0, 5, 0, 4]);
    }
}
