//! Which entities belong to a bot: pure, from an [`Inventory`] to [`Device`]s.
//!
//! An entity is this bot's if it is a device, has the bot's protocol, is given to this bot or to any bot, and has a
//! credential and at least one sensor, or the name of a profile in their stead. What is this bot's but set up in a way
//! that can't be measured is a [`Refusal`]; what is not this bot's at all is told apart as [`SkipReason`].

use std::collections::HashMap;

use serde_json::Value;
use thiserror::Error;

use crate::{
    backend::{AccountInventory, Inventory},
    bot::Refusal,
    cause::Cause,
    model::{
        AccountId, Attachment, Credential, CredentialId, Device, DeviceSensor, Entity, EntityId, Interval,
        Sensor, SensorId, SensorUse, Shared, UserId,
    },
};

/// An inventory as one bot sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// What it measures, in the order account, then entity.
    pub devices: Vec<Device>,
    /// Whole devices and single sensors that are this bot's but can't be measured.
    pub refused: Vec<Refusal>,
    /// What is none of its business.
    pub skipped: Vec<Skipped>,
}

/// An entity that is not this bot's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entity {entity} of account {account} ({name}) is skipped: {reason}")]
#[non_exhaustive]
pub struct Skipped {
    /// Whose entity.
    pub account: AccountId,
    /// The entity.
    pub entity: EntityId,
    /// What people call it.
    pub name: String,
    /// Why.
    pub reason: SkipReason,
}

/// Why an entity is not this bot's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is an interface or the like.
    #[error("its type is `{0}`, not `device`")]
    NoDevice(String),
    /// The protocol is not set up for it.
    #[error("the protocol is not enabled for it")]
    NoProtocol,
    /// It is given to another bot.
    #[error("it is given to bot {0}")]
    AnotherBot(UserId),
    /// The protocol is set up without a credential.
    #[error("no credential is chosen for it")]
    NoCredential,
    /// The protocol is set up without a sensor.
    #[error("no sensor is chosen for it")]
    NoSensor,
}

/// Selects what belongs to the bot of `protocol` whose token read this inventory.
pub fn select(inventory: &Inventory, protocol: &str) -> Selection {
    let mut selection = Selection::default();
    for account in &inventory.accounts {
        let rows = Rows::of(account, protocol);
        for entity in &account.entities {
            match ours(entity, protocol, inventory.user) {
                Ok((credential, uses)) => {
                    let (device, faults) = rows.device(entity, credential, uses);
                    selection.devices.extend(device);
                    selection.refused.extend(faults.into_iter().map(|(cause, reason)| Refusal {
                        account: account.account.id,
                        entity: entity.id,
                        name: entity.name.clone(),
                        reason,
                        cause,
                    }));
                }
                Err(reason) => selection.skipped.push(Skipped {
                    account: account.account.id,
                    entity: entity.id,
                    name: entity.name.clone(),
                    reason,
                }),
            }
        }
    }
    selection
}

fn ours<'a>(
    entity: &'a Entity,
    protocol: &str,
    user: Option<UserId>,
) -> Result<(CredentialId, &'a [SensorUse]), SkipReason> {
    if entity.entity_type != "device" {
        return Err(SkipReason::NoDevice(entity.entity_type.clone()));
    }
    let attachment = entity.protocols.as_ref().and_then(|protocols| protocols.get(protocol));
    let Attachment { credential, bot, sensors } = attachment.ok_or(SkipReason::NoProtocol)?;
    if let Some(bot) = bot
        && user != Some(*bot)
    {
        return Err(SkipReason::AnotherBot(*bot));
    }
    let credential = credential.ok_or(SkipReason::NoCredential)?;
    if sensors.is_empty() && !has_profile(entity, protocol) {
        return Err(SkipReason::NoSensor);
    }
    Ok((credential, sensors))
}

/// Whether an entity names a profile of the protocol, which says what to measure: `snmp_profile` in its details.
fn has_profile(entity: &Entity, protocol: &str) -> bool {
    let profile = entity.details.get(&format!("{protocol}_profile"));
    profile.and_then(Value::as_str).is_some_and(|name| !name.trim().is_empty())
}

/// What is wrong, and what kind of fault it is.
type Fault = (Cause, String);

/// One account's credentials and sensors by their ids.
struct Rows<'a> {
    account: AccountId,
    protocol: &'a str,
    credentials: HashMap<CredentialId, &'a Shared<Credential>>,
    sensors: HashMap<SensorId, &'a Shared<Sensor>>,
}

impl<'a> Rows<'a> {
    fn of(account: &'a AccountInventory, protocol: &'a str) -> Self {
        Self {
            account: account.account.id,
            protocol,
            credentials: account.credentials.iter().map(|row| (row.id, row)).collect(),
            sensors: account.sensors.iter().map(|row| (row.id, row)).collect(),
        }
    }

    fn device(
        &self,
        entity: &Shared<Entity>,
        credential: CredentialId,
        uses: &[SensorUse],
    ) -> (Option<Device>, Vec<Fault>) {
        let mut faults = Vec::new();
        let sensors: Vec<_> = uses
            .iter()
            .filter_map(|used| self.sensor(used).map_err(|fault| faults.push(fault)).ok())
            .collect();
        let credential = self.credential(credential).map_err(|fault| faults.push(fault)).ok();
        let is_measured = !sensors.is_empty() || (uses.is_empty() && has_profile(entity, self.protocol));
        let device = credential.filter(|_| is_measured).map(|credential| Device {
            account: self.account,
            entity: entity.clone(),
            credential,
            sensors,
        });
        (device, faults)
    }

    fn credential(&self, id: CredentialId) -> Result<Shared<Credential>, Fault> {
        let gone = || (Cause::CredentialGone, missing("credential", id.number()));
        let credential = *self.credentials.get(&id).ok_or_else(gone)?;
        self.right_protocol(&credential.protocol).map_err(|fault| {
            (Cause::CredentialProtocol, format!("credential {id} ({}) {fault}", credential.name))
        })?;
        Ok(credential.clone())
    }

    fn sensor(&self, used: &SensorUse) -> Result<DeviceSensor, Fault> {
        let id = used.sensor;
        let gone = || (Cause::SensorGone, missing("sensor", id.number()));
        let sensor = *self.sensors.get(&id).ok_or_else(gone)?;
        let of_other = |fault| (Cause::SensorProtocol, format!("sensor {id} ({}) {fault}", sensor.name));
        self.right_protocol(&sensor.protocol).map_err(of_other)?;
        let interval = used.interval.or(sensor.default_interval).map(Interval::from_seconds).transpose();
        let invalid = |error| (Cause::NoInterval, format!("sensor {id} ({}) has {error}", sensor.name));
        let interval = interval.map_err(invalid)?;
        Ok(DeviceSensor { sensor: sensor.clone(), interval })
    }

    fn right_protocol(&self, protocol: &str) -> Result<(), String> {
        let right = self.protocol;
        if protocol == right { Ok(()) } else { Err(format!("is of protocol `{protocol}`, not `{right}`")) }
    }
}

fn missing(what: &str, id: i64) -> String {
    format!("{what} {id} is not in the account's list, or can't be read: choose another for the entity")
}
