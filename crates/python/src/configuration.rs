//! What a bot is told of its devices, as the established library does it: one object an entity.

use grafolean_collector::model::{Device, DeviceSensor};
use serde_json::{Map, Value, json};

/// Puts together what a bot of a device wants to know, key by key as ever.
pub(crate) fn of(device: &Device) -> Value {
    let Device { account, entity, credential, sensors } = device;
    let mut config = Map::new();
    // What a backend leaves out is not made up, but these four it always gives.
    config.insert("name".to_owned(), json!(entity.name));
    config.insert("entity_type".to_owned(), json!(entity.entity_type));
    config.insert("parent".to_owned(), json!(entity.parent));
    config.insert("details".to_owned(), json!(entity.details));
    config.insert("account_id".to_owned(), json!(account));
    config.insert("entity_id".to_owned(), json!(entity.id));
    config.insert("credential_details".to_owned(), json!(credential.details));
    config.insert("sensors".to_owned(), sensors.iter().map(sensor).collect());
    Value::Object(config)
}

fn sensor(it: &DeviceSensor) -> Value {
    json!({
        "sensor_details": it.sensor.details,
        "sensor_id": it.sensor.id,
        "interval": it.interval.map(|interval| interval.duration().as_secs()),
    })
}
