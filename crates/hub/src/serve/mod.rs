//! The hub on a socket.
//!
//! [`places`] says who may be connected, [`detect`] which HTTP a client speaks, [`tls`] keeps the certificate; each
//! connection is then served by a task of its own, within deadlines for its first bytes and for the head of each request.

mod detect;
mod places;
mod proxies;
mod tls;

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{HOST, STRICT_TRANSPORT_SECURITY},
    },
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tracing::{debug, info, warn};

pub(crate) use self::places::{Busy, Place};
use self::{
    detect::Protocol,
    places::{Places, Shared},
};
pub use self::{
    proxies::{Proxies, ProxiesError},
    tls::{Tls, TlsError, TlsFiles},
};
use crate::{Hub, auth::cookie::Transport, discovery, facts};

/// How long a client may take over the head of a request; an idle connection ends after it, too.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// How often a client of HTTP/2 is asked whether it is still there, and how long it may take to say so. One that stops
/// in the middle of a head cannot.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_DEADLINE: Duration = Duration::from_secs(10);

/// Requests of one HTTP/2 connection at a time.
const STREAMS: u32 = 64;

/// How long requests in flight may go on once the hub is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait when the machine has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// How long a client may take to complete the TLS handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// For a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// From where a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers requests until told to stop, then lets those in flight end, for at most ten seconds.
pub async fn serve(listener: TcpListener, hub: Arc<Hub>, stop: CancellationToken) -> io::Result<()> {
    run(listener, Server::new(&hub, None, stop), hub).await
}

/// The same over TLS. Who speaks plain HTTP is sent to the same address over TLS.
pub async fn serve_tls(
    listener: TcpListener,
    hub: Arc<Hub>,
    tls: Tls,
    stop: CancellationToken,
) -> io::Result<()> {
    run(listener, Server::new(&hub, Some(Arc::new(tls)), stop), hub).await
}

