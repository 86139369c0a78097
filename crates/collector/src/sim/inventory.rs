//! What people set up, for a simulated backend.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    backend::{AccountInventory, Inventory},
    model::{
        Account, AccountId, Attachment, Credential, CredentialId, Details, Entity, EntityId, Sensor,
        SensorId, SensorUse,
    },
};

/// A device with one sensor, each with the details that a protocol reads; what is no object has none.
#[derive(Clone, Debug, Default)]
pub struct SimDevice {
    /// Seconds between two runs.
    pub interval: i64,
    /// The entity's details, e.g. `json!({"ipv4": "192.0.2.1"})`.
    pub details: Value,
    /// The credential's details.
    pub credential: Value,
    /// The sensor's details.
    pub sensor: Value,
}

/// Returns an account, number 1, whose devices are measured by a protocol; they are entities 1, 2, ... in this order.
pub fn inventory_of(protocol: &str, devices: impl IntoIterator<Item = SimDevice>) -> Inventory {
    let account = Account { id: AccountId::new(1), name: "Test account".to_owned() };
    let (mut entities, mut credentials, mut sensors) = (Vec::new(), Vec::new(), Vec::new());
    for (number, device) in (1..).zip(devices) {
        let (credential, sensor) = (CredentialId::new(number), SensorId::new(number));
        let sensor_use = SensorUse { sensor, interval: None };
        let attachment = Attachment { credential: Some(credential), bot: None, sensors: vec![sensor_use] };
        let entity = Entity {
            id: EntityId::new(number),
            name: format!("device {number}"),
            entity_type: "device".to_owned(),
            parent: None,
            details: object(device.details),
            protocols: Some(BTreeMap::from([(protocol.to_owned(), attachment)])),
        };
        let (name, protocol) = (format!("of device {number}"), protocol.to_owned());
        let details = object(device.credential);
        let new = Credential { id: credential, name: name.clone(), protocol: protocol.clone(), details };
        credentials.push(new.into());
        let (default_interval, details) = (Some(device.interval), object(device.sensor));
        sensors.push(Sensor { id: sensor, name, protocol, default_interval, details }.into());
        entities.push(entity.into());
    }
    let account = AccountInventory { account, entities, credentials, sensors, broken: Vec::new() };
    Inventory { user: None, protocol: Some(protocol.to_owned()), accounts: vec![account] }
}

fn object(value: Value) -> Details {
    match value {
        Value::Object(details) => details,
        _ => Details::new(),
    }
}
