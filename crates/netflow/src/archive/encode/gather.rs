//! Flows turned on their side: from one after another to column by column.

use super::{COLUMNS, End, Kind, Record};

/// Flows that are turned at once: they stay in a core's own cache while each column takes its part.
const BLOCK: usize = 512;

/// What flows tell in one place, the untold left out.
#[derive(Debug)]
pub(super) struct Present<T> {
    pub(super) values: Vec<T>,
    /// How many flows were asked.
    pub(super) rows: usize,
    /// Which of them tell it, once one does not.
    told: Vec<bool>,
}

/// What a column takes from flows.
#[derive(Debug)]
pub(super) enum Gathered {
    Numbers(Present<u64>),
    Words(Present<&'static str>),
    /// It is one of an end's three columns.
    Address,
}

/// The columns of a row group, in order, and the addresses that three each of them share. Its memory serves again.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) columns: Vec<Gathered>,
    /// The addresses of each end, by its number.
    pub(super) addresses: [Present<u128>; End::ALL.len()],
}

impl<T> Default for Present<T> {
    fn default() -> Self {
        Self { values: Vec::new(), rows: 0, told: Vec::new() }
    }
}

impl<T> Present<T> {
    /// Returns which flows have it; `None` where all do.
    pub(super) fn which(&self) -> Option<&[bool]> {
        (self.values.len() < self.rows).then_some(&self.told)
    }

    fn clear(&mut self) {
        self.values.clear();
        self.told.clear();
        self.rows = 0;
    }

    #[inline]
    fn take(&mut self, block: &[Record], get: impl Fn(&Record) -> Option<T>) {
        let before = self.values.len();
        self.values.extend(block.iter().filter_map(&get));
        let gaps = self.values.len() - before < block.len();
        if gaps || !self.told.is_empty() {
            self.told.resize(self.rows, true);
            self.told.extend(block.iter().map(|record| get(record).is_some()));
        }
        self.rows += block.len();
    }
}

impl Default for Gathering {
    fn default() -> Self {
        let gathered = |kind| match kind {
            Kind::Address(_) | Kind::High(_) | Kind::Low(_) => Gathered::Address,
            Kind::Word(_) | Kind::Name(_) => Gathered::Words(Present::default()),
            _ => Gathered::Numbers(Present::default()),
        };
        let columns = COLUMNS.iter().map(|column| gathered(column.kind)).collect();
        Self { columns, addresses: Default::default() }
    }
}

impl Gathering {
    /// Gathers flows, in place of those before.
    pub(super) fn gather(&mut self, records: &[Record]) {
        self.clear();
        for block in records.chunks(BLOCK) {
            for (gathered, column) in self.columns.iter_mut().zip(COLUMNS) {
                gathered.take(block, column.kind);
            }
            for (told, end) in self.addresses.iter_mut().zip(End::ALL) {
                told.take(block, |record| record.address(end));
            }
        }
    }

    fn clear(&mut self) {
        for gathered in &mut self.columns {
            match gathered {
                Gathered::Numbers(told) => told.clear(),
                Gathered::Words(told) => told.clear(),
                Gathered::Address => {}
            }
        }
        self.addresses.iter_mut().for_each(Present::clear);
    }
}

impl Gathered {
    fn take(&mut self, block: &[Record], kind: Kind) {
        match (self, kind) {
            (Self::Numbers(told), Kind::Moment(get) | Kind::Known(get)) => {
                told.take(block, |record| Some(get(record).cast_unsigned()));
            }
            (Self::Numbers(told), Kind::MomentIfTold(get) | Kind::Number(get)) => {
                told.take(block, |record| get(record).map(i64::cast_unsigned));
            }
            (Self::Numbers(told), Kind::Small(_, get)) => {
                told.take(block, |record| get(record).map(|number| u64::from(number.cast_unsigned())));
            }
            (Self::Numbers(told), Kind::Factor(get)) => {
                told.take(block, |record| Some(get(record).to_bits()));
            }
            (Self::Numbers(told), Kind::Text(get, _)) => told.take(block, get),
            (Self::Words(told), Kind::Word(get)) => told.take(block, |record| Some(get(record))),
            (Self::Words(told), Kind::Name(get)) => told.take(block, get),
            // the default made each what its kind asks for
            _ => {}
        }
    }
}
