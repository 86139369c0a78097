//! The one place that touches the file: takes what waits as a group, commits it, answers.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::{sync::oneshot, time::Instant};
use tracing::{error, info, warn};

use super::{
    database::{self, database_error},
    dead_letters::DeadLetterQueue,
    entries,
    entry::{EntryId, Lane, Row},
    error::SpoolError,
    feed,
    group::{Before, Changes, Group, RETRIED_PER_GROUP},
    inbox::{Command, Shared, locked},
    kept,
    lock::Lock,
    metrics::{Limit, SpoolMetrics},
    salvage::salvage,
    settings::Limits,
    sinks::{Consumers, Positions, SinkNumber, SinkState, SinkStatistics},
    statistics::{Depth, Lanes, Statistics},
    time::{Leap, SpoolTime},
    trouble::{DropLog, Trouble},
};
use crate::{
    throttle::LogThrottle,
    time::{Clock, Timestamp},
};

/// None of SQLite's: the next group looks for what a tool marked.
const UNKNOWN_VERSION: i64 = -1;

/// The owner of the file.
pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// None after a broken file was set aside and before a new one could be begun.
    pub(super) database: Option<Connection>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    pub(super) time: SpoolTime,
    pub(super) metrics: SpoolMetrics,
    pub(super) lanes: Lanes,
    dead_letters: DeadLetterQueue,
    pub(super) sinks: Vec<SinkState>,
    /// Whether what is accepted is for a backend, too.
    has_backend: bool,
    /// Whether the next group gives more back to the disk.
    has_more: bool,
    pub(super) last_id: i64,
    oldest: Option<Timestamp>,
    /// Changes with every transaction of another process: `PRAGMA data_version`.
    foreign_version: i64,
    pub(super) group: Group,
    trouble: Option<Trouble>,
    drops: HashMap<Limit, DropLog>,
    pub(super) drops_of_sinks: HashMap<(usize, Limit), DropLog>,
    pub(super) read_log: LogThrottle,
    _lock: Lock,
}

impl Writer {
    pub(super) fn open(
        path: &Path,
        limits: Limits,
        consumers: Consumers,
        clock: Arc<dyn Clock>,
        metrics: SpoolMetrics,
    ) -> Result<Self, SpoolError> {
        let (time, _) = SpoolTime::begin(clock.now(), None, Instant::now());
        let mut writer = Self {
            _lock: Lock::take(path)?,
            path: path.to_owned(),
            database: None,
            limits,
            clock,
            time,
            metrics,
            lanes: Lanes::default(),
            dead_letters: DeadLetterQueue::default(),
            sinks: consumers.sinks.into_iter().map(SinkState::new).collect(),
            has_backend: consumers.backend,
            has_more: false,
            last_id: 0,
            oldest: None,
            foreign_version: UNKNOWN_VERSION,
            group: Group::default(),
            trouble: None,
            drops: HashMap::new(),
            drops_of_sinks: HashMap::new(),
            read_log: LogThrottle::default(),
        };
        match writer.begin() {
            Err(error) if is_corrupt(&error) => writer.replace_database(&error)?,
            other => other?,
        }
        writer.begin_time()?;
        writer.show();
        Ok(writer)
    }

    /// Begins the spool's time where that of the entries that wait ended.
    fn begin_time(&mut self) -> Result<(), SpoolError> {
        let newest = |database| Ok(entries::newest_of_all(database)?.max(kept::newest(database)?));
        let newest = self.database.as_ref().map(newest).transpose();
        let newest = newest.map_err(database_error(&self.path, "counting what waits"))?.flatten();
        let (time, leap) = SpoolTime::begin(self.clock.now(), newest, Instant::now());
        self.time = time;
        if let Some(Leap { seconds }) = leap {
            warn!(
                spool = %self.path.display(), seconds,
                "the clock is far from when the newest report that waits was accepted: at most a day of that counts \
                 towards the age limit"
            );
        }
        Ok(())
    }

