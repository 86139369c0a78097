//! A backend that records what it takes, and misbehaves when told to.

mod answers;
mod behaviour;

pub(crate) use behaviour::Behaviour;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::account::Series;

/// What a backend tells bots to measure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) entities: Vec<Value>,
    pub(crate) credentials: Vec<Value>,
    pub(crate) sensors: Vec<Value>,
}

/// The account that all of it belongs to.
pub(crate) const ACCOUNT: i64 = 1;

/// A backend on a loopback port of its own, until it is dropped.
pub(crate) struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What connections share.
struct Shared {
    inventory: Inventory,
    behaviour: Mutex<Behaviour>,
    taken: Mutex<BTreeMap<String, Series>>,
    /// When the newest request came that brought values which were stored.
    newest: Mutex<Option<Duration>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Backend {
    /// Starts one.
    ///
    /// # Errors
    /// No loopback port can be had.
    pub(crate) async fn start(inventory: Inventory) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            inventory,
            behaviour: Mutex::new(Behaviour::Sound),
            taken: Mutex::default(),
            newest: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Returns the address of its API.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Has it behave like this from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *held(&self.shared.behaviour) = behaviour;
    }

    /// Returns what it stored at a path.
    pub(crate) fn series(&self, path: &str) -> Series {
        held(&self.shared.taken).get(path).cloned().unwrap_or_default()
    }

    /// Returns when the newest values came that it stored.
    pub(crate) fn newest(&self) -> Option<Duration> {
        *held(&self.shared.newest)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(stream, Arc::clone(&shared)))),
            // descriptors ran out: they come back
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let behaviour = held(&shared.behaviour).clone();
    match behaviour {
        Behaviour::Resets => reset(stream),
        Behaviour::Garbage => garbage(stream).await,
        _ => {
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { answers::answer(&shared, request).await }
            });
            // a connection that breaks is what some faults are
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    }
}

/// Closes a connection so that the other side gets a reset.
fn reset(stream: TcpStream) {
    // what was not read when the socket closes, and a linger of 0, are a reset
    let _ = stream.set_zero_linger();
    drop(stream);
}

/// Answers what is no HTTP.
async fn garbage(mut stream: TcpStream) {
    let mut buffer = [0_u8; 1_024];
    // whoever went away meanwhile needs no answer
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(b"\x16\x03\x01\x00\x02\x02\x28 this is no HTTP\r\n\r\n").await;
}
