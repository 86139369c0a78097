//! What is in force, and where it came from.

use std::{collections::BTreeMap, fs, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{Origin, Setting, SettingsError, Sources, Unknown, bot, sources::Layers, value};
use crate::backend::http::{HttpSettings, NoToken, token_of_file};

/// The settings in force: every text was checked, each is kept with its origin.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resolved {
    table: Vec<Setting>,
    layers: Layers,
    /// What secrets are, wherever they stand, by their name.
    secrets: BTreeMap<&'static str, SecretString>,
    data_home: Option<PathBuf>,
}

impl Resolved {
    /// Reads all places and checks every text against its setting. `table` is what can be set at this door.
    pub fn of(sources: &Sources, table: &[Setting]) -> Result<Self, SettingsError> {
        let data_home = sources.data_home.as_ref().map(|home| home.join("grafolean"));
        let layers = sources.gather(table)?;
        let mut resolved = Self { table: table.to_vec(), layers, secrets: BTreeMap::new(), data_home };
        resolved.check()?;
        resolved.read_secrets()?;
        Ok(resolved)
    }

    /// Returns settings that were given by hand and no others, checked as those of any place: for tests and tools.
    pub fn given(table: &[Setting], given: &[(Setting, &str)]) -> Result<Self, SettingsError> {
        let flags = given.iter().map(|(setting, text)| (*setting, SecretString::from(*text))).collect();
        let nowhere = Sources {
            flags,
            environment: Box::new(|_| None),
            working_folder: PathBuf::from("/nonexistent"),
            config_home: None,
            data_home: None,
            file: None,
        };
        let (layers, secrets) = (nowhere.gather_flags(), BTreeMap::new());
        let mut resolved = Self { table: table.to_vec(), layers, secrets, data_home: None };
        resolved.check()?;
        resolved.read_secrets()?;
        Ok(resolved)
    }

    /// Returns what can be set at this door, in the order in which it is shown.
    pub fn table(&self) -> &[Setting] {
        &self.table
    }

    /// Returns the names that were written where settings stand and are none.
    pub fn unknown(&self) -> &[Unknown] {
        &self.layers.unknown
    }

