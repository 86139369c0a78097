//! Why a bot measures nothing, in the words of `grafolean check`: said by the bot itself, too.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    backend::{Backend, Inventory},
    model::AccountId,
};

/// How often it is said again while it lasts: often enough to stand in a log that somebody reads later.
const REPEAT: Duration = Duration::from_hours(1);

/// What it means that a bot has nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Idleness {
    /// Somebody who started it forgot something: it is logged, and the bot counts as unwell.
    #[default]
    Fault,
    /// It waits for what people may set up one day.
    Normal,
}

/// Returns why a bot of `protocol` measures nothing, a sentence each; nothing where it has `devices`.
pub fn idle_reasons(inventory: &Inventory, protocol: &str, devices: usize) -> Vec<String> {
    if devices > 0 {
        return Vec::new();
    }
    let mut reasons: Vec<_> = foreign_token(inventory.protocol.as_deref(), protocol).into_iter().collect();
    if inventory.accounts.is_empty() {
        reasons.push(NO_ACCOUNT.to_owned());
    }
    let unread = inventory.accounts.iter().filter(|account| account.is_unread());
    reasons.extend(unread.flat_map(|account| account.broken.iter().map(ToString::to_string)));
    if inventory.accounts.is_empty() || inventory.accounts.iter().any(|account| !account.is_unread()) {
        reasons.push(nothing_polled(protocol));
    }
    reasons
}

/// What is wrong with a token that sees no account.
pub const NO_ACCOUNT: &str = "the token sees no account: give the bot permissions";

/// Returns what is wrong with a token whose bot is of another protocol.
pub fn foreign_token(own: Option<&str>, protocol: &str) -> Option<String> {
    let own = own.filter(|own| !own.is_empty() && *own != protocol)?;
    Some(format!("the token is of a bot of protocol {own}, not {protocol}"))
}

/// Returns what is wrong where no device is set up for a protocol.
pub fn nothing_polled(protocol: &str) -> String {
    format!(
        "nothing would be polled: enable protocol {protocol} for a device, with a credential and a sensor"
    )
}

/// Returns what is wrong with a token that may send no values of an account.
pub fn cannot_send(account: AccountId) -> String {
    format!("the token may not send values: it needs PUT on accounts/{account}/values")
}

/// What was logged last, and when.
#[derive(Default)]
pub(super) struct IdleLog {
    said: Option<(Vec<String>, Instant)>,
}

/// Which rights to send values are missing, as of the last time they were read.
#[derive(Default)]
pub(super) struct Rights {
    read: Option<Instant>,
    missing: Vec<String>,
    log: IdleLog,
}

impl Rights {
    /// Reads once in a while what the token may send; while something is missing, each time.
    pub(super) async fn missing<B: Backend>(&mut self, backend: &B, inventory: &Inventory) -> Vec<String> {
        let now = Instant::now();
        if self.missing.is_empty() && self.read.is_some_and(|read| now < read + REPEAT) {
            return Vec::new();
        }
        let accounts: Vec<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
        match backend.unsendable(&accounts).await {
            Ok(unsendable) => {
                self.read = Some(now);
                self.missing = unsendable.into_iter().map(cannot_send).collect();
            }
            // Whether values can be sent is seen when they are.
            Err(error) => debug!(%error, "could not read what the token may do"),
        }
        self.log.note("values can't be sent", &self.missing, now);
        self.missing.clone()
    }
}

impl IdleLog {
    /// Warns of what is new, and of what lasts once in a while.
    pub(super) fn note(&mut self, what: &str, reasons: &[String], now: Instant) {
        let is_said = self.said.as_ref().is_some_and(|(said, at)| said == reasons && now < *at + REPEAT);
        if is_said {
            return;
        }
        for reason in reasons {
            warn!("{what}: {reason}");
        }
        self.said = (!reasons.is_empty()).then(|| (reasons.to_vec(), now));
    }
}
