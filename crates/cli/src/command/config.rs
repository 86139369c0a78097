//! `grafolean config`: what is in force, and from where.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::{
    config::{Config, InForce, Origin},
    failure::Outcome,
};

/// Prints every setting with its value and its origin.
pub(crate) fn show(config: &Config, as_json: bool) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &object(config))?;
        writeln!(out)?;
    } else {
        let rows: Vec<[String; 3]> = config.in_force.iter().map(row).collect();
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
        let (name_width, value_width) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
        for [name, value, from] in &rows {
            writeln!(out, "{}", format!("{name:name_width$}  {value:value_width$}  {from}").trim_end())?;
        }
    }
    Ok(Outcome::Good)
}

fn row(entry: &InForce) -> [String; 3] {
    let from = match entry.origin {
        Origin::Default => entry.origin.word().to_owned(),
        _ => format!("{} {}", entry.origin.word(), entry.origin.place(entry.setting)),
    };
    [entry.setting.name().to_owned(), entry.value.clone().unwrap_or_else(|| "-".to_owned()), from]
}

fn object(config: &Config) -> Map<String, Value> {
    let described = |entry: &InForce| {
        let place = match entry.origin {
            Origin::Default => Value::Null,
            _ => entry.origin.place(entry.setting).into(),
        };
        json!({"value": entry.value, "origin": entry.origin.word(), "place": place})
    };
    config.in_force.iter().map(|entry| (entry.setting.name().to_owned(), described(entry))).collect()
}
