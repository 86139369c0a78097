//! The task that tells a hub what a bot knows.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{BotStatus, Commands, StatusBoard};
use crate::{
    backend::{Backend, BackendError},
    model::AccountId,
    spool::SpoolFile,
    throttle::{OutageLog, OutageSpan},
};

/// How often a status is pushed.
const EVERY: Duration = Duration::from_secs(3);

/// What is newly wrong is told this soon after the last word.
const NEWS: Duration = Duration::from_secs(1);

/// The pause is this many times what putting it together and sending it took, so that it never takes more than 2 % of the
/// time.
const PAUSE_FOR_COST: u32 = 50;

/// The longest pause: whoever looks at a bot that has not told for longer takes it for silent.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pause while the configuration was not read yet, in which nothing is sent.
const NOT_READ_YET: Duration = Duration::from_millis(300);

/// The pause after a backend said that it takes no status, as a Grafolean does.
const NOT_TAKEN: Duration = Duration::from_hours(1);

/// How long a bot that stops waits for its last word to be taken.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Pushes a bot's status to its backend, and does what the answer says.
pub struct StatusPush<K> {
    /// Where it goes.
    pub backend: Arc<K>,
    /// Where it comes from.
    pub board: StatusBoard,
    /// Ends it after a last word.
    pub stop: CancellationToken,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pushed {
    /// No account is known whose people could read it.
    NoAccount,
    /// It was taken.
    Taken,
    /// The backend has no place for it.
    NotTaken,
}

impl<K: Backend> StatusPush<K> {
    /// Works until it is stopped. A failure changes nothing but that it is tried again.
    pub async fn run(self) {
        let stop = self.stop.clone();
        tokio::select! { biased; () = stop.cancelled() => {} () = self.push_for_ever() => {} }
        // Whoever looks at the bot then knows at once that it was stopped, and need not wait for its silence.
        let _ = timeout(LAST_WORD, self.push(Duration::ZERO, true)).await;
    }

    async fn push_for_ever(&self) {
        let (mut outage, mut pause) = (OutageLog::default(), EVERY);
        loop {
            let began = Instant::now();
            let taken = self.push(pause.max(EVERY), false).await;
            let is_taken = matches!(taken, Ok(Pushed::Taken));
            pause = match taken {
                Ok(Pushed::NoAccount) => NOT_READ_YET,
                Ok(Pushed::Taken) => {
                    if let Some(OutageSpan { lasted, .. }) = outage.ended(Instant::now()) {
                        debug!(?lasted, "the backend takes the bot's status again");
                    }
                    (began.elapsed() * PAUSE_FOR_COST).clamp(EVERY, LONGEST_PAUSE)
                }
                Ok(Pushed::NotTaken) => NOT_TAKEN,
                Err(error) => {
                    // That the backend is away is said by those who read the configuration and send values.
                    if outage.failed("not taken", Instant::now()).is_some() {
                        debug!(%error, "the backend does not take the bot's status");
                    }
                    EVERY
                }
            };
            if is_taken {
                let least = (began.elapsed() * PAUSE_FOR_COST).clamp(NEWS, pause);
                sleep(least).await;
                let _ = timeout(pause.saturating_sub(least), self.board.news()).await;
            } else {
                sleep(pause).await;
            }
        }
    }

    /// Pushes each account's part of it.
    async fn push(&self, pause: Duration, stopped: bool) -> Result<Pushed, BackendError> {
        let board = self.board.clone();
        let Ok(status) = spawn_blocking(move || board.status()).await else { return Ok(Pushed::Taken) };
        let status = BotStatus { pause: pause.as_secs_f64(), stopped, ..status };
        let mut pushed = Pushed::NoAccount;
        for account in status.configuration.accounts.clone() {
            let is_taken = self.push_of(&status, account).await?;
            if is_taken || pushed == Pushed::NoAccount {
                pushed = if is_taken { Pushed::Taken } else { Pushed::NotTaken };
            }
        }
        Ok(pushed)
    }

    async fn push_of(&self, status: &BotStatus, account: AccountId) -> Result<bool, BackendError> {
        let Ok(body) = serde_json::to_vec(&status.of_account(account)) else { return Ok(true) };
        let Some(answer) = self.backend.push_status(account, body).await? else { return Ok(false) };
        let commands: Commands = serde_json::from_value(answer).unwrap_or_default();
        if !commands.is_empty() {
            self.obey(commands, account).await;
        }
        Ok(true)
    }

    async fn obey(&self, commands: Commands, account: AccountId) {
        let file = self.board.spool_file();
        let done = spawn_blocking(move || commands.obey(&SpoolFile::open(file)?, account)).await;
        match done {
            Ok(Ok(letters)) => {
                info!(%account, letters, "dead letters are retried or dropped, as the hub was asked to");
            }
            Ok(Err(error)) => warn!(%account, %error, "dead letters could not be retried or dropped"),
            Err(_) => {}
        }
    }
}
