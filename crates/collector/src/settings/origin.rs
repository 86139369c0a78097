//! Where a setting came from.

use std::{fmt, path::PathBuf};

use super::Setting;

/// Where a setting came from; the order is that of precedence, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The command line, or an argument of a function.
    Flag,
    /// The environment.
    Environment,
    /// A `.env` file.
    DotEnv(PathBuf),
    /// A TOML file.
    File(Place),
    /// Nobody set it.
    Default,
}

impl Origin {
    /// Returns how strong it is, 0 the strongest; equal ones stand on the same layer.
    pub(super) const fn layer(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Environment => 1,
            Self::DotEnv(_) => 2,
            Self::File(_) => 3,
            Self::Default => 4,
        }
    }

    /// Returns the layer in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv(_) => ".env",
            Self::File(_) => "file",
            Self::Default => "default",
        }
    }

    /// Returns the very place at which a setting stands.
    pub fn place(&self, setting: &Setting) -> String {
        match self {
            Self::Flag => setting.flag(),
            Self::Environment => setting.variable.to_owned(),
            Self::DotEnv(path) => format!("{} in {}", setting.variable, path.display()),
            Self::File(place) => place.to_string(),
            Self::Default => "default".to_owned(),
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    /// Returns the line and column of a byte of a file's text.
    pub(super) fn of_byte(path: PathBuf, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { path, line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}
