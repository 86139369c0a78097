//! Every block and every record of the journal, read once.

use std::path::Path;

use rusqlite::Connection;

use super::{
    SeriesId, block,
    damage::{self, Damage},
    database,
    error::{Context, PointsError},
    hours, journal, latest,
};

const DOING: &str = "looking through the points";

/// What a look through a hub's folder found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Blocks of values that were read.
    pub blocks: u64,
    /// Values in them, and in the journal.
    pub values: u64,
    /// What is not as it was written.
    pub damaged: Vec<String>,
    /// Pieces that were set aside before, in the table `damaged`.
    pub set_aside: u64,
}

/// Adds what a file holds and what of it is damaged to the findings; changes nothing.
pub(crate) fn check(path: &Path, findings: &mut Findings) -> Result<(), PointsError> {
    let connection = database::open_to_read(path)?;
    let looked = look(&connection, findings);
    looked.map(drop).map_err(|error| error.in_file(path))
}

/// Mends all damaged blocks and newest values of a file; the journal is mended when the store opens.
pub(crate) fn repair(path: &Path) -> Result<(), PointsError> {
    let mut connection = database::open(path)?;
    let damages = look(&connection, &mut Findings::default())?;
    for damage in damages {
        damage::mend(&mut connection, damage).map_err(|error| error.in_file(path))?;
    }
    Ok(())
}

fn look(connection: &Connection, findings: &mut Findings) -> Result<Vec<Damage>, PointsError> {
    let mut damages = Vec::new();
    let mut blocks = connection.prepare("SELECT id, series, first, last, points FROM blocks").doing(DOING)?;
    let mut rows = blocks.query(()).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let series = SeriesId::new(row.get(1).doing(DOING)?);
        let bytes = row.get_ref(4).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        let span: (i64, i64) = (row.get(2).doing(DOING)?, row.get(3).doing(DOING)?);
        let reason = match block::decode(series, bytes) {
            Ok(points) => {
                findings.blocks += 1;
                findings.values += points.len() as u64;
                let ends = points.first().zip(points.last());
                let ends = ends.map(|(first, last)| (first.time.micros(), last.time.micros()));
                (ends != Some(span)).then(|| "its row names other times than it holds".to_owned())
            }
            Err(reason) => Some(reason),
        };
        if let Some(reason) = reason {
            findings.damaged.push(format!("a block of series {series}: {reason}"));
            damages.push(Damage::Block(row.get(0).doing(DOING)?));
        }
    }
    look_at_hours(connection, findings, &mut damages)?;
    for (seq, good, bad) in journal::counts(connection)? {
        findings.values += good;
        if bad > 0 {
            findings.damaged.push(format!("{bad} values of journal row {seq} do not match their checksums"));
        }
    }
    let mut series =
        connection.prepare("SELECT id, latest FROM series WHERE latest IS NOT NULL").doing(DOING)?;
    let mut rows = series.query(()).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let id = SeriesId::new(row.get(0).doing(DOING)?);
        let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        if latest::decode(id, bytes).is_none() {
            findings.damaged.push(format!("the newest value of series {id} does not match its checksum"));
            damages.push(Damage::Latest(id));
        }
    }
    let aside: i64 =
        connection.query_row("SELECT count(*) FROM damaged", (), |row| row.get(0)).doing(DOING)?;
    findings.set_aside = u64::try_from(aside).unwrap_or(0);
    Ok(damages)
}

/// Hours that are damaged read as none until they are set aside.
fn look_at_hours(
    connection: &Connection,
    findings: &mut Findings,
    damages: &mut Vec<Damage>,
) -> Result<(), PointsError> {
    let mut select = connection.prepare("SELECT series, summaries, id FROM hours").doing(DOING)?;
    let mut rows = select.query(()).doing(DOING)?;
    while let Some(row) = rows.next().doing(DOING)? {
        let series = SeriesId::new(row.get(0).doing(DOING)?);
        let bytes = row.get_ref(1).and_then(|value| Ok(value.as_blob()?)).doing(DOING)?;
        match hours::decode(series, bytes) {
            Ok(_) => findings.blocks += 1,
            Err(reason) => {
                findings.damaged.push(format!("hours of series {series}: {reason}"));
                damages.push(Damage::Hours(row.get(2).doing(DOING)?));
            }
        }
    }
    Ok(())
}
