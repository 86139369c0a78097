//! The file of sinks: receivers with all that can be said of each, in TOML.

use std::{collections::BTreeMap, fs, num::NonZeroUsize, path::Path, path::PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::settings::{Authentication, RemoteWriteSettings, VersionChoice};
use crate::{
    protocol::prometheus::{TEMPLATE, check_template},
    settings::value,
    spool::{Limits, SinkStart},
};

/// A file of sinks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    remote_write: Vec<Entry>,
}

/// A receiver as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    url: String,
    bearer_token: Option<SecretString>,
    bearer_token_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<SecretString>,
    password_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, SecretString>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    metric: Option<String>,
    version: Option<String>,
    shards: Option<NonZeroUsize>,
    request_samples: Option<NonZeroUsize>,
    max_size: Option<String>,
    max_age: Option<String>,
    start: Option<String>,
}

/// Reads a file of sinks; each may have as much wait as `limits` say unless it says otherwise itself.
///
/// # Errors
/// Fails with what is wrong, and in which sink.
pub fn read_sinks(path: &Path, limits: Limits) -> Result<Vec<RemoteWriteSettings>, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let file: File = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut sinks: Vec<RemoteWriteSettings> = Vec::with_capacity(file.remote_write.len());
    for entry in file.remote_write {
        let name = entry.name.clone();
        let sink = sink(entry, limits).map_err(|reason| format!("the sink {name:?}: {reason}"))?;
        if sinks.iter().any(|known| known.sink.name == name) {
            return Err(format!("two sinks have the name {name:?}"));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

fn sink(entry: Entry, limits: Limits) -> Result<RemoteWriteSettings, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if entry.name.is_empty() || !entry.name.chars().all(fits) {
        return Err("expected a name of letters, digits, `-`, `_` and `.`".to_owned());
    }
    let mut settings = RemoteWriteSettings::new(entry.name, value::receiver_url(&entry.url)?);
    (settings.sink.disk_bytes, settings.sink.age) = (limits.disk_bytes, limits.age);
    let bearer = secret("bearer_token", entry.bearer_token, entry.bearer_token_file)?;
    let password = secret("password", entry.password, entry.password_file)?;
    settings.authentication = match (bearer, entry.username, password) {
        (None, None, None) => Authentication::None,
        (Some(token), None, None) => Authentication::Bearer(token),
        (None, Some(username), Some(password)) => Authentication::Basic { username, password },
        (None, ..) => return Err("expected both `username` and a password, found one".to_owned()),
        (Some(_), ..) => return Err("expected a bearer token or a username, found both".to_owned()),
    };
    settings.headers = entry.headers.into_iter().collect();
    settings.ca_file = entry.ca_file;
    settings.labels = entry.labels.into_iter().collect();
    if let Some(bad) = settings.labels.iter().map(|(name, _)| name).find(|name| !is_label(name)) {
        return Err(format!("expected a label of letters, digits and `_`, found {bad:?}"));
    }
    settings.template = entry.metric.unwrap_or_else(|| TEMPLATE.to_owned());
    check_template(&settings.template).map_err(|reason| format!("`metric`: {reason}"))?;
    settings.version = match entry.version.as_deref() {
        None | Some("auto") => VersionChoice::Negotiated,
        Some("1.0") => VersionChoice::V1,
        Some("2.0") => VersionChoice::V2,
        Some(other) => return Err(format!("`version`: expected auto, 1.0 or 2.0, found {other:?}")),
    };
    settings.shards = entry.shards.unwrap_or(settings.shards);
    settings.request_samples = entry.request_samples.unwrap_or(settings.request_samples);
    if let Some(text) = entry.max_size {
        settings.sink.disk_bytes = value::size(&text).map_err(|reason| format!("`max_size`: {reason}"))?;
    }
    if let Some(text) = entry.max_age {
        settings.sink.age = value::positive_span(&text).map_err(|reason| format!("`max_age`: {reason}"))?;
    }
    settings.sink.start = match entry.start.as_deref() {
        None | Some("now") => SinkStart::Now,
        Some("waiting") => SinkStart::Waiting,
        Some(other) => return Err(format!("`start`: expected now or waiting, found {other:?}")),
    };
    Ok(settings)
}

fn secret(
    name: &str,
    written: Option<SecretString>,
    file: Option<PathBuf>,
) -> Result<Option<SecretString>, String> {
    match (written, file) {
        (Some(_), Some(_)) => Err(format!("expected `{name}` or `{name}_file`, found both")),
        (written, None) => Ok(written),
        (None, Some(path)) => {
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("`{name}_file`: {} cannot be read: {error}", path.display()))?;
            Ok(Some(SecretString::from(text.trim())))
        }
    }
}

fn is_label(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<RemoteWriteSettings>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sinks.toml");
        fs::write(&path, text).unwrap();
        read_sinks(&path, Limits::default())
    }

    #[test]
    fn a_file_names_receivers_with_all_that_can_be_said_of_them() {
        let sinks = read(
            r#"
            [[remote_write]]
            name = "mimir"
            url = "https://mimir.example.org/api/v1/push"
            username = "12"
            password = "secret"
            headers = { X-Scope-OrgID = "net" }
            labels = { site = "berlin" }
            version = "1.0"
            max_size = "2GiB"
            max_age = "1day"
            start = "waiting"

            [[remote_write]]
            name = "local"
            url = "http://127.0.0.1:9090/api/v1/write"
            "#,
        )
        .unwrap();
        let [mimir, local] = &sinks[..] else { panic!("{sinks:?}") };
        assert_eq!((mimir.sink.disk_bytes, mimir.sink.age.as_secs()), (2 << 30, 86_400));
        assert_eq!((mimir.sink.start, mimir.version), (SinkStart::Waiting, VersionChoice::V1));
        assert_eq!(mimir.labels, [("site".to_owned(), "berlin".to_owned())]);
        assert!(matches!(&mimir.authentication, Authentication::Basic { username, .. } if username == "12"));
        assert!(!format!("{sinks:?}").contains("secret"));
        assert_eq!((local.template.as_str(), local.version), (TEMPLATE, VersionChoice::Negotiated));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_sink() {
        let entry = |more: &str| format!("[[remote_write]]\nname = \"a\"\nurl = \"http://h/w\"\n{more}\n");
        for (text, part) in [
            (entry("urll = 1"), "unknown field `urll`"),
            (entry("version = \"3\""), "the sink \"a\": `version`: expected auto, 1.0 or 2.0, found \"3\""),
            (entry("username = \"u\""), "expected both `username` and a password"),
            (entry("bearer_token = \"t\"\nbearer_token_file = \"f\""), "found both"),
            (entry("metric = \"{unit}\""), "expected {name}"),
            (entry("labels = { \"a-b\" = \"c\" }"), "found \"a-b\""),
            (entry("max_size = \"much\""), "`max_size`: expected bytes"),
            (entry("") + &entry(""), "two sinks have the name \"a\""),
            (entry("").replace("http://h/w", "ftp://h"), "does not begin with http"),
            (entry("").replace("http://h/w", "http://u:hush@h/w"), "settings of their own"),
            (entry("").replace("\"a\"", "\"a b\""), "expected a name of letters"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(part) && !error.contains("hush"), "{error}");
        }
    }
}
