//! Flows turned on their side: from one after another to column by column.

use super::{COLUMNS, End, Kind, Record};

/// Flows that are turned at once: they stay in a core's own cache while each column takes its part.
const BLOCK: usize = 512;

/// What flows tell in one place, the untold left out.
#[derive(Debug)]
pub(super) struct Told<T> {
    pub(super) values: Vec<T>,
    /// How many flows were asked.
    pub(super) rows: usize,
    /// Which of them tell it, once one does not.
    told: Vec<bool>,
}

/// What a column takes from flows.
#[derive(Debug)]
pub(super) enum Gathered {
    Numbers(Told<u64>),
    Words(Told<&'static str>),
    /// It is one of an end's three columns.
    Address,
}

/// The columns of a row group, in order, and the addresses that three each of them share. Its memory serves again.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) columns: Vec<Gathered>,
    pub(super) source: Told<u128>,
    pub(super) destination: Told<u128>,
    pub(super) exporter: Told<u128>,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { values: Vec::new(), rows: 0, told: Vec::new() }
    }
}

impl<T> Told<T> {
    /// Gives which flows tell it; `None` where all do.
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
            Kind::Word(_) => Gathered::Words(Told::default()),
            _ => Gathered::Numbers(Told::default()),
        };
        let columns = COLUMNS.iter().map(|column| gathered(column.kind)).collect();
        Self { columns, source: Told::default(), destination: Told::default(), exporter: Told::default() }
    }
}

impl Gathering {
    /// Takes flows, in place of those before.
    pub(super) fn gather(&mut self, records: &[Record]) {
        self.clear();
        for block in records.chunks(BLOCK) {
            for (gathered, column) in self.columns.iter_mut().zip(COLUMNS) {
                gathered.take(block, column.kind);
            }
            self.source.take(block, |record| record.address(End::Source));
            self.destination.take(block, |record| record.address(End::Destination));
            self.exporter.take(block, |record| record.address(End::Exporter));
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
        for told in [&mut self.source, &mut self.destination, &mut self.exporter] {
            told.clear();
        }
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
            (Self::Words(told), Kind::Word(get)) => told.take(block, |record| Some(get(record))),
            // the default made each what its kind asks for
            _ => {}
        }
    }
}
