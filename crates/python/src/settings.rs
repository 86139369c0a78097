//! The settings of a process, read as at every other door.

use std::collections::HashMap;

use grafolean_collector::{
    collector::CollectorSettings,
    settings::{self as door, Resolved, Setting, Sources, bot, value},
    spool::Limits,
};
use pyo3::{create_exception, exceptions::PyValueError, prelude::*};
use secrecy::{ExposeSecret, SecretString};

create_exception!(
    grafoleancollector,
    SettingsError,
    PyValueError,
    "A setting that cannot be: where it stands, what is expected, what was found."
);

/// What is in force of the settings that every bot has: arguments, environment, `.env`, `grafolean.toml`, defaults.
#[pyclass(frozen)]
pub(crate) struct Settings(Resolved);

#[pymethods]
impl Settings {
    /// Reads all places; what is given here by name counts more than what stands anywhere else.
    #[new]
    #[pyo3(signature = (given = None))]
    fn new(given: Option<HashMap<String, String>>) -> PyResult<Self> {
        let given = given.unwrap_or_default().into_iter();
        let given: PyResult<Vec<_>> =
            given.map(|(name, text)| Ok((named(&name)?, SecretString::from(text)))).collect();
        in_force(given?).map(Self)
    }

    /// Returns a setting as it is written, or its default; None where nothing is in force, and for a secret.
    fn text(&self, name: &str) -> PyResult<Option<String>> {
        Ok(self.0.get(&named(name)?))
    }

    /// Returns a span of time in seconds.
    fn seconds(&self, name: &str) -> PyResult<Option<f64>> {
        let span = self.0.read(&named(name)?, value::span).map_err(|error| refused(&error))?;
        Ok(span.map(|span| span.as_secs_f64()))
    }

    /// Returns an address to listen on: host and port.
    fn address(&self, name: &str) -> PyResult<Option<(String, u16)>> {
        let address = self.0.read(&named(name)?, value::address).map_err(|error| refused(&error))?;
        Ok(address.map(|address| (address.ip().to_string(), address.port())))
    }

    /// Returns the backend's address and the bot's token; the error names what is not set.
    fn backend(&self) -> PyResult<(String, String)> {
        let backend = self.0.backend(None).map_err(|error| refused(&error))?;
        Ok((backend.url, backend.token.expose_secret().to_owned()))
    }

    /// Returns where a setting comes from: flag (an argument), environment, .env, file, default.
    fn origin(&self, name: &str) -> PyResult<&'static str> {
        Ok(self.0.origin(&named(name)?).word())
    }

    /// Returns a sentence for each name that is written where settings stand, is none, and was probably meant for one.
    fn unknown(&self) -> Vec<String> {
        let near = self.0.unknown().iter().filter(|unknown| unknown.nearest.is_some());
        near.map(ToString::to_string).collect()
    }
}

/// Returns what is in force; what is given counts more than what stands anywhere else.
pub(crate) fn in_force(given: Vec<(Setting, SecretString)>) -> PyResult<Resolved> {
    let sources = Sources::of_process(given, None).map_err(|error| refused(&error))?;
    Resolved::of(&sources, &bot::ALL).map_err(|error| refused(&error))
}

/// Returns how much may wait for the backend.
pub(crate) fn limits(settings: &Resolved) -> PyResult<Limits> {
    let read = CollectorSettings::of(settings, "", "").map_err(|error| refused(&error))?;
    Ok(read.spool)
}

fn named(name: &str) -> PyResult<Setting> {
    let found = bot::ALL.into_iter().find(|setting| setting.name == name);
    found.ok_or_else(|| SettingsError::new_err(format!("there is no setting `{name}`")))
}

fn refused(error: &door::SettingsError) -> PyErr {
    SettingsError::new_err(grafolean_collector::error_chain(error))
}