async fn run(listener: TcpListener, server: Server, hub: Arc<Hub>) -> io::Result<()> {
    info!(address = %listener.local_addr()?, tls = server.tls.is_some(), "the hub listens");
    // Within this task, so that it lets go of the hub with the socket.
    let mut watching = pin!(facts::watch(Arc::clone(&hub)));
    let mut discovering = pin!(discovery::keep(Arc::clone(&hub)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            () = &mut watching => continue,
            () = &mut discovering => continue,
        };
        match accepted {
            Ok((stream, address)) => server.connected(stream, address),
            Err(error) => {
                let failure = format!("could not take a connection: {error}");
                if let Some(times) = hub.failures.count(&failure, hub.clock.now()) {
                    warn!(%error, times, "could not take a connection");
                }
                sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
    drop(listener);
    hub.announcer.end_all();
    let ended = pin!(server.graceful.shutdown());
    if timeout(GRACE, ended).await.is_err() {
        warn!(grace = ?GRACE, "requests in flight were cut off");
    }
    Ok(())
}

struct Server {
    router: Router,
    redirect: Router,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    graceful: GracefulShutdown,
    places: Arc<Places>,
    proxies: Proxies,
    stop: CancellationToken,
}

impl Server {
    fn new(hub: &Arc<Hub>, tls: Option<Arc<Tls>>, stop: CancellationToken) -> Self {
        let mut http1 = auto::Builder::new(TokioExecutor::new()).http1_only();
        http1.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
        let mut http2 = auto::Builder::new(TokioExecutor::new()).http2_only();
        http2
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_DEADLINE)
            .max_concurrent_streams(STREAMS);
        Self {
            router: hub.router(),
            redirect: Router::new().fallback(redirect_to_tls),
            http1,
            http2,
            tls,
            graceful: GracefulShutdown::new(),
            places: Arc::default(),
            proxies: hub.proxies.clone(),
            stop,
        }
    }

    /// Serves a connection in a task of its own, if there is a place for it.
    fn connected(&self, stream: TcpStream, address: SocketAddr) {
        let shared = if self.proxies.hold(address.ip()) { Shared::Yes } else { Shared::No };
        let Some(place) = self.places.take(address.ip(), shared) else {
            debug!(%address, "a connection was refused: all places are busy");
            return;
        };
        let (tls, stop) = (self.tls.clone(), self.stop.clone());
        let server = ConnectionServer {
            router: self.router.clone(),
            http1: self.http1.clone(),
            http2: self.http2.clone(),
            watcher: self.graceful.watcher(),
            place: place.clone(),
            peer: Peer(address),
        };
        let redirect = self.redirect.clone();
        let serve = async move {
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                opened = open(stream, tls.as_deref()) => opened,
            };
            match opened {
                None => debug!(%address, "a client said nothing in time"),
                Some(Opened::Plain(stream, protocol)) => {
                    server.serve(stream, protocol, Transport::Plain).await;
                }
                Some(Opened::Tls(stream, protocol)) => server.serve(*stream, protocol, Transport::Tls).await,
                Some(Opened::WithoutTls(stream)) => {
                    let server = ConnectionServer { router: redirect, ..server };
                    server.serve(stream, Protocol::Http1, Transport::Plain).await;
                }
            }
        };
        tokio::spawn(until_closed(place, serve));
    }
}

/// A connection of which it is known what it speaks.
enum Opened {
    Plain(TcpStream, Protocol),
    Tls(Box<TlsStream<TcpStream>>, Protocol),
    /// Plain HTTP where TLS is spoken.
    WithoutTls(TcpStream),
}

/// Waits until a client has shown what it speaks; `None` if that takes too long, or TLS fails.
async fn open(stream: TcpStream, tls: Option<&Tls>) -> Option<Opened> {
    let Some(tls) = tls else {
        let protocol = detect::protocol(&stream).await?;
        return Some(Opened::Plain(stream, protocol));
    };
    if detect::first_byte(&stream).await? != tls::HANDSHAKE {
        return Some(Opened::WithoutTls(stream));
    }
    let stream = timeout(HANDSHAKE_DEADLINE, tls.acceptor().accept(stream)).await.ok()?;
    let stream =
        stream.inspect_err(|error| debug!(%error, "a client did not complete the TLS handshake")).ok()?;
    let agreed = stream.get_ref().1.alpn_protocol();
    let protocol = if agreed == Some(tls::HTTP2) { Protocol::Http2 } else { Protocol::Http1 };
    Some(Opened::Tls(Box::new(stream), protocol))
}

/// Answers the requests of one connection.
struct ConnectionServer {
    router: Router,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    place: Place,
    peer: Peer,
}

impl ConnectionServer {
    async fn serve<I>(self, stream: I, protocol: Protocol, transport: Transport)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let marked = ServiceBuilder::new().map_request(mark(self.place, self.peer, transport));
        let service = TowerToHyperService::new(marked.service(self.router));
        let server = if protocol == Protocol::Http1 { self.http1 } else { self.http2 };
        let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        if let Err(error) = self.watcher.watch(connection).await {
            debug!(address = %self.peer.0, %error, "a connection ended in the middle");
        }
    }
}

/// Sends a client to the same address over TLS. The method stays, and so does the body.
async fn redirect_to_tls(request: Request) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    match host {
        Some(host) => Redirect::permanent(&format!("https://{host}{path}")).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn until_closed(place: Place, serve: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = place.closed() => debug!("an idle connection was closed for a new one"),
        () = serve => {}
    }
}

/// Lets handlers know from where a request came, and on which connection.
fn mark<B>(
    place: Place,
    peer: Peer,
    transport: Transport,
) -> impl FnMut(axum::http::Request<B>) -> axum::http::Request<B> + Clone {
    move |mut request| {
        request.extensions_mut().insert(place.clone());
        request.extensions_mut().insert(transport);
        request.extensions_mut().insert(peer);
        request
    }
}

/// While a request is answered its connection is not idle. What was answered over TLS is never to be asked without it.
pub(crate) async fn occupy(request: Request, next: Next) -> Response {
    let busy = request.extensions().get::<Place>().map(Place::busy);
    let transport = request.extensions().get::<Transport>().copied();
    let mut response = next.run(request).await;
    if transport == Some(Transport::Tls) {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    drop(busy);
    response
}
