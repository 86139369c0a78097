//! The columns of one table that are walked together, row by row.

use grafolean_collector::time::Timestamp;

use super::{Column, Missing};
use crate::snmp::{Exception, Oid, Value, Varbind};

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
    end: Option<Result<(), Missing>>,
}

/// The columns of one table.
#[derive(Debug)]
pub(super) struct Columns(Vec<Walked>);

impl Columns {
    pub(super) fn new(roots: Vec<Oid>) -> Self {
        let walked = |root: Oid| Walked { cursor: root.clone(), root, rows: Vec::new(), end: None };
        Self(roots.into_iter().map(walked).collect())
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
        self.0.into_iter().map(|Walked { root, rows, end, .. }| {
            (root, Column { rows, end: end.unwrap_or(Err(Missing::OutOfTime)) })
        })
    }
}

impl Walked {
    fn take(&mut self, varbind: Varbind, at: Timestamp, most_rows: u32) {
        let value = match varbind.value {
            // An agent that knows no object here has reached the end of what it knows.
            Err(_) => return self.end = Some(Ok(())),
            Ok(value) => value,
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
}
