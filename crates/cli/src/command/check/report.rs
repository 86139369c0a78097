//! What a check found out: plain data, printed as text or JSON.

use std::io::{self, Write};

use grafolean_collector::model::{AccountId, EntityId, SensorId, UserId};
use serde::Serialize;

/// All that was found out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Whether a bot would work.
    pub(super) works: bool,
    /// The address that was asked.
    pub(super) backend: String,
    /// The version of its database's schema.
    pub(super) db_version: Option<i64>,
    /// The protocol that was looked at.
    pub(super) protocol: String,
    /// Whose token it is.
    pub(super) bot: Option<BotIdentity>,
    /// What the token may do in each account.
    pub(super) accounts: Vec<AccountAccess>,
    /// What would be polled.
    pub(super) polled: Vec<Polled>,
    /// What would not, and why.
    pub(super) not_polled: Vec<NotPolled>,
    /// Why the bot would not work; empty if it would.
    pub(super) problems: Vec<String>,
    /// What somebody should look at.
    pub(super) warnings: Vec<String>,
}

/// A bot as the backend knows it.
#[derive(Debug, Serialize)]
pub(super) struct BotIdentity {
    pub(super) user_id: UserId,
    pub(super) name: String,
    pub(super) protocol: String,
    /// The only account it belongs to; none for a bot of the whole system.
    pub(super) tied_to_account: Option<AccountId>,
}

/// What a token may do in one account.
#[derive(Debug, Serialize)]
pub(super) struct AccountAccess {
    pub(super) id: AccountId,
    pub(super) name: String,
    /// Values with the time of their measurement.
    pub(super) put_values: bool,
    /// Values with the backend's time only.
    pub(super) post_values: bool,
    /// What is to be measured.
    pub(super) read_entities: bool,
    /// Interfaces kept in step, exporters proposed.
    pub(super) write_entities: bool,
}

/// A device that would be polled.
#[derive(Debug, Serialize)]
pub(super) struct Polled {
    pub(super) account: AccountId,
    pub(super) entity: EntityId,
    pub(super) name: String,
    /// Its address or host name.
    pub(super) target: Option<String>,
    /// At which it is polled, in seconds; empty where the bot decides.
    pub(super) intervals: Vec<u32>,
    pub(super) sensors: Vec<PolledSensor>,
}

/// A sensor of it.
#[derive(Debug, Serialize)]
pub(super) struct PolledSensor {
    pub(super) sensor: SensorId,
    pub(super) name: String,
    /// In seconds; none where neither entity nor sensor has one.
    pub(super) interval: Option<u32>,
}

/// An entity, or a part of one, that would not be polled.
#[derive(Debug, Serialize)]
pub(super) struct NotPolled {
    pub(super) account: AccountId,
    pub(super) entity: EntityId,
    pub(super) name: String,
    pub(super) reason: String,
}

impl Report {
    /// Prints it for a person.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let version =
            self.db_version.map(|version| format!(", schema version {version}")).unwrap_or_default();
        writeln!(out, "backend   {}{version}", self.backend)?;
        if let Some(BotIdentity { user_id, name, protocol, tied_to_account }) = &self.bot {
            let of = tied_to_account.map_or("the whole system".to_owned(), |id| format!("account {id}"));
            let protocol = if protocol.is_empty() { "no" } else { protocol.as_str() };
            writeln!(out, "token     bot {user_id} \"{name}\", {protocol} protocol, of {of}")?;
        }
        for account in &self.accounts {
            account.print(out)?;
        }
        if self.bot.is_some() {
            writeln!(out, "polled    {} devices by protocol {}", self.polled.len(), self.protocol)?;
        }
        self.polled.iter().try_for_each(|device| device.print(out))?;
        if !self.not_polled.is_empty() {
            writeln!(out, "not polled")?;
        }
        for NotPolled { account, entity, name, reason } in &self.not_polled {
            writeln!(out, "  entity {entity} \"{name}\" of account {account}: {reason}")?;
        }
        self.warnings.iter().try_for_each(|warning| writeln!(out, "warning: {warning}"))?;
        self.problems.iter().try_for_each(|problem| writeln!(out, "problem: {problem}"))?;
        let verdict = if self.works { "the bot would work" } else { "the bot would not work" };
        writeln!(out, "{verdict}")
    }
}

impl AccountAccess {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let word = |may: bool| if may { "yes" } else { "no" };
        writeln!(out, "account   {} \"{}\"", self.id, self.name)?;
        writeln!(out, "  values    PUT {}, POST {}", word(self.put_values), word(self.post_values))?;
        writeln!(out, "  entities  read {}, write {}", word(self.read_entities), word(self.write_entities))?;
        if self.write_entities {
            return Ok(());
        }
        writeln!(
            out,
            "            without write the interfaces of devices are not kept in step and flow exporters not proposed: \
             it needs POST, PUT and DELETE on accounts/{}/entities",
            self.id
        )
    }
}

impl Polled {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { account, entity, name, .. } = self;
        let target = self.target.as_deref().unwrap_or("without an address");
        let intervals: Vec<_> = self.intervals.iter().map(|seconds| format!("{seconds} s")).collect();
        let every =
            if intervals.is_empty() { "as the bot decides".to_owned() } else { intervals.join(" and ") };
        writeln!(out, "  entity {entity} \"{name}\" of account {account}, {target}, every {every}")?;
        for PolledSensor { sensor, name, interval } in &self.sensors {
            let interval = interval.map_or("no interval".to_owned(), |seconds| format!("{seconds} s"));
            writeln!(out, "    sensor {sensor} \"{name}\", {interval}")?;
        }
        Ok(())
    }
}
