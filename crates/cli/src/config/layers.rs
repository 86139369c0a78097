//! The places where settings may stand, laid over each other: flag, environment, `.env`, TOML file.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::ErrorKind,
    iter,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{ConfigError, Origin, Setting, toml_file};

/// A setting as it was written. Every text is kept like a secret until its setting is known to be none.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) text: SecretString,
    pub(crate) origin: Origin,
}

/// What is written where; the strongest place counts.
pub(crate) type Layers = BTreeMap<Setting, Written>;

/// Where to look. What a process has only once is an argument, so that a test can say what it is.
pub(crate) struct Sources<'a> {
    /// What the command line gives.
    pub(crate) flags: Vec<(Setting, SecretString)>,
    /// Reads an environment variable.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where `.env` and `grafolean.toml` may lie.
    pub(crate) working_directory: &'a Path,
    /// Where the user's configuration belongs, if there is a user.
    pub(crate) config_folder: Option<PathBuf>,
    /// `--config FILE`; it has to exist.
    pub(crate) file: Option<PathBuf>,
}

/// Reads all layers; what stands in a stronger one hides what stands in a weaker one.
pub(crate) fn gather(sources: &Sources<'_>) -> Result<Layers, ConfigError> {
    let mut layers = Layers::new();
    for (setting, text) in &sources.flags {
        layers.insert(*setting, Written { text: text.clone(), origin: Origin::Flag });
    }
    for setting in Setting::ALL {
        if let Some(text) = (sources.environment)(&setting.variable()) {
            let text = text.into_string().map_err(|_| ConfigError::NotText { setting })?;
            add(&mut layers, setting, text, Origin::Environment);
        }
    }
    let dotenv = sources.working_directory.join(".env");
    for (setting, text) in read_dotenv(&dotenv)? {
        add(&mut layers, setting, text, Origin::DotEnv(dotenv.clone()));
    }
    if let Some((path, text)) = read_toml(sources)? {
        for (setting, text, place) in toml_file::settings(&path, &text)? {
            add(&mut layers, setting, text, Origin::File(place));
        }
    }
    Ok(layers)
}

/// An empty text is as good as none: that is how a compose file leaves a variable open.
fn add(layers: &mut Layers, setting: Setting, text: String, origin: Origin) {
    if !text.is_empty() {
        layers.entry(setting).or_insert_with(|| Written { text: text.into(), origin });
    }
}

/// Reads `.env`; variables that are not ours are none of our business, and of two lines the last one counts.
fn read_dotenv(path: &Path) -> Result<BTreeMap<Setting, String>, ConfigError> {
    let Some(text) = read_if_there(path)? else { return Ok(BTreeMap::new()) };
    let by_variable: BTreeMap<String, Setting> =
        Setting::ALL.into_iter().map(|setting| (setting.variable(), setting)).collect();
    let mut found = BTreeMap::new();
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        let (variable, value) = line.map_err(|error| broken_line(path, &text, &error))?;
        if let Some(setting) = by_variable.get(&variable) {
            found.insert(*setting, value);
        }
    }
    Ok(found)
}

/// Tells which line is broken, never what it says: it may well hold a token.
fn broken_line(path: &Path, text: &str, error: &dotenvy::Error) -> ConfigError {
    let line = match error {
        dotenvy::Error::LineParse(broken, _) => text.lines().position(|line| line.contains(broken.trim())),
        _ => None,
    };
    ConfigError::DotEnv { path: path.to_owned(), line: line.map_or(1, |before| before + 1) }
}

/// Reads the file that was named, else the first that exists of those that are looked for.
fn read_toml(sources: &Sources<'_>) -> Result<Option<(PathBuf, String)>, ConfigError> {
    if let Some(path) = &sources.file {
        let text = fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        return Ok(Some((path.clone(), text)));
    }
    for path in usual_files(sources) {
        if let Some(text) = read_if_there(&path)? {
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

fn usual_files(sources: &Sources<'_>) -> Vec<PathBuf> {
    let user = sources.config_folder.as_ref().map(|folder| folder.join("grafolean/grafolean.toml"));
    let system = PathBuf::from("/etc/grafolean/grafolean.toml");
    iter::once(sources.working_directory.join("grafolean.toml"))
        .chain(user)
        .chain(iter::once(system))
        .collect()
}

fn read_if_there(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(ConfigError::Unreadable { path: path.to_owned(), source }),
    }
}
