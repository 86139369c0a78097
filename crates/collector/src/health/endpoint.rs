//! `/metrics` for Prometheus, `/healthz` for whoever restarts what hangs, `/status.json` for whoever asks why.
//!
//! | `/healthz` | when |
//! | --- | --- |
//! | 200 `ok` | all is well |
//! | 200 `ok`, then a line for each reason | people have to mend something that no restart does: nothing is set up for the bot, or it may not send |
//! | 503, a line for each fault | something does not work: a loop stands still, the disk is full, the backend refuses the token or everything |

use std::{convert::Infallible, future::ready, io, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Health;
use crate::{sandbox::privileged, status::BotStatus};

/// Connections at a time; who comes beyond that waits. A scraper needs one, a probe another.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection may take to ask, or stay silent between two questions: longer than a usual scrape interval, so
/// that a scraper keeps its connection.
const SILENCE: Duration = Duration::from_mins(2);

/// What is waited for after a connection could not be taken, e.g. since all file descriptors are in use.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a process may take to say what its bots know.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer to that, in octets: of some ten thousand jobs it is a few million.
const MOST_ANSWER: u64 = 64 << 20;

/// The page's type where it is no metrics.
const TEXT: &str = "text/plain; charset=utf-8";

/// A port on which a process is observed.
#[derive(Debug)]
pub struct Endpoint(TcpListener);

impl Endpoint {
    /// Opens the port and logs where it is.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = privileged(|| std::net::TcpListener::bind(address))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        info!(address = %listener.local_addr()?, "/metrics, /healthz and /status.json are served");
        Ok(Self(listener))
    }

    /// Answers until it is stopped.
    pub async fn run(self, health: Arc<Health>, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(_) = connections.join_next() => {}
                accepted = self.0.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => { connections.spawn(converse(stream, Arc::clone(&health))); }
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
    }
}

async fn converse(stream: TcpStream, health: Arc<Health>) {
    let service = service_fn(|request: Request<Incoming>| {
        ready(Ok::<_, Infallible>(answer(&health, request.method(), request.uri().path())))
    });
    let mut server = http1::Builder::new();
    let server = server.timer(TokioTimer::new()).header_read_timeout(SILENCE);
    // Who goes away in the middle of an answer needs none.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(health: &Health, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET and HEAD are served\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/metrics" => page(StatusCode::OK, super::CONTENT_TYPE, health.render()),
        "/healthz" => match health.healthy() {
            Ok(()) => {
                let lines: Vec<_> = std::iter::once("ok".to_owned()).chain(health.notes()).collect();
                page(StatusCode::OK, TEXT, lines.join("\n") + "\n")
            }
            Err(wrong) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, wrong.join("\n") + "\n"),
        },
        "/status.json" => {
            let text = serde_json::json!({"bots": health.statuses()}).to_string();
            page(StatusCode::OK, "application/json", text)
        }
        _ => page(StatusCode::NOT_FOUND, TEXT, "/metrics, /healthz and /status.json are served\n".to_owned()),
    }
}

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Asks a process at its address what its bots know of themselves.
///
/// # Errors
/// Fails if nothing answers there, or something else does.
pub async fn statuses_at(address: SocketAddr) -> io::Result<Vec<BotStatus>> {
    #[derive(serde::Deserialize)]
    struct Statuses {
        bots: Vec<BotStatus>,
    }
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /status.json HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(MOST_ANSWER).read_to_string(&mut answer).await?;
        Ok::<_, io::Error>(answer)
    };
    let answer = timeout(PATIENCE, asked).await??;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let statuses: Statuses = serde_json::from_str(body)?;
    Ok(statuses.bots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_and_health_are_told_to_whoever_asks() {
        let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = endpoint.0.local_addr().unwrap();
        let mut health = Health::new("1.2.3", Timestamp::default());
        health.watch(|| Err("the disk is full".to_owned()));
        health.note(|| Err("nothing is measured: no device".to_owned()));
        let stop = CancellationToken::new();
        let running = tokio::spawn(endpoint.run(Arc::new(health), stop.clone()));
        let metrics = ask(address, "GET /metrics").await;
        assert!(metrics.starts_with("HTTP/1.1 200") && metrics.contains("version=\"1.2.3\""), "{metrics}");
        assert!(metrics.contains("content-type: application/openmetrics-text"), "{metrics}");
        let sick = ask(address, "GET /healthz").await;
        assert!(sick.starts_with("HTTP/1.1 503") && sick.ends_with("the disk is full\n"), "{sick}");
        assert!(!sick.contains("nothing is measured"), "{sick}");
        assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404"));
        let refused = ask(address, "POST /metrics").await;
        assert!(refused.starts_with("HTTP/1.1 405") && refused.contains("allow: GET, HEAD"), "{refused}");
        assert!(ask(address, "HEAD /metrics").await.ends_with("\r\n\r\n"));
        stop.cancel();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn what_no_restart_mends_is_told_and_fails_no_probe() {
        let mut health = Health::new("1.2.3", Timestamp::default());
        health.watch(|| Ok(()));
        health.note(|| Err("nothing is measured: no device".to_owned()));
        let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = endpoint.0.local_addr().unwrap();
        let running = tokio::spawn(endpoint.run(Arc::new(health), CancellationToken::new()));
        let idle = ask(address, "GET /healthz").await;
        assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
        assert!(idle.ends_with("ok\nnothing is measured: no device\n"), "{idle}");
        running.abort();
    }
}
