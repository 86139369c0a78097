//! Sums as a table, as JSON, as comma-separated values.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::query::{Answer, By, Group, GroupTimes, Query, Sums};
use serde_json::{Map, Value, json};

use super::Format;
use crate::command::flow::{
    cell::{Cell, grouped},
    named::Names,
};

/// What is shown of a group beside its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Bytes,
    Packets,
    Flows,
    /// Bits a second, from the first packet of all to the last.
    BitRate,
    PacketRate,
    PacketBytes,
    Duration,
    First,
    Last,
}

const NAMES: [(&str, Column); 9] = [
    ("bytes", Column::Bytes),
    ("packets", Column::Packets),
    ("flows", Column::Flows),
    ("bps", Column::BitRate),
    ("pps", Column::PacketRate),
    ("bpp", Column::PacketBytes),
    ("duration", Column::Duration),
    ("first", Column::First),
    ("last", Column::Last),
];

/// Returns the columns that are asked for, else the counts.
///
/// # Errors
/// Fails with the first name that is none, and those that are.
pub(super) fn columns(names: &[String], by: &[By]) -> anyhow::Result<Vec<Column>> {
    if names.is_empty() {
        return Ok(vec![Column::Bytes, Column::Packets, Column::Flows]);
    }
    let of = |name: &String| {
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
        found.map(|(_, column)| *column).ok_or_else(|| {
            let what = if by.is_empty() { "a total" } else { "groups" };
            let known = NAMES.map(|(known, _)| known).join(", ");
            anyhow::anyhow!("--columns: {name:?} is invalid for {what}: expected {known}; --list has more")
        })
    };
    names.iter().map(of).collect()
}

impl Column {
    /// Whether it follows from when flows passed.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Self::BitRate | Self::PacketRate | Self::Duration | Self::First | Self::Last)
    }

    fn name(self) -> &'static str {
        NAMES.iter().find(|(_, column)| *column == self).map_or("", |(name, _)| name)
    }

    fn of(self, sums: &Sums, times: Option<&GroupTimes>) -> Cell {
        let rate = |count: u64| Cell::count(times.and_then(|times| times.rate(count)));
        match self {
            Self::Bytes => Cell::Count(sums.bytes),
            Self::Packets => Cell::Count(sums.packets),
            Self::Flows => Cell::Count(sums.flows),
            Self::BitRate => rate(sums.bytes.saturating_mul(8)),
            Self::PacketRate => rate(sums.packets),
            Self::PacketBytes => Cell::count(sums.bytes.checked_div(sums.packets)),
            Self::Duration => Cell::span(times.and_then(|times| times.duration)),
            Self::First => Cell::time(times.and_then(|times| times.first)),
            Self::Last => Cell::time(times.and_then(|times| times.last)),
        }
    }
}

pub(super) fn print(
    format: Format,
    columns: &[Column],
    query: &Query,
    answer: &Answer,
    names: &Names,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => writeln!(out, "{}", object(columns, query, answer, names)),
        Format::Csv => csv(&mut out, columns, query, answer),
        Format::Table => table(&mut out, columns, query, answer, names),
    }
}

/// Returns the keys that are shown, each with what it is of.
pub(super) fn shown<'a>(query: &'a Query, answer: &'a Answer) -> impl Iterator<Item = (&'a str, String)> {
    answer.groups.iter().flat_map(move |group| keys(query, group))
}

fn keys<'a>(query: &'a Query, group: &'a Group) -> impl Iterator<Item = (&'a str, String)> {
    let keys = query.by.iter().zip(&group.key);
    keys.filter_map(|(by, value)| Some((by.name(), value.clone()?)))
}

/// Returns the exporter of a group, where it is of one.
fn exporter_of(query: &Query, group: &Group) -> Option<IpAddr> {
    keys(query, group).find(|(name, _)| *name == "exporter")?.1.parse().ok()
}

