//! The settings by name: one name everywhere.

/// Something that can be set; how it is named follows from its one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setting {
    BackendUrl,
    BotToken,
    BotTokenFromFile,
    BotTokenPing,
    BotTokenPingFromFile,
    BotTokenSnmp,
    BotTokenSnmpFromFile,
    BotTokenNetflow,
    BotTokenNetflowFromFile,
    CaFile,
    JobsRefreshInterval,
    Data,
    SpoolMaxSize,
    SpoolMaxAge,
    Metrics,
    NetflowPort,
    NetflowListen,
    NetflowThreads,
    FlowArchive,
    FlowArchiveMaxSize,
    FlowArchiveMaxAge,
    Listen,
    Log,
    LogFormat,
    Color,
}

impl Setting {
    /// All of them, in the order in which `grafolean config` prints them.
    pub(crate) const ALL: [Self; 25] = [
        Self::BackendUrl,
        Self::BotToken,
        Self::BotTokenFromFile,
        Self::BotTokenPing,
        Self::BotTokenPingFromFile,
        Self::BotTokenSnmp,
        Self::BotTokenSnmpFromFile,
        Self::BotTokenNetflow,
        Self::BotTokenNetflowFromFile,
        Self::CaFile,
        Self::JobsRefreshInterval,
        Self::Data,
        Self::SpoolMaxSize,
        Self::SpoolMaxAge,
        Self::Metrics,
        Self::NetflowPort,
        Self::NetflowListen,
        Self::NetflowThreads,
        Self::FlowArchive,
        Self::FlowArchiveMaxSize,
        Self::FlowArchiveMaxAge,
        Self::Listen,
        Self::Log,
        Self::LogFormat,
        Self::Color,
    ];

    /// The name, as a TOML file has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::BackendUrl => "backend_url",
            Self::BotToken => "bot_token",
            Self::BotTokenFromFile => "bot_token_from_file",
            Self::BotTokenPing => "bot_token_ping",
            Self::BotTokenPingFromFile => "bot_token_ping_from_file",
            Self::BotTokenSnmp => "bot_token_snmp",
            Self::BotTokenSnmpFromFile => "bot_token_snmp_from_file",
            Self::BotTokenNetflow => "bot_token_netflow",
            Self::BotTokenNetflowFromFile => "bot_token_netflow_from_file",
            Self::CaFile => "ca_file",
            Self::JobsRefreshInterval => "jobs_refresh_interval",
            Self::Data => "data",
            Self::SpoolMaxSize => "spool_max_size",
            Self::SpoolMaxAge => "spool_max_age",
            Self::Metrics => "metrics",
            Self::NetflowPort => "netflow_port",
            Self::NetflowListen => "netflow_listen",
            Self::NetflowThreads => "netflow_threads",
            Self::FlowArchive => "flow_archive",
            Self::FlowArchiveMaxSize => "flow_archive_max_size",
            Self::FlowArchiveMaxAge => "flow_archive_max_age",
            Self::Listen => "listen",
            Self::Log => "log",
            Self::LogFormat => "log_format",
            Self::Color => "color",
        }
    }

    /// The environment variable: the name in capitals. Names that bots have always had stand bare, the others behind
    /// `GRAFOLEAN_`, since `DATA` or `LISTEN` alone may well mean something else on the same machine.
    pub(crate) fn variable(self) -> String {
        let bare = self.name().to_ascii_uppercase();
        match self {
            Self::BackendUrl
            | Self::BotToken
            | Self::BotTokenFromFile
            | Self::BotTokenPing
            | Self::BotTokenPingFromFile
            | Self::BotTokenSnmp
            | Self::BotTokenSnmpFromFile
            | Self::BotTokenNetflow
            | Self::BotTokenNetflowFromFile
            | Self::JobsRefreshInterval
            | Self::NetflowPort => bare,
            _ => format!("GRAFOLEAN_{bare}"),
        }
    }

    /// The flag, with its dashes.
    pub(crate) fn flag(self) -> String {
        format!("--{}", self.name().replace('_', "-"))
    }

    /// Gives the setting of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// Gives the setting whose name is nearest to a mistyped one, if any is near.
    pub(crate) fn nearest(mistyped: &str) -> Option<Self> {
        const NEAR: f64 = 0.5;
        let wanted = mistyped.to_ascii_lowercase().replace('-', "_");
        let likeness = |setting: &Self| strsim::normalized_damerau_levenshtein(setting.name(), &wanted);
        Self::ALL
            .into_iter()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .filter(|best| likeness(best) >= NEAR)
    }

    /// Whether its value is never shown.
    pub(crate) const fn is_secret(self) -> bool {
        matches!(self, Self::BotToken | Self::BotTokenPing | Self::BotTokenSnmp | Self::BotTokenNetflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_the_right_one() {
        for (mistyped, right) in [
            ("backend_ulr", Setting::BackendUrl),
            ("BACKEND-URL", Setting::BackendUrl),
            ("token", Setting::BotToken),
            ("refresh_interval", Setting::JobsRefreshInterval),
            ("colour", Setting::Color),
        ] {
            assert_eq!(Setting::nearest(mistyped), Some(right), "{mistyped}");
        }
        assert_eq!(Setting::nearest("quux"), None);
    }

    #[test]
    fn the_established_variables_keep_their_names() {
        assert_eq!(Setting::JobsRefreshInterval.variable(), "JOBS_REFRESH_INTERVAL");
        assert_eq!(Setting::NetflowPort.variable(), "NETFLOW_PORT");
        assert_eq!(Setting::Log.variable(), "GRAFOLEAN_LOG");
        assert_eq!(Setting::BotTokenFromFile.flag(), "--bot-token-from-file");
        assert_eq!(Setting::BotTokenSnmp.variable(), "BOT_TOKEN_SNMP");
    }
}
