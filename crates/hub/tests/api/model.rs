//! Any life of an account's things leaves the lists equal to a model of it.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index, test_runner::TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::{Who, World};

/// One thing that happens; which thing it happens to is drawn among those that are there.
#[derive(Clone, Debug)]
enum Event {
    Entity { parent: Option<Index>, how: Attachments },
    Change { entity: Index, how: Attachments },
    Credential(&'static str),
    Sensor(&'static str, Option<i64>),
    Bot(&'static str),
    Delete(Kind, Index),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Entities,
    Credentials,
    Sensors,
    Bots,
}

/// For each protocol, of what is there: a credential, a bot, sensors with intervals.
type Attachments = Vec<(&'static str, Index, Index, Vec<(Index, Option<i64>)>)>;

const PROTOCOLS: [&str; 3] = ["ping", "snmp", "netflow"];

fn attachments() -> impl Strategy<Value = Attachments> {
    let interval = prop::option::of(1_i64..1_000);
    let sensors = prop::collection::vec((any::<Index>(), interval), 0..4);
    let one = (prop::sample::select(&PROTOCOLS[..]), any::<Index>(), any::<Index>(), sensors);
    prop::collection::vec(one, 0..3)
}

fn event() -> impl Strategy<Value = Event> {
    let protocol = || prop::sample::select(&PROTOCOLS[..]);
    let kind = prop::sample::select(&[Kind::Entities, Kind::Credentials, Kind::Sensors, Kind::Bots][..]);
    prop_oneof![
        4 => (prop::option::of(any::<Index>()), attachments())
            .prop_map(|(parent, how)| Event::Entity { parent, how }),
        3 => (any::<Index>(), attachments()).prop_map(|(entity, how)| Event::Change { entity, how }),
        2 => protocol().prop_map(Event::Credential),
        2 => (protocol(), prop::option::of(1_i64..1_000)).prop_map(|(name, interval)| Event::Sensor(name, interval)),
        2 => protocol().prop_map(Event::Bot),
        2 => (kind, any::<Index>()).prop_map(|(kind, which)| Event::Delete(kind, which)),
    ]
}

/// What an account should hold, by id.
#[derive(Default)]
struct Model {
    entities: BTreeMap<i64, Value>,
    credentials: BTreeMap<i64, Value>,
    sensors: BTreeMap<i64, Value>,
    bots: BTreeMap<i64, Value>,
}

impl Model {
    /// Draws one of a protocol.
    fn draw(things: &BTreeMap<i64, Value>, protocol: &str, which: Index) -> Option<i64> {
        let of_protocol: Vec<i64> =
            things.iter().filter(|(_, thing)| thing["protocol"] == protocol).map(|(&id, _)| id).collect();
        (!of_protocol.is_empty()).then(|| *which.get(&of_protocol))
    }

    fn any(things: &BTreeMap<i64, Value>, which: Index) -> Option<i64> {
        let ids: Vec<i64> = things.keys().copied().collect();
        (!ids.is_empty()).then(|| *which.get(&ids))
    }

    fn protocols(&self, how: &Attachments) -> Value {
        let mut protocols = json!({});
        for (protocol, credential, bot, sensors) in how {
            let drawn = (
                Self::draw(&self.credentials, protocol, *credential),
                Self::draw(&self.bots, protocol, *bot),
            );
            let (Some(credential), Some(bot)) = drawn else { continue };
            let mut used: Vec<Value> = Vec::new();
            for (sensor, interval) in sensors {
                if let Some(sensor) = Self::draw(&self.sensors, protocol, *sensor)
                    && used.iter().all(|known| known["sensor"] != sensor)
                {
                    used.push(json!({"sensor": sensor, "interval": interval}));
                }
            }
            protocols[protocol] = json!({"credential": credential, "sensors": used, "bot": bot});
        }
        protocols
    }

    fn delete_entity(&mut self, id: i64) {
        self.entities.remove(&id);
        let children: Vec<i64> =
            self.entities.iter().filter(|(_, entity)| entity["parent"] == id).map(|(&id, _)| id).collect();
        children.into_iter().for_each(|child| self.delete_entity(child));
    }

    fn delete(&mut self, kind: Kind, id: i64) {
        match kind {
            Kind::Entities => return self.delete_entity(id),
            Kind::Credentials => self.credentials.remove(&id),
            Kind::Sensors => self.sensors.remove(&id),
            Kind::Bots => self.bots.remove(&id),
        };
        for entity in self.entities.values_mut() {
            let protocols = entity["protocols"].as_object_mut().unwrap();
            match kind {
                Kind::Credentials => protocols.retain(|_, how| how["credential"] != id),
                Kind::Sensors => protocols.values_mut().for_each(|how| {
                    how["sensors"].as_array_mut().unwrap().retain(|used| used["sensor"] != id);
                }),
                _ => protocols
                    .values_mut()
                    .filter(|how| how["bot"] == id)
                    .for_each(|how| how["bot"] = json!(null)),
            }
        }
    }
}

/// The account that a case plays in.
struct Play<'world> {
    world: &'world World,
    admin: &'world Who,
    account: i64,
    model: Model,
}

impl Play<'_> {
    fn path(&self, what: &str) -> String {
        format!("/accounts/{}/{what}", self.account)
    }

    async fn make(&self, what: &str, body: &Value) -> i64 {
        self.world.post(&self.path(what), self.admin, body).await.id()
    }

    async fn happen(&mut self, event: &Event) {
        match event {
            Event::Entity { parent, how } => {
                let parent = parent.and_then(|parent| Model::any(&self.model.entities, parent));
                let mut entity = json!({"name": "e", "entity_type": "device", "details": {"n": 1}});
                entity["parent"] = json!(parent);
                entity["protocols"] = self.model.protocols(how);
                let id = self.make("entities", &entity).await;
                self.model.entities.insert(id, entity);
            }
            Event::Change { entity, how } => {
                let Some(id) = Model::any(&self.model.entities, *entity) else { return };
                let protocols = self.model.protocols(how);
                let body =
                    json!({"name": "f", "entity_type": "device", "details": {}, "protocols": protocols});
                let path = self.path(&format!("entities/{id}"));
                self.world.put(&path, self.admin, &body).await.expect(204);
                let known = self.model.entities.get_mut(&id).unwrap();
                known.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            }
            Event::Credential(protocol) => {
                let body = json!({"name": "c", "protocol": protocol, "details": {"k": "v"}});
                let id = self.make("credentials", &body).await;
                self.model.credentials.insert(id, body);
            }
            Event::Sensor(protocol, interval) => {
                let body =
                    json!({"name": "s", "protocol": protocol, "default_interval": interval, "details": {}});
                let id = self.make("sensors", &body).await;
                self.model.sensors.insert(id, body);
            }
            Event::Bot(protocol) => {
                let body = json!({"name": "b", "protocol": protocol});
                let id = self.make("bots", &body).await;
                self.model.bots.insert(id, body);
            }
            Event::Delete(kind, which) => self.delete(*kind, *which).await,
        }
    }

    async fn delete(&mut self, kind: Kind, which: Index) {
        let (what, things) = match kind {
            Kind::Entities => ("entities", &self.model.entities),
            Kind::Credentials => ("credentials", &self.model.credentials),
            Kind::Sensors => ("sensors", &self.model.sensors),
            Kind::Bots => ("bots", &self.model.bots),
        };
        let Some(id) = Model::any(things, which) else { return };
        self.world.delete(&self.path(&format!("{what}/{id}")), self.admin).await.expect(204);
        self.model.delete(kind, id);
    }

    /// The lists of the API against the model; what every account begins with is not the model's.
    async fn compare(&self) {
        for (what, things) in [
            ("entities", &self.model.entities),
            ("credentials", &self.model.credentials),
            ("sensors", &self.model.sensors),
        ] {
            let list = self.world.get(&self.path(what), self.admin).await.expect(200).list();
            assert!(list.is_sorted_by_key(|row| row["id"].as_i64()));
            let mut listed: BTreeMap<i64, Value> =
                list.into_iter().map(|row| (row["id"].as_i64().unwrap(), row)).collect();
            listed.retain(|_, row| row["name"].as_str().unwrap().len() == 1);
            listed.values_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("id")));
            assert_eq!(&listed, things, "{what}");
        }
    }
}

#[test]
fn lists_are_what_a_model_says() {
    let runtime = Runtime::new().unwrap();
    let (world, admin) = runtime.block_on(World::with_admin());
    let mut runner = TestRunner::new(ProptestConfig { cases: 40, ..ProptestConfig::default() });
    let life = prop::collection::vec(event(), 1..30);
    runner
        .run(&life, |events| {
            runtime.block_on(async {
                let account = world.account(&admin, "A").await;
                let mut play = Play { world: &world, admin: &admin, account, model: Model::default() };
                for event in &events {
                    play.happen(event).await;
                    play.compare().await;
                }
            });
            Ok(())
        })
        .unwrap();
}
