//! What sinks get next, and what the writer keeps of them.

use rusqlite::Connection;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{
    database::database_error,
    dead_letters::DeadLetterQueue,
    entry::{Entry, EntryId, Row},
    group::{Group, SinkChange},
    kept,
    metrics::Limit,
    sinks::{Positions, SINK_WINDOW, SinkBatch, SinkNumber, SinkStart, SinkState},
    statistics::Depth,
    writer::{Writer, is_corrupt},
};

impl Writer {
    /// Returns what a sink gets next: about so many values. An error of the disk is told and gives nothing.
    pub(super) fn feed(&mut self, sink: SinkNumber, values: usize) -> Option<SinkBatch> {
        match self.rows_for(sink, values) {
            Ok(rows) => self.batch_of(sink, rows),
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

    fn rows_for(&self, sink: SinkNumber, values: usize) -> rusqlite::Result<Vec<Row>> {
        let Some(state) = self.sinks.get(sink.0) else { return Ok(Vec::new()) };
        let position = self.group.positions.get(sink);
        let (mut weight, mut first) = (0_usize, None);
        let mut wanted = |row: &Row| {
            let within = row.id.0.saturating_sub(*first.get_or_insert(row.id.0)) < SINK_WINDOW;
            let fits = weight == 0 || weight.saturating_add(row.weight()) <= values;
            weight = weight.saturating_add(row.weight());
            within && fits
        };
        let mut is_full = false;
        let mut rows = match &self.database {
            Some(database) => kept::seen(database, &state.settings.name, position, |row| {
                let is_wanted = wanted(row);
                is_full |= !is_wanted;
                is_wanted
            })?,
            None => Vec::new(),
        };
        if !is_full {
            let held = self.group.rows.iter().filter(|row| row.is_behind(position));
            rows.extend(held.take_while(|row| wanted(row)).cloned());
        }
        Ok(rows)
    }

    fn batch_of(&mut self, sink: SinkNumber, rows: Vec<Row>) -> Option<SinkBatch> {
        let state = self.sinks.get_mut(sink.0)?;
        let (first, last) = (rows.first()?.id, rows.last()?.id);
        let sent_at_most = first.0.saturating_add(SINK_WINDOW).saturating_sub(1);
        let sent_at_most = sent_at_most.min(state.last_at_start.unwrap_or(sent_at_most));
        let doubtful_to = *state.doubtful_to.get_or_insert(sent_at_most);
        let (mut entries, mut unreadable) = (Vec::<Entry>::with_capacity(rows.len()), Vec::new());
        for row in rows {
            match row.decode() {
                Ok(entry) => entries.push(entry),
                Err((row, error)) => unreadable.push(row.unreadable(&error).of_sink(&state.settings.name)),
            }
        }
        Some(SinkBatch { entries, unreadable, up_to: last, doubtful_to: EntryId(doubtful_to) })
    }

    /// Looks where the sinks stand, places those that are new, and forgets those that are gone.
    pub(super) fn begin_sinks(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let transaction = database.unchecked_transaction()?;
        let names: Vec<&str> = self.sinks.iter().map(|sink| sink.settings.name.as_str()).collect();
        for name in kept::forget_others(&transaction, &names)? {
            info!(spool = %self.path.display(), sink = name, "this sink is no more: what waited for it is given up");
        }
        if names.is_empty() {
            return transaction.commit();
        }
        for place in 0..self.sinks.len() {
            self.begin_sink(&transaction, place)?;
        }
        let mut positions = Positions::of(&self.sinks);
        for (sink, position) in self.group.positions.iter() {
            positions.advance(sink, position);
        }
        self.group.stand_at(positions);
        transaction.commit()
    }

    fn begin_sink(&mut self, database: &Connection, place: usize) -> rusqlite::Result<()> {
        let (last_id, known) = (self.last_id, self.group.positions.known(SinkNumber(place)));
        let Some(sink) = self.sinks.get_mut(place) else { return Ok(()) };
        sink.last_at_start.get_or_insert(last_id);
        let name = &sink.settings.name;
        let position = match kept::position(database, name)?.or(known) {
            Some(position) => position,
            None => {
                // Nothing was ever sent.
                sink.doubtful_to = Some(0);
                match sink.settings.start {
                    SinkStart::Now => last_id,
                    SinkStart::Waiting => 0,
                }
            }
        };
        kept::set_position(database, name, position)?;
        sink.position = position;
        sink.waiting = kept::depth(database, name, position, i64::MAX)?;
        sink.oldest = kept::oldest(database, name, position)?.map(|oldest| oldest.accepted);
        sink.dead_letters = DeadLetterQueue::count(database, name)?;
        Ok(())
    }

    pub(super) fn book_sinks(&mut self, changes: &[SinkChange]) {
        for rejected in &self.group.rejected {
            self.metrics.rejected_of_sink(&rejected.sink, rejected.kind);
        }
        for (place, change) in changes.iter().enumerate() {
            if let Some(sink) = self.sinks.get_mut(place) {
                sink.position = change.position;
                sink.waiting = change.waiting;
                sink.oldest = change.oldest;
                sink.dead_letters = change.dead_letters;
            }
            self.dropped_of_sink(place, Limit::Age, change.expired);
            self.dropped_of_sink(place, Limit::Disk, change.pushed_out);
        }
    }

    pub(super) fn dropped_of_sink(&mut self, place: usize, limit: Limit, lost: Depth) {
        if lost.reports == 0 {
            return;
        }
        if let Some(sink) = self.sinks.get_mut(place) {
            sink.lost += lost;
            self.metrics.dropped_of_sink(&sink.settings.name, limit, lost.values);
            self.drops_of_sinks.entry((place, limit)).or_default().dropped(lost);
        }
    }

    pub(super) fn log_drops_of_sinks(&mut self, now: Instant) {
        for ((place, limit), drops) in &mut self.drops_of_sinks {
            if let (Some(sink), Some(Depth { reports, values, .. })) =
                (self.sinks.get(*place), drops.due(now))
            {
                warn!(
                    spool = %self.path.display(), sink = sink.settings.name, limit = limit.as_str(), reports, values,
                    "the oldest reports that waited for a sink were dropped at its limit"
                );
            }
        }
    }
}

impl Group {
    /// Puts the sinks where they stand; what is ahead of the disk is written with the next group.
    fn stand_at(&mut self, positions: Positions) {
        self.has_moved |= self.positions != positions && !self.positions.is_empty();
        self.positions = positions;
    }
}

/// Returns sinks with their dead letters as they are counted, since a tool may have changed them.
pub(super) fn counted(database: &Connection, sinks: &[SinkState]) -> rusqlite::Result<Vec<SinkState>> {
    let mut counted = sinks.to_vec();
    for sink in &mut counted {
        sink.dead_letters = DeadLetterQueue::count(database, &sink.settings.name)?;
    }
    Ok(counted)
}
