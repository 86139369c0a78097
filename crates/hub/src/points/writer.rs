//! The one thread that writes.

use std::{path::Path, sync::Arc, time::Instant};

use grafolean_collector::{
    model::{AccountId, Sample, SeriesPath},
    time::Clock,
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    AccountRetention, Point, PointsMetrics, SeriesId, SeriesRow, Settings,
    damage::{self, Damage},
    database,
    error::{Context, PointsError},
    journal,
    maintenance::Maintenance,
    recent::SharedRecent,
    reserve::Reserve,
    retention::{self, Policies},
    series::{self, SeriesIds},
};
use crate::{open_file::OpenFile, repeats::Repeats};

/// Requests that wait are joined into one transaction up to about this many values, so that one sync of the disk
/// serves them all; what comes beyond waits for the next one.
const GROUP_VALUES: usize = 64 * 1024;

/// Where the answer to a command goes; nobody may wait for it any more.
pub(super) type Done<T> = oneshot::Sender<Result<T, PointsError>>;

/// What the writer is asked for.
pub(super) enum Command {
    /// Store values, all or none.
    Put(Put),
    /// Renames a series. None: there is no such series; false: the path is taken.
    Rename { account: AccountId, series: SeriesId, path: SeriesPath, done: Done<Option<bool>> },
    /// Delete a series with its values; returns whether there was one.
    Delete { account: AccountId, series: SeriesId, done: Done<bool> },
    /// Set what an account keeps.
    Retain { account: AccountId, retention: AccountRetention, done: Done<()> },
    /// Seal all there is into blocks.
    Seal { done: Done<()> },
    /// Look at what a reader found damaged.
    Mend(Damage),
}

/// Values of one request.
pub(super) struct Put {
    pub(super) account: AccountId,
    pub(super) samples: Vec<Sample>,
    pub(super) done: Done<Stored>,
}

/// What storing values did beside storing them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Series that did not exist before.
    pub created: Vec<SeriesRow>,
}

