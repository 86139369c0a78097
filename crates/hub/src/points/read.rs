//! Reading: one reader has a connection of its own and is used by one blocking thread at a time.

use std::{path::Path, sync::Arc};

use grafolean_collector::{
    model::{AccountId, SeriesPath},
    time::Timestamp,
};
use rusqlite::Connection;

use super::{
    Order, PathFilter, Point, SeriesId, Span, block, database,
    error::{Doing, PointsError},
    point::overlay,
    recent::SharedRecent,
    series,
};

/// Reads what is stored. What a `put` that has returned has stored is seen.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    recent: Arc<SharedRecent>,
}

/// Points of one series, and where to go on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The points, in the order asked for.
    pub points: Vec<Point>,
    /// The time of the next one, if there are more than were asked for.
    pub next: Option<Timestamp>,
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

/// The highest values of one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// The moment.
    pub time: Timestamp,
    /// The sum of all values of that moment that the filter means.
    pub total: f64,
    /// The highest ones, descending.
    pub list: Vec<(String, f64)>,
}

impl Reader {
    pub(super) fn open(path: &Path, recent: Arc<SharedRecent>) -> Result<Self, PointsError> {
        Ok(Self { connection: database::open_to_read(path)?, recent })
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

    /// Reads points from blocks, ascending; of more than `most` those at the end that `order` names first.
    fn sealed(&self, id: SeriesId, span: Span, order: Order, most: usize) -> Result<Vec<Point>, PointsError> {
        const DOING: &str = "reading blocks";
        let direction = if order == Order::Ascending { "ASC" } else { "DESC" };
        let mut select = self
            .connection
            .prepare_cached(&format!(
                "SELECT first, points FROM blocks
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
            let first: i64 = row.get(0).doing(DOING)?;
            let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
            let mut points = block::decode(bytes).map_err(|reason| damaged(id, first, reason))?;
            points.retain(|point| span.contains(point.time));
            found += points.len();
            blocks.push(points);
        }
        if order == Order::Descending {
            blocks.reverse();
        }
        Ok(blocks.concat())
    }

    /// Gives the newest point of a series up to and with a moment.
    pub fn newest(&self, id: SeriesId, at: Timestamp) -> Result<Option<Point>, PointsError> {
        match self.last_value(id)? {
            Some(last) if last.time > at => {
                Ok(self.window(id, Span::up_to(at), Order::Descending, 1)?.points.first().copied())
            }
            last => Ok(last),
        }
    }

    /// Gives the path of a series.
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

    /// Gives at most `limit` paths that a filter means.
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

    /// Gives the newest value of each series that a filter means, ascending by path; at most `limit`.
    pub fn last_values(
        &self,
        account: AccountId,
        filter: &PathFilter,
        limit: usize,
    ) -> Result<Vec<LastValue>, PointsError> {
        let mut list = Vec::new();
        self.each_path(account, filter, |row| {
            if let Some(point) = self.last_value(row.id)? {
                list.push(LastValue { path: row.path, point });
            }
            Ok(list.len() < limit)
        })?;
        Ok(list)
    }

    /// Gives the newest point of a series; no block has to be decompressed for it.
    fn last_value(&self, id: SeriesId) -> Result<Option<Point>, PointsError> {
        const DOING: &str = "reading a last value";
        let recent = self.recent.read().newest(id);
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT last, last_value FROM blocks WHERE series = ?1 ORDER BY first DESC LIMIT 1",
            )
            .doing(DOING)?;
        let mut rows = select.query([id.number()]).doing(DOING)?;
        let sealed = match rows.next().doing(DOING)? {
            None => None,
            Some(row) => Some(Point {
                time: Timestamp::from_micros(row.get(0).doing(DOING)?),
                value: row.get(1).doing(DOING)?,
            }),
        };
        Ok(match (sealed, recent) {
            (Some(sealed), Some(recent)) if sealed.time > recent.time => Some(sealed),
            (sealed, recent) => recent.or(sealed),
        })
    }

    /// Finds the newest moment up to and with `at` at which any series that a filter means has a value, and gives
    /// the highest `most` values of that moment.
    pub fn top(
        &self,
        account: AccountId,
        filter: &PathFilter,
        at: Timestamp,
        most: usize,
    ) -> Result<Option<Top>, PointsError> {
        let mut newest: Option<(Timestamp, Vec<(String, f64)>)> = None;
        self.each_path(account, filter, |row| {
            if let Some(point) = self.newest(row.id, at)? {
                match &mut newest {
                    Some((time, list)) if *time == point.time => list.push((row.path, point.value)),
                    Some((time, _)) if *time > point.time => {}
                    newest => *newest = Some((point.time, vec![(row.path, point.value)])),
                }
            }
            Ok(true)
        })?;
        Ok(newest.map(|(time, mut list)| {
            let total = list.iter().map(|(_, value)| value).sum();
            list.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            list.truncate(most);
            Top { time, total, list }
        }))
    }

    /// Shows each path that a filter means, ascending, until `take` says false.
    fn each_path(
        &self,
        account: AccountId,
        filter: &PathFilter,
        mut take: impl FnMut(SeriesRow) -> Result<bool, PointsError>,
    ) -> Result<(), PointsError> {
        const DOING: &str = "reading paths";
        let prefix = filter.prefix();
        let mut select = self
            .connection
            .prepare_cached("SELECT id, path FROM series WHERE account = ?1 AND path >= ?2 ORDER BY path")
            .doing(DOING)?;
        let mut rows = select.query((account.number(), &prefix)).doing(DOING)?;
        while let Some(row) = rows.next().doing(DOING)? {
            let path: String = row.get(1).doing(DOING)?;
            if !path.starts_with(&prefix) {
                break;
            }
            let id = SeriesId::new(row.get(0).doing(DOING)?);
            if filter.matches(&path) && !take(SeriesRow { id, path })? {
                break;
            }
        }
        Ok(())
    }
}

fn damaged(id: SeriesId, first: i64, reason: String) -> PointsError {
    let place = format!("of series {id} that begins at {}", Timestamp::from_micros(first));
    PointsError::Damaged { what: "block", place, reason }
}
