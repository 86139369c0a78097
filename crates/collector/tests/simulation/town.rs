//! What people set up.

use std::collections::BTreeMap;

use grafolean_collector::{
    backend::{AccountInventory, Inventory},
    model::{
        Account, AccountId, Attachment, Credential, CredentialId, Details, Entity, EntityId, Sensor,
        SensorId, SensorUse, Shared, UserId,
    },
};

const PROTOCOL: &str = "sim";
const CREDENTIAL: CredentialId = CredentialId::new(1);

/// Two accounts with devices of one to three sensors, measured every 5 minutes to every hour.
pub fn town(devices: i64) -> Inventory {
    let account = |account: i64| {
        let entities =
            (0..devices).filter(|number| number % 2 == account % 2).map(|number| device(1_000 + number));
        AccountInventory {
            account: Account { id: AccountId::new(account), name: format!("account {account}") },
            entities: entities.map(Shared::from).collect(),
            credentials: vec![credential().into()],
            sensors: [300, 600, 3_600].map(|interval| sensor(interval).into()).into(),
            broken: Vec::new(),
        }
    };
    Inventory { user: Some(UserId::new(7)), protocol: None, accounts: [1, 2].map(account).into() }
}

/// A device that is measured by one to three sensors.
pub fn device(id: i64) -> Entity {
    let sensors = [300, 600, 3_600].into_iter().skip(usize::try_from(id % 2).unwrap());
    let sensors = sensors.take(usize::try_from(1 + id % 3).unwrap());
    let sensors =
        sensors.map(|interval| SensorUse { sensor: SensorId::new(interval), interval: None }).collect();
    let attachment = Attachment { credential: Some(CREDENTIAL), bot: None, sensors };
    Entity {
        id: EntityId::new(id),
        name: format!("device {id}"),
        entity_type: "device".to_owned(),
        parent: None,
        details: Details::new(),
        protocols: Some(BTreeMap::from([(PROTOCOL.to_owned(), attachment)])),
    }
}

fn credential() -> Credential {
    Credential {
        id: CREDENTIAL,
        name: "none".to_owned(),
        protocol: PROTOCOL.to_owned(),
        details: Details::new(),
    }
}

fn sensor(interval: i64) -> Sensor {
    Sensor {
        id: SensorId::new(interval),
        name: format!("every {interval} s"),
        protocol: PROTOCOL.to_owned(),
        default_interval: Some(interval),
        details: Details::new(),
    }
}
