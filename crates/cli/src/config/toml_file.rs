//! The TOML file: settings by name, each told with its place.

use std::{ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use super::{ConfigError, Place, Setting};

/// Reads the settings of a file's text: strings, numbers and booleans; anything else is refused with its place.
pub(crate) fn settings(path: &Path, text: &str) -> Result<Vec<(Setting, String, Place)>, ConfigError> {
    let place = |span: Range<usize>| Place::of_byte(path.to_owned(), text, span.start);
    let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
        place: place(error.span().unwrap_or_default()),
        message: error.message().to_owned(),
    })?;
    let mut found = Vec::new();
    for (key, value) in table.get_ref() {
        let name: &str = key.get_ref();
        let setting = Setting::named(name)
            .ok_or_else(|| ConfigError::Unknown { place: place(key.span()), name: name.to_owned() })?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().replace('_', ""),
            DeValue::Float(number) => number.as_str().replace('_', ""),
            other => {
                return Err(ConfigError::WrongType {
                    place: place(value.span()),
                    setting,
                    wanted: "a text or a number",
                    found: other.type_str(),
                });
            }
        };
        found.push((setting, text, place(value.span())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        settings(Path::new("g.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn settings_come_with_their_place() {
        let text = "# ours\nbackend_url = \"https://example.org/api\"\njobs_refresh_interval = 1_20\n";
        let found = settings(Path::new("g.toml"), text).unwrap();
        let told: Vec<_> =
            found.iter().map(|(s, text, place)| (s.name(), &**text, place.to_string())).collect();
        assert_eq!(
            told,
            [
                ("backend_url", "https://example.org/api", "g.toml:2:15".to_owned()),
                ("jobs_refresh_interval", "120", "g.toml:3:25".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_place_and_mend() {
        assert_eq!(
            error("\nbackend_ulr = 1"),
            "g.toml:2:1: there is no setting \"backend_ulr\": did you mean backend_url?"
        );
        assert!(error("quux = 1").contains("there are backend_url, bot_token,"), "{}", error("quux = 1"));
        assert_eq!(error("log = [1]"), "g.toml:1:7: log has to be a text or a number, not array");
        assert!(error("log = \"x").starts_with("g.toml:1:"), "{}", error("log = \"x"));
    }
}
