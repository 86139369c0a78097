//! The columns of one table that are walked together, row by row.

use std::collections::HashSet;

use super::{Column, Missing};
use crate::snmp::{Exception, Moment, Oid, Value, Varbind};

/// Objects of one walk over which an agent may stumble before the walk is cut: a table in which more are broken is.
const MOST_SKIPPED: usize = 16;

/// One object of a walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What follows the walked object.
    pub index: Box<[u32]>,
    /// Its value.
    pub value: Value,
    /// When the answer came.
    pub at: Moment,
}

/// A column that is being walked.
#[derive(Debug)]
struct Walked {
    root: Oid,
    /// The last object that came.
    cursor: Oid,
    rows: Vec<Row>,
    /// What is there before the cursor but did not come.
    holes: Vec<(Box<[u32]>, Missing)>,
    /// Where rows may come in any order: those that came.
    seen: Option<HashSet<Box<[u32]>>>,
    end: Option<Result<(), Missing>>,
}

/// What the rows of a walk have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Ascending; one that is not ends the walk.
    Ascending,
    /// Ascending as far as is known; from one on that is not, in any order.
    Learnt,
    /// In any order, while they are new to the walk.
    Any,
}

/// What an answer to a walk showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WalkStep {
    /// One of the columns saw the end of all objects.
    pub(super) saw_end_of_all: bool,
    /// One of them came in another order than ascending.
    pub(super) is_unordered: bool,
}

/// The columns of one table.
#[derive(Debug)]
pub(super) struct Columns(Vec<Walked>);

impl Columns {
    pub(super) fn new(roots: Vec<Oid>) -> Self {
        Self(roots.into_iter().map(Walked::new).collect())
    }

    /// Returns the places of the first few columns that have not ended.
    pub(super) fn open(&self, most: usize) -> Vec<usize> {
        let open = self.0.iter().enumerate().filter(|(_, column)| column.end.is_none());
        open.map(|(place, _)| place).take(most.max(1)).collect()
    }

    /// Returns after which objects the columns at some places go on.
    pub(super) fn cursors(&self, places: &[usize]) -> Vec<Oid> {
        places.iter().filter_map(|place| Some(self.0.get(*place)?.cursor.clone())).collect()
    }

    /// Whether each object of an answer can be what follows in the column whose turn it is. Some agents leave out columns
    /// that have ended, or give column by column what has to come row by row (RFC 3416, section 4.2.3): what would then be
    /// taken for a column's end is another column's row.
    pub(super) fn is_aligned(&self, places: &[usize], varbinds: &[Varbind], repetitions: u32) -> bool {
        let mut columns: Vec<(&Walked, &Oid, bool)> = Vec::with_capacity(places.len());
        for place in places {
            let Some(column) = self.0.get(*place) else { return false };
            columns.push((column, &column.cursor, false));
        }
        let number = columns.len().max(1);
        let firsts = |root: &Oid| {
            let column = self.0.iter().find(|column| column.root == *root)?;
            let known = column.rows.first().map(|row| &*row.index);
            let turn =
                places.iter().position(|place| self.0.get(*place).is_some_and(|it| it.root == *root))?;
            known.or_else(|| varbinds.iter().skip(turn).step_by(number).find_map(|it| it.oid.below(root)))
        };
        let mut has_ended = false;
        for (turn, varbind) in (0..number).cycle().zip(varbinds) {
            let Some((column, cursor, is_over)) = columns.get_mut(turn) else { return false };
            if *is_over || varbind.value.is_err() {
                *is_over |= varbind.value == Err(Exception::EndOfMibView);
                continue;
            }
            if varbind.oid <= **cursor {
                return false;
            }
            if varbind.oid.below(&column.root).is_some() {
                *cursor = &varbind.oid;
                continue;
            }
            (*is_over, has_ended) = (true, true);
            // Behind a column stands the first row of another one, and no other of its rows.
            let others = self.0.iter().filter(|other| other.root != column.root);
            let mut below = others.filter_map(|other| Some((&other.root, varbind.oid.below(&other.root)?)));
            if below.any(|(root, index)| firsts(root).is_some_and(|first| index > first)) {
                return false;
            }
        }
        repetitions > 1 || varbinds.len() == number || !has_ended
    }

