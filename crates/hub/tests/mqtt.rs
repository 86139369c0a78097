//! MQTT over WebSocket, as a real client speaks it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(
    clippy::print_stdout,
    dead_code,
    reason = "a test says when it is skipped; it uses a part of the world"
)]

#[path = "api/world.rs"]
mod world;

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use grafolean_hub::serve;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use world::{Who, World};

/// The installed client; None where `./test` has not installed it.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/paho/bin/python"));
    if !python.exists() {
        println!("skipped: paho-mqtt is not installed, ./test does so");
    }
    python.exists().then_some(python)
}

struct Client {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(python: &PathBuf, port: u16, username: &str) -> Self {
        let mut process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mqtt.py"))
            .args(["127.0.0.1", &port.to_string(), username])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    async fn order(&mut self, order: &Value) {
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }

    /// What it says next; a client that says nothing would let the test hang.
    async fn next(&mut self) -> Value {
        let line = timeout(Duration::from_secs(60), self.lines.next_line()).await.unwrap().unwrap();
        serde_json::from_str(&line.expect("it has ended")).unwrap()
    }
}

/// A hub on a socket, with its first person's session.
async fn served() -> (World, Who, u16, CancellationToken) {
    let (world, admin) = World::with_admin().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, Arc::clone(&world.hub), stop.clone()));
    (world, admin, port, stop)
}

fn token(who: &Who) -> &str {
    match who {
        Who::Person(header) => header,
        _ => panic!("not a person"),
    }
}

#[tokio::test]
async fn changes_and_values_reach_a_client_that_may_read_them() {
    let Some(python) = python() else { return };
    let (world, admin, port, _stop) = served().await;
    let account = world.account(&admin, "A").await;
    let mut client = Client::start(&python, port, token(&admin));
    assert_eq!(client.next().await["connected"], true);
    let entities = format!("changed/accounts/{account}/entities");
    let values = format!("changed/accounts/{account}/values/+");
    let paths = format!("changed/accounts/{account}/paths");
    client.order(&json!({"subscribe": [entities, values, paths, "changed/persons"]})).await;
    assert_eq!(client.next().await, json!({"granted": [true, true, true, true]}));

    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.expect(201);
    let changed = |topic: &str| json!({"topic": topic, "payload": "1", "qos": 1, "retain": false});
    assert_eq!(client.next().await, changed(&entities));

    let rows = json!([{"p": "a.b", "t": 1_700_000_000, "v": 1.5}]);
    world.put(&format!("/accounts/{account}/values"), &admin, &rows).await.expect(204);
    let listed = world.get(&format!("/accounts/{account}/paths?filter=a.b"), &admin).await.expect(200).json();
    let new = client.next().await;
    assert_eq!(new["topic"], json!(paths));
    assert_eq!(new["payload"], json!([{"p": "a.b", "id": listed["paths"]["a.b"][0]["id"]}]));
    let value = client.next().await;
    assert_eq!(value["topic"], json!(format!("changed/accounts/{account}/values/a.b")));
    assert_eq!(value["payload"], json!({"v": 1.5, "t": 1_700_000_000.0}));

    // While a connection lasts, its token may be long expired.
    world.clock.pass(Duration::from_secs(3_600));
    let admin = world.login("admin", world::PASSWORD).await;
    let person = json!({"username": "guest", "password": "long enough", "name": "", "email": ""});
    world.post("/persons", &admin, &person).await.expect(201);
    assert_eq!(client.next().await, changed("changed/persons"));
}

#[tokio::test]
async fn topics_of_what_a_client_may_not_read_are_refused_and_so_is_publishing() {
    let Some(python) = python() else { return };
    let (world, admin, port, _stop) = served().await;
    let (mine, other) = (world.account(&admin, "Mine").await, world.account(&admin, "Other").await);
    let person = json!({"username": "guest", "password": "long enough", "name": "", "email": ""});
    let id = world.post("/persons", &admin, &person).await.id();
    let right = json!({"resource_prefix": format!("accounts/{mine}"), "methods": ["GET"]});
    let permission = world.post(&format!("/users/{id}/permissions"), &admin, &right).await.id();
    let guest = world.login("guest", "long enough").await;
    let mut client = Client::start(&python, port, token(&guest));
    assert_eq!(client.next().await["connected"], true);
    let [mine, other] = [mine, other].map(|account| format!("changed/accounts/{account}/entities"));
    client
        .order(
            &json!({"subscribe": [mine, other, "#", "changed/#", "changed/accounts/+/entities", "$SYS/x"]}),
        )
        .await;
    assert_eq!(client.next().await, json!({"granted": [true, false, false, false, true, false]}));

    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    let create = async |topic: &str| {
        world.post(&topic.replace("changed", ""), &admin, &entity).await.expect(201);
    };
    create(&other).await;
    create(&mine).await;
    assert_eq!(client.next().await["topic"], json!(mine), "nothing of the other account");
    world.delete(&format!("/users/{id}/permissions/{permission}"), &admin).await.expect(204);
    create(&mine).await;
    world.post(&format!("/users/{id}/permissions"), &admin, &right).await.id();
    client.order(&json!({"subscribe": ["changed/profile"]})).await;
    assert_eq!(client.next().await, json!({"granted": [true]}), "nothing while the right was gone");

    client.order(&json!({"publish": mine})).await;
    assert!(client.next().await["disconnected"].is_string());
}

#[tokio::test]
async fn who_has_no_session_is_refused_and_who_logs_out_is_disconnected() {
    let Some(python) = python() else { return };
    let (world, admin, port, stop) = served().await;
    let account = world.account(&admin, "A").await;
    let (_, Who::Bot(bot)) = world.bot(&admin, account, "ping").await else { unreachable!() };
    for stranger in ["Bearer 1:not.a.session", "", &bot] {
        let mut client = Client::start(&python, port, stranger);
        assert_eq!(client.next().await["connected"], false, "{stranger}");
    }
    let mut client = Client::start(&python, port, token(&admin));
    assert_eq!(client.next().await["connected"], true);
    let other = world.login("admin", world::PASSWORD).await;
    let mut stays = Client::start(&python, port, token(&other));
    assert_eq!(stays.next().await["connected"], true);
    world.ask("POST", "/auth/logout", &admin, None).await.expect(204);
    assert!(client.next().await["disconnected"].is_string());
    stays.order(&json!({"subscribe": ["changed/profile"]})).await;
    assert_eq!(stays.next().await, json!({"granted": [true]}));
    stop.cancel();
    assert!(stays.next().await["disconnected"].is_string(), "a hub that stops lets nobody wait");
}
