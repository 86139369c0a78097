//! Flags that are settings: kept as they were written, since the configuration reads each of them.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::{
    Arguments, BotCommand, Command, FlowCommand, FlowExporters, FlowQuery, RunAll, RunNetflow, SnmpCommand,
};
use crate::config::Setting;

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct CommonFlags {
    /// Read this TOML file, not one from the usual places [env: GRAFOLEAN_CONFIG]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Common options")]
    pub(crate) config: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug, trace; or by target: warn,grafolean_collector=debug
    /// [env: GRAFOLEAN_LOG] [default: info for bots and the hub, else warn]
    #[arg(long, value_name = "LEVEL", global = true, help_heading = "Common options")]
    log: Option<String>,
    /// How log lines look: text or json [env: GRAFOLEAN_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORMAT", global = true, help_heading = "Common options")]
    log_format: Option<String>,
    /// Colours: auto, always or never; NO_COLOR is honoured [env: GRAFOLEAN_COLOR] [default: auto]
    #[arg(long, value_name = "WHEN", global = true, help_heading = "Common options")]
    color: Option<String>,
}

/// How to reach the backend.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct BackendFlags {
    /// Base URL of the backend's API, e.g. https://example.org/api [env: BACKEND_URL]
    #[arg(long, value_name = "URL")]
    backend_url: Option<String>,
    /// The bot's token; seen by every user of this machine when given here [env: BOT_TOKEN]
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    bot_token: Option<SecretString>,
    /// A file that holds the bot's token [env: BOT_TOKEN_FROM_FILE]
    #[arg(long, value_name = "FILE")]
    bot_token_from_file: Option<String>,
    /// Certificates (PEM) to trust beside the machine's [env: GRAFOLEAN_CA_FILE]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<String>,
}

/// A token for each bot, where they differ.
#[derive(Debug, Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct TokenFlags {
    /// The ping bot's own token [env: BOT_TOKEN_PING]
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    bot_token_ping: Option<SecretString>,
    /// A file that holds it [env: BOT_TOKEN_PING_FROM_FILE]
    #[arg(long, value_name = "FILE")]
    bot_token_ping_from_file: Option<String>,
    /// The SNMP bot's own token [env: BOT_TOKEN_SNMP]
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    bot_token_snmp: Option<SecretString>,
    /// A file that holds it [env: BOT_TOKEN_SNMP_FROM_FILE]
    #[arg(long, value_name = "FILE")]
    bot_token_snmp_from_file: Option<String>,
    /// The NetFlow bot's own token [env: BOT_TOKEN_NETFLOW]
    #[arg(long, value_name = "TOKEN", hide_default_value = true)]
    bot_token_netflow: Option<SecretString>,
    /// A file that holds it [env: BOT_TOKEN_NETFLOW_FROM_FILE]
    #[arg(long, value_name = "FILE")]
    bot_token_netflow_from_file: Option<String>,
}

/// How a bot works.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bot")]
pub(crate) struct BotFlags {
    /// From one look at the configuration to the next [env: JOBS_REFRESH_INTERVAL] [default: 120]
    #[arg(long, value_name = "TIME")]
    jobs_refresh_interval: Option<String>,
    /// How much may wait for a backend that is away [env: GRAFOLEAN_SPOOL_MAX_SIZE] [default: 1GiB]
    #[arg(long, value_name = "SIZE")]
    spool_max_size: Option<String>,
    /// How long it may wait [env: GRAFOLEAN_SPOOL_MAX_AGE] [default: 7days]
    #[arg(long, value_name = "TIME")]
    spool_max_age: Option<String>,
    /// Serve /metrics and /healthz here, e.g. 127.0.0.1:9300 [env: GRAFOLEAN_METRICS]
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
}

/// Where flows arrive.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bot")]
pub(crate) struct NetflowFlag {
    /// UDP port on which flows arrive, over IPv4 and IPv6 [env: NETFLOW_PORT] [default: 2055]
    #[arg(long, value_name = "PORT")]
    netflow_port: Option<String>,
    /// Addresses on which flows arrive, with commas between them, where the port alone does not do, e.g.
    /// 192.0.2.1:2055,[::]:6343 [env: GRAFOLEAN_NETFLOW_LISTEN]
    #[arg(long, value_name = "ADDRESSES")]
    netflow_listen: Option<String>,
    /// Threads that receive at each address; the kernel spreads exporters over them [env: GRAFOLEAN_NETFLOW_THREADS]
    /// [default: 1]
    #[arg(long, value_name = "N")]
    netflow_threads: Option<String>,
    /// Keep raw flows below DIR/netflow/archive, for `grafolean flow query`: on or off [env: GRAFOLEAN_FLOW_ARCHIVE]
    /// [default: off]
    #[arg(long, value_name = "ON", num_args = 0..=1, default_missing_value = "on", require_equals = true)]
    flow_archive: Option<String>,
    /// How many bytes of them are kept [env: GRAFOLEAN_FLOW_ARCHIVE_MAX_SIZE] [default: 10GiB]
    #[arg(long, value_name = "SIZE")]
    flow_archive_max_size: Option<String>,
    /// How long they are kept [env: GRAFOLEAN_FLOW_ARCHIVE_MAX_AGE] [default: 7days]
    #[arg(long, value_name = "TIME")]
    flow_archive_max_age: Option<String>,
}

/// Where data lies.
#[derive(Debug, Args)]
pub(crate) struct DataFlag {
    /// Folder for all that is kept [env: GRAFOLEAN_DATA] [default: grafolean in the user's data folder]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
}

