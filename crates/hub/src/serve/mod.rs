//! The hub on a socket.
//!
//! [`places`] says who may be connected, [`detect`] which HTTP a client speaks; each connection is then served by a task
//! of its own, within deadlines for its first bytes and for the head of each request.

mod detect;
mod places;

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tracing::{debug, info, warn};

pub(crate) use self::places::{Place, network};
use self::{detect::Protocol, places::Places};
use crate::Hub;

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

/// From where a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Answers requests until told to stop, then lets those in flight end, for at most ten seconds.
pub async fn serve(listener: TcpListener, hub: Arc<Hub>, stop: CancellationToken) -> io::Result<()> {
    let server = Server::new(&hub, stop.clone());
    info!(address = %listener.local_addr()?, "the hub listens");
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => server.connected(stream, address),
            Err(error) => {
                warn!(%error, "could not take a connection");
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
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
    graceful: GracefulShutdown,
    places: Arc<Places>,
    stop: CancellationToken,
}

impl Server {
    fn new(hub: &Arc<Hub>, stop: CancellationToken) -> Self {
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
            http1,
            http2,
            graceful: GracefulShutdown::new(),
            places: Arc::default(),
            stop,
        }
    }

    /// Serves a connection in a task of its own, if there is a place for it.
    fn connected(&self, stream: TcpStream, address: SocketAddr) {
        let Some(place) = self.places.take(address.ip()) else {
            debug!(%address, "a connection was refused: all places are busy");
            return;
        };
        let service = ServiceBuilder::new()
            .map_request(mark(place.clone(), Peer(address)))
            .service(self.router.clone());
        let service = TowerToHyperService::new(service);
        let (http1, http2) = (self.http1.clone(), self.http2.clone());
        let (watcher, stop) = (self.graceful.watcher(), self.stop.clone());
        let serve = async move {
            let protocol = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                protocol = detect::protocol(&stream) => protocol,
            };
            let Some(protocol) = protocol else {
                return debug!(%address, "a client said nothing in time");
            };
            let server = if protocol == Protocol::Http1 { http1 } else { http2 };
            let connection =
                server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                debug!(%address, %error, "a connection ended in the middle");
            }
        };
        tokio::spawn(until_closed(place, serve));
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
fn mark<B>(place: Place, peer: Peer) -> impl FnMut(axum::http::Request<B>) -> axum::http::Request<B> + Clone {
    move |mut request| {
        request.extensions_mut().insert(place.clone());
        request.extensions_mut().insert(peer);
        request
    }
}

/// While a request is answered its connection is not idle.
pub(crate) async fn occupy(request: Request, next: Next) -> Response {
    let busy = request.extensions().get::<Place>().map(Place::busy);
    let response = next.run(request).await.into_response();
    drop(busy);
    response
}
