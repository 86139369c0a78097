//! Parts put together: their row groups are copied as they are, nothing is decoded.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use parquet::{
    column::writer::ColumnCloseResult,
    errors::ParquetError,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};
use tracing::warn;

use super::{ArchiveError, file};

/// Joins several files into one, in order. Those that are damaged, as after a power cut, are set aside and logged. Returns the flows
/// in it; none, and no file, where no piece could be read.
pub(super) fn assemble(pieces: &[PathBuf], target: &Path) -> Result<u64, ArchiveError> {
    let mut whole = Vec::new();
    for path in pieces {
        match open(path) {
            Ok(piece) => whole.push(piece),
            Err(error) => set_aside(path, &error),
        }
    }
    let flows = whole.iter().map(|(_, metadata)| metadata.file_metadata().num_rows());
    let flows = u64::try_from(flows.sum::<i64>()).unwrap_or(0);
    if flows == 0 {
        return Ok(0);
    }
    if let Some(folder) = target.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(ArchiveError::file("make the folder", folder))?;
    }
    // pieces of before an update have fewer columns
    let schema = |metadata: &ParquetMetaData| metadata.file_metadata().schema_descr().root_schema_ptr();
    let Some(of_all) = whole.first().map(|(_, metadata)| schema(metadata)) else { return Ok(0) };
    file::write_as(target, &of_all, |out| {
        for (source, metadata) in &whole {
            if schema(metadata) != of_all {
                return Err(ParquetError::General("the pieces have different columns".to_owned()));
            }
            for group in metadata.row_groups() {
                let mut row_group = out.next_row_group()?;
                for column in group.columns() {
                    let closed = ColumnCloseResult {
                        bytes_written: u64::try_from(column.compressed_size())?,
                        rows_written: u64::try_from(group.num_rows())?,
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: None,
                        offset_index: None,
                    };
                    row_group.append_column(source, closed)?;
                }
                row_group.close()?;
            }
        }
        Ok(())
    })?;
    Ok(flows)
}

fn open(path: &Path) -> Result<(File, ParquetMetaData), ParquetError> {
    let file = File::open(path)?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
    Ok((file, metadata))
}

fn set_aside(path: &Path, error: &ParquetError) {
    let aside = path.with_extension("damaged");
    let moved = fs::rename(path, &aside);
    warn!(path = %aside.display(), %error, moved = moved.is_ok(), "raw flows that can't be read are set aside");
}
