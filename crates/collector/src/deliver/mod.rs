//! The task that takes reports from the spool to the backend.
//!
//! [`Delivery`] is two loops side by side, so that neither waits for the other: `values` takes batches of values,
//! freshest first, with one request in flight; `entities` keeps child entities in step and proposes new ones.
//!
//! How values go: `load` checks every value and makes batches of what is good; `trial` sends a batch and, when it is
//! refused, splits it until the culprit is alone; `standing` is what is known of an account (closed for a while, may
//! not PUT), `pace` limits the replay, `pause` says how long to wait after a failure. How entities go: `known` is the
//! last inventory, `children` and `suggestions` are the pure arithmetic of what is to be changed.
//!
//! **An entry leaves the spool only after the backend took it**, or after what could not be delivered of it became
//! dead letters, in one transaction. A crash between has it sent again, which PUT makes harmless.
//!
//! | what the backend says | what is done |
//! | --- | --- |
//! | no answer | the account's next batch waits; if the backend gives no sign of life at all, every account waits, 1 s doubling to 60 s |
//! | 400, 422 | split; a value alone is a dead letter |
//! | 413 | split |
//! | 5xx, other 4xx | tried [`SUSPECT_ATTEMPTS`] times, then, if the backend is healthy, split; a value alone is a dead letter after as many more |
//! | 401 | nothing is sent but one request every 60 s, growing to 10 min; everything is kept |
//! | 403 | by POST what is fresh (see [`POST_FRESH`]); if that is forbidden too, this account is asked as slowly |

mod children;
mod entities;
mod known;
mod load;
mod metrics;
mod pace;
mod pause;
mod settings;
mod standing;
mod suggestions;
mod trial;
mod values;

use std::sync::Arc;

use tokio::{join, time};
use tokio_util::sync::CancellationToken;

use crate::{backend::Backend, spool::Spool, time::Clock};
use entities::EntityLoop;
use values::ValueLoop;

pub use metrics::DeliveryMetrics;
pub use settings::{
    DeliverySettings, FLUSH_GRACE, FRESH, INVENTORY_AGE, MAX_REQUEST_BYTES, MAX_REQUEST_VALUES, POST_FRESH,
    SUSPECT_ATTEMPTS,
};

/// Takes reports from the spool to the backend.
pub struct Delivery<K> {
    /// Where they go.
    pub backend: Arc<K>,
    /// Where they come from.
    pub spool: Spool,
    /// Tells which are fresh.
    pub clock: Arc<dyn Clock>,
    /// How fast.
    pub settings: DeliverySettings,
    /// Counts.
    pub metrics: DeliveryMetrics,
    /// Ends the task after a last attempt to empty the spool, at most [`FLUSH_GRACE`]. It is to be cancelled after
    /// the run loop has ended, so that the last reports are among what is flushed.
    pub stop: CancellationToken,
}

impl<K: Backend> Delivery<K> {
    /// Works until it is stopped, then delivers what can be delivered at once and leaves the rest on disk.
    pub async fn run(self) {
        let delivery = &self;
        let deadline = async {
            delivery.stop.cancelled().await;
            time::sleep(FLUSH_GRACE).await;
        };
        let work = async { join!(ValueLoop::new(delivery).run(), EntityLoop::new(delivery).run()) };
        tokio::select! { biased; _ = work => {} () = deadline => {} }
    }
}
