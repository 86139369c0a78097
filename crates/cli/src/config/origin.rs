//! Where a setting came from.

use std::{fmt, path::PathBuf};

use super::Setting;

/// Where a setting came from; the order is that of precedence, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The command line.
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
    /// How strong it is; equal ones stand on the same layer.
    pub(crate) const fn layer(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Environment => 1,
            Self::DotEnv(_) => 2,
            Self::File(_) => 3,
            Self::Default => 4,
        }
    }

    /// Names the layer in one word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv(_) => ".env",
            Self::File(_) => "file",
            Self::Default => "default",
        }
    }

    /// Names the very place at which a setting stands.
    pub(crate) fn place(&self, setting: Setting) -> String {
        match self {
            Self::Flag => setting.flag(),
            Self::Environment => setting.variable(),
            Self::DotEnv(path) => format!("{} in {}", setting.variable(), path.display()),
            Self::File(place) => place.to_string(),
            Self::Default => String::new(),
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

impl Place {
    /// Finds the line and column of a byte of a file's text.
    pub(crate) fn of_byte(path: PathBuf, text: &str, byte: usize) -> Self {
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
