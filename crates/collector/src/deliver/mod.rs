//! The task that takes reports from the spool to the backend.
//!
//! [`Delivery`] is three loops side by side, so that none waits for another: `values` takes batches of values,
//! freshest first, with one request in flight; `entities` keeps child entities in step and proposes new ones; `events`
//! brings what devices told by themselves.
//!
//! How values go: `load` checks every value and makes batches of what is good; `sender` sends them and, when one is
//! refused, halves it until the value at fault is alone; `account` is what is known of an account (closed for a while, may not
//! PUT, the last value that was taken), `pacing` says how long to wait after a failure and how fast the past is
//! replayed. How entities go: `known` is the last inventory, `children` and `suggestions` are the pure arithmetic of
//! what is to be changed.
//!
//! **An entry leaves the spool only after the backend took it**, or after what could not be delivered of it became
//! dead letters, in one transaction. A crash between has it sent again, which PUT makes harmless.
//!
//! | what the backend says | what is done |
//! | --- | --- |
//! | no answer | the account's next batch waits; if the backend gives no sign of life at all, every account waits, 1 s doubling to 60 s |
//! | with `Retry-After` | every account waits that long, at most an hour |
//! | 413 | smaller requests |
//! | 4xx | halved; a value alone is a dead letter once it failed [`REJECTION_ROUNDS`] times while the backend took a control sample, in the end many in a row |
//! | 5xx | tried [`SUSPECT_ATTEMPTS`] times, then, if the backend is healthy, as a 4xx |
//! | 4xx or 5xx, to the control sample too | nothing is a dead letter; the account waits, 1 s doubling to 60 s, and `/healthz` says so |
//! | 401 | nothing is sent but one request every 60 s, growing to 10 min, or when a new token is there; everything is kept |
//! | 403 | by POST what is fresh (see [`POST_FRESH`]); if that is forbidden too, this account is asked as slowly |

mod account;
mod accounts;
mod children;
mod entities;
mod events;
mod known;
mod load;
mod metrics;
mod pacing;
mod sender;
mod settings;
mod suggestions;
mod values;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{self, Instant},
    try_join,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    backend::{Backend, Confirmed},
    spool::{Spool, SpoolError},
    throttle::OutageLog,
    time::Clock,
};
use entities::EntityLoop;
use events::EventLoop;
use settings::MAX_SPOOL_FAILURES;
use values::ValueLoop;

pub use accounts::DeliveryStatus;
pub use metrics::DeliveryMetrics;
pub use settings::{
    DeliverySettings, FLUSH_GRACE, FRESH, INVENTORY_AGE, MAX_REQUEST_BYTES, MAX_REQUEST_VALUES, POST_FRESH,
    REJECTION_ROUNDS, SUSPECT_ATTEMPTS,
};

/// Delivers reports from the spool to the backend.
pub struct Delivery<K> {
    /// Where they go.
    pub backend: Arc<K>,
    /// Where they come from.
    pub spool: Spool,
    /// The clock by which they are.
    pub clock: Arc<dyn Clock>,
    /// How fast.
    pub settings: DeliverySettings,
    /// What a refresh read last; None has delivery read the inventory itself where it needs it.
    pub inventory: Option<watch::Receiver<Option<Confirmed>>>,
    /// Counts.
    pub metrics: DeliveryMetrics,
    /// Ends the task after a last attempt to empty the spool, at most [`FLUSH_GRACE`]. It is to be cancelled after
    /// the run loop has ended, so that the last reports are among what is flushed.
    pub stop: CancellationToken,
}

impl<K: Backend> Delivery<K> {
    /// Works until it is stopped, then delivers what can be delivered at once and leaves the rest on disk.
    ///
    /// # Errors
    /// The spool is gone for good: somebody closed it, or its writer ends in a panic again and again.
    pub async fn run(self) -> Result<(), SpoolError> {
        let delivery = &self;
        let deadline = async {
            delivery.stop.cancelled().await;
            time::sleep(FLUSH_GRACE).await;
        };
        let work = async {
            let (values, entities) = (ValueLoop::new(delivery), EntityLoop::new(delivery));
            try_join!(values.run(), entities.run(), EventLoop::new(delivery).run())
        };
        tokio::select! { biased; worked = work => worked.map(|_| ()), () = deadline => Ok(()) }
    }
}

/// How often in a row the spool did not answer: a group in which its writer panics costs that group alone.
#[derive(Debug, Default)]
struct SpoolFailures {
    in_a_row: u32,
    log: OutageLog,
}

impl SpoolFailures {
    /// Waits a moment, or gives up.
    async fn wait_after(&mut self, error: SpoolError) -> Result<(), SpoolError> {
        self.in_a_row += 1;
        if self.in_a_row > MAX_SPOOL_FAILURES {
            return Err(error);
        }
        if self.log.failed("spool", Instant::now()).is_some() {
            warn!(%error, "the spool does not answer, it is asked again");
        }
        time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    fn ended(&mut self) {
        self.in_a_row = 0;
        if self.log.ended(Instant::now()).is_some() {
            warn!("the spool answers again");
        }
    }
}
