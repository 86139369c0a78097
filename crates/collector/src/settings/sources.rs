//! The places where settings may stand, the strongest first: flag, environment, `.env`, TOML file.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fmt, fs,
    io::ErrorKind,
    iter,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use secrecy::{ExposeSecret, SecretString};

use super::{Origin, Setting, SettingsError, Unknown, dot_env, toml_file};

/// The variable that names the TOML file; a flag `--config` wins over it.
pub(super) const CONFIG_VARIABLE: &str = "GRAFOLEAN_CONFIG";

/// Reads a variable of an environment; `None` if it is not set.
pub type ReadVariable = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Where to look. What a process has only once is an argument, so that a test can say what it is.
pub struct Sources {
    /// What the command line gives, or the arguments of a function.
    pub flags: Vec<(Setting, SecretString)>,
    /// Reads an environment variable.
    pub environment: ReadVariable,
    /// Where `.env` and `grafolean.toml` may lie; no folder above it is looked into.
    pub working_folder: PathBuf,
    /// Where the user's configuration belongs, if there is a user.
    pub config_home: Option<PathBuf>,
    /// Where the user's data belongs, if there is a user: [`DATA`](super::bot::DATA) is `grafolean` in it by default.
    pub data_home: Option<PathBuf>,
    /// The one TOML file to read; it has to exist. Without it, the first one is read of `grafolean.toml` in the working
    /// folder, `grafolean/grafolean.toml` in the user's, and `/etc/grafolean/grafolean.toml`.
    pub file: Option<PathBuf>,
}

/// A setting as it was written. Every text is kept like a secret until its setting is known to be none.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) text: SecretString,
    pub(super) origin: Origin,
}

/// What is written where, by name; the strongest place counts.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) written: BTreeMap<&'static str, Written>,
    pub(super) unknown: Vec<Unknown>,
}

impl Sources {
    /// Returns those of this process. `file` is what a flag `--config` gives.
    pub fn of_process(
        flags: Vec<(Setting, SecretString)>,
        file: Option<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let folders = etcetera::choose_base_strategy().ok();
        Ok(Self {
            flags,
            environment: Box::new(|variable| env::var_os(variable)),
            working_folder: env::current_dir().map_err(SettingsError::NoFolder)?,
            config_home: folders.as_ref().map(BaseStrategy::config_dir),
            data_home: folders.as_ref().map(BaseStrategy::data_dir),
            file: file
                .or_else(|| env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)),
        })
    }

    /// Reads all layers; what stands in a stronger one hides what stands in a weaker one.
    pub(super) fn gather(&self, table: &[Setting]) -> Result<Layers, SettingsError> {
        let mut layers = self.gather_flags();
        for setting in table {
            if let Some(text) = (self.environment)(setting.variable) {
                let text = text.into_string().map_err(|_| SettingsError::NotText {
                    place: setting.variable.to_owned(),
                    setting: setting.name,
                })?;
                layers.add(setting, Written { text: text.into(), origin: Origin::Environment });
            }
        }
        self.gather_dot_env(table, &mut layers)?;
        self.gather_toml(table, &mut layers)?;
        Ok(layers)
    }

    /// Reads the strongest layer alone.
    pub(super) fn gather_flags(&self) -> Layers {
        let mut layers = Layers::default();
        for (setting, text) in &self.flags {
            layers.add(setting, Written { text: text.clone(), origin: Origin::Flag });
        }
        layers
    }

    /// Variables that are not ours belong to others.
    fn gather_dot_env(&self, table: &[Setting], layers: &mut Layers) -> Result<(), SettingsError> {
        let path = self.working_folder.join(".env");
        let Some(text) = read_if_there(&path)? else { return Ok(()) };
        for (variable, value) in dot_env::variables(&path, &text)? {
            if let Some(setting) = table.iter().find(|setting| setting.variable == variable) {
                layers.add(setting, Written { text: value.into(), origin: Origin::DotEnv(path.clone()) });
            } else if variable != CONFIG_VARIABLE {
                let line = dot_env::line_of(&text, &variable);
                layers.unknown.extend(Unknown::in_dot_env(&variable, &path, line, table));
            }
        }
        Ok(())
    }

    fn gather_toml(&self, table: &[Setting], layers: &mut Layers) -> Result<(), SettingsError> {
        let Some((path, text)) = self.read_toml()? else { return Ok(()) };
        let toml_file::Settings { found, unknown } = toml_file::settings(&path, &text, table)?;
        for (setting, text, place) in found {
            layers.add(&setting, Written { text: text.into(), origin: Origin::File(place) });
        }
        layers.unknown.extend(unknown);
        Ok(())
    }

    /// Reads the file that was named, else the first that exists of those that are looked for.
    fn read_toml(&self) -> Result<Option<(PathBuf, String)>, SettingsError> {
        if let Some(path) = &self.file {
            let text = fs::read_to_string(path)
                .map_err(|source| SettingsError::Unreadable { path: path.clone(), source })?;
            return Ok(Some((path.clone(), text)));
        }
        for path in self.usual_files() {
            if let Some(text) = read_if_there(&path)? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }

    fn usual_files(&self) -> Vec<PathBuf> {
        let user = self.config_home.as_ref().map(|folder| folder.join("grafolean/grafolean.toml"));
        let system = PathBuf::from("/etc/grafolean/grafolean.toml");
        let here = self.working_folder.join("grafolean.toml");
        iter::once(here).chain(user).chain(iter::once(system)).collect()
    }
}

impl Layers {
    /// A text of nothing but white space is as good as none: that is how a compose file leaves a variable open.
    fn add(&mut self, setting: &Setting, written: Written) {
        let text = written.text.expose_secret().trim();
        if !text.is_empty() {
            let text = SecretString::from(text);
            self.written.entry(setting.name).or_insert(Written { text, origin: written.origin });
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags: Vec<_> = self.flags.iter().map(|(setting, _)| setting.name).collect();
        out.debug_struct("Sources")
            .field("flags", &flags)
            .field("working_folder", &self.working_folder)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, SettingsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        // A folder that this user may not enter, as that of whoever called `sudo -u`, has nothing for this user.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && is_hidden(path) => Ok(None),
        Err(source) => Err(SettingsError::Unreadable { path: path.to_owned(), source }),
    }
}

/// Whether not even that the file is there can be seen.
fn is_hidden(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
