//! The settings of a bot as its environment has them, the established names first.

use std::{collections::HashMap, env, fs, io, path::PathBuf, time::Duration};

use secrecy::SecretString;
use thiserror::Error;

use super::CollectorSettings;
use crate::{backend::http::HttpSettings, model::Interval};

/// The settings of a bot as its environment has them.
///
/// | variable | meaning |
/// | --- | --- |
/// | `BACKEND_URL` | address of the API, e.g. `https://example.org/api` |
/// | `BOT_TOKEN` or `BOT_TOKEN_FROM_FILE` | the bot's token, or a file that holds it |
/// | `JOBS_REFRESH_INTERVAL` | seconds between two looks at the configuration, 120 |
/// | `GRAFOLEAN_DATA` | folder for all that is kept, `grafolean` in the user's folder for data |
/// | `GRAFOLEAN_CA_FILE` | certificates that are trusted besides the system's |
///
/// A file `.env` in the working folder, or above it, says what the environment does not.
#[derive(Clone, Debug)]
pub struct Environment {
    /// How the backend is reached.
    pub backend: HttpSettings,
    /// All else.
    pub collector: CollectorSettings,
}

/// What is missing in the environment or wrong, and what would be right.
#[derive(Debug, Error)]
pub enum EnvironmentError {
    /// Nobody says where the backend is.
    #[error("BACKEND_URL is not set: it is the address of the API, e.g. BACKEND_URL=https://example.org/api")]
    NoBackend,
    /// Nobody says who the bot is.
    #[error(
        "neither BOT_TOKEN nor BOT_TOKEN_FROM_FILE is set: one is the bot's token, as its settings in Grafolean show \
         it, the other a file that holds it"
    )]
    NoToken,
    /// The file with the token can't be read.
    #[error("the token can't be read from {}, which BOT_TOKEN_FROM_FILE names", path.display())]
    TokenFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The interval is none.
    #[error(
        "JOBS_REFRESH_INTERVAL is {typed:?}: it has to be a number of whole seconds, at least 1, e.g. 120"
    )]
    RefreshInterval {
        /// What was typed.
        typed: String,
    },
    /// There is no place for the data.
    #[error("no folder for the bot's data: set GRAFOLEAN_DATA to one that the bot may write to")]
    NoFolder,
    /// The file `.env` can't be read.
    #[error("the file .env can't be read")]
    DotEnv(#[source] dotenvy::Error),
}

impl Environment {
    /// Reads the environment of this process.
    pub fn of_process() -> Result<Self, EnvironmentError> {
        let from_file = dot_env().map_err(EnvironmentError::DotEnv)?;
        Self::of(|name| env::var(name).ok().or_else(|| from_file.get(name).cloned()))
    }

    /// Asks for each variable by its name; what is empty counts as not set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let set =
            |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let url = set("BACKEND_URL").ok_or(EnvironmentError::NoBackend)?;
        let token = match (set("BOT_TOKEN"), set("BOT_TOKEN_FROM_FILE")) {
            (Some(token), _) => SecretString::from(token),
            (None, Some(path)) => token_from(path.into())?,
            (None, None) => return Err(EnvironmentError::NoToken),
        };
        let data = set("GRAFOLEAN_DATA").map(PathBuf::from).or_else(|| {
            let of_user = || set("HOME").map(|home| PathBuf::from(home).join(".local/share"));
            Some(set("XDG_DATA_HOME").map(PathBuf::from).or_else(of_user)?.join("grafolean"))
        });
        let mut collector =
            CollectorSettings::new(url.trim_end_matches('/'), data.ok_or(EnvironmentError::NoFolder)?);
        if let Some(typed) = set("JOBS_REFRESH_INTERVAL") {
            collector.refresh_interval = refresh_interval(typed)?;
        }
        let mut backend = HttpSettings::new(url, token);
        backend.ca_file = set("GRAFOLEAN_CA_FILE").map(PathBuf::from);
        Ok(Self { backend, collector })
    }
}

fn dot_env() -> Result<HashMap<String, String>, dotenvy::Error> {
    match dotenvy::dotenv_iter() {
        Ok(variables) => variables.collect(),
        Err(error) if error.not_found() => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}

fn token_from(path: PathBuf) -> Result<SecretString, EnvironmentError> {
    match fs::read_to_string(&path) {
        Ok(token) => Ok(SecretString::from(token)),
        Err(source) => Err(EnvironmentError::TokenFile { path, source }),
    }
}

fn refresh_interval(typed: String) -> Result<Duration, EnvironmentError> {
    let interval = typed.parse().ok().and_then(|seconds| Interval::from_seconds(seconds).ok());
    interval.map(Interval::duration).ok_or(EnvironmentError::RefreshInterval { typed })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::of(|wanted| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        })
    }

    const URL: (&str, &str) = ("BACKEND_URL", " https://example.org/api/ ");
    const TOKEN: (&str, &str) = ("BOT_TOKEN", "5f3a");
    const HOME: (&str, &str) = ("HOME", "/home/ada");

    #[test]
    fn the_established_variables_are_enough() {
        let read = environment(&[URL, TOKEN, HOME, ("JOBS_REFRESH_INTERVAL", "30")]).unwrap();
        assert_eq!(read.collector.refresh_interval, Duration::from_secs(30));
        assert_eq!(read.collector.source, "https://example.org/api");
        assert_eq!(read.collector.folder_of("ping"), PathBuf::from("/home/ada/.local/share/grafolean/ping"));
        assert_eq!(read.backend.token.expose_secret(), "5f3a");
    }

    #[test]
    fn the_token_may_stand_in_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "5f3a\n").unwrap();
        let path = file.path().to_str().unwrap();
        let read = environment(&[URL, ("BOT_TOKEN", ""), ("BOT_TOKEN_FROM_FILE", path), HOME]).unwrap();
        assert_eq!(read.backend.token.expose_secret().trim(), "5f3a");
    }

    #[test]
    fn what_is_missing_is_named_with_what_would_be_right() {
        for (variables, names) in [
            (vec![TOKEN, HOME], "BACKEND_URL=https://"),
            (vec![URL, HOME], "BOT_TOKEN_FROM_FILE"),
            (vec![URL, TOKEN], "GRAFOLEAN_DATA"),
            (vec![URL, TOKEN, HOME, ("JOBS_REFRESH_INTERVAL", "0")], "at least 1"),
            (vec![URL, TOKEN, HOME, ("JOBS_REFRESH_INTERVAL", "2m")], "\"2m\""),
            (vec![URL, ("BOT_TOKEN_FROM_FILE", "/nowhere/token"), HOME], "/nowhere/token"),
        ] {
            let error = environment(&variables).unwrap_err().to_string();
            assert!(error.contains(names), "{error}");
        }
    }
}
