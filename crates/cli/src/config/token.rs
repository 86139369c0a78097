//! The tokens of bots: one for all, or one for each.

use std::fs;

use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, Origin, Reading, Setting, path};

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

    /// Gives the bot of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// The setting of its own token.
    pub(crate) const fn token(self) -> Setting {
        match self {
            Self::Ping => Setting::BotTokenPing,
            Self::Snmp => Setting::BotTokenSnmp,
            Self::Netflow => Setting::BotTokenNetflow,
        }
    }
}

/// Tokens, trimmed.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// Of any bot that has none of its own.
    general: Option<SecretString>,
    ping: Option<SecretString>,
    snmp: Option<SecretString>,
    netflow: Option<SecretString>,
}

impl Tokens {
    /// Gives the token of a bot: its own, else the general one, which is also that of whoever is no bot.
    pub(crate) fn of(&self, bot: impl Into<Option<Protocol>>) -> Option<&SecretString> {
        let own = match bot.into() {
            Some(Protocol::Ping) => &self.ping,
            Some(Protocol::Snmp) => &self.snmp,
            Some(Protocol::Netflow) => &self.netflow,
            None => &None,
        };
        own.as_ref().or(self.general.as_ref())
    }

    /// Takes them out of the layers.
    pub(super) fn read(reading: &mut Reading) -> Result<Self, ConfigError> {
        Ok(Self {
            general: reading.token(Setting::BotToken, Setting::BotTokenFromFile)?,
            ping: reading.token(Setting::BotTokenPing, Setting::BotTokenPingFromFile)?,
            snmp: reading.token(Setting::BotTokenSnmp, Setting::BotTokenSnmpFromFile)?,
            netflow: reading.token(Setting::BotTokenNetflow, Setting::BotTokenNetflowFromFile)?,
        })
    }
}

impl Reading {
    /// A token and the file that holds it are one setting in two forms: the stronger place counts.
    fn token(&mut self, token: Setting, file: Setting) -> Result<Option<SecretString>, ConfigError> {
        let layer = |setting| self.layers.get(&setting).map(|written| written.origin.layer());
        match (layer(token), layer(file)) {
            (Some(of_token), Some(of_file)) if of_token == of_file => {
                let layer = self.layers.get(&token).map_or("", |written| written.origin.word());
                return Err(ConfigError::TwoTokens { token, file, layer });
            }
            (Some(of_token), Some(of_file)) if of_token < of_file => self.layers.remove(&file),
            (Some(_), Some(_)) => self.layers.remove(&token),
            _ => None,
        };
        let given = self.optional(token, |text| Ok(SecretString::from(text.trim())))?;
        let Some(path) = self.optional(file, path)? else { return Ok(given) };
        let origin = self.layers.get(&file).map(|written| written.origin.clone());
        let place = origin.unwrap_or(Origin::Default).place(file);
        match fs::read_to_string(&path).map(SecretString::from) {
            Err(source) => Err(ConfigError::UnreadableToken { place, path, source }),
            Ok(text) if text.expose_secret().trim().is_empty() => {
                Err(ConfigError::EmptyToken { place, path })
            }
            Ok(text) => Ok(Some(SecretString::from(text.expose_secret().trim()))),
        }
    }
}
