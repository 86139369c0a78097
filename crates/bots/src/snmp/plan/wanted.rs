//! What all due sensors of a device need together.

use std::collections::{BTreeMap, BTreeSet};

use crate::snmp::{Oid, settings::Fetch};

/// ifXTable's rows are those of ifTable (RFC 2863, section 6), so their columns are walked together.
const IF_TABLE: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const IF_X_TABLE: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];

/// Objects and tables, each named once however many sensors want it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    gets: BTreeSet<Oid>,
    walks: BTreeSet<Oid>,
}

impl Wanted {
    /// Adds what a sensor reads.
    pub fn add(&mut self, fetch: &Fetch) {
        match fetch {
            Fetch::Get(oid) => self.get(oid.clone()),
            Fetch::Walk(oid) => self.walk(oid.clone()),
        }
    }

    /// Adds one object.
    pub fn get(&mut self, oid: Oid) {
        self.gets.insert(oid);
    }

    /// Adds all below an object.
    pub fn walk(&mut self, root: Oid) {
        self.walks.insert(root);
    }

    /// Returns the objects, in their order.
    pub(super) fn gets(&self) -> impl Iterator<Item = &Oid> {
        self.gets.iter()
    }

    /// Returns how many requests it takes to ask for each object, and each row of tables of so many rows, alone.
    pub fn requests_alone(&self, rows: usize) -> usize {
        self.gets.len() + self.walks.len() * (rows + 1)
    }

    /// Returns the walks, those of one table together: columns share all arcs but their last.
    pub(super) fn tables(&self) -> Vec<Vec<Oid>> {
        let mut tables: BTreeMap<&[u32], Vec<Oid>> = BTreeMap::new();
        for root in &self.walks {
            let table = root.arcs().split_last().map_or(root.arcs(), |(_, table)| table);
            let table = if table == IF_X_TABLE { IF_TABLE } else { table };
            tables.entry(table).or_default().push(root.clone());
        }
        tables.into_values().collect()
    }
}
