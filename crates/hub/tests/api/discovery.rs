//! Networks scanned for devices: who may ask, that it asks first, what it suggests.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use grafolean_hub::{
    Hub, Options,
    discovery::{Discoverer, ScanFindings, ScanProgress, ScanRequest, ScannedDevice, Scanning},
};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::yield_now};
use tokio_util::sync::CancellationToken;

use crate::world::{Who, World};

/// Finds what it is told to find, once it is let; of each address of `192.0.2.0/24`.
#[derive(Clone)]
struct Finds {
    addresses: Vec<&'static str>,
    let_go: Arc<Semaphore>,
}

impl Discoverer for Finds {
    fn addresses(&self, networks: &[String]) -> Result<usize, String> {
        match networks {
            [one] if one == "192.0.2.0/24" => Ok(254),
            other => Err(format!("{other:?} is invalid: expected a network")),
        }
    }

    fn holds(&self, _: &[String], address: IpAddr) -> bool {
        address.to_string().starts_with("192.0.2.")
    }

    fn scan(&self, request: ScanRequest, progress: Arc<ScanProgress>, stop: CancellationToken) -> Scanning {
        let Self { addresses, let_go } = self.clone();
        Box::pin(async move {
            progress.asked.store(100, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => return Ok(ScanFindings::default()),
                permit = let_go.acquire() => permit.map_err(|error| error.to_string())?.forget(),
            }
            let device = |text: &&str| ScannedDevice {
                address: text.parse().unwrap(),
                rtt: Some(0.001),
                credential: request.credentials.first().map(|(id, _)| *id),
                name: format!("at {text}"),
                description: String::new(),
                vendor: None,
                model: None,
                profile: None,
                interfaces: 2,
                interfaces_up: 1,
            };
            let devices = addresses.iter().map(device).collect();
            Ok(ScanFindings { devices, ..ScanFindings::default() })
        })
    }
}

