//! The one thread that writes.

use std::{path::Path, sync::Arc, time::Instant};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::Clock,
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    Point, PointsMetrics, SeriesId, Settings,
    chores::Chores,
    database,
    error::{Doing, PointsError},
    journal,
    recent::SharedRecent,
    series::{self, SeriesIds},
};

/// Requests that wait are joined into one transaction up to about this many values, so that one sync of the disk
/// serves them all; what comes beyond waits for the next one.
const GROUP_VALUES: usize = 64 * 1024;

/// Where the answer to a command goes; nobody may wait for it any more.
pub(super) type Done<T> = oneshot::Sender<Result<T, PointsError>>;

/// What the writer is asked for.
pub(super) enum Command {
    /// Store values, all or none.
    Put(Put),
    /// Give a series another path. None: there is no such series; false: the path is taken.
    Rename { account: AccountId, series: SeriesId, path: SeriesPath, done: Done<Option<bool>> },
    /// Delete a series with its values; tells whether there was one.
    Delete { account: AccountId, series: SeriesId, done: Done<bool> },
    /// Seal all there is into blocks.
    Seal { done: Done<()> },
}

/// Values of one request.
pub(super) struct Put {
    pub(super) account: AccountId,
    pub(super) samples: Vec<Sample>,
    pub(super) done: Done<()>,
}

/// The writer's state; it lives on its thread.
pub(super) struct Writer {
    connection: Connection,
    recent: Arc<SharedRecent>,
    ids: SeriesIds,
    chores: Chores,
    journal_seq: i64,
    settings: Settings,
    metrics: PointsMetrics,
    clock: Arc<dyn Clock>,
}

impl Writer {
    /// Opens the file and reads the journal back into memory.
    pub(super) fn open(
        path: &Path,
        recent: Arc<SharedRecent>,
        settings: Settings,
        metrics: PointsMetrics,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PointsError> {
        let connection = database::open(path)?;
        let journal_seq = journal::replay(&connection, |entries| recent.write().active.extend(entries))?;
        let (ids, chores) = (SeriesIds::default(), Chores::left_over());
        let mut writer = Self { connection, recent, ids, chores, journal_seq, settings, metrics, clock };
        writer.seal_if_due();
        Ok(writer)
    }

    /// Serves commands until nobody is left to ask; does a step of its chores in between.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut chore_failed = false;
        loop {
            let command = if self.chores.pending() && !chore_failed {
                match commands.try_recv() {
                    Ok(command) => Some(command),
                    Err(mpsc::error::TryRecvError::Empty) => None,
                    Err(mpsc::error::TryRecvError::Disconnected) => return,
                }
            } else {
                let Some(command) = commands.blocking_recv() else { return };
                Some(command)
            };
            if let Some(command) = command {
                self.serve(command, &mut commands);
            }
            // After a failure (a full disk) the next step waits for the next command, so that nothing spins.
            chore_failed = self.chores.pending() && self.do_chore().inspect_err(tell).is_err();
        }
    }

    fn serve(&mut self, command: Command, commands: &mut mpsc::Receiver<Command>) {
        match command {
            Command::Put(put) => {
                let (group, follower) = gather(put, commands);
                self.store(group);
                if let Some(follower) = follower {
                    self.serve(follower, commands);
                }
            }
            Command::Rename { account, series, path, done } => {
                let renamed = series::rename(&self.connection, account, series, &path);
                self.ids.clear();
                let _ = done.send(renamed);
            }
            Command::Delete { account, series, done } => {
                let _ = done.send(self.delete(account, series));
            }
            Command::Seal { done } => {
                let _ = done.send(self.seal_all());
            }
        }
    }

    fn store(&mut self, group: Vec<Put>) {
        let stored = self.make_room().and_then(|()| self.commit(&group));
        match &stored {
            Ok(values) => {
                self.metrics.stored_values.inc_by(*values);
                self.metrics.stored_requests.inc_by(group.len() as u64);
            }
            Err(_) => {
                self.metrics.refused_requests.inc_by(group.len() as u64);
                // It may know series of which the transaction was rolled back.
                self.ids.clear();
            }
        }
        let stored = stored.map(drop);
        for put in group {
            let _ = put.done.send(stored.clone());
        }
        self.chores.look_for_old(self.settings.retention, self.clock.now());
        self.seal_if_due();
    }

    /// Gives the number of values.
    fn commit(&mut self, group: &[Put]) -> Result<u64, PointsError> {
        let begun = Instant::now();
        let seq = self.journal_seq + 1;
        let transaction = self.connection.transaction().doing("beginning to store values")?;
        let mut entries = Vec::with_capacity(group.iter().map(|put| put.samples.len()).sum());
        for put in group {
            for sample in &put.samples {
                let id = self.ids.resolve(&transaction, put.account, &sample.path)?;
                entries.push((id, Point { time: sample.time, value: sample.value }));
            }
        }
        journal::append(&transaction, seq, &entries)?;
        transaction.commit().doing("storing values")?;
        self.journal_seq = seq;
        self.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        self.recent.write().active.extend(&entries);
        Ok(entries.len() as u64)
    }

    /// Holds new values back while memory's share is used up and the older layer is not yet sealed.
    fn make_room(&mut self) -> Result<(), PointsError> {
        while self.chores.sealing() && self.recent.read().active.bytes() >= self.settings.limits.recent_bytes
        {
            self.do_chore()?;
        }
        self.seal_if_due();
        Ok(())
    }

    fn seal_if_due(&mut self) {
        let due = {
            let active = &self.recent.read().active;
            let limits = &self.settings.limits;
            active.bytes() >= limits.recent_bytes || active.points_per_series() >= limits.block_points
        };
        if due && !self.chores.sealing() {
            self.chores.begin_sealing(&self.recent, self.journal_seq);
        }
    }

    fn seal_all(&mut self) -> Result<(), PointsError> {
        while self.chores.pending() {
            self.do_chore()?;
        }
        self.chores.begin_sealing(&self.recent, self.journal_seq);
        while self.chores.pending() {
            self.do_chore()?;
        }
        Ok(())
    }

    fn delete(&mut self, account: AccountId, id: SeriesId) -> Result<bool, PointsError> {
        let transaction = self.connection.transaction().doing("beginning to delete a series")?;
        let deleted = series::delete(&transaction, account, id)?;
        transaction.commit().doing("deleting a series")?;
        if deleted {
            self.ids.clear();
            self.recent.write().forget(id);
            self.chores.begin_deleting();
        }
        Ok(deleted)
    }

    fn do_chore(&mut self) -> Result<(), PointsError> {
        let block_points = self.settings.limits.block_points;
        let done = self.chores.step(&mut self.connection, &self.recent, block_points, &self.metrics);
        done.inspect_err(|_| {
            self.metrics.housekeeping_failures.inc();
        })
    }
}

/// Joins the values that wait; gives also the first command that is something else.
fn gather(put: Put, commands: &mut mpsc::Receiver<Command>) -> (Vec<Put>, Option<Command>) {
    let mut values = put.samples.len();
    let mut group = vec![put];
    while values < GROUP_VALUES {
        match commands.try_recv() {
            Ok(Command::Put(put)) => {
                values += put.samples.len();
                group.push(put);
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

fn tell(error: &PointsError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause, "housekeeping of the points store failed; it is tried again with the next request");
}
