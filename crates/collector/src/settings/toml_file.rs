//! The TOML file: settings by name, each with its place.

use std::{ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use super::{Place, Setting, SettingsError, Unknown};

/// What a file sets, and the names in it that are no settings.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) found: Vec<(Setting, String, Place)>,
    pub(super) unknown: Vec<Unknown>,
}

/// Parses the settings of a file's text: strings, numbers and booleans; anything else is refused with its place.
pub(super) fn settings(path: &Path, text: &str, table: &[Setting]) -> Result<Settings, SettingsError> {
    let place = |span: Range<usize>| Place::of_byte(path.to_owned(), text, span.start);
    let parsed = DeTable::parse(text).map_err(|error| SettingsError::Syntax {
        place: place(error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    })?;
    let mut settings = Settings::default();
    for (key, value) in parsed.get_ref() {
        let name: &str = key.get_ref();
        let Some(setting) = table.iter().find(|setting| setting.name == name) else {
            settings.unknown.push(Unknown::in_toml(name, place(key.span()), table));
            continue;
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().replace('_', ""),
            DeValue::Boolean(value) => value.to_string(),
            other => {
                let (place, found) = (place(value.span()), other.type_str());
                return Err(SettingsError::WrongType { place, setting: setting.name, found });
            }
        };
        settings.found.push((*setting, text, place(value.span())));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::bot;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        settings(Path::new("g.toml"), text, &bot::ALL)
    }

    #[test]
    fn settings_come_with_their_place() {
        let text = "# ours\nbackend_url = \"https://example.org/api\"\njobs_refresh_interval = 1_20\n";
        let found = read(text).unwrap().found;
        let places: Vec<_> =
            found.iter().map(|(s, text, place)| (s.name, &**text, place.to_string())).collect();
        assert_eq!(
            places,
            [
                ("backend_url", "https://example.org/api", "g.toml:2:15".to_owned()),
                ("jobs_refresh_interval", "120", "g.toml:3:25".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_wrong_comes_with_its_place_and_what_is_expected() {
        assert_eq!(
            read("data = [1]").unwrap_err().to_string(),
            "g.toml:1:8: `data` is invalid: expected a text, a number or a boolean, found array"
        );
        let error = read("data = \"x").unwrap_err().to_string();
        assert!(error.starts_with("g.toml:1:"), "{error}");
        let unknown = read("\nbackend_ulr = 1").unwrap().unknown;
        assert_eq!(
            unknown[0].to_string(),
            "g.toml:2:1: there is no setting `backend_ulr`: did you mean `backend_url`?"
        );
    }
}