    /// Answers a group of commands, and gives those that want the spool closed.
    pub(super) fn work(&mut self, commands: Vec<Command>, shared: &Shared) -> Vec<oneshot::Sender<()>> {
        let (mut accepted, mut settled, mut requests, mut closing) = (vec![], vec![], vec![], vec![]);
        let mut feeds = vec![];
        let (mut arrived, now) = (HashSet::new(), self.time.at(Instant::now()));
        for command in commands {
            match command {
                Command::Accept { rows, room, reply } => {
                    // What the group holds has a limit of its own: others may wait in its room.
                    drop(room);
                    let is_kept = !self.has_backend;
                    for row in rows {
                        arrived.insert(row.key.lane);
                        accepted_row(
                            &mut self.group,
                            &mut self.last_id,
                            Row { accepted: now, is_kept, ..row },
                        );
                    }
                    accepted.push(reply);
                }
                Command::Settle { settlement, reply } => {
                    self.group.settle(settlement);
                    settled.push(reply);
                }
                Command::Take { request, reply } => requests.push((request, reply)),
                Command::Advance { sink, settlement, reply } => {
                    self.group.advance(sink, settlement);
                    settled.push(reply);
                }
                Command::Feed { sink, values, reply } => feeds.push((sink, values, reply)),
                Command::Look { reply } => settled.push(reply),
                Command::Close { reply } => closing.push(reply),
                Command::Dropped => {}
            }
        }
        self.commit_if_due();
        // Whoever got an answer finds it in the statistics.
        *locked(&shared.state) = self.statistics();
        let arrived_values = arrived.contains(&Lane::Values);
        for lane in arrived {
            shared.arrival(lane).notify_one();
        }
        shared.sinks_arrival(arrived_values);
        for reply in accepted {
            let _ = reply.send(self.held().map_or(Ok(()), Err));
        }
        for reply in settled {
            let _ = reply.send(());
        }
        for (request, reply) in requests {
            let batch = self.serve(&request);
            let _ = reply.send(batch);
        }
        for (sink, values, reply) in feeds {
            let batch = self.feed(sink, values);
            let _ = reply.send(batch);
        }
        self.log_drops();
        self.show();
        closing
    }

    pub(super) fn statistics(&self) -> Statistics {
        let held = self.group.depth();
        let mut queue = self.lanes.total();
        queue += held;
        let oldest = self.oldest.or_else(|| self.group.rows.front().map(|row| row.accepted));
        Statistics {
            queue,
            held,
            oldest: oldest.map(|oldest| self.time.on_the_wall(oldest, self.clock.now(), Instant::now())),
            dead_letters: self.dead_letters.letters,
            trouble: self.trouble.as_ref().map(|trouble| trouble.reason.clone()),
            sinks: self
                .sinks
                .iter()
                .enumerate()
                .map(|(place, sink)| self.statistics_of(place, sink))
                .collect(),
        }
    }

    fn statistics_of(&self, place: usize, sink: &SinkState) -> SinkStatistics {
        let number = SinkNumber(place);
        let position = self.group.positions.get(number);
        let mut waiting = sink.waiting;
        waiting += self.group.depth_of(number);
        let held = || self.group.rows.iter().find(|row| row.is_behind(position)).map(|row| row.accepted);
        let oldest = sink.oldest.or_else(held);
        SinkStatistics {
            name: sink.settings.name.clone(),
            position: EntryId(position),
            waiting,
            oldest: oldest.map(|oldest| self.time.on_the_wall(oldest, self.clock.now(), Instant::now())),
            dead_letters: sink.dead_letters.letters,
            lost: sink.lost,
        }
    }

    fn show(&self) {
        self.metrics.show(&self.statistics(), self.clock.now());
    }

    fn held(&self) -> Option<SpoolError> {
        let trouble = self.trouble.as_ref()?;
        let (path, reason) = (self.path.clone(), trouble.reason.clone());
        Some(SpoolError::Held { path, held: self.group.rows.len(), reason })
    }

    fn commit_if_due(&mut self) {
        self.look_at_the_clock();
        let now = self.time.at(Instant::now());
        if self.trouble.as_ref().is_some_and(|trouble| !trouble.may_try(now)) {
            self.drop_what_memory_cannot_hold();
            return;
        }
        let is_older = |oldest: Option<Timestamp>, age| oldest.is_some_and(|oldest| now.since(oldest) > age);
        let expires = is_older(self.oldest, self.limits.age)
            || self.sinks.iter().any(|sink| is_older(sink.oldest, sink.settings.age));
        if !self.group.is_empty() || expires || self.has_more || self.was_touched() || self.trouble.is_some()
        {
            self.commit(now);
        }
    }

