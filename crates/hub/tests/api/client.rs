//! The collector's own client against the hub, over a real connection: both sides hold the same things.

use std::{cell::Cell, collections::BTreeMap, sync::Arc, time::Duration};

use grafolean_collector::{
    backend::{
        Backend, BackendError, EntityChange,
        http::{HttpBackend, HttpSettings, Proxies},
    },
    model::{AccountId, Attachment, Entity, NewEntity, SensorUse},
};
use grafolean_hub::{Hub, serve, setup::BotAccess};
use proptest::{prelude::*, test_runner::TestRunner};
use secrecy::SecretString;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// A hub on a socket.
struct Served {
    hub: Arc<Hub>,
    address: String,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new(world: &World) -> Self {
        Self::at(world, TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn at(world: &World, listener: TcpListener) -> Self {
        let address = format!("http://{}/api", listener.local_addr().unwrap());
        let (hub, stop) = (Arc::clone(&world.hub), CancellationToken::new());
        let server = tokio::spawn(serve(listener, Arc::clone(&hub), stop.clone()));
        Self { hub, address, stop, server }
    }

    fn client(&self, token: &SecretString) -> HttpBackend {
        let settings =
            HttpSettings { proxies: Proxies::None, ..HttpSettings::new(&self.address, token.clone()) };
        HttpBackend::new(settings).unwrap()
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.server.await.unwrap().unwrap();
    }
}

/// A device: its details, and the intervals of its sensors.
type Device = (String, BTreeMap<String, String>, Vec<Option<u32>>);

fn devices() -> impl Strategy<Value = Vec<Device>> {
    let details = prop::collection::btree_map("[a-z0-9]{1,6}", ".{0,8}", 0..3);
    let intervals = prop::collection::vec(prop::option::of(1..86_400_u32), 0..4);
    prop::collection::vec((".{0,10}", details, intervals), 0..12)
}

/// Stores devices by the hub's own hand; returns what an inventory should hold of the entities.
async fn store(hub: &Hub, account: AccountId, bot: &BotAccess, devices: &[Device]) -> Vec<Entity> {
    let setup = hub.setup();
    let mut stored = Vec::new();
    for (number, (name, details, intervals)) in devices.iter().enumerate() {
        let credential = setup.credential(account, name, "ping", Default::default()).await.unwrap();
        let mut sensors = Vec::new();
        for (place, interval) in intervals.iter().enumerate() {
            let name = format!("{place}");
            let sensor = setup.sensor(account, &name, "ping", *interval, Default::default());
            sensors.push(SensorUse { sensor: sensor.await.unwrap(), interval: interval.map(i64::from) });
        }
        let how = Attachment { credential: Some(credential), sensors, bot: Some(bot.id) };
        let new = NewEntity {
            name: format!("{number} {name}"),
            entity_type: "device".to_owned(),
            parent: None,
            details: details.iter().map(|(key, value)| (key.clone(), json!(value))).collect(),
        };
        let protocols = BTreeMap::from([("ping".to_owned(), how)]);
        let id = setup.entity(account, new.clone(), protocols.clone()).await.unwrap();
        let NewEntity { name, entity_type, parent, details } = new;
        stored.push(Entity { id, name, entity_type, parent, details, protocols: Some(protocols) });
    }
    stored.sort_by_key(|entity| entity.id);
    stored
}

#[test]
fn an_inventory_is_what_was_stored() {
    let runtime = Runtime::new().unwrap();
    let world = World::fresh();
    let served = runtime.block_on(Served::new(&world));
    let mut runner = TestRunner::new(ProptestConfig { cases: 24, ..ProptestConfig::default() });
    let number = Cell::new(0);
    runner
        .run(&devices(), |devices| {
            number.set(number.get() + 1);
            runtime.block_on(async {
                let setup = served.hub.setup();
                let account = setup.account(&format!("A{}", number.get())).await.unwrap();
                let bot = setup.bot(account, "ping bot", "ping").await.unwrap();
                let stored = store(&served.hub, account, &bot, &devices).await;
                let inventory = served.client(&bot.token).inventory().await.unwrap();
                assert_eq!(inventory.user, Some(bot.id));
                let [of_account] = &inventory.accounts[..] else { panic!("{inventory:?}") };
                assert_eq!(of_account.account.id, account);
                let entities: Vec<_> =
                    of_account.entities.iter().map(|entity| Entity::clone(entity)).collect();
                assert_eq!(entities, stored);
                assert_eq!(of_account.broken, []);
                let ids = |protocols: &Entity| protocols.protocols.clone().unwrap()["ping"].clone();
                for how in stored.iter().map(ids) {
                    let credentials = &of_account.credentials;
                    assert!(credentials.iter().any(|credential| Some(credential.id) == how.credential));
                    let known =
                        |used: &SensorUse| of_account.sensors.iter().any(|sensor| sensor.id == used.sensor);
                    assert!(how.sensors.iter().all(known));
                }
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(served.stopped());
}

#[tokio::test]
async fn the_client_changes_entities_and_is_told_what_it_may_not() {
    let (world, admin) = World::with_admin().await;
    let served = Served::new(&world).await;
    let account = AccountId::new(world.account(&admin, "A").await);
    let bot = served.hub.setup().bot(account, "snmp bot", "snmp").await.unwrap();
    let client = served.client(&bot.token);
    let new = |name: &str| NewEntity {
        name: name.to_owned(),
        entity_type: "interface".to_owned(),
        parent: None,
        details: json!({"snmp_index": "1"}).as_object().cloned().unwrap(),
    };
    let refused = client.change_entity(account, EntityChange::Create(new("eth0"))).await.unwrap_err();
    assert!(matches!(refused, BackendError::Forbidden { .. }), "{refused:?}");

    let right = json!({"resource_prefix": format!("accounts/{account}/entities"), "methods": null});
    let permissions = format!("/accounts/{account}/bots/{}/permissions", bot.id);
    world.post(&permissions, &admin, &right).await.expect(201);
    let id = client.change_entity(account, EntityChange::Create(new("eth0"))).await.unwrap();
    let mut entity = client.entity(account, id).await.unwrap().unwrap();
    assert_eq!((&*entity.name, entity.id), ("eth0", id));
    entity.name = "eth1".to_owned();
    client.change_entity(account, EntityChange::Update(entity.clone())).await.unwrap();
    assert_eq!(client.entity(account, id).await.unwrap(), Some(entity));
    client.change_entity(account, EntityChange::Delete(id)).await.unwrap();
    assert_eq!(client.entity(account, id).await.unwrap(), None);
    served.stopped().await;
}

#[tokio::test]
async fn a_large_list_is_packed_for_who_can_unpack_it() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let entities = format!("/accounts/{account}/entities");
    for number in 0..20 {
        let body = json!({"name": format!("device {number}"), "entity_type": "device", "details": {}});
        world.post(&entities, &admin, &body).await.expect(201);
    }
    let crate::world::Who::Person(header) = &admin else { unreachable!() };
    let request = |encoding: Option<&str>| {
        let request = axum::http::Request::get(format!("/api{entities}")).header("authorization", header);
        let request =
            encoding.into_iter().fold(request, |request, name| request.header("accept-encoding", name));
        request.body(axum::body::Body::empty()).unwrap()
    };
    let packed = world.send(request(Some("gzip"))).await.expect(200);
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let plain = world.send(request(None)).await.expect(200);
    assert!(plain.headers.get("content-encoding").is_none());
    assert_eq!(plain.json()["list"].as_array().map(Vec::len), Some(20));
}

#[tokio::test]
async fn a_packed_body_is_unpacked() {
    let (world, admin) = World::with_admin().await;
    // What `gzip -9n` makes of {"name":"packed"}.
    let packed: [u8; 37] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 75, 204, 77, 85, 178, 82, 42, 72, 76, 206, 78, 77, 81,
        170, 5, 0, 252, 171, 234, 233, 17, 0, 0, 0,
    ];
    let crate::world::Who::Person(header) = &admin else { unreachable!() };
    let request = |encoding: &str| {
        let request = axum::http::Request::post("/api/admin/accounts").header("authorization", header);
        request.header("content-encoding", encoding).body(packed.to_vec().into()).unwrap()
    };
    let made = world.send(request("gzip")).await.expect(201);
    assert_eq!(made.json()["name"], "packed");
    world.send(request("br")).await.expect(415);
}

/// Sends a request of which the hub waits for the body, and returns when it does.
async fn in_flight(served: &Served, header: &str, body: &str) -> TcpStream {
    let host = served.address.trim_start_matches("http://").trim_end_matches("/api");
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /api/admin/accounts HTTP/1.1\r\nhost: hub\r\nauthorization: {header}\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(told, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_request_in_flight_is_answered_before_the_hub_stops() {
    let (world, admin) = World::with_admin().await;
    let crate::world::Who::Person(header) = &admin else { unreachable!() };
    let served = Served::new(&world).await;
    let body = r#"{"name":"late"}"#;
    let mut stream = in_flight(&served, header, body).await;
    served.stop.cancel();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    served.stopped().await;
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_hub_from_stopping() {
    let (world, admin) = World::with_admin().await;
    let crate::world::Who::Person(header) = &admin else { unreachable!() };
    let served = Served::new(&world).await;
    let _stream = in_flight(&served, header, "never sent").await;
    tokio::time::pause();
    served.stopped().await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let world = World::fresh();
    let served = Served::new(&world).await;
    let host = served.address.trim_start_matches("http://").trim_end_matches("/api");
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(b"GET /api/status/info HTTP/1.1\r\nhost:").await.unwrap();
    tokio::time::pause();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    tokio::time::resume();
    served.stopped().await;
}

#[tokio::test]
async fn a_bot_hears_at_once_of_what_people_change_and_again_after_the_hub_was_away() {
    let (world, admin) = World::with_admin().await;
    let setup = world.hub.setup();
    let account = setup.account("A").await.unwrap();
    let bot = setup.bot(account, "ping", "ping").await.unwrap();
    let mut served = Served::new(&world).await;
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    let client = served.client(&bot.token);
    for _ in 0..2 {
        let changing = async {
            // The first may come before the bot listens.
            loop {
                world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.expect(201);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! { () = client.changed() => {} () = changing => {} }
    }
    // Closed by the hub, and opened again at the same address: what changed between is not known.
    let address = served.address.clone();
    served.stopped().await;
    let listener =
        TcpListener::bind(address.trim_start_matches("http://").trim_end_matches("/api")).await.unwrap();
    served = Served::at(&world, listener);
    client.changed().await;
    served.stopped().await;
}
