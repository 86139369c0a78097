//! Which entries delivery gets next.

use std::collections::HashSet;

use tokio::time::Instant;
use tracing::warn;

use super::{
    database::database_error,
    entries,
    entry::{Access, Age, Batch, Entry, EntryId, LaneKey, Row, TakeRequest},
    writer::{Writer, is_corrupt},
};
use crate::{model::AccountId, time::Timestamp};

impl Writer {
    /// Fills a request. An error of the disk is told and gives nothing: delivery asks again.
    pub(super) fn serve(&mut self, request: &TakeRequest) -> Option<Batch> {
        match self.batch(request) {
            Ok(batch) => batch,
            Err(source) => {
                let error = database_error(&self.path, "reading")(source);
                if let Some(suppressed) = self.read_log.admit("read") {
                    warn!(%error, suppressed, "the spool could not be read");
                }
                if is_corrupt(&error)
                    && let Err(error) = self.replace_database(&error)
                {
                    warn!(%error, "no new spool could be begun");
                }
                None
            }
        }
    }

    fn batch(&mut self, request: &TakeRequest) -> rusqlite::Result<Option<Batch>> {
        let fresh_since = self.time.at(Instant::now()) - request.fresh_within;
        let (mut first_old, nothing) = (None, HashSet::new());
        for account in self.turns(request) {
            let key = LaneKey { lane: request.lane, account };
            let (except, may_be_old) = match request.access.get(&account) {
                Some(Access::Closed) => continue,
                Some(Access::FreshExcept(except)) => (&**except, false),
                None => (&nothing, true),
            };
            match self.newest_time(key, except)? {
                Some(time) if time >= fresh_since => {
                    let entries = self.newest(key, except, request.fresh_values, Some(fresh_since))?;
                    if !entries.is_empty() {
                        return Ok(Some(Batch { account, age: Age::Fresh, entries }));
                    }
                }
                Some(_) if may_be_old && first_old.is_none() => first_old = Some(key),
                _ => {}
            }
        }
        let Some(key) = first_old.filter(|_| request.old_values > 0) else { return Ok(None) };
        let entries = self.newest(key, &nothing, request.old_values, None)?;
        Ok((!entries.is_empty()).then_some(Batch { account: key.account, age: Age::Old, entries }))
    }

    /// Returns the accounts that have something, the one whose turn it is first.
    fn turns(&self, request: &TakeRequest) -> Vec<AccountId> {
        let mut accounts: Vec<_> = self.lanes.accounts(request.lane).collect();
        // Empty unless the disk refuses writes.
        accounts.extend(
            self.group
                .rows
                .iter()
                .filter(|row| row.key.lane == request.lane && !row.is_kept)
                .map(|row| row.key.account),
        );
        accounts.sort_unstable();
        accounts.dedup();
        let next = accounts.partition_point(|account| request.after.is_some_and(|after| *account <= after));
        accounts.rotate_left(next);
        accounts
    }

    /// Returns what is held for the backend, the newest first.
    fn held_of(&self, key: LaneKey) -> impl Iterator<Item = &Row> {
        self.group.rows.iter().rev().filter(move |row| row.key == key && !row.is_kept)
    }

    fn newest_time(&self, key: LaneKey, except: &HashSet<EntryId>) -> rusqlite::Result<Option<Timestamp>> {
        let held = self.held_of(key).find(|row| !except.contains(&row.id));
        let skip = |id: &EntryId| self.group.retired.contains(id) || except.contains(id);
        match (held, &self.database) {
            (Some(row), _) => Ok(Some(row.accepted)),
            (None, Some(database)) => entries::newest_time(database, key, skip),
            (None, None) => Ok(None),
        }
    }

    /// Returns the newest entries in the order of their acceptance; what can't be read becomes a dead letter on the way.
    fn newest(
        &mut self,
        key: LaneKey,
        except: &HashSet<EntryId>,
        values: usize,
        since: Option<Timestamp>,
    ) -> rusqlite::Result<Vec<Entry>> {
        let mut weight = 0_usize;
        let mut wanted = |row: &Row| {
            let fits = weight == 0 || weight.saturating_add(row.weight()) <= values;
            weight = weight.saturating_add(row.weight());
            fits && since.is_none_or(|since| row.accepted >= since)
        };
        let skip = |id: &EntryId| self.group.retired.contains(id) || except.contains(id);
        let held = self.held_of(key).filter(|row| !except.contains(&row.id));
        let mut rows: Vec<Row> = held.take_while(|row| wanted(row)).cloned().collect();
        if let Some(database) = &self.database {
            rows.extend(entries::newest(database, key, skip, wanted)?);
        }
        Ok(self.decode(rows))
    }

    fn decode(&mut self, rows: Vec<Row>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows.into_iter().rev() {
            match row.decode() {
                Ok(entry) => entries.push(entry),
                Err((row, error)) => {
                    if let Some(suppressed) = self.read_log.admit("entry") {
                        let (entry, account) = (row.id, row.key.account);
                        warn!(%entry, %account, %error, suppressed, "an entry of the spool can't be read");
                    }
                    self.group.retired.insert(row.id);
                    self.group.rejected.push(row.unreadable(&error));
                }
            }
        }
        entries
    }
}
