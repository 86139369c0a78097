//! The bots of this binary, each of which may have a token of its own.

use grafolean_collector::settings::{Setting, own_token};

/// A bot of this binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    Ping,
    Snmp,
    Netflow,
}

impl Protocol {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Ping, Self::Snmp, Self::Netflow];

    /// Its name, as the backend has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Snmp => "snmp",
            Self::Netflow => "netflow",
        }
    }

    /// Returns the bot of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// Returns the setting of its own token.
    pub(crate) fn token(self) -> Setting {
        let [token, _] = own_token(self.name());
        token
    }
}
