//! Lists, read row by row: a row that is broken costs only itself, and so does a part of an entity.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{
    backend::BrokenRow,
    model::{Attachment, Entity, SensorUse, Shared},
};

/// What a list held.
pub(super) struct Rows<T> {
    pub(super) read: Vec<T>,
    pub(super) broken: Vec<BrokenRow>,
}

/// One entity and what of its protocols could not be read, or why it can't be read at all.
pub(super) type EntityRow = Result<(Entity, Vec<BrokenRow>), BrokenRow>;

/// A row that was read where it stood in its list: as values, all rows together would take several times as much
/// memory.
pub(super) enum Row<T> {
    Read(Shared<T>),
    Broken { id: Value, reason: String },
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Row<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = Value::deserialize(deserializer)?;
        Ok(match field::<T>(&row) {
            Ok(read) => Self::Read(read.into()),
            Err(reason) => Self::Broken { id: id_of(&row), reason },
        })
    }
}

/// Splits the rows of one list into those that could be read and the others.
pub(super) fn rows<T>(list: &'static str, rows: Vec<Row<T>>) -> Rows<Shared<T>> {
    let (mut read, mut broken) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match row {
            Row::Read(row) => read.push(row),
            Row::Broken { id, reason } => broken.push(BrokenRow { list, row: id, reason }),
        }
    }
    Rows { read, broken }
}

/// Reads `{"list": [entity, ...]}`, one entity after the other; `keep` puts each where it stays, so that those that
/// are known already are never there twice all together.
pub(super) struct Entities<F> {
    rows: Rows<Shared<Entity>>,
    keep: F,
}

impl<F: FnMut(Entity) -> Shared<Entity>> Entities<F> {
    pub(super) fn new(keep: F) -> Self {
        Self { rows: Rows { read: Vec::new(), broken: Vec::new() }, keep }
    }

    pub(super) fn read(mut self, body: &[u8]) -> Result<Rows<Shared<Entity>>, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_slice(body);
        reader.deserialize_map(ListVisitor(&mut self))?;
        reader.end()?;
        Ok(self.rows)
    }

    pub(super) fn push(&mut self, row: Value) {
        match entity(row) {
            Ok((entity, faults)) => {
                self.rows.read.push((self.keep)(entity));
                self.rows.broken.extend(faults);
            }
            Err(fault) => self.rows.broken.push(fault),
        }
    }
}

/// The object around the list.
struct ListVisitor<'a, F>(&'a mut Entities<F>);

impl<'de, F: FnMut(Entity) -> Shared<Entity>> Visitor<'de> for ListVisitor<'_, F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_list = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "list" {
                has_list = true;
                map.next_value_seed(EntitySeed(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_list { Ok(()) } else { Err(de::Error::missing_field("list")) }
    }
}

/// The list itself.
struct EntitySeed<'a, F>(&'a mut Entities<F>);

impl<'de, F: FnMut(Entity) -> Shared<Entity>> DeserializeSeed<'de> for EntitySeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Entity) -> Shared<Entity>> Visitor<'de> for EntitySeed<'_, F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(row) = list.next_element()? {
            self.0.push(row);
        }
        Ok(())
    }
}

/// Reads one entity.
pub(super) fn entity(mut row: Value) -> EntityRow {
    let id = id_of(&row);
    let broken = |reason| BrokenRow { list: "entities", row: id.clone(), reason };
    let protocols = row.as_object_mut().and_then(|row| row.remove("protocols"));
    let mut entity: Entity = field(&row).map_err(&broken)?;
    let mut faults = Vec::new();
    entity.protocols = match protocols {
        None | Some(Value::Null) => None,
        Some(Value::Object(protocols)) => Some(attachments(protocols, &mut faults)),
        Some(_) => {
            faults.push("protocols: expected an object".to_owned());
            Some(BTreeMap::new())
        }
    };
    Ok((entity, faults.into_iter().map(broken).collect()))
}

fn attachments(protocols: Map<String, Value>, faults: &mut Vec<String>) -> BTreeMap<String, Attachment> {
    let mut read = BTreeMap::new();
    for (protocol, value) in protocols {
        let mut sensor_faults = Vec::new();
        match attachment(value, &mut sensor_faults) {
            Ok(attachment) => _ = read.insert(protocol.clone(), attachment),
            Err(reason) => sensor_faults.push(reason),
        }
        faults.extend(sensor_faults.into_iter().map(|reason| format!("protocols.{protocol}: {reason}")));
    }
    read
}

