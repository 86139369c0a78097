//! The command line of `grafolean bot`: a command for each protocol, and one for all.

use clap::{
    ArgMatches, Args, Command, Error, FromArgMatches, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use grafolean_collector::collector::Registered;

use super::{examples, flags};
use crate::protocols;

/// Which bot is run.
#[derive(Debug)]
pub(crate) enum BotCommand {
    /// All of them.
    All(RunAll),
    /// That of one protocol.
    One(&'static Registered, RunBot),
}

/// How all bots are run.
#[derive(Debug, Args)]
#[command(
    args = flags::backend(), args = flags::tokens(), args = flags::bot(), args = flags::data(),
    args = flags::of_protocols()
)]
pub(crate) struct RunAll {
    /// Leave this bot out; may be given several times
    #[arg(long, value_name = "BOT", value_parser = protocol())]
    pub(crate) without: Vec<&'static Registered>,
}

/// How a bot is run.
#[derive(Debug, Args)]
#[command(args = flags::backend(), args = flags::bot(), args = flags::data())]
pub(crate) struct RunBot {
    /// Run every job once, deliver what it gave, and exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Print values as JSON lines; send nothing and keep nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Parses the name of a protocol.
pub(super) fn protocol() -> impl TypedValueParser<Value = &'static Registered> {
    let names = protocols::ALL.iter().map(Registered::name);
    PossibleValuesParser::new(names)
        .try_map(|name| protocols::named(&name).ok_or("there is no such protocol"))
}

impl Subcommand for BotCommand {
    fn augment_subcommands(command: Command) -> Command {
        let all = RunAll::augment_args(Command::new("all"));
        let all = all.about("Runs all bots in one process").after_help(examples::all());
        let one = |protocol: &'static Registered| {
            let command = RunBot::augment_args(Command::new(protocol.name())).args(flags::of(protocol));
            command.about(protocol.about()).after_help(examples::of_bot(protocol))
        };
        command.subcommand_required(true).subcommand(all).subcommands(protocols::ALL.iter().map(one))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        name == "all" || protocols::named(name).is_some()
    }
}

impl FromArgMatches for BotCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (name, matches) = matches.subcommand().ok_or_else(|| Error::new(ErrorKind::MissingSubcommand))?;
        match protocols::named(name) {
            Some(protocol) => Ok(Self::One(protocol, RunBot::from_arg_matches(matches)?)),
            None => RunAll::from_arg_matches(matches).map(Self::All),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
