//! A spool that is delivered, for whoever runs nothing or something else beside it.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Outbox;
use crate::{
    backend::Backend,
    health::Health,
    spool::Spool,
    status::{BotName, Reading, RunLog, StatusPush},
};

/// An [`Outbox`] at work: what its spool accepts is delivered until it is closed.
pub struct Sending {
    spool: Spool,
    delivery: Task,
    status: Option<Task>,
}

struct Task {
    handle: JoinHandle<()>,
    stop: CancellationToken,
}

impl Task {
    async fn end(self) {
        self.stop.cancel();
        // One that panicked has told so; what it did not deliver is on disk.
        let _ = self.handle.await;
    }
}

impl<K: Backend> Outbox<K> {
    /// Begins to deliver, and says nothing of itself.
    pub fn start(self) -> Sending {
        let (spool, stop) = (self.spool(), self.stop());
        let delivery = async move {
            if let Err(error) = self.run().await {
                error!(%error, "values are not delivered any more: they wait on disk for the next start");
            }
        };
        Sending { spool, delivery: Task { handle: tokio::spawn(delivery), stop }, status: None }
    }

    /// Begins to deliver as the outbox of a bot: metrics, under a name, and checks are in `health`, and the backend is told
    /// what is known of the bot, its runs and what was read of its configuration.
    pub fn start_for(
        self,
        registered_as: &str,
        name: BotName,
        (runs, reading): (RunLog, Reading),
        health: &mut Health,
    ) -> Sending {
        self.register(health.registry_of(registered_as));
        self.watch(health);
        let board = self.board(name, runs, reading, || None);
        health.tell(board.clone());
        let stop = CancellationToken::new();
        let status = StatusPush { backend: self.backend(), board, stop: stop.clone() };
        let status = Task { handle: tokio::spawn(status.run()), stop };
        Sending { status: Some(status), ..self.start() }
    }
}

impl Sending {
    /// Returns a handle to the spool.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Delivers what can be delivered at once, and closes the spool; the rest waits on disk for the next start.
    pub async fn close(self) {
        self.delivery.end().await;
        if let Some(status) = self.status {
            status.end().await;
        }
        if let Err(error) = self.spool.close().await {
            warn!(%error, "the queue could not be closed in good order");
        }
    }
}