fn attachment(mut value: Value, faults: &mut Vec<String>) -> Result<Attachment, String> {
    let sensors = value.as_object_mut().and_then(|attachment| attachment.remove("sensors"));
    let mut attachment: Attachment = field(&value)?;
    match sensors {
        None | Some(Value::Null) => {}
        Some(Value::Array(uses)) => {
            for (place, value) in uses.into_iter().enumerate() {
                match field::<SensorUse>(&value) {
                    Ok(sensor) => attachment.sensors.push(sensor),
                    Err(reason) => faults.push(format!("sensors[{place}]: {reason}")),
                }
            }
        }
        Some(_) => faults.push("sensors: expected a list".to_owned()),
    }
    Ok(attachment)
}

fn field<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    // Only what fails is read again with its path in mind, which is slower.
    T::deserialize(value)
        .or_else(|_| serde_path_to_error::deserialize(value).map_err(|error| error.to_string()))
}

fn id_of(row: &Value) -> Value {
    row.get("id").cloned().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::model::{Credential, Sensor};

    fn list_of<R: DeserializeOwned>(list: Vec<Value>) -> Vec<R> {
        serde_json::from_value(Value::Array(list)).unwrap()
    }

    fn rows_of(list: Vec<Value>) -> Rows<Shared<Entity>> {
        let body = serde_json::to_vec(&json!({ "list": list })).unwrap();
        Entities::new(Shared::from).read(&body).unwrap()
    }

    fn reasons<T>(rows: &Rows<T>) -> Vec<String> {
        rows.broken.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_broken_part_of_an_entity_costs_only_itself() {
        let rows = rows_of(vec![
            json!({"id": "7", "name": null, "entity_type": "device", "details": null, "protocols": {
                "snmp": {"credential": [], "sensors": []},
                "ping": {"credential": "3", "bot": null, "sensors": [
                    {"sensor": 1, "interval": "soon"}, {"sensor": "2", "interval": "60", "new": true}, 9,
                ]},
            }}),
            json!({"id": 8}),
            json!("what"),
        ]);
        assert_eq!(rows.read.len(), 1);
        let ping = &rows.read[0].protocols.as_ref().unwrap()["ping"];
        assert_eq!(ping.sensors, [SensorUse { sensor: "2".parse().unwrap(), interval: Some(60) }]);
        assert_eq!(rows.read[0].protocols.as_ref().unwrap().len(), 1);
        let said = reasons(&rows).join("\n");
        for part in ["protocols.snmp: credential:", "protocols.ping: sensors[0]: interval:", "sensors[2]:"] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert_eq!(rows.broken.len(), 5, "{said}");
    }

    #[test]
    fn protocols_that_are_left_out_are_told_from_none() {
        let row = json!({"id": 1, "entity_type": "device"});
        assert_eq!(entity(row).unwrap().0.protocols, None);
        let row = json!({"id": 1, "entity_type": "device", "protocols": {}});
        assert_eq!(entity(row).unwrap().0.protocols, Some(BTreeMap::new()));
    }

    /// Any JSON, with the keys and words of a row in it so that reading gets somewhere.
    fn json() -> impl Strategy<Value = Value> {
        let word = prop_oneof![Just("device".to_owned()), Just("7".to_owned()), Just(String::new()), ".*"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            word.prop_map(Value::from),
        ];
        let key = prop_oneof![
            "id|entity_type|name|details|parent|protocol|protocols|ping|credential|bot|sensors|sensor|interval",
            ".{0,3}",
        ];
        leaf.prop_recursive(5, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(key.clone(), inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_row_is_read_or_named_and_none_hurts_another(mut list in prop::collection::vec(json(), 0..4), place: usize) {
            let good = json!({"id": 42, "entity_type": "device", "protocols": {"ping": {"sensors": [{"sensor": 1}]}}});
            list.insert(place % (list.len() + 1), good.clone());
            let (number, entities) = (list.len(), rows_of(list.clone()));
            prop_assert!(entities.read.len() + entities.broken.len() >= number);
            prop_assert!(entities.read.contains(&entity(good).unwrap().0.into()));
            let sensors = rows::<Sensor>("sensors", list_of(list.clone()));
            prop_assert_eq!(sensors.read.len() + sensors.broken.len(), number);
            let credentials = rows::<Credential>("credentials", list_of(list));
            prop_assert_eq!(credentials.read.len() + credentials.broken.len(), number);
        }

        #[test]
        fn what_can_be_read_of_an_entity_is_read_the_same_again(row in json()) {
            if let Ok((first, _)) = entity(row) {
                let (again, faults) = entity(serde_json::to_value(&first).unwrap()).unwrap();
                prop_assert_eq!((again, faults), (first, vec![]));
            }
        }
    }
}