    /// Returns where a setting comes from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.layers.written.get(setting.name).map_or(Origin::Default, |written| written.origin.clone())
    }

    /// Returns whether somebody asked for this very value, so that no other is as good.
    pub fn is_explicit(&self, setting: &Setting) -> bool {
        self.layers.written.contains_key(setting.name)
    }

    /// Returns a setting as it is written, or its default. `None`: nobody set it and it has no default, or it is a
    /// secret: see [`Resolved::secret`].
    pub fn get(&self, setting: &Setting) -> Option<String> {
        if setting.secret { None } else { self.text(setting) }
    }

    /// Reads a setting by one of the readers in [`value`]; `None` where nothing is in force.
    pub fn read<T>(
        &self,
        setting: &Setting,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let text = self.text(setting);
        text.as_deref().map(read).transpose().map_err(|reason| self.invalid(setting, reason))
    }

    /// Reads a setting that has to be there; `example` is what the error shows where it is not.
    pub fn required<T>(
        &self,
        setting: &Setting,
        example: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        let missing = || SettingsError::Missing { setting: Box::new(*setting), example };
        self.read(setting, read)?.ok_or_else(missing)
    }

    /// Returns a secret, from its own text or from the file that its partner names, without white space around it.
    pub fn secret(&self, setting: &Setting) -> Option<&SecretString> {
        self.secrets.get(setting.name)
    }

    /// Returns the file that holds a secret, if it stands in one: it may be read again when the secret changes.
    pub fn secret_file(&self, secret: &Setting) -> Option<PathBuf> {
        self.text(&self.file_of(secret)?).map(PathBuf::from)
    }

    /// Returns the token of a protocol's bot: its own, else that of any bot, which is also that of whoever is no bot.
    pub fn token(&self, protocol: Option<&str>) -> Option<&SecretString> {
        let own = protocol.map(super::own_token).and_then(|[own, _]| self.secret(&own));
        own.or_else(|| self.secret(&bot::BOT_TOKEN))
    }

    /// Returns how the backend is reached by the bot of a protocol, or by whoever is no bot.
    pub fn backend(&self, protocol: Option<&str>) -> Result<HttpSettings, SettingsError> {
        let url = self.required(&bot::BACKEND_URL, "https://example.org/api", value::backend_url)?;
        let missing = || SettingsError::Missing { setting: Box::new(bot::BOT_TOKEN), example: "TOKEN" };
        let token = self.token(protocol).cloned().ok_or_else(missing)?;
        let own = protocol.map(super::own_token).map(|[own, _]| own).filter(|own| self.secret(own).is_some());
        let token_file = self.secret_file(&own.unwrap_or(bot::BOT_TOKEN));
        let ca_file = self.read(&bot::CA_FILE, value::existing_file)?;
        Ok(HttpSettings { token_file, ca_file, ..HttpSettings::new(url.to_string(), token) })
    }

    /// Returns the folder for all that is kept.
    pub fn data(&self) -> Result<PathBuf, SettingsError> {
        self.required(&bot::DATA, "DIR", value::path)
    }

    /// Returns a setting as it may be shown: a secret only as `(hidden)`.
    pub fn shown(&self, setting: &Setting) -> Option<String> {
        let hidden = setting.secret && self.is_explicit(setting);
        if hidden { Some("(hidden)".to_owned()) } else { self.get(setting) }
    }

    /// Returns every setting by its name, with its value, its origin in a word, and the place where it stands.
    pub fn as_json(&self) -> Map<String, Value> {
        let described = |setting: &Setting| {
            let origin = self.origin(setting);
            let place = (origin != Origin::Default).then(|| origin.place(setting));
            let described = json!({"value": self.shown(setting), "origin": origin.word(), "place": place});
            (setting.name.to_owned(), described)
        };
        self.table.iter().map(described).collect()
    }

    fn text(&self, setting: &Setting) -> Option<String> {
        match self.layers.written.get(setting.name) {
            Some(written) => Some(written.text.expose_secret().to_owned()),
            None if *setting == bot::DATA => self.data_home.as_ref().map(|home| home.display().to_string()),
            None => setting.default.map(str::to_owned),
        }
    }

    fn check(&self) -> Result<(), SettingsError> {
        self.table.iter().try_for_each(|setting| self.read(setting, setting.check).map(drop))
    }

    fn invalid(&self, setting: &Setting, reason: String) -> SettingsError {
        let place = self.origin(setting).place(setting);
        SettingsError::Invalid { place, setting: setting.name, reason }
    }

    fn file_of(&self, secret: &Setting) -> Option<Setting> {
        let is_file = |setting: &&Setting| setting.name.strip_suffix("_from_file") == Some(secret.name);
        self.table.iter().find(is_file).copied()
    }

    fn read_secrets(&mut self) -> Result<(), SettingsError> {
        for secret in self.table.clone().iter().filter(|setting| setting.secret) {
            if let Some(file) = self.file_of(secret) {
                self.choose(secret, &file)?;
            }
            let given = self.text(secret).map(SecretString::from);
            let text = match given {
                Some(text) => Some(text),
                None => self.secret_of_file(secret)?,
            };
            self.secrets.extend(text.map(|text| (secret.name, text)));
        }
        Ok(())
    }

    /// A secret and the file that holds it are one setting in two forms: the stronger place counts.
    fn choose(&mut self, secret: &Setting, file: &Setting) -> Result<(), SettingsError> {
        if !(self.is_explicit(secret) && self.is_explicit(file)) {
            return Ok(());
        }
        let (of_secret, of_file) = (self.origin(secret), self.origin(file));
        if of_secret.layer() == of_file.layer() {
            return Err(SettingsError::Twice {
                secret: secret.name,
                file: file.name,
                layer: of_secret.word(),
            });
        }
        let weaker = if of_secret.layer() < of_file.layer() { file } else { secret };
        self.layers.written.remove(weaker.name);
        Ok(())
    }

    fn secret_of_file(&self, secret: &Setting) -> Result<Option<SecretString>, SettingsError> {
        let Some(file) = self.file_of(secret) else { return Ok(None) };
        let Some(path) = self.text(&file).map(PathBuf::from) else { return Ok(None) };
        let place = self.origin(&file).place(&file);
        let text = match fs::read_to_string(&path) {
            Ok(text) => SecretString::from(text),
            Err(source) => return Err(SettingsError::UnreadableToken { place, path, source }),
        };
        match token_of_file(text.expose_secret()) {
            Ok(token) => Ok(Some(SecretString::from(token))),
            Err(NoToken::Empty) => Err(SettingsError::EmptyToken { place, path }),
            Err(NoToken::SeveralLines) => Err(SettingsError::LongToken { place, path }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_given_by_hand_are_checked_and_read() {
        let given = Resolved::given(&bot::ALL, &[(bot::JOBS_REFRESH_INTERVAL, " 2m ")]).unwrap();
        let interval = given.read(&bot::JOBS_REFRESH_INTERVAL, value::interval).unwrap();
        assert_eq!(interval.unwrap().seconds(), 120);
        assert_eq!(given.get(&bot::SPOOL_MAX_SIZE).unwrap(), "1GiB");
        assert_eq!(given.origin(&bot::SPOOL_MAX_SIZE), Origin::Default);
        let error = Resolved::given(&bot::ALL, &[(bot::METRICS, "soon")]).unwrap_err();
        assert!(error.to_string().starts_with("--metrics: `metrics` is invalid: expected"), "{error}");
    }
}