    /// A clock that leaps makes nothing older: it is logged, not obeyed.
    fn look_at_the_clock(&mut self) {
        let (wall, now) = (self.clock.now(), Instant::now());
        if let Some(Leap { seconds }) = self.time.look(wall, now) {
            warn!(
                spool = %self.path.display(), seconds,
                "the wall clock leapt (or the machine slept): what waits goes by the time that passed"
            );
        }
        let sinks_wait = self.sinks.iter().any(|sink| sink.waiting.reports > 0);
        if self.lanes.total().reports == 0 && self.group.is_empty() && !sinks_wait {
            self.time.follow(wall, now);
        }
    }

    /// Whether another process changed the file since the last look.
    fn was_touched(&mut self) -> bool {
        let version = self.database.as_ref().and_then(|database| foreign_version(database).ok());
        version.is_some_and(|version| version != self.foreign_version)
    }

    fn commit(&mut self, now: Timestamp) {
        let mut outcome = self.write_group(now);
        if let Err(error) = &outcome
            && is_corrupt(error)
        {
            outcome = self.replace_database(error).and_then(|()| self.write_group(now));
        }
        match outcome {
            Ok(()) => self.recovered(now),
            Err(error) => self.refused(&error, now),
        }
    }

    fn write_group(&mut self, now: Timestamp) -> Result<(), SpoolError> {
        if self.database.is_none() {
            self.begin()?;
        }
        let Some(database) = self.database.as_mut() else { return Ok(()) };
        let started = Instant::now();
        let before = Before {
            bytes: self.lanes.total().bytes,
            dead_letters: self.dead_letters,
            last_id: self.last_id,
            wall: self.clock.now(),
            now,
            limits: self.limits,
            sinks: &self.sinks,
        };
        let mut write = || {
            // Deferred would read first and could then fail to write beside a tool's transaction.
            let transaction = Transaction::new(database, TransactionBehavior::Immediate)?;
            let foreign = foreign_version(&transaction)?;
            let mut counted = None;
            if foreign != self.foreign_version {
                counted = Some(feed::counted(&transaction, before.sinks)?);
            }
            let sinks = counted.as_deref().unwrap_or(before.sinks);
            let dead_letters = match &counted {
                None => before.dead_letters,
                Some(_) => DeadLetterQueue::count(&transaction, "")?,
            };
            let changes = self.group.write(&transaction, Before { dead_letters, sinks, ..before })?;
            let oldest = entries::oldest(&transaction)?;
            transaction.commit()?;
            Ok((changes, oldest, foreign))
        };
        let (changes, oldest, foreign) = write().map_err(database_error(&self.path, "writing"))?;
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.commits.inc();
        self.oldest = oldest;
        // A page of marked letters that was full may have a next one.
        let more_marked = changes.retried_letters >= u64::from(RETRIED_PER_GROUP);
        self.foreign_version = if more_marked { UNKNOWN_VERSION } else { foreign };
        self.book(&changes);
        Ok(())
    }

    fn book(&mut self, changes: &Changes) {
        for (key, depth) in &changes.added {
            self.lanes.add(*key, *depth);
            self.metrics.accepted_values.inc_by(depth.values);
        }
        for gone in &changes.removed {
            self.lanes.remove(gone.key, gone.depth);
        }
        for rejected_entry in self.group.rejected.iter().filter(|rejected| rejected.sink.is_empty()) {
            self.metrics.rejected(rejected_entry.kind);
        }
        self.dead_letters = changes.dead_letters;
        self.last_id = changes.last_id;
        self.has_more = changes.has_more;
        self.book_sinks(&changes.sinks);
        self.metrics.retried_letters.inc_by(changes.retried_letters);
        self.metrics.dropped(Limit::DeadLetters, changes.lost_letters);
        for (limit, lost) in [(Limit::Age, changes.expired), (Limit::Disk, changes.pushed_out)] {
            self.dropped(limit, lost);
        }
        self.group = Group::begin(Positions::of(&self.sinks));
    }

    fn dropped(&mut self, limit: Limit, lost: Depth) {
        if lost.reports > 0 {
            self.metrics.dropped(limit, lost.values);
            self.drops.entry(limit).or_default().dropped(lost);
        }
    }

    fn log_drops(&mut self) {
        let now = Instant::now();
        self.log_drops_of_sinks(now);
        for (limit, drops) in &mut self.drops {
            if let Some(Depth { reports, values, .. }) = drops.due(now) {
                warn!(
                    spool = %self.path.display(), limit = limit.as_str(), reports, values,
                    "the oldest reports were dropped at the spool's limit"
                );
            }
        }
    }

