//! What is to be said of an exporter: what it sends, what it leaves out, how complete and how true that is, what to change.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use comfy_table::{CellAlignment, Table, presets};
use grafolean_netflow::reconcile::Verdict;

/// Writes the verdicts of an exporter, a paragraph each.
pub(super) fn print(out: &mut impl Write, exporter: IpAddr, verdicts: &[&Verdict]) -> io::Result<()> {
    for verdict in verdicts {
        let several =
            if verdicts.len() > 1 { format!(" (entity {})", verdict.entity) } else { String::new() };
        writeln!(out, "\n{exporter}{several}: {}", verdict.sentence)?;
        if !verdict.missing.is_empty() {
            writeln!(out, "  it leaves out: {}", verdict.missing.join("; "))?;
        }
        for change in &verdict.change {
            writeln!(out, "  to change: {change}")?;
        }
    }
    Ok(())
}

/// Writes each interface of an exporter with its name and how its flows compare with its counters.
pub(super) fn interfaces(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    if verdict.interfaces.is_empty() {
        return Ok(());
    }
    let percent =
        |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["interface", "name", "flows by counters", "in", "out", "minutes"]);
    for its in &verdict.interfaces {
        table.add_row([
            its.index.to_string(),
            its.name.clone().unwrap_or_else(|| "-".to_owned()),
            percent(its.reconciled),
            percent(its.ingress),
            percent(its.egress),
            its.minutes.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    writeln!(out, "\n{table}")
}
