//! What an explanation is made of.

use std::sync::Arc;

use crate::{
    backend::AccountInventory,
    model::{AccountId, UserId},
    status::BotStatus,
};

/// How long a bot that said nothing of it may take to its next word, in seconds.
const USUAL_PAUSE: f64 = 60.0;

/// All that is known of an account at one moment. Times are seconds since 1970 by the clock of who explains.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When.
    pub now: f64,
    /// What is set up.
    pub account: AccountInventory,
    /// Its bots, and the systemwide ones.
    pub bots: Vec<KnownBot>,
    /// Whether there may be bots that whoever asks cannot see.
    pub is_partial: bool,
    /// Bots that entities name and that belong to other accounts.
    pub foreign_bots: Vec<UserId>,
    /// Bots that were deleted, and what they said last.
    pub gone_bots: Vec<Told>,
    /// The newest values that are stored of what is asked about; none where whoever asks cannot see them.
    pub stored: Option<Vec<StoredValue>>,
    /// How long values are kept, in seconds; none for ever.
    pub retention: Option<f64>,
    /// The range that is looked at.
    pub range: Option<Range>,
}

/// A range of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Its begin.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

/// A bot as it is set up, and what it said.
#[derive(Clone, Debug)]
pub struct KnownBot {
    /// Its id.
    pub id: UserId,
    /// What people call it.
    pub name: String,
    /// Its protocol.
    pub protocol: Option<String>,
    /// Its account; none of a systemwide one.
    pub tied_to_account: Option<AccountId>,
    /// When it was last seen at all.
    pub last_seen: Option<f64>,
    /// What it may do in the account, where that is known.
    pub rights: Option<Rights>,
    /// What it said last.
    pub told: Option<Told>,
}

/// What a bot may do in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// Read entities, credentials and sensors.
    pub read: bool,
    /// Store values, with their own times or without.
    pub write: bool,
}

/// What a bot said, and when.
#[derive(Clone, Debug)]
pub struct Told {
    /// What.
    pub status: Arc<BotStatus>,
    /// When it came.
    pub received: f64,
}

/// The newest value at a path.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredValue {
    /// The path.
    pub path: String,
    /// Its time.
    pub time: f64,
    /// The value.
    pub value: f64,
}

impl Told {
    /// Whether the bot speaks: its next word is not long overdue.
    pub fn is_fresh(&self, now: f64) -> bool {
        let pause = if self.status.pause > 0.0 { self.status.pause } else { USUAL_PAUSE };
        !self.status.stopped && now - self.received <= pause * 2.0 + 2.5
    }
}

impl KnownBot {
    /// Returns what it says, if it speaks.
    pub fn speaking(&self, now: f64) -> Option<&Told> {
        self.told.as_ref().filter(|told| told.is_fresh(now))
    }
}