async fn world(addresses: &[&'static str]) -> (World, Who, i64, Arc<Semaphore>) {
    let let_go = Arc::new(Semaphore::new(0));
    let finds = Finds { addresses: addresses.to_vec(), let_go: Arc::clone(&let_go) };
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let options = Options { discoverer: Some(Arc::new(finds)), ..Options::default() };
    let (world, admin) = World::of(Hub::open(folder.path(), options).unwrap(), folder).begun().await;
    let account = world.account(&admin, "Office").await;
    (world, admin, account, let_go)
}

/// What the hub says once no scan goes on.
async fn ended(world: &World, who: &Who, path: &str) -> Value {
    loop {
        let told = world.get(path, who).await.expect(200).json();
        if told["running"].is_null() {
            return told;
        }
        yield_now().await;
    }
}

#[tokio::test]
async fn a_scan_says_what_it_asks_and_what_it_finds_is_a_suggestion() {
    let (world, admin, account, let_go) = world(&["192.0.2.1", "192.0.2.7"]).await;
    let path = format!("/hub/accounts/{account}/discovery");
    let credential = json!({"name": "way in", "protocol": "snmp", "details": {"version": "snmpv2c", "snmpv12_community": "public"}});
    let credential = world.post(&format!("/accounts/{account}/credentials"), &admin, &credential).await.id();
    for (name, address) in [("known", "192.0.2.7"), ("gone", "192.0.2.99"), ("elsewhere", "198.51.100.1")] {
        let entity = json!({"name": name, "entity_type": "device", "parent": null, "details": {"ipv4": address}, "protocols": {}});
        world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.id();
    }
    let ask = json!({"networks": ["192.0.2.0/24"], "credentials": [credential], "every_hours": 24});
    let plan = world.post(&path, &admin, &ask).await.expect(200).json();
    assert_eq!(plan, json!({"addresses": 254, "packets": 508, "rate": 1_000, "seconds": 3.0}));
    assert_eq!(world.get(&path, &admin).await.json()["running"], Value::Null, "nothing was begun");

    let mut confirmed = ask.clone();
    confirmed["confirmed"] = json!(true);
    world.post(&path, &admin, &confirmed).await.expect(202);
    world.post(&path, &admin, &confirmed).await.expect(400);
    while world.get(&path, &admin).await.json()["running"]["asked"] != json!(100) {
        yield_now().await;
    }
    let_go.add_permits(1);
    let told = ended(&world, &admin, &path).await;
    let devices = told["last"]["devices"].as_array().unwrap();
    assert_eq!((&devices[0]["entity"], devices.len()), (&Value::Null, 2));
    assert!(devices[1]["entity"].is_i64() && devices[1]["credential"] == json!(credential), "{devices:?}");
    let vanished = told["last"]["vanished"].as_array().unwrap();
    assert_eq!((vanished.len(), &vanished[0]["name"]), (1, &json!("gone")), "{vanished:?}");
    let entities = world.get(&format!("/accounts/{account}/entities"), &admin).await.list();
    assert_eq!(entities.len(), 3, "nothing is made, nothing goes");
    assert_eq!(told["order"]["every_hours"], json!(24));
    world.put(&format!("{path}/schedule"), &admin, &json!({"every_hours": null})).await.expect(204);
    assert_eq!(world.get(&path, &admin).await.json()["order"]["every_hours"], Value::Null);
    let audit = world.get("/hub/audit?limit=10", &admin).await.body;
    assert!(audit.contains("discovery 192.0.2.0/24"), "{audit}");
}

#[tokio::test]
async fn a_scan_is_stopped_and_what_cannot_be_scanned_is_said() {
    let (world, admin, account, _let_go) = world(&[]).await;
    let path = format!("/hub/accounts/{account}/discovery");
    world.delete(&path, &admin).await.expect(404);
    let confirmed = json!({"networks": ["192.0.2.0/24"], "confirmed": true});
    world.post(&path, &admin, &confirmed).await.expect(202);
    world.delete(&path, &admin).await.expect(204);
    let told = ended(&world, &admin, &path).await;
    assert_eq!((&told["last"]["stopped"], &told["last"]["vanished"]), (&json!(true), &json!([])));
    for wrong in [
        json!({"networks": ["everything"], "confirmed": true}),
        json!({"networks": [], "confirmed": true}),
        json!({"networks": ["192.0.2.0/24"], "credentials": [77], "confirmed": true}),
        json!({"networks": ["192.0.2.0/24"], "rate": 2_001}),
        json!({"networks": ["192.0.2.0/24"], "every_hours": 0}),
        json!({"networks": "192.0.2.0/24"}),
    ] {
        world.post(&path, &admin, &wrong).await.expect(400);
    }
}

#[tokio::test]
async fn who_may_add_devices_may_scan_and_nobody_else() {
    let (world, admin, account, _let_go) = world(&[]).await;
    let path = format!("/hub/accounts/{account}/discovery");
    let ask = json!({"networks": ["192.0.2.0/24"]});
    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve = world.post("/persons", &admin, &person).await.id();
    let grant = async |what: &str, methods: Value| {
        let right = json!({"resource_prefix": format!("accounts/{account}/{what}"), "methods": methods});
        world.post(&format!("/users/{eve}/permissions"), &admin, &right).await.id();
    };
    let who = world.login("eve", "long enough").await;
    world.get(&path, &who).await.expect(403);
    grant("entities", json!(["GET"])).await;
    world.get(&path, &who).await.expect(200);
    world.post(&path, &who, &ask).await.expect(403);
    grant("entities", json!(["POST"])).await;
    world.post(&path, &who, &ask).await.expect(403);
    grant("credentials", json!(["GET"])).await;
    world.post(&path, &who, &ask).await.expect(200);
    world.post(&path, &Who::Nobody, &ask).await.expect(401);
}
