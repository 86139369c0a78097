//! What a bot is told of its devices, as the established library does it: one object an entity.

use grafolean_collector::{
    backend::http::HttpBackend,
    model::{Device, DeviceSensor},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Returns all of the entity as the backend wrote it but `id` and `protocols`; then its account and id, the details of its
/// credential, and its sensors.
pub(crate) fn of(device: &Device, backend: &HttpBackend) -> Value {
    let Device { account, entity, credential, sensors } = device;
    let mut config = object(backend.entity_as_written(*account, entity.id), &**entity);
    config.retain(|key, _| key != "id" && key != "protocols");
    let credential = object(backend.credential_as_written(*account, credential.id), &**credential);
    config.insert("account_id".to_owned(), json!(account));
    config.insert("entity_id".to_owned(), json!(entity.id));
    config.insert("credential_details".to_owned(), details(credential));
    let sensors = sensors.iter().map(|used| sensor(device, used, backend)).collect();
    config.insert("sensors".to_owned(), sensors);
    Value::Object(config)
}

fn sensor(device: &Device, used: &DeviceSensor, backend: &HttpBackend) -> Value {
    let written = object(backend.sensor_as_written(device.account, used.sensor.id), &*used.sensor);
    json!({
        "sensor_details": details(written),
        "sensor_id": used.sensor.id,
        "interval": used.interval.map(|interval| interval.seconds()),
    })
}

fn details(mut row: Map<String, Value>) -> Value {
    row.remove("details").unwrap_or_else(|| json!({}))
}

/// Returns a row as it was written; as it is known where the list lacks it for a while.
fn object(row: Option<Value>, known: &impl Serialize) -> Map<String, Value> {
    match row.or_else(|| serde_json::to_value(known).ok()) {
        Some(Value::Object(row)) => row,
        _ => Map::new(),
    }
}
