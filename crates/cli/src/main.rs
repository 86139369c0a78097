//! The binary `grafolean`: arguments and files become a checked configuration, and parts are wired by hand.
//!
//! Read [`arguments`] (what is typed), then [`config`] (what is in force), then [`command`], one file a command.
//! An error rises to `main` and is told once, by [`failure`].

mod arguments;
mod command;
mod config;
mod failure;
mod logging;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use etcetera::BaseStrategy;

use arguments::Arguments;
use config::{Config, Sources};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = configure(&arguments).and_then(|config| command::run(arguments, &config));
    match ended {
        Ok(outcome) => outcome.into(),
        Err(error) => failure::tell(&error),
    }
}

fn configure(arguments: &Arguments) -> anyhow::Result<Config> {
    let folders = etcetera::choose_base_strategy().ok();
    let sources = Sources {
        flags: arguments.settings(),
        environment: &|variable| env::var_os(variable),
        working_directory: &env::current_dir().context("cannot tell the working directory")?,
        config_folder: folders.as_ref().map(BaseStrategy::config_dir),
        file: arguments.common.config.clone().or_else(|| env::var_os("GRAFOLEAN_CONFIG").map(PathBuf::from)),
    };
    let layers = config::gather(&sources)?;
    Ok(Config::resolve(layers, folders.map(|folders| folders.data_dir()))?)
}
