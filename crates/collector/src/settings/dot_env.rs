//! The file `.env`: `NAME=value`, a line each.

use std::{collections::BTreeMap, path::Path};

use super::SettingsError;

/// Parses the variables of a file; of two lines with one name the last one counts.
pub(super) fn variables(path: &Path, text: &str) -> Result<BTreeMap<String, String>, SettingsError> {
    dotenvy::from_read_iter(text.as_bytes())
        .map(|line| line.map_err(|error| broken_line(path, text, &error)))
        .collect()
}

/// Names the line that is broken, never what it says: it may well hold a token.
fn broken_line(path: &Path, text: &str, error: &dotenvy::Error) -> SettingsError {
    let line = match error {
        dotenvy::Error::LineParse(broken, _) => text.lines().position(|line| line.contains(broken.trim())),
        _ => None,
    };
    SettingsError::DotEnv { path: path.to_owned(), line: line.map_or(1, |before| before + 1) }
}

/// Returns the line on which a variable is set last, from 1.
pub(super) fn line_of(text: &str, variable: &str) -> usize {
    let sets = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        line.split('=').next().is_some_and(|name| name.trim() == variable)
    };
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().rposition(|line| sets(line)).map_or(1, |before| before + 1)
}