fn object(columns: &[Column], query: &Query, answer: &Answer, names: &Names) -> Value {
    let groups = answer.groups.iter().map(|group| {
        let mut object = group_object(columns, query, group);
        let named = names.object(keys(query, group), exporter_of(query, group));
        if let (Some(object), Some(named)) = (object.as_object_mut(), named) {
            object.insert("names".to_owned(), named);
        }
        object
    });
    json!({
        "from": Timestamp::as_seconds_f64(query.from),
        "to": Timestamp::as_seconds_f64(query.to),
        "scaled": !query.unscaled,
        "total": counts(columns, &answer.total, answer.times.as_ref()),
        "groups": groups.collect::<Vec<_>>(),
        "groups_in_all": answer.groups_in_all,
        "scanned": {
            "flows": answer.scanned.flows, "files": answer.scanned.files, "untimed": answer.scanned.untimed,
        },
    })
}

fn group_object(columns: &[Column], query: &Query, group: &Group) -> Value {
    let key = query.by.iter().zip(&group.key).map(|(by, value)| {
        let value = match value {
            Some(text) if by.is_number() => {
                text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
            }
            value => json!(value),
        };
        (by.name().to_owned(), value)
    });
    Value::Object(key.chain(counts(columns, &group.sums, group.times.as_ref())).collect())
}

fn counts(columns: &[Column], sums: &Sums, times: Option<&GroupTimes>) -> Map<String, Value> {
    columns.iter().map(|column| (column.name().to_owned(), column.of(sums, times).json())).collect()
}

/// Without groups the total is the only line.
fn csv(out: &mut impl Write, columns: &[Column], query: &Query, answer: &Answer) -> io::Result<()> {
    let names = query.by.iter().map(By::name).chain(columns.iter().map(|column| column.name()));
    writeln!(out, "{}", names.collect::<Vec<_>>().join(","))?;
    let total = [Group { key: Vec::new(), sums: answer.total, times: answer.times }];
    let groups = if query.by.is_empty() { &total[..] } else { &answer.groups };
    for group in groups {
        let key = group.key.iter().map(|value| value.clone().unwrap_or_default());
        let values = columns.iter().map(|column| column.of(&group.sums, group.times.as_ref()).plain());
        writeln!(out, "{}", key.chain(values).collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}

fn table(
    out: &mut impl Write,
    columns: &[Column],
    query: &Query,
    answer: &Answer,
    names: &Names,
) -> io::Result<()> {
    if !query.by.is_empty() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let headings = query.by.iter().map(By::name).chain(columns.iter().map(|column| column.name()));
        table.set_header(headings.chain(["share"]));
        for group in &answer.groups {
            let exporter = exporter_of(query, group);
            let key = query.by.iter().zip(&group.key).map(|(by, value)| match value {
                Some(value) => names.for_people(by.name(), value.clone(), exporter),
                None => "-".to_owned(),
            });
            let values =
                columns.iter().map(|column| column.of(&group.sums, group.times.as_ref()).for_people());
            let share = percent(group.sums.bytes, answer.total.bytes);
            table.add_row(key.chain(values).chain([share]));
        }
        for column in table.column_iter_mut().skip(query.by.len()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !answer.groups.is_empty() {
            writeln!(out, "{table}\n")?;
        }
    }
    let Sums { bytes, packets, flows } = answer.total;
    write!(out, "{} bytes, {} packets, {} flows", grouped(bytes), grouped(packets), grouped(flows))?;
    let others =
        columns.iter().filter(|column| !matches!(column, Column::Bytes | Column::Packets | Column::Flows));
    for column in others {
        write!(out, ", {} {}", column.of(&answer.total, answer.times.as_ref()).for_people(), column.name())?;
    }
    let scanned = grouped(answer.scanned.flows);
    let files = answer.scanned.files;
    if query.by.is_empty() {
        return writeln!(out, " of {scanned} looked at in {files} files");
    }
    writeln!(
        out,
        " in {} groups, of {scanned} looked at in {files} files",
        grouped(answer.groups_in_all as u64)
    )?;
    if query.by.iter().any(By::is_either) {
        writeln!(out, "a flow counts for each of its ends: groups add up to more than the total")?;
    }
    Ok(())
}

/// Returns the share of the bytes, in percent.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}
