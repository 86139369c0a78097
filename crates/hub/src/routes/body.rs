//! What nobody read of a request's body.
//!
//! A connection can only go on once a body was read to its end, so one that is refused early is either read, if it is
//! small, or the answer says that the connection is closed. Otherwise the client's next request dies with it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderValue, Version, header::CONNECTION},
    middleware::Next,
    response::Response,
};
use futures_util::StreamExt;
use http_body::{Frame, SizeHint};
use tokio::time::timeout;

/// How much of a body is read that is of no use to anyone.
const DRAINED_BYTES: usize = 64 << 10;

/// How long that may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Reads what is left of a small body, or closes the connection after the answer.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let version = request.version();
    let (parts, body) = request.into_parts();
    let shared = Shared::new(body);
    let rest = shared.clone();
    let mut response = next.run(Request::from_parts(parts, Body::new(shared))).await;
    if !rest.is_read() && !rest.drained().await && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that a handler may drop without reading it, and that is still there then.
#[derive(Clone)]
struct Shared {
    body: Arc<Mutex<Body>>,
    ended: Arc<AtomicBool>,
}

impl Shared {
    fn new(body: Body) -> Self {
        let ended = Arc::new(AtomicBool::new(body.is_end_stream()));
        Self { body: Arc::new(Mutex::new(body)), ended }
    }

    fn is_read(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Reads the rest, if it is small and comes soon; returns whether it was read to its end.
    async fn drained(&self) -> bool {
        if self.size_hint().lower() > DRAINED_BYTES as u64 {
            return false;
        }
        let reading = async {
            let mut rest = Body::new(self.clone()).into_data_stream();
            let mut read = 0;
            while let Some(Ok(bytes)) = rest.next().await {
                read += bytes.len();
                if read > DRAINED_BYTES {
                    break;
                }
            }
            self.is_read()
        };
        timeout(DRAIN_DEADLINE, reading).await.unwrap_or(false)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = Pin::new(&mut *body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || body.is_end_stream() {
            self.ended.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.is_read()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
