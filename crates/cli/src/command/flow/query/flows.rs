//! Single flows as a table, as JSON, as comma-separated values.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::query::{FlowRow, Listing, Query};
use serde_json::{Value, json};

use super::Format;
use crate::command::flow::{
    cell::{Cell, grouped},
    columns::{COLUMNS, Column, Counts, USUAL, named, object},
    named::Names,
};

/// Returns the columns that are asked for; none for JSON means those that a flow tells.
pub(super) fn columns(names: &[String], format: Format) -> anyhow::Result<Vec<Column>> {
    match (names, format) {
        ([], Format::Json) => Ok(Vec::new()),
        ([], Format::Csv) => Ok(COLUMNS.to_vec()),
        ([], Format::Table) => named(&USUAL.map(str::to_owned)),
        _ => named(names),
    }
}

/// Returns all that is known of the flows that are shown, each with its column.
pub(super) fn shown(listing: &Listing) -> impl Iterator<Item = (&'static str, String)> {
    listing.flows.iter().flat_map(|row| told(row, COLUMNS))
}

fn told<'a>(row: &'a FlowRow, columns: &'a [Column]) -> impl Iterator<Item = (&'static str, String)> + 'a {
    columns.iter().map(move |column| (column.name, column.of(row, Counts::Exported).plain()))
}

pub(super) fn print(
    format: Format,
    columns: &[Column],
    query: &Query,
    listing: &Listing,
    names: &Names,
) -> io::Result<()> {
    let counts = if query.unscaled { Counts::Exported } else { Counts::Scaled };
    let mut out = io::stdout().lock();
    let rows = listing.flows.iter().map(|row| columns.iter().map(move |column| column.of(row, counts)));
    match format {
        Format::Json => {
            let asked = if columns.is_empty() { COLUMNS } else { columns };
            let flow = |row: &FlowRow| {
                let mut flow = object(row, counts, columns);
                let named = names.object(told(row, asked), row.exporter);
                if let (Some(flow), Some(named)) = (flow.as_object_mut(), named) {
                    flow.insert("names".to_owned(), named);
                }
                flow
            };
            let flows: Vec<Value> = listing.flows.iter().map(flow).collect();
            writeln!(out, "{}", answer(query, listing, flows))
        }
        Format::Csv => {
            writeln!(out, "{}", headings(columns).join(","))?;
            for row in rows {
                writeln!(out, "{}", row.map(|cell| cell.plain()).collect::<Vec<_>>().join(","))?;
            }
            Ok(())
        }
        Format::Table => table(&mut out, columns, rows.map(Iterator::collect).collect(), listing, names),
    }
}

fn headings(columns: &[Column]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name).collect()
}

fn answer(query: &Query, listing: &Listing, flows: Vec<Value>) -> Value {
    let total = &listing.total;
    json!({
        "from": Timestamp::as_seconds_f64(query.from),
        "to": Timestamp::as_seconds_f64(query.to),
        "scaled": !query.unscaled,
        "total": {"bytes": total.bytes, "packets": total.packets, "flows": total.flows},
        "flows": flows,
        "scanned": {
            "flows": listing.scanned.flows, "files": listing.scanned.files, "untimed": listing.scanned.untimed,
        },
    })
}

fn table(
    out: &mut impl Write,
    columns: &[Column],
    rows: Vec<Vec<Cell>>,
    listing: &Listing,
    names: &Names,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headings(columns));
    let right = |place: usize| rows.iter().filter_map(|row| row.get(place)).any(Cell::is_right);
    let to_the_right: Vec<bool> = (0..columns.len()).map(right).collect();
    let shown = rows.len() as u64;
    for (row, flow) in rows.iter().zip(&listing.flows) {
        let cells = row.iter().zip(columns);
        table.add_row(cells.map(|(cell, column)| {
            let text = cell.for_people();
            if cell.is_told() { names.for_people(column.name, text, flow.exporter) } else { text }
        }));
    }
    for (column, _) in table.column_iter_mut().zip(to_the_right).filter(|(_, right)| *right) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if shown > 0 {
        writeln!(out, "{table}\n")?;
    }
    let total = &listing.total;
    let (flows, scanned) = (grouped(total.flows), grouped(listing.scanned.flows));
    write!(out, "{} bytes, {} packets, {flows} flows", grouped(total.bytes), grouped(total.packets))?;
    if shown < total.flows {
        write!(out, ", of which {} are shown (--top)", grouped(shown))?;
    }
    writeln!(out, ", of {scanned} looked at in {} files", listing.scanned.files)
}
