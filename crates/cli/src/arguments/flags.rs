//! Flags that are settings: made of the table, kept as they were written, read by the configuration.

use std::path::PathBuf;

use clap::{Arg, Args};
use grafolean_bots::snmp::settings::NAMING;
use grafolean_collector::{
    collector::Registered,
    settings::{bot, flags, own_token},
};

use crate::{
    config::{LISTEN, OF_A_LOGIN, OF_EVERY_COMMAND, OF_THE_HUB, SANDBOX},
    protocols,
};

/// What every command takes.
#[derive(Debug, Args)]
#[command(args = every_command())]
pub(crate) struct CommonFlags {
    /// Read this TOML file, not one from the usual places [env: GRAFOLEAN_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Common options")]
    pub(crate) config: Option<PathBuf>,
}

fn every_command() -> Vec<Arg> {
    flags(&OF_EVERY_COMMAND, "Common options").into_iter().map(|flag| flag.global(true)).collect()
}

/// Returns how to reach the backend.
pub(super) fn backend() -> Vec<Arg> {
    let settings = [bot::BACKEND_URL, bot::BOT_TOKEN, bot::BOT_TOKEN_FROM_FILE, bot::CA_FILE];
    flags(&settings, "Backend")
}

/// Returns that for a command that has the flag of an authority of its own.
pub(super) fn backend_alone() -> Vec<Arg> {
    flags(&[bot::BACKEND_URL, bot::BOT_TOKEN, bot::BOT_TOKEN_FROM_FILE], "Backend")
}

/// Returns a token for each bot, where they differ.
pub(super) fn tokens() -> Vec<Arg> {
    let tokens: Vec<_> = protocols::ALL.iter().flat_map(|protocol| own_token(protocol.name())).collect();
    flags(&tokens, "Backend")
}

/// Returns how a bot works.
pub(super) fn bot() -> Vec<Arg> {
    let settings = [
        bot::JOBS_REFRESH_INTERVAL,
        bot::STATE_KEY_FILE,
        bot::SPOOL_MAX_SIZE,
        bot::SPOOL_MAX_AGE,
        bot::METRICS,
        SANDBOX,
    ];
    flags(&settings, "Bot").into_iter().chain(sinks()).collect()
}

/// Returns where values go beside the backend.
fn sinks() -> Vec<Arg> {
    let settings =
        [bot::REMOTE_WRITE_URL, bot::REMOTE_WRITE_TOKEN, bot::REMOTE_WRITE_TOKEN_FROM_FILE, bot::SINKS];
    flags(&settings, "Other stores")
}

/// Returns where a running bot is observed.
pub(super) fn observed() -> Vec<Arg> {
    flags(&[bot::METRICS], "Bot")
}

/// Returns the settings of a protocol's process.
pub(super) fn of(protocol: &Registered) -> Vec<Arg> {
    flags(protocol.settings(), "Bot")
}

/// Returns what names addresses where flows are shown.
pub(super) fn of_names() -> Vec<Arg> {
    flags(&grafolean_netflow::settings::NAMES, "Names")
}

/// Returns the settings of all protocols' processes.
pub(super) fn of_protocols() -> Vec<Arg> {
    protocols::ALL.iter().flat_map(of).collect()
}

/// Returns where names of objects come from.
pub(super) fn names() -> Vec<Arg> {
    flags(&NAMING, "Names").into_iter().map(|flag| flag.global(true)).collect()
}

/// Returns where data lies.
pub(super) fn data() -> Vec<Arg> {
    flags(&[bot::DATA], "Data").into_iter().map(|flag| flag.global(true)).collect()
}

/// Returns how the hub is reached, and how long it keeps values.
pub(super) fn hub() -> Vec<Arg> {
    flags(&OF_THE_HUB, "Hub")
}

/// Returns how to log in to a hub that runs.
pub(super) fn login() -> Vec<Arg> {
    flags(&OF_A_LOGIN, "Login").into_iter().chain(flags(&[bot::CA_FILE], "Login")).collect()
}

/// Returns what of that no other flag of a command is.
pub(super) fn login_alone() -> Vec<Arg> {
    flags(&OF_A_LOGIN, "Login")
}

/// Returns where the hub listens.
pub(super) fn listen() -> Vec<Arg> {
    flags(&[LISTEN], "Hub")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use crate::{arguments::Arguments, config::table};

    fn flags(command: &clap::Command) -> BTreeSet<String> {
        let own = command.get_arguments().filter_map(|argument| argument.get_long());
        own.map(|long| format!("--{long}")).chain(command.get_subcommands().flat_map(flags)).collect()
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn each_setting_has_a_flag_of_its_name() {
        let mut config = Arguments::command();
        config.build();
        let flags = flags(config.find_subcommand("config").unwrap());
        for setting in table() {
            assert!(flags.contains(&setting.flag()), "{}", setting.flag());
        }
    }

    #[test]
    fn no_two_settings_share_a_name_or_a_variable() {
        let table = table();
        let names: BTreeSet<_> = table.iter().map(|setting| setting.name).collect();
        let variables: BTreeSet<_> = table.iter().map(|setting| setting.variable).collect();
        assert_eq!((names.len(), variables.len()), (table.len(), table.len()));
    }
}
