//! What can be wrong with settings; each message has the place and what is expected there.

use std::{io, path::PathBuf};

use thiserror::Error;

use super::{Place, Setting};

/// Why there are no settings in force.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A file that may hold settings cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// A line of `.env` is none. What it says is not shown: it may hold a token.
    #[error("{}: line {line} is not NAME=value", path.display())]
    DotEnv {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A TOML file holds what no setting can be: a list, a table.
    #[error("{place}: `{setting}` is invalid: expected a text, a number or a boolean, found {found}")]
    WrongType {
        /// Where.
        place: Place,
        /// Of which setting.
        setting: &'static str,
        /// The TOML type.
        found: &'static str,
    },
    /// A text cannot be the value of its setting.
    #[error("{place}: `{setting}` is invalid: {reason}")]
    Invalid {
        /// Where it stands.
        place: String,
        /// Of which setting.
        setting: &'static str,
        /// What is expected, and what was found.
        reason: String,
    },
    /// A text is not UTF-8.
    #[error("{place}: `{setting}` is invalid: expected a text in UTF-8")]
    NotText {
        /// Where it stands.
        place: String,
        /// Of which setting.
        setting: &'static str,
    },
    /// A secret and the file that holds it are given at the same place.
    #[error("both {secret} and {file} are given at the same place ({layer}): leave one out")]
    Twice {
        /// The secret.
        secret: &'static str,
        /// Its file.
        file: &'static str,
        /// Which layer.
        layer: &'static str,
    },
    /// The file that holds a secret cannot be read.
    #[error("{place}: cannot read the token file {}", path.display())]
    UnreadableToken {
        /// Where the file is named.
        place: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nothing in the file that holds a secret.
    #[error("{place}: the token file {} is empty", path.display())]
    EmptyToken {
        /// Where the file is named.
        place: String,
        /// Which file.
        path: PathBuf,
    },
    /// There is more in the file than a secret.
    #[error(
        "{place}: the token file {} is invalid: expected the token alone, on one line, found several lines or control \
         characters",
        path.display()
    )]
    LongToken {
        /// Where the file is named.
        place: String,
        /// Which file.
        path: PathBuf,
    },
    /// Nobody set what is needed.
    #[error(
        "{} is not set: give {} {example}, or {} in the environment or in .env, or {} in grafolean.toml",
        setting.name, setting.flag(), setting.variable, setting.name
    )]
    Missing {
        /// Which setting.
        setting: Box<Setting>,
        /// What would be right.
        example: &'static str,
    },
    /// The working folder is gone or closed to this user.
    #[error("cannot tell the working folder, in which .env and grafolean.toml may lie")]
    NoFolder(#[source] io::Error),
}
