//! What can be wrong with settings; each message tells the place and the mend.

use std::path::PathBuf;

use thiserror::Error;

use super::{Place, Setting};

/// Why there is no configuration.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {path}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{place}: {message}")]
    Syntax { place: Place, message: String },
    #[error("{path}: line {line} is not NAME=value")]
    DotEnv { path: PathBuf, line: usize },
    #[error("{place}: there is no setting {name:?}{}", suggestion(.name))]
    Unknown { place: Place, name: String },
    #[error("{place}: {} has to be {wanted}, not {found}", .setting.name())]
    WrongType { place: Place, setting: Setting, wanted: &'static str, found: &'static str },
    #[error("{place}: {reason}")]
    Wrong { place: String, reason: String },
    #[error("{} is not valid UTF-8", .setting.variable())]
    NotText { setting: Setting },
    #[error(
        "both {} and {} are given at the same place ({layer}): leave one out",
        .token.name(), .file.name()
    )]
    TwoTokens { token: Setting, file: Setting, layer: &'static str },
    #[error("{place}: cannot read the token file {path}")]
    UnreadableToken {
        place: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{place}: the token file {path} is empty")]
    EmptyToken { place: String, path: PathBuf },
    #[error(
        "{} is not set: give {} {example}, or {} in the environment or in .env, or {} in grafolean.toml",
        .setting.name(), .setting.flag(), .setting.variable(), .setting.name()
    )]
    Missing { setting: Setting, example: &'static str },
}

fn suggestion(mistyped: &str) -> String {
    match Setting::nearest(mistyped) {
        Some(nearest) => format!(": did you mean {}?", nearest.name()),
        None => format!(": there are {}", Setting::ALL.map(Setting::name).join(", ")),
    }
}
