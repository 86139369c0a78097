//! Clients that connect and say nothing, or stop in the middle, keep nobody else out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::print_stdout, reason = "a test says when it is skipped")]

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use grafolean_hub::{Hub, Options, serve};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// As many as a hub has places.
const SILENT: usize = 1_024;

/// Far longer than an answer takes on a busy machine, and shorter than any deadline of the hub's would free a place.
const ANSWERED: Duration = Duration::from_secs(8);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

async fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, hub, stop.clone()));
    Served { address: SocketAddr::from(([127, 0, 0, 1], port)), stop, _folder: folder }
}

/// Connects from one of many addresses of this machine.
async fn connect(to: SocketAddr, from: usize) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 1, u8::try_from(1 + from % 100).unwrap()], 0)))?;
    socket.connect(to).await
}

async fn is_answered(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET /api/status/info HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.starts_with("HTTP/1.1 200 ")
    };
    timeout(ANSWERED, ask).await.unwrap_or(false)
}

async fn hold(begun: &[u8], from_many_addresses: bool) {
    let served = served().await;
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let Ok(mut stream) = connect(served.address, if from_many_addresses { number } else { 0 }).await
        else {
            return println!(
                "skipped: {number} connections are all that a process may have here (ulimit -n)"
            );
        };
        // The hub may have closed it for a later one already.
        let _ = stream.write_all(begun).await;
        silent.push(stream);
    }
    for _ in 0..3 {
        assert!(is_answered(served.address).await, "{} silent connections keep others out", silent.len());
    }
    served.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_while_a_thousand_connections_say_nothing() {
    hold(b"", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_while_a_thousand_begin_http2_and_stop() {
    hold(PREFACE, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_are_answered_while_a_thousand_stop_within_a_head() {
    hold(b"GET /api/status/info HTTP/1.1\r\nhost:", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_the_places_of_no_other() {
    hold(b"PRI * HT", false).await;
}
