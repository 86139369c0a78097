//! Reading: one reader has a connection of its own and is used by one blocking thread at a time.

use std::{path::Path, sync::Arc};

use grafolean_collector::{
    model::{AccountId, SeriesPath},
    time::Timestamp,
};
use rusqlite::{Connection, Row};
use tokio::sync::mpsc;

use super::{
    Order, PathFilter, Point, SeriesId, Span, block,
    damage::Damage,
    database,
    error::{Context, PointsError},
    latest,
    point::overlay,
    recent::SharedRecent,
    series,
    writer::Command,
};

/// Reads what is stored. What a `put` that has returned has stored is seen.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) recent: Arc<SharedRecent>,
    /// Weak, so that a reader does not keep the writer from ending.
    writer: mpsc::WeakSender<Command>,
}

/// Points of one series, and where to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The points, in the order asked for.
    pub points: Vec<Point>,
    /// The time of the next one, if there are more than were asked for.
    pub next: Option<Timestamp>,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Series of all accounts.
    pub series: u64,
    /// The file, without what is still in its log.
    pub bytes: u64,
}

/// A path with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRow {
    /// Its id.
    pub id: SeriesId,
    /// Its path.
    pub path: String,
}

/// Paths that a filter means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Ascending by path.
    pub rows: Vec<SeriesRow>,
    /// Whether there are more than were asked for.
    pub limit_reached: bool,
}

/// The newest value of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct LastValue {
    /// Its path.
    pub path: String,
    /// The value with its time.
    pub point: Point,
}

/// A series' row.
pub(super) struct Known {
    pub(super) id: SeriesId,
    pub(super) path: String,
    /// The newest sealed point.
    pub(super) sealed: Option<Point>,
}

impl Reader {
    pub(super) fn open(
        path: &Path,
        recent: Arc<SharedRecent>,
        writer: mpsc::WeakSender<Command>,
    ) -> Result<Self, PointsError> {
        Ok(Self { connection: database::open_to_read(path)?, recent, writer })
    }

    /// Has the writer look at what seems damaged. If it has too much to do, the next reading reports it again.
    fn report(&self, damage: Damage) {
        if let Some(writer) = self.writer.upgrade() {
            let _ = writer.try_send(Command::Mend(damage));
        }
    }

    /// Finds a series by its path.
    pub fn series(&self, account: AccountId, path: &SeriesPath) -> Result<Option<SeriesId>, PointsError> {
        series::find(&self.connection, account, path)
    }

    /// Reads at most `limit` points of a series within a span.
    pub fn window(
        &self,
        id: SeriesId,
        span: Span,
        order: Order,
        limit: usize,
    ) -> Result<Window, PointsError> {
        // Memory first: what is sealed in between is then found in a block as well, never in neither.
        let recent = self.recent.read().within(id, span);
        let sealed = self.sealed(id, span, order, limit.saturating_add(1))?;
        let mut points = overlay(sealed, recent);
        if order == Order::Descending {
            points.reverse();
        }
        let next = points.get(limit).map(|point| point.time);
        points.truncate(limit);
        Ok(Window { points, next })
    }

    /// Reads points from blocks, ascending; of more than `most` those at the end that `order` names first. A block that
    /// is damaged costs itself: the others are read.
    fn sealed(&self, id: SeriesId, span: Span, order: Order, most: usize) -> Result<Vec<Point>, PointsError> {
        const DOING: &str = "reading blocks";
        let direction = if order == Order::Ascending { "ASC" } else { "DESC" };
        let mut select = self
            .connection
            .prepare_cached(&format!(
                "SELECT id, first, last, points FROM blocks
                 WHERE series = ?1 AND first < ?3 AND last >= ?2 AND first >= coalesce(
                     (SELECT max(first) FROM blocks WHERE series = ?1 AND first <= ?2), ?2)
                 ORDER BY first {direction}"
            ))
            .doing(DOING)?;
        let mut rows = select.query((id.number(), span.from.micros(), span.until.micros())).doing(DOING)?;
        let mut blocks: Vec<Vec<Point>> = Vec::new();
        let mut found = 0;
        while found < most
            && let Some(row) = rows.next().doing(DOING)?
        {
            let mut points = self.points_of(id, row).doing(DOING)?;
            points.retain(|point| span.contains(point.time));
            found += points.len();
            blocks.push(points);
        }
        if order == Order::Descending {
            blocks.reverse();
        }
        Ok(blocks.concat())
    }

    /// Reads the points of a block's row; what is not as it was written is reported.
    fn points_of(&self, series: SeriesId, row: &Row<'_>) -> rusqlite::Result<Vec<Point>> {
        let points = block::decode(series, row.get_ref("points")?.as_blob()?).unwrap_or_default();
        let times = |point: Option<&Point>| point.map(|point| point.time.micros());
        let expected = (Some(row.get("first")?), Some(row.get("last")?));
        if (times(points.first()), times(points.last())) != expected {
            self.report(Damage::Block(row.get("id")?));
        }
        Ok(points)
    }

    /// Returns the newest point of a series up to and with a moment.
    pub(super) fn newest(&self, known: &Known, at: Timestamp) -> Result<Option<Point>, PointsError> {
        let recent = self.recent.read().newest(known.id, at);
        let sealed = match known.sealed {
            Some(sealed) if sealed.time > at => self.newest_sealed(known.id, at)?,
            sealed => sealed,
        };
        Ok(match (sealed, recent) {
            (Some(sealed), Some(recent)) if sealed.time > recent.time => Some(sealed),
            (sealed, recent) => recent.or(sealed),
        })
    }

