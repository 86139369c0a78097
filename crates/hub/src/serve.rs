//! The hub on a socket.

use std::{io, pin::pin, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::Hub;

/// Connections at a time; beyond it new ones wait in the kernel's queue until one ends.
const CONNECTIONS: usize = 1_024;

/// How long a client may take over the head of a request; an idle connection ends after it, too.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// How long requests in flight may go on once the hub is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait when the machine has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// Answers requests until told to stop, then lets those in flight end, for at most ten seconds.
pub async fn serve(listener: TcpListener, hub: Arc<Hub>, stop: CancellationToken) -> io::Result<()> {
    let service = TowerToHyperService::new(hub.router());
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    info!(address = %listener.local_addr()?, "the hub listens");
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let connection = server.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended in the middle");
            }
        });
    }
    drop(listener);
    let ended = pin!(graceful.shutdown());
    if timeout(GRACE, ended).await.is_err() {
        warn!(grace = ?GRACE, "requests in flight were cut off");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            warn!(%error, "could not take a connection");
            sleep(OUT_OF_SOCKETS).await;
            None
        }
    }
}
