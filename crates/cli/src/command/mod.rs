//! One file a command; each gets its arguments and the configuration, and says how it ended.

mod bot;
mod check;
mod config;
mod demo;
mod discover;
mod discoverer;
mod flow;
mod folders;
mod hub;
mod import;
mod inventory;
mod kept_flows;
mod papers;
mod ping;
mod protocols;
mod send;
mod snmp;
mod spool;
mod why;

use anyhow::Context;
use demo::Screen;
use rustix::{fs::Mode, process::umask};
use tracing::warn;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    arguments::{Arguments, Command, HubCommand},
    config::Config,
    failure::Outcome,
    logging,
};

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments, config: &Config) -> anyhow::Result<Outcome> {
    // On a terminal the demo's table stays in place, and log lines go above it; elsewhere nothing is drawn.
    let screen = match &arguments.command {
        Command::Demo(_) => Screen::drawing(),
        _ => Screen::plain(),
    };
    logging::start(config, usual_level(&arguments.command), screen.clone())?;
    for unknown in config.settings.unknown() {
        warn!("{unknown}");
    }
    if matches!(arguments.command, Command::Bot { .. } | Command::Hub { .. } | Command::Demo(_)) {
        // What services make is for their owner alone, whoever makes it.
        umask(Mode::RWXG | Mode::RWXO);
    }
    match arguments.command {
        Command::Demo(demo) => on_runtime(demo::run(demo, config, screen)),
        Command::Config(show) => config::show(config, show.json),
        Command::Protocols(show) => protocols::show(&show),
        Command::Completions { shell } => papers::completions(shell),
        Command::Man => papers::manual(),
        Command::Bot { bot } => {
            // Before there is a thread that would not be restricted.
            let sandbox = bot::restrict(&bot, config)?;
            on_runtime(bot::run(bot, config, sandbox))
        }
        Command::Check(check) => on_runtime(check::run(check, config)),
        Command::Why(asked) => on_runtime(why::run(asked, config)),
        Command::Findings(asked) => on_runtime(why::findings::run(&asked, config)),
        Command::Hub { hub: None } => on_runtime(hub::run(config)),
        Command::Hub { hub: Some(HubCommand::ResetPassword { username }) } => {
            on_runtime(hub::reset_password(config, &username))
        }
        Command::Hub { hub: Some(HubCommand::SetUp(command)) } => {
            on_runtime(hub::set_up::run(command, config))
        }
        Command::Import(arguments) => on_runtime(import::run(arguments, config)),
        Command::Discover(arguments) => on_runtime(discover::run(arguments, config)),
        Command::Hub { hub: Some(command) } => hub::folder::run(&command, config),
        Command::Flow { flow } => on_runtime(flow::run(flow, config)),
        Command::Ping(ping) => on_runtime(ping::run(ping)),
        Command::Snmp { command } => on_runtime(snmp::run(command, config)),
        Command::Spool(spool) => spool::run(spool, config),
        Command::Send(send) => on_runtime(send::run(send, config)),
    }
}

/// Runs what waits for a network.
fn on_runtime(work: impl Future<Output = anyhow::Result<Outcome>>) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(work)
}

/// Services tell what changes; a command by hand only what somebody should look at.
const fn usual_level(command: &Command) -> LevelFilter {
    match command {
        Command::Hub { hub: None } | Command::Bot { .. } => LevelFilter::INFO,
        _ => LevelFilter::WARN,
    }
}