/// Where the hub listens.
#[derive(Debug, Args)]
pub(crate) struct ListenFlag {
    /// Where the hub listens [env: GRAFOLEAN_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Arguments {
    /// Gives the settings of the command line.
    pub(crate) fn settings(&self) -> Vec<(Setting, SecretString)> {
        let mut given = Given(Vec::new());
        given.common(&self.common);
        match &self.command {
            Command::Demo(demo) => given.listen(&demo.listen).data(&demo.data),
            Command::Hub(hub) => given.listen(&hub.listen).data(&hub.data),
            Command::Bot { bot: BotCommand::All(RunAll { backend, tokens, bot, data, netflow, .. }) } => {
                given.backend(backend).tokens(tokens).bot(bot).data(data).netflow(netflow)
            }
            Command::Bot { bot: BotCommand::Ping(run) | BotCommand::Snmp(run) } => {
                given.backend(&run.backend).bot(&run.bot).data(&run.data)
            }
            Command::Bot { bot: BotCommand::Netflow(RunNetflow { run, netflow }) } => {
                given.backend(&run.backend).bot(&run.bot).data(&run.data).netflow(netflow)
            }
            Command::Check(check) => given.backend(&check.backend),
            Command::Send(send) => given.backend(&send.backend),
            Command::Snmp { command: SnmpCommand::Explain(explain) } => {
                given.backend(&explain.backend).data(&explain.data)
            }
            Command::Spool(spool) => given.data(&spool.data),
            Command::Config(show) => given
                .backend(&show.backend)
                .tokens(&show.tokens)
                .bot(&show.bot)
                .data(&show.data)
                .netflow(&show.netflow)
                .listen(&show.listen),
            Command::Flow {
                flow:
                    FlowCommand::Query(FlowQuery { data, .. })
                    | FlowCommand::Exporters(FlowExporters { data, .. }),
            } => given.data(data),
            Command::Ping(_)
            | Command::Flow { .. }
            | Command::Snmp { .. }
            | Command::Completions { .. }
            | Command::Man => &mut given,
        };
        given.0
    }
}

struct Given(Vec<(Setting, SecretString)>);

impl Given {
    fn text(&mut self, setting: Setting, text: Option<&String>) -> &mut Self {
        self.0.extend(text.map(|text| (setting, SecretString::from(text.as_str()))));
        self
    }

    fn common(&mut self, flags: &CommonFlags) -> &mut Self {
        self.text(Setting::Log, flags.log.as_ref())
            .text(Setting::LogFormat, flags.log_format.as_ref())
            .text(Setting::Color, flags.color.as_ref())
    }

    fn secret(&mut self, setting: Setting, secret: Option<&SecretString>) -> &mut Self {
        self.0.extend(secret.map(|secret| (setting, secret.clone())));
        self
    }

    fn tokens(&mut self, flags: &TokenFlags) -> &mut Self {
        self.secret(Setting::BotTokenPing, flags.bot_token_ping.as_ref())
            .text(Setting::BotTokenPingFromFile, flags.bot_token_ping_from_file.as_ref())
            .secret(Setting::BotTokenSnmp, flags.bot_token_snmp.as_ref())
            .text(Setting::BotTokenSnmpFromFile, flags.bot_token_snmp_from_file.as_ref())
            .secret(Setting::BotTokenNetflow, flags.bot_token_netflow.as_ref())
            .text(Setting::BotTokenNetflowFromFile, flags.bot_token_netflow_from_file.as_ref())
    }

    fn backend(&mut self, flags: &BackendFlags) -> &mut Self {
        self.secret(Setting::BotToken, flags.bot_token.as_ref())
            .text(Setting::BackendUrl, flags.backend_url.as_ref())
            .text(Setting::BotTokenFromFile, flags.bot_token_from_file.as_ref())
            .text(Setting::CaFile, flags.ca_file.as_ref())
    }

    fn bot(&mut self, flags: &BotFlags) -> &mut Self {
        self.text(Setting::JobsRefreshInterval, flags.jobs_refresh_interval.as_ref())
            .text(Setting::SpoolMaxSize, flags.spool_max_size.as_ref())
            .text(Setting::SpoolMaxAge, flags.spool_max_age.as_ref())
            .text(Setting::Metrics, flags.metrics.as_ref())
    }

    fn data(&mut self, flag: &DataFlag) -> &mut Self {
        self.text(Setting::Data, flag.data.as_ref())
    }

    fn netflow(&mut self, flag: &NetflowFlag) -> &mut Self {
        self.text(Setting::NetflowPort, flag.netflow_port.as_ref())
            .text(Setting::NetflowListen, flag.netflow_listen.as_ref())
            .text(Setting::NetflowThreads, flag.netflow_threads.as_ref())
            .text(Setting::FlowArchive, flag.flow_archive.as_ref())
            .text(Setting::FlowArchiveMaxSize, flag.flow_archive_max_size.as_ref())
            .text(Setting::FlowArchiveMaxAge, flag.flow_archive_max_age.as_ref())
    }

    fn listen(&mut self, flag: &ListenFlag) -> &mut Self {
        self.text(Setting::Listen, flag.listen.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

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
        let flags = flags(&Arguments::command());
        for setting in Setting::ALL {
            assert!(flags.contains(&setting.flag()), "{}", setting.flag());
        }
    }

    #[test]
    fn the_help_of_a_setting_names_its_variable() {
        let config = Arguments::command();
        let config = config.find_subcommand("config").unwrap();
        for argument in
            config.get_arguments().filter(|argument| argument.get_help_heading() == Some("Backend"))
        {
            let setting = Setting::named(argument.get_id().as_str()).unwrap();
            let help = argument.get_help().unwrap().to_string();
            assert!(help.contains(&format!("[env: {}]", setting.variable())), "{help}");
        }
    }
}
