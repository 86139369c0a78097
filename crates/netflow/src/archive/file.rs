//! One Parquet file: row groups in, a file out that is whole or not there.

use std::{
    fs::{self, File},
    io::BufWriter,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Arc, LazyLock},
};

use parquet::{
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::{parser::parse_message_type, types::TypePtr},
};

use super::{ArchiveError, COLUMNS, Column, layout};

static SCHEMA: LazyLock<Result<TypePtr, String>> = LazyLock::new(|| {
    let columns: String = COLUMNS.iter().map(Column::declaration).collect();
    parse_message_type(&format!("message flow {{ {columns} }}"))
        .map(Arc::new)
        .map_err(|error| error.to_string())
});

pub(super) type Out = SerializedFileWriter<BufWriter<File>>;

/// Writes a file whole: `fill` puts its row groups in. It is there under its name once it is synced.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut Out) -> Result<(), ParquetError>,
) -> Result<(), ArchiveError> {
    let schema = SCHEMA.as_ref().map_err(|error| ParquetError::General(error.clone()));
    write_as(path, schema.map_err(ArchiveError::parquet("write", path))?, fill)
}

/// Writes a file of some schema, which an earlier version may have had.
pub(super) fn write_as(
    path: &Path,
    schema: &TypePtr,
    fill: impl FnOnce(&mut Out) -> Result<(), ParquetError>,
) -> Result<(), ArchiveError> {
    let beside = path.with_extension(layout::UNFINISHED);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(ArchiveError::file("create", &beside))?;
    let written = write_into(file, schema, fill).map_err(ArchiveError::parquet("write", &beside));
    let synced = written.and_then(|file| file.sync_data().map_err(ArchiveError::file("sync", &beside)));
    let renamed =
        synced.and_then(|()| fs::rename(&beside, path).map_err(ArchiveError::file("rename", &beside)));
    renamed.inspect_err(|_| {
        // half a file serves nobody, and the disk may be full
        let _ = fs::remove_file(&beside);
    })
}

fn write_into(
    file: File,
    schema: &TypePtr,
    fill: impl FnOnce(&mut Out) -> Result<(), ParquetError>,
) -> Result<File, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("grafolean ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_offset_index_disabled(true)
        .build();
    let mut out = SerializedFileWriter::new(BufWriter::new(file), Arc::clone(schema), Arc::new(properties))?;
    fill(&mut out)?;
    Ok(out.into_inner()?.into_inner().map_err(|error| error.into_error())?)
}
