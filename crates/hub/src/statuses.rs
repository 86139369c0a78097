//! What bots say of themselves, as of their last word, and what they are to do about it. In memory: a bot says it anew
//! within seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grafolean_collector::{
    model::{AccountId, UserId},
    status::{BotStatus, Commands},
    time::Timestamp,
};

/// The bytes of all statuses, as they came. Beyond it the one that is oldest is forgotten.
const MOST_BYTES: usize = 256 << 20;

/// Dead letters that wait to be retried or dropped, of one bot.
const MOST_ORDERED: usize = 10_000;

/// What a bot said last.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What it said.
    pub(crate) status: Arc<BotStatus>,
    /// When, by the hub's clock.
    pub(crate) received: Timestamp,
    bytes: usize,
}

/// What all bots said.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    told: HashMap<(AccountId, UserId), Told>,
    ordered: HashMap<(AccountId, UserId), Commands>,
    bytes: usize,
}

impl Statuses {
    /// Notes what a bot says of an account; returns what it is to do.
    pub(crate) fn put(
        &self,
        account: AccountId,
        bot: UserId,
        status: BotStatus,
        bytes: usize,
        now: Timestamp,
    ) -> Commands {
        let mut known = self.known();
        let told = Told { status: Arc::new(status), received: now, bytes };
        let before = known.told.insert((account, bot), told).map_or(0, |before| before.bytes);
        known.bytes = known.bytes.saturating_sub(before).saturating_add(bytes);
        while known.bytes > MOST_BYTES
            && let Some(oldest) = known.told.iter().min_by_key(|(_, told)| told.received).map(|(of, _)| *of)
        {
            let gone = known.told.remove(&oldest).map_or(0, |gone| gone.bytes);
            known.bytes = known.bytes.saturating_sub(gone);
        }
        known.ordered.remove(&(account, bot)).unwrap_or_default()
    }

    /// Returns what the bots of an account said.
    pub(crate) fn of(&self, account: AccountId) -> HashMap<UserId, Told> {
        let known = self.known();
        known
            .told
            .iter()
            .filter(|((of, _), _)| *of == account)
            .map(|((_, bot), told)| (*bot, told.clone()))
            .collect()
    }

    /// Has a bot retry or drop dead letters, when it speaks next.
    pub(crate) fn order(&self, account: AccountId, bot: UserId, commands: Commands) {
        let mut known = self.known();
        let ordered = known.ordered.entry((account, bot)).or_default();
        ordered.retry.extend(commands.retry);
        ordered.drop.extend(commands.drop);
        ordered.retry.truncate(MOST_ORDERED);
        ordered.drop.truncate(MOST_ORDERED);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
