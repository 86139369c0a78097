//! What a hub asks a bot to do, in its answer to a status.

use serde::{Deserialize, Serialize};

use crate::{
    model::AccountId,
    spool::{DeadLetterId, SpoolError, SpoolFile},
};

/// The most dead letters that one answer names.
pub(super) const MOST_NAMED: usize = 1_000;

/// What is to be done with dead letters, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Commands {
    /// Those to be sent again.
    pub retry: Vec<i64>,
    /// Those to be thrown away.
    pub drop: Vec<i64>,
}

impl Commands {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.retry.is_empty() && self.drop.is_empty()
    }

    /// Does it to the dead letters of one account; those of others, and what is gone, are left alone. Returns how many
    /// there were.
    pub(super) fn obey(&self, spool: &SpoolFile, account: AccountId) -> Result<usize, SpoolError> {
        let mut done = 0;
        let mut each = |ids: &[i64], act: fn(&SpoolFile, DeadLetterId) -> Result<(), SpoolError>| {
            for id in ids.iter().take(MOST_NAMED).map(|id| DeadLetterId::new(*id)) {
                match spool.dead_letter(id) {
                    Ok(letter) if letter.account == account => {
                        act(spool, id)?;
                        done += 1;
                    }
                    Ok(_) | Err(SpoolError::NoSuchLetter { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        each(&self.retry, SpoolFile::retry)?;
        each(&self.drop, SpoolFile::drop_letter)?;
        Ok(done)
    }
}
