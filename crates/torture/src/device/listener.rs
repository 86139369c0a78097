//! A device with a TCP port that remembers when it was connected to.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::clock;

/// A TCP port on loopback, until it is dropped.
pub(crate) struct TcpDevice {
    port: u16,
    asked: Arc<Mutex<Vec<Duration>>>,
    accepting: JoinHandle<()>,
}

impl TcpDevice {
    /// Opens one.
    ///
    /// # Errors
    /// No loopback port can be had.
    pub(crate) async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            loop {
                if listener.accept().await.is_ok() {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(clock::now());
                }
            }
        });
        Ok(Self { port, asked, accepting })
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns when it was connected to.
    pub(crate) fn asked(&self) -> Vec<Duration> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TcpDevice {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