    /// Reads an answer for the columns at some places, row by row.
    pub(super) fn take(
        &mut self,
        places: &[usize],
        varbinds: Vec<Varbind>,
        at: Moment,
        most_rows: u32,
        order: Order,
    ) -> WalkStep {
        let mut taken = WalkStep::default();
        for (varbind, place) in varbinds.into_iter().zip(places.iter().cycle()) {
            if let Some(column) = self.0.get_mut(*place).filter(|column| column.end.is_none()) {
                taken.saw_end_of_all |= varbind.value == Err(Exception::EndOfMibView);
                let was_ordered = column.seen.is_none() && order != Order::Any;
                column.take(varbind, at, most_rows, order);
                let is_going_on = column.end.is_none();
                taken.is_unordered |= was_ordered && is_going_on && column.seen.is_some();
            }
        }
        taken
    }

    /// Goes on behind the object over which the agent stumbles in the column at a place: the next row that another
    /// column has, else the next number. Returns whether there is such a place, and the walk has not stumbled too often.
    pub(super) fn skip(&mut self, place: usize, why: &Missing) -> bool {
        let may_skip = |column: &&Walked| column.holes.len() < MOST_SKIPPED && column.seen.is_none();
        let Some(column) = self.0.get(place).filter(may_skip) else { return false };
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
                column.holes.push((next.into(), why.clone()));
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

    /// Returns what came of the walks, all of which have ended.
    pub(super) fn into_columns(self) -> impl Iterator<Item = (Oid, Column)> {
        self.0.into_iter().map(|Walked { root, mut rows, holes, seen, end, .. }| {
            if seen.is_some() {
                rows.sort_by(|a, b| a.index.cmp(&b.index));
            }
            let end = end.unwrap_or(Err(Missing::OutOfTime));
            let hole = holes.first().map_or(Ok(()), |(_, why)| Err(why.clone()));
            (root, Column { rows, holes, cut: end.clone().err(), end: end.and(hole) })
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
        Self { root, cursor, rows: Vec::new(), holes: Vec::new(), seen: None, end: None }
    }

    fn take(&mut self, Varbind { oid, value }: Varbind, at: Moment, most_rows: u32, order: Order) {
        let is_ahead = oid > self.cursor;
        let index = oid.below(&self.root);
        let value = match (value, index) {
            (Ok(value), _) => value,
            (Err(Exception::EndOfMibView), _) => return self.end = Some(Ok(())),
            // A row without a value, behind which others may come.
            (Err(exception), Some(index)) if is_ahead && self.holes.len() < MOST_SKIPPED => {
                self.holes.push((index.into(), exception.into()));
                return self.cursor = oid;
            }
            // Some agents say so of a table that they do not have. Behind rows it is no end: RFC 3416, section 4.2.3.
            (Err(exception), _) => {
                let is_end = self.rows.is_empty() && self.holes.is_empty();
                return self.end = Some(if is_end { Ok(()) } else { Err(exception.into()) });
            }
        };
        let Some(index) = index.filter(|it| is_ahead || (order != Order::Ascending && !it.is_empty())) else {
            return self.end = Some(if is_ahead { Ok(()) } else { Err(Missing::NotIncreasing) });
        };
        let index: Box<[u32]> = index.into();
        if (!is_ahead || order == Order::Any) && self.seen.is_none() {
            self.seen = Some(self.rows.iter().map(|row| row.index.clone()).collect());
        }
        if self.seen.as_mut().is_some_and(|seen| !seen.insert(index.clone())) {
            return self.end = Some(Err(Missing::NotIncreasing));
        }
        if u32::try_from(self.rows.len()).is_ok_and(|rows| rows >= most_rows) {
            return self.end = Some(Err(Missing::TooManyRows(most_rows)));
        }
        self.rows.push(Row { index, value, at });
        self.cursor = oid;
    }

    /// The index of the first row behind an index, whether it came or not.
    fn row_after(&self, index: &[u32]) -> Option<&[u32]> {
        let place = self.rows.partition_point(|row| *row.index <= *index);
        let row = self.rows.get(place).map(|row| &*row.index);
        let holes = self.holes.iter().map(|(hole, _)| &**hole).filter(|hole| *hole > index);
        row.into_iter().chain(holes).min()
    }
}
