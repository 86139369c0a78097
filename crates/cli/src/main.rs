//! The binary `grafolean`: arguments and files become a checked configuration, and parts are wired by hand.
//!
//! Read [`arguments`] (what is typed), then [`config`] (what is in force), then [`command`], one file a command.
//! An error rises to `main` and is told once, by [`failure`].

mod arguments;
mod command;
mod config;
mod failure;
#[cfg(test)]
mod generated_page;
mod logging;
mod protocols;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use grafolean_collector::settings::{self, Resolved, Sources};

use arguments::Arguments;
use config::Config;
use mimalloc::MiMalloc;

/// It gives back to the system what a refresh of many devices needs for a moment.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let matches = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let ended = configure(&arguments, &matches).and_then(|config| command::run(arguments, &config));
    match ended {
        Ok(outcome) => outcome.into(),
        Err(error) => failure::tell(&error),
    }
}

fn configure(arguments: &Arguments, matches: &clap::ArgMatches) -> anyhow::Result<Config> {
    let table = config::table();
    let flags = settings::given(&table, matches);
    let sources = Sources::of_process(flags, arguments.common.config.clone())?;
    Ok(Config::of(Resolved::of(&sources, &table)?)?)
}
