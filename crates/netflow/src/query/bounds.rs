//! What is known of a row group before it is read.

use parquet::file::{metadata::RowGroupMetaData, statistics::Statistics};

use super::attribute::{Attribute, NOT_TOLD};

/// Least and greatest number of an attribute, and whether some flows did not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: i64,
    pub(super) greatest: i64,
    pub(super) gaps: bool,
}

impl Bounds {
    /// Returns the bounds of an attribute in a row group; `None` where nothing is known of them. One whose column is not
    /// there, or was never told, has one value.
    pub(super) fn of(group: &RowGroupMetaData, attribute: Attribute) -> Option<Self> {
        let name = attribute.column()?;
        let Some(column) = group.columns().iter().find(|column| column.column_path().string() == name) else {
            let absent = attribute.when_absent();
            return Some(Self { least: absent, greatest: absent, gaps: false });
        };
        let statistics = column.statistics()?;
        let rows = u64::try_from(group.num_rows()).ok()?;
        let gaps = statistics.null_count_opt()?;
        if gaps == rows {
            return Some(Self { least: NOT_TOLD, greatest: NOT_TOLD, gaps: false });
        }
        let (least, greatest) = match statistics {
            Statistics::Int32(values) => (i64::from(*values.min_opt()?), i64::from(*values.max_opt()?)),
            Statistics::Int64(values) => (*values.min_opt()?, *values.max_opt()?),
            Statistics::Double(values) => {
                (values.min_opt()?.to_bits().cast_signed(), values.max_opt()?.to_bits().cast_signed())
            }
            _ => return None,
        };
        Some(Self { least, greatest, gaps: gaps > 0 })
    }

    /// Returns the one value that all flows have.
    pub(super) fn constant(&self) -> Option<i64> {
        (self.least == self.greatest && !self.gaps).then_some(self.least)
    }
}
