//! What people set up: accounts, entities, credentials, sensors.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{AccountId, CredentialId, EntityId, Interval, SensorId, Shared, UserId, lenient};

/// The free-form part of an entity, a credential or a sensor; each protocol knows its own keys.
pub type Details = Map<String, Value>;

/// Details as `{:?}` shows them: their keys, since any value may be a password.
pub(crate) struct Keys<'a>(pub(crate) &'a Details);

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// An account: the owner of entities, credentials, sensors and values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
}

/// A thing that is measured: a device, or an interface of one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// Its id.
    pub id: EntityId,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// `device` or `interface`.
    pub entity_type: String,
    /// The device an interface belongs to.
    #[serde(default)]
    pub parent: Option<EntityId>,
    /// `{"ipv4": ...}` and what else a protocol reads; the backend does not check it.
    #[serde(default, deserialize_with = "lenient::details")]
    pub details: Details,
    /// By protocol: how this entity is measured. None where a backend's list leaves it out.
    #[serde(default)]
    pub protocols: Option<BTreeMap<String, Attachment>>,
}

impl fmt::Debug for Entity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, entity_type, parent, details, protocols } = self;
        out.debug_struct("Entity")
            .field("id", id)
            .field("name", name)
            .field("entity_type", entity_type)
            .field("parent", parent)
            .field("details", &Keys(details))
            .field("protocols", protocols)
            .finish()
    }
}

/// How one protocol measures one entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// How to get in.
    #[serde(default)]
    pub credential: Option<CredentialId>,
    /// What is measured.
    #[serde(default)]
    pub sensors: Vec<SensorUse>,
    /// Which bot does it; none means any bot of the protocol.
    #[serde(default)]
    pub bot: Option<UserId>,
}

/// A sensor as an entity uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorUse {
    /// Which sensor.
    pub sensor: SensorId,
    /// The entity's own interval in seconds, before the sensor's default; a real backend takes 0 and less.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub interval: Option<i64>,
}

/// How to get into a device.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Which protocol it is for.
    pub protocol: String,
    /// What that protocol wants; may hold passwords.
    #[serde(default, deserialize_with = "lenient::details")]
    pub details: Details,
}

impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, protocol, details } = self;
        out.debug_struct("Credential")
            .field("id", id)
            .field("name", name)
            .field("protocol", protocol)
            .field("details", &Keys(details))
            .finish()
    }
}

/// What is measured, and how often unless an entity says otherwise.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// Its id.
    pub id: SensorId,
    /// What people call it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Which protocol it is for.
    pub protocol: String,
    /// In seconds; a real backend takes 0 and less.
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    pub default_interval: Option<i64>,
    /// What that protocol wants.
    #[serde(default, deserialize_with = "lenient::details")]
    pub details: Details,
}

impl fmt::Debug for Sensor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, protocol, default_interval, details } = self;
        out.debug_struct("Sensor")
            .field("id", id)
            .field("name", name)
            .field("protocol", protocol)
            .field("default_interval", default_interval)
            .field("details", &Keys(details))
            .finish()
    }
}

/// An entity that is to be created.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEntity {
    /// What people will call it.
    pub name: String,
    /// `device` or `interface`.
    pub entity_type: String,
    /// The device an interface belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EntityId>,
    /// See [`Entity::details`].
    #[serde(default)]
    pub details: Details,
}

impl fmt::Debug for NewEntity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, entity_type, parent, details } = self;
        out.debug_struct("NewEntity")
            .field("name", name)
            .field("entity_type", entity_type)
            .field("parent", parent)
            .field("details", &Keys(details))
            .finish()
    }
}

/// All that a bot gets of a device it is to measure: what the backend keeps in four places, put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Whose values they will be.
    pub account: AccountId,
    /// The device.
    pub entity: Shared<Entity>,
    /// How to get in.
    pub credential: Shared<Credential>,
    /// What is measured, in the order of the entity; at least one.
    pub sensors: Vec<DeviceSensor>,
}

impl Device {
    /// Returns how logs name the device: `"core-sw1" (entity 7)`.
    pub fn title(&self) -> String {
        format!("{:?} (entity {})", self.entity.name, self.entity.id)
    }

    /// Returns a detail of the entity as text, see [`DeviceSensor::detail`].
    pub fn detail(&self, key: &str) -> Option<String> {
        text(&self.entity.details, key)
    }
}

/// A sensor of a device with the interval in force.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSensor {
    /// What is measured.
    pub sensor: Shared<Sensor>,
    /// The entity's own, else the sensor's default, else none: then the bot decides.
    pub interval: Option<Interval>,
}

impl DeviceSensor {
    /// Returns a detail of the sensor as text. People's numbers come as strings, scripts' as numbers: both are text
    /// here. What is empty, or neither, is none.
    pub fn detail(&self, key: &str) -> Option<String> {
        text(&self.sensor.details, key)
    }
}

fn text(details: &Details, key: &str) -> Option<String> {
    let text = match details.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_detail_is_text_however_it_was_typed() {
        let details = json!({"port": 22, "name": " eth0 ", "empty": "", "list": []});
        let detail = |key| text(details.as_object().unwrap(), key);
        assert_eq!(detail("port").as_deref(), Some("22"));
        assert_eq!(detail("name").as_deref(), Some("eth0"));
        assert_eq!([detail("empty"), detail("list"), detail("absent")], [None, None, None]);
    }
}
