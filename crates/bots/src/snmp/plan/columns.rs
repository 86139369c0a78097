//! The columns of one table that are walked together, row by row.

use grafolean_collector::time::Timestamp;

use super::{Column, Missing};
use crate::snmp::{Exception, Oid, Value, Varbind};

/// Objects of one walk over which an agent may stumble before the walk is cut: a table in which more are broken is.
const MOST_SKIPPED: u32 = 16;

/// One object of a walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What follows the walked object.
    pub index: Box<[u32]>,
    /// Its value.
    pub value: Value,
    /// When the answer came.
    pub at: Timestamp,
}

/// A column that is being walked.
#[derive(Debug)]
struct Walked {
    root: Oid,
    /// The last object that came.
    cursor: Oid,
    rows: Vec<Row>,
    /// Why something before the cursor is not there, and how often that happened.
    hole: Option<Missing>,
    skipped: u32,
    end: Option<Result<(), Missing>>,
}

/// The columns of one table.
#[derive(Debug)]
pub(super) struct Columns(Vec<Walked>);

impl Columns {
    pub(super) fn new(roots: Vec<Oid>) -> Self {
        Self(roots.into_iter().map(Walked::new).collect())
    }

    /// Gives the places of the first few columns that have not ended.
    pub(super) fn open(&self, most: usize) -> Vec<usize> {
        let open = self.0.iter().enumerate().filter(|(_, column)| column.end.is_none());
        open.map(|(place, _)| place).take(most.max(1)).collect()
    }

    /// Gives after which objects the columns at some places go on.
    pub(super) fn cursors(&self, places: &[usize]) -> Vec<Oid> {
        places.iter().filter_map(|place| Some(self.0.get(*place)?.cursor.clone())).collect()
    }

    /// Takes an answer for the columns at some places, row by row; gives whether one of them saw the end of all.
    pub(super) fn take(
        &mut self,
        places: &[usize],
        varbinds: Vec<Varbind>,
        at: Timestamp,
        most_rows: u32,
    ) -> bool {
        let mut saw_end_of_all = false;
        for (varbind, place) in varbinds.into_iter().zip(places.iter().cycle()) {
            if let Some(column) = self.0.get_mut(*place).filter(|column| column.end.is_none()) {
                saw_end_of_all |= varbind.value == Err(Exception::EndOfMibView);
                column.take(varbind, at, most_rows);
            }
        }
        saw_end_of_all
    }

    /// Goes on behind the object over which the agent stumbles in the column at a place: the next row that another
    /// column has, else the next number. Gives whether there is such a place, and the walk has not stumbled too often.
    pub(super) fn skip(&mut self, place: usize, why: &Missing) -> bool {
        let Some(column) = self.0.get(place).filter(|column| column.skipped < MOST_SKIPPED) else {
            return false;
        };
        let index = column.cursor.below(&column.root).unwrap_or_default();
        let others = self.0.iter().filter_map(|other| other.row_after(index)).min();
        let next = match (others, index.split_last()) {
            (Some(next), _) => next.to_vec(),
            (None, Some((last, before))) => [before, &[last.saturating_add(1)]].concat(),
            (None, None) => return false,
        };
        let Ok(cursor) = Oid::new([column.root.arcs(), &next].concat()) else { return false };
        match self.0.get_mut(place).filter(|column| column.cursor < cursor) {
            Some(column) => {
                column.cursor = cursor;
                column.skipped += 1;
                column.hole.get_or_insert_with(|| why.clone());
                true
            }
            None => false,
        }
    }

    /// Ends the column at a place.
    pub(super) fn end(&mut self, place: usize, end: Result<(), Missing>) {
        if let Some(column) = self.0.get_mut(place) {
            column.end.get_or_insert(end);
        }
    }

    /// Ends all that go on.
    pub(super) fn cut(&mut self, why: &Missing) {
        for column in &mut self.0 {
            column.end.get_or_insert_with(|| Err(why.clone()));
        }
    }

    /// Gives what came of the walks, all of which have ended.
    pub(super) fn into_columns(self) -> impl Iterator<Item = (Oid, Column)> {
        self.0.into_iter().map(|Walked { root, rows, hole, end, .. }| {
            let end = end.unwrap_or(Err(Missing::OutOfTime));
            (root, Column { rows, end: end.and(hole.map_or(Ok(()), Err)) })
        })
    }
}

impl Walked {
    fn new(root: Oid) -> Self {
        let cursor = match *root.arcs() {
            // No message can name a single arc; nothing lies between it and this.
            [arc] => Oid::new([arc, 0]).unwrap_or_else(|_| root.clone()),
            _ => root.clone(),
        };
        Self { root, cursor, rows: Vec::new(), hole: None, skipped: 0, end: None }
    }

    fn take(&mut self, varbind: Varbind, at: Timestamp, most_rows: u32) {
        let value = match varbind.value {
            Ok(value) => value,
            // Some agents say so of a table that they do not have. Behind rows it is no end: RFC 3416, section 4.2.3.
            Err(exception @ (Exception::NoSuchObject | Exception::NoSuchInstance)) => {
                let is_end = self.rows.is_empty();
                return self.end = Some(if is_end { Ok(()) } else { Err(exception.into()) });
            }
            Err(Exception::EndOfMibView) => return self.end = Some(Ok(())),
        };
        if varbind.oid <= self.cursor {
            return self.end = Some(Err(Missing::NotIncreasing));
        }
        let Some(index) = varbind.oid.below(&self.root) else { return self.end = Some(Ok(())) };
        if u32::try_from(self.rows.len()).is_ok_and(|rows| rows >= most_rows) {
            return self.end = Some(Err(Missing::TooManyRows(most_rows)));
        }
        self.rows.push(Row { index: index.into(), value, at });
        self.cursor = varbind.oid;
    }

    /// The index of the first row behind an index.
    fn row_after(&self, index: &[u32]) -> Option<&[u32]> {
        let place = self.rows.partition_point(|row| *row.index <= *index);
        self.rows.get(place).map(|row| &*row.index)
    }
}
