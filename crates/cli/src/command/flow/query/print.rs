//! An answer as a table, as JSON, as comma-separated values.

use std::io::{self, Write};

use comfy_table::{CellAlignment, Table, presets};
use grafolean_collector::time::Timestamp;
use grafolean_netflow::query::{Answer, Group, Question, Sums};
use serde_json::{Map, Value, json};

use crate::arguments::FlowQuery;

const COUNTS: [&str; 3] = ["bytes", "packets", "flows"];

pub(super) fn print(query: &FlowQuery, question: &Question, answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match (query.json, query.csv) {
        (true, _) => writeln!(out, "{}", object(question, answer)),
        (_, true) => csv(&mut out, question, answer),
        _ => table(&mut out, question, answer),
    }
}

fn object(question: &Question, answer: &Answer) -> Value {
    let groups: Vec<Value> = answer.groups.iter().map(|group| group_object(question, group)).collect();
    json!({
        "from": Timestamp::as_seconds_f64(question.from),
        "to": Timestamp::as_seconds_f64(question.to),
        "scaled": !question.unscaled,
        "total": counts(&answer.total),
        "groups": groups,
        "groups_in_all": answer.groups_in_all,
        "scanned": {"flows": answer.scanned, "files": answer.files},
    })
}

fn group_object(question: &Question, group: &Group) -> Value {
    let key = question.by.iter().zip(&group.key).map(|(by, value)| {
        let value = match value {
            Some(text) if by.is_number() => {
                text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
            }
            value => json!(value),
        };
        (by.name().to_owned(), value)
    });
    Value::Object(key.chain(counts(&group.sums)).collect())
}

fn counts(sums: &Sums) -> Map<String, Value> {
    COUNTS.into_iter().zip(numbers(sums)).map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

const fn numbers(sums: &Sums) -> [u64; 3] {
    [sums.bytes, sums.packets, sums.flows]
}

/// Without groups the total is the only line.
fn csv(out: &mut impl Write, question: &Question, answer: &Answer) -> io::Result<()> {
    let names: Vec<_> = question.by.iter().map(|by| by.name().to_owned()).collect();
    writeln!(out, "{}", names.into_iter().chain(COUNTS.map(str::to_owned)).collect::<Vec<_>>().join(","))?;
    let total = [Group { key: Vec::new(), sums: answer.total }];
    let groups = if question.by.is_empty() { &total[..] } else { &answer.groups };
    for group in groups {
        let key = group.key.iter().map(|value| value.clone().unwrap_or_default());
        let line: Vec<_> = key.chain(numbers(&group.sums).map(|count| count.to_string())).collect();
        writeln!(out, "{}", line.join(","))?;
    }
    Ok(())
}

fn table(out: &mut impl Write, question: &Question, answer: &Answer) -> io::Result<()> {
    if !question.by.is_empty() {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let names = question.by.iter().map(|by| by.name().to_owned());
        table.set_header(names.chain(COUNTS.map(str::to_owned)).chain(["share".to_owned()]));
        for group in &answer.groups {
            let key = group.key.iter().map(|value| value.clone().unwrap_or_else(|| "-".to_owned()));
            let share = percent(group.sums.bytes, answer.total.bytes);
            table.add_row(key.chain(numbers(&group.sums).map(grouped)).chain([share]));
        }
        for column in table.column_iter_mut().skip(question.by.len()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !answer.groups.is_empty() {
            writeln!(out, "{table}\n")?;
        }
    }
    let [bytes, packets, flows] = numbers(&answer.total).map(grouped);
    write!(out, "{bytes} bytes, {packets} packets, {flows} flows")?;
    let scanned = grouped(answer.scanned);
    if question.by.is_empty() {
        writeln!(out, " of {scanned} looked at in {} files", answer.files)
    } else {
        let groups = grouped(answer.groups_in_all as u64);
        writeln!(out, " in {groups} groups, of {scanned} looked at in {} files", answer.files)
    }
}

/// The share of the bytes, in percent.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

/// Writes a number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    digits.char_indices().fold(String::new(), |mut out, (at, digit)| {
        if at > 0 && at % 3 == first {
            out.push(',');
        }
        out.push(digit);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_thousands() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