    /// Looks for the newest sealed point up to and with a moment in the blocks.
    pub(super) fn newest_sealed(&self, id: SeriesId, at: Timestamp) -> Result<Option<Point>, PointsError> {
        Ok(self.sealed(id, Span::up_to(at), Order::Descending, 1)?.last().copied())
    }

    /// Returns the path of a series.
    pub fn path(&self, account: AccountId, id: SeriesId) -> Result<Option<SeriesRow>, PointsError> {
        const DOING: &str = "reading a path";
        let mut select = self
            .connection
            .prepare_cached("SELECT path FROM series WHERE id = ?1 AND account = ?2")
            .doing(DOING)?;
        let mut rows = select.query((id.number(), account.number())).doing(DOING)?;
        let row = rows.next().doing(DOING)?;
        row.map(|row| Ok(SeriesRow { id, path: row.get(0).doing(DOING)? })).transpose()
    }

    /// Returns at most `limit` paths that a filter means.
    pub fn paths(
        &self,
        account: AccountId,
        filter: &PathFilter,
        limit: usize,
    ) -> Result<Matches, PointsError> {
        let mut matches = Matches::default();
        self.each_path(account, filter, |row| {
            matches.limit_reached = matches.rows.len() >= limit;
            if !matches.limit_reached {
                matches.rows.push(row);
            }
            Ok(!matches.limit_reached)
        })?;
        Ok(matches)
    }

    /// Returns the newest value of each series that a filter means, ascending by path; at most `limit`.
    pub fn last_values(
        &self,
        account: AccountId,
        filter: &PathFilter,
        limit: usize,
    ) -> Result<Vec<LastValue>, PointsError> {
        let mut list = Vec::new();
        self.each_newest(account, filter, |last| {
            list.push(last);
            Ok(list.len() < limit)
        })?;
        Ok(list)
    }

    /// Returns how much there is.
    pub fn extent(&self) -> Result<Extent, PointsError> {
        const DOING: &str = "reading how much there is";
        let number = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, u64>(0)).doing(DOING);
        let (pages, page) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
        Ok(Extent { series: number("SELECT count(*) FROM series")?, bytes: pages.saturating_mul(page) })
    }

    /// Shows the newest value of each series of an account, ascending by path.
    pub fn each_last_value(
        &self,
        account: AccountId,
        mut take: impl FnMut(&str, Point),
    ) -> Result<(), PointsError> {
        self.each_series(account, &PathFilter::any(), |known| {
            if let Some(point) = self.newest(&known, Span::ALL.until)? {
                take(&known.path, point);
            }
            Ok(true)
        })
    }

    /// Shows the newest value of each series that a filter means, ascending by path, until `take` returns false.
    pub fn each_newest(
        &self,
        account: AccountId,
        filter: &PathFilter,
        mut take: impl FnMut(LastValue) -> Result<bool, PointsError>,
    ) -> Result<(), PointsError> {
        self.each_series(account, filter, |known| match self.newest(&known, Span::ALL.until)? {
            Some(point) => take(LastValue { path: known.path, point }),
            None => Ok(true),
        })
    }

    /// Shows each path that a filter means, ascending, until `take` returns false.
    fn each_path(
        &self,
        account: AccountId,
        filter: &PathFilter,
        mut take: impl FnMut(SeriesRow) -> Result<bool, PointsError>,
    ) -> Result<(), PointsError> {
        // These two columns stand in the index already.
        self.each_row("id, path", account, filter, |id, path, _| take(SeriesRow { id, path }))
    }

    /// Shows each series that a filter means, ascending by path, until `take` returns false.
    pub(super) fn each_series(
        &self,
        account: AccountId,
        filter: &PathFilter,
        mut take: impl FnMut(Known) -> Result<bool, PointsError>,
    ) -> Result<(), PointsError> {
        self.each_row("id, path, last, latest", account, filter, |id, path, row| {
            let sealed = self.sealed_of(id, row)?;
            take(Known { id, path, sealed })
        })
    }

    /// Reads the newest sealed point out of a series' row, or out of its blocks if the row is damaged.
    pub(super) fn sealed_of(&self, id: SeriesId, row: &Row<'_>) -> Result<Option<Point>, PointsError> {
        const DOING: &str = "reading a last value";
        let last: Option<i64> = row.get("last").doing(DOING)?;
        let index = row.as_ref().column_index("latest").doing(DOING)?;
        let bytes = row.get_ref(index).and_then(|value| Ok(value.as_blob_or_null()?)).doing(DOING)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let point = latest::decode(id, bytes).filter(|point| last == Some(point.time.micros()));
        if point.is_some() {
            return Ok(point);
        }
        self.report(Damage::Latest(id));
        self.newest_sealed(id, Span::ALL.until)
    }

    fn each_row(
        &self,
        columns: &str,
        account: AccountId,
        filter: &PathFilter,
        mut take: impl FnMut(SeriesId, String, &Row<'_>) -> Result<bool, PointsError>,
    ) -> Result<(), PointsError> {
        const DOING: &str = "reading paths";
        let prefix = filter.prefix();
        let mut select = self
            .connection
            .prepare_cached(&format!(
                "SELECT {columns} FROM series WHERE account = ?1 AND path >= ?2 ORDER BY path"
            ))
            .doing(DOING)?;
        let mut rows = select.query((account.number(), &prefix)).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            let path: String = row.get(1).doing(DOING)?;
            if !path.starts_with(&prefix) {
                break;
            }
            let id = SeriesId::new(row.get(0).doing(DOING)?);
            if filter.matches(&path) && !take(id, path, row)? {
                break;
            }
        }
        Ok(())
    }
}