    fn recovered(&mut self, now: Timestamp) {
        if let Some(trouble) = self.trouble.take() {
            let seconds = now.since(trouble.since).as_secs();
            info!(spool = %self.path.display(), seconds, "the disk takes reports again, what was held is written");
        }
    }

    fn refused(&mut self, error: &SpoolError, now: Timestamp) {
        self.metrics.write_failures.inc();
        let reason = with_cause(error);
        match &mut self.trouble {
            Some(trouble) => trouble.goes_on(reason, now),
            None => {
                error!(spool = %self.path.display(), %reason, "the disk takes no reports: they are held in memory");
                self.trouble = Some(Trouble::begin(reason, now));
            }
        }
        self.drop_what_memory_cannot_hold();
    }

    fn drop_what_memory_cannot_hold(&mut self) {
        let rows = self.group.shrink(u64::from(self.limits.memory_bytes));
        let lost = rows.iter().filter(|row| !row.is_kept).map(Row::depth).sum();
        self.dropped(Limit::Memory, lost);
        for place in 0..self.sinks.len() {
            let position = self.group.positions.get(SinkNumber(place));
            let lost = rows.iter().filter(|row| row.is_behind(position)).map(Row::depth).sum();
            self.dropped_of_sink(place, Limit::Memory, lost);
        }
    }

    /// Opens the file and counts what it holds.
    fn begin(&mut self) -> Result<(), SpoolError> {
        if let Some(damage) = database::damage_of_log(&self.path) {
            return Err(damage);
        }
        let database = database::open(&self.path)?;
        self.last_id = self
            .last_id
            .max(kept::last_id(&database).map_err(database_error(&self.path, "counting what waits"))?);
        let count = || {
            let mut lanes = Lanes::default();
            for lane in entries::lanes(&database)? {
                lanes.add(lane.key, lane.depth);
            }
            entries::check_index(&database, lanes.total().reports)?;
            let last = entries::last_id(&database)?;
            Ok((lanes, last, DeadLetterQueue::count(&database, "")?, entries::oldest(&database)?))
        };
        let (lanes, EntryId(last), dead_letters, oldest) =
            count().map_err(database_error(&self.path, "counting what waits"))?;
        self.lanes = lanes;
        self.last_id = self.last_id.max(last);
        self.dead_letters = dead_letters;
        self.oldest = oldest;
        self.foreign_version = UNKNOWN_VERSION;
        self.begin_sinks(&database).map_err(database_error(&self.path, "looking where the sinks stand"))?;
        self.database = Some(database);
        Ok(())
    }

    /// Sets a broken file aside and goes on with a new one.
    pub(super) fn replace_database(&mut self, error: &SpoolError) -> Result<(), SpoolError> {
        self.database = None;
        let aside = database::set_aside(&self.path, self.clock.now())
            .map_err(|source| SpoolError::Folder { path: self.path.clone(), source })?;
        self.metrics.set_aside.inc();
        error!(
            spool = %self.path.display(), reason = with_cause(error), kept_as = %aside.display(),
            "the spool is corrupt: it is set aside and a new one is begun"
        );
        self.database = Some(database::open(&self.path)?);
        if let Some(database) = self.database.as_mut() {
            match salvage(&aside, database) {
                Ok(saved) => {
                    info!(
                        entries = saved.entries,
                        dead_letters = saved.dead_letters,
                        "what could be read goes on"
                    );
                }
                Err(error) => warn!(%error, "nothing more could be read of the corrupt spool"),
            }
        }
        self.begin()
    }
}

/// Returns a row its number; there it stands in the order of acceptance.
fn accepted_row(group: &mut Group, last_id: &mut i64, mut row: Row) {
    *last_id += 1;
    row.id = EntryId(*last_id);
    group.add(row);
}

fn foreign_version(database: &Connection) -> rusqlite::Result<i64> {
    database.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

pub(super) fn is_corrupt(error: &SpoolError) -> bool {
    match error {
        SpoolError::Database { source, .. } => database::is_corrupt(source),
        SpoolError::DamagedLog { .. } | SpoolError::Emptied { .. } => true,
        _ => false,
    }
}

fn with_cause(error: &SpoolError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