/// The writer's state; it lives on its thread.
pub(super) struct Writer {
    connection: Connection,
    file: OpenFile,
    recent: Arc<SharedRecent>,
    ids: SeriesIds,
    maintenance: Maintenance,
    journal_seq: i64,
    settings: Settings,
    policies: Policies,
    reserve: Reserve,
    metrics: PointsMetrics,
    clock: Arc<dyn Clock>,
    failures: Repeats,
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
        let mut connection = database::open(path)?;
        let file = OpenFile::at(path)
            .map_err(|source| PointsError::File { path: path.to_owned(), source: Arc::new(source) })?;
        let replayed = journal::replay(&mut connection, |entries| recent.write().active.extend(entries))
            .map_err(|error| error.in_file(path))?;
        if replayed.damaged > 0 {
            metrics.damaged_records.inc_by(replayed.damaged);
            let (file, values) = (path.display(), replayed.damaged);
            tracing::error!(%file, values, "values of the journal were damaged, and set aside in the table damaged");
        }
        let policies = Policies::open(&connection, settings.keep).map_err(|error| error.in_file(path))?;
        let reserve = Reserve::new(path, settings.disk_reserve);
        let (ids, maintenance) = (SeriesIds::default(), Maintenance::left_over());
        let (journal_seq, failures) = (replayed.last, Repeats::default());
        let mut writer = Self {
            connection,
            file,
            recent,
            ids,
            maintenance,
            journal_seq,
            settings,
            policies,
            reserve,
            metrics,
            clock,
            failures,
        };
        writer.seal_if_due();
        Ok(writer)
    }

    /// Serves commands until nobody is left to ask; does a step of its maintenance in between.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut step_failed = false;
        loop {
            let command = if self.maintenance.pending() && !step_failed {
                match commands.try_recv() {
                    Ok(command) => Some(command),
                    Err(mpsc::error::TryRecvError::Empty) => None,
                    Err(mpsc::error::TryRecvError::Disconnected) => break,
                }
            } else {
                let Some(command) = commands.blocking_recv() else { break };
                Some(command)
            };
            if let Some(command) = command {
                self.serve(command, &mut commands);
            }
            // After a failure (a full disk) the next step waits for the next command, so that nothing spins.
            step_failed =
                self.maintenance.pending() && self.maintain().inspect_err(|error| self.log(error)).is_err();
        }
        self.close();
    }

    /// Leaves nothing in the write-ahead log: whoever copies the file alone has all of it.
    fn close(self) {
        let file = self.file.path().display();
        if !self.file.is_there() {
            tracing::error!(%file, "the file of points was removed or replaced, it is closed as it is");
            return;
        }
        match database::empty_log(&self.connection) {
            Ok(true) => tracing::info!(%file, "all values are in the file, which is closed"),
            Ok(false) => tracing::warn!(%file, "another process reads the file: keep its -wal beside it"),
            Err(error) => {
                tracing::warn!(%file, %error, "the -wal could not be emptied: keep it beside the file");
            }
        }
    }

    fn log(&self, error: &PointsError) {
        let error = grafolean_collector::error_chain(error);
        if let Some(times) = self.failures.count(&error, self.clock.now()) {
            tracing::error!(%error, times, "maintenance of the points failed; it is tried again with the next request");
        }
    }

    /// Looks at what a reader found damaged, and reports what was done.
    fn mend(&mut self, damage: Damage) {
        match damage::mend(&mut self.connection, damage) {
            Ok(None) => {}
            Ok(Some(mended)) => {
                self.metrics.damaged_blocks.inc();
                let path = series::name(&self.connection, mended.series).ok().flatten().unwrap_or_default();
                let what = mended.what;
                if let Some(times) = self.failures.count("damage", self.clock.now()) {
                    tracing::error!(series = %mended.series, path, what, times, "values on disk were damaged");
                }
            }
            Err(error) => self.log(&error),
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
            Command::Retain { account, retention, done } => {
                let _ = done.send(self.retain(account, &retention));
            }
            Command::Seal { done } => {
                let _ = done.send(self.seal_all());
            }
            Command::Mend(damage) => self.mend(damage),
        }
    }

    fn store(&mut self, group: Vec<Put>) {
        let file = self.file.path().to_owned();
        let stored = self
            .still_there()
            .and_then(|()| self.reserve.check(self.clock.now(), &self.metrics))
            .and_then(|()| self.make_room())
            .and_then(|()| self.commit(&group));
        match stored.map_err(|error| error.in_file(&file)) {
            Ok(stored) => {
                self.metrics.stored_values.inc_by(group.iter().map(|put| put.samples.len() as u64).sum());
                self.metrics.stored_requests.inc_by(group.len() as u64);
                for (put, stored) in group.into_iter().zip(stored) {
                    let _ = put.done.send(Ok(stored));
                }
            }
            Err(error) => {
                self.metrics.refused_requests.inc_by(group.len() as u64);
                // It may know series of which the transaction was rolled back.
                self.ids.clear();
                for put in group {
                    let _ = put.done.send(Err(error.clone()));
                }
            }
        }
        self.maintenance.look_for_old(&self.policies, self.clock.now());
        self.seal_if_due();
    }

    /// Refuses values that would go into a file that nobody will find.
    fn still_there(&self) -> Result<(), PointsError> {
        if self.file.is_there() {
            return Ok(());
        }
        Err(PointsError::Gone { path: self.file.path().to_owned() })
    }

    /// Stores the values of a group; returns what that did for each request.
    fn commit(&mut self, group: &[Put]) -> Result<Vec<Stored>, PointsError> {
        let begun = Instant::now();
        let seq = self.journal_seq + 1;
        let transaction = self.connection.transaction().doing("beginning to store values")?;
        let mut entries = Vec::with_capacity(group.iter().map(|put| put.samples.len()).sum());
        let mut stored = Vec::with_capacity(group.len());
        for put in group {
            let mut created = Vec::new();
            for sample in &put.samples {
                let resolved = self.ids.resolve(&transaction, put.account, &sample.path)?;
                if resolved.created {
                    created.push(SeriesRow { id: resolved.id, path: sample.path.as_str().to_owned() });
                }
                entries.push((resolved.id, Point { time: sample.time, value: sample.value }));
            }
            stored.push(Stored { created });
        }
        journal::append(&transaction, seq, &entries)?;
        transaction.commit().doing("storing values")?;
        self.journal_seq = seq;
        self.metrics.commit_seconds.observe(begun.elapsed().as_secs_f64());
        self.recent.write().active.extend(&entries);
        Ok(stored)
    }

    /// Holds new values back while memory's share is used up and the older layer is not yet sealed.
    fn make_room(&mut self) -> Result<(), PointsError> {
        while self.maintenance.sealing()
            && self.recent.read().active.bytes() >= self.settings.limits.recent_bytes
        {
            self.maintain()?;
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
        if due && !self.maintenance.sealing() {
            self.maintenance.begin_sealing(&self.recent, self.journal_seq);
        }
    }

    fn seal_all(&mut self) -> Result<(), PointsError> {
        while self.maintenance.pending() {
            self.maintain()?;
        }
        self.maintenance.begin_sealing(&self.recent, self.journal_seq);
        while self.maintenance.pending() {
            self.maintain()?;
        }
        Ok(())
    }

    fn retain(&mut self, account: AccountId, retention: &AccountRetention) -> Result<(), PointsError> {
        retention::store(&self.connection, account, retention)?;
        self.policies.set(account, retention);
        self.maintenance.look_again();
        self.maintenance.look_for_old(&self.policies, self.clock.now());
        Ok(())
    }

    fn delete(&mut self, account: AccountId, id: SeriesId) -> Result<bool, PointsError> {
        let transaction = self.connection.transaction().doing("beginning to delete a series")?;
        let deleted = series::delete(&transaction, account, id)?;
        transaction.commit().doing("deleting a series")?;
        if deleted {
            self.ids.clear();
            self.recent.write().forget(id);
            self.maintenance.begin_deleting();
        }
        Ok(deleted)
    }

    fn maintain(&mut self) -> Result<(), PointsError> {
        let block_points = self.settings.limits.block_points;
        let (connection, metrics) = (&mut self.connection, &self.metrics);
        let done = self.maintenance.step(connection, &self.recent, block_points, &self.policies, metrics);
        match done {
            Ok(stepped) => {
                if stepped.forgotten > 0 {
                    self.ids.clear();
                }
                Ok(())
            }
            Err(error) => {
                self.metrics.maintenance_failures.inc();
                Err(error.in_file(self.file.path()))
            }
        }
    }
}

/// Joins the values that wait; returns also the first command that is something else.
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
