//! `grafolean config`: what is in force, and from where.

use std::io::{self, Write};

use grafolean_collector::settings::{Origin, Setting};

use crate::{config::Config, failure::Outcome};

/// Prints every setting with its value and its origin.
pub(crate) fn show(config: &Config, as_json: bool) -> anyhow::Result<Outcome> {
    let mut out = io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &config.settings.as_json())?;
        writeln!(out)?;
    } else {
        let table = config.settings.table();
        let rows: Vec<[String; 3]> = table.iter().map(|setting| row(config, setting)).collect();
        let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max();
        let (name_width, value_width) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
        for [name, value, from] in &rows {
            writeln!(out, "{}", format!("{name:name_width$}  {value:value_width$}  {from}").trim_end())?;
        }
    }
    Ok(Outcome::Good)
}

fn row(config: &Config, setting: &Setting) -> [String; 3] {
    let origin = config.settings.origin(setting);
    let from = match origin {
        Origin::Default => origin.word().to_owned(),
        _ => format!("{} {}", origin.word(), origin.place(setting)),
    };
    [setting.name.to_owned(), config.settings.shown(setting).unwrap_or_else(|| "-".to_owned()), from]
}
