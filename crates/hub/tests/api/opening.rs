//! Opening a hub: what is kept, and what stands in the way.

use std::{error::Error, fs, sync::Arc};

use grafolean_hub::{Hub, HubError, OpenError, Options};
use rusqlite::Connection;
use serde_json::json;
use tempfile::tempdir;

use crate::world::{Who, World};

#[tokio::test]
async fn all_that_was_answered_is_there_after_a_restart() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.expect(201);
    let (_, bot) = world.bot(&admin, account, "ping").await;
    let lists =
        ["entities", "credentials", "sensors", "bots"].map(|what| format!("/accounts/{account}/{what}"));
    let mut before = Vec::new();
    for path in &lists {
        before.push(world.get(path, &admin).await.expect(200).body);
    }
    let world = world.restarted();
    for (path, before) in lists.iter().zip(before) {
        assert_eq!(world.get(path, &admin).await.expect(200).body, before);
    }
    world.get("/profile", &bot).await.expect(200);
}

#[tokio::test]
async fn a_second_hub_on_the_same_folder_is_refused() {
    let world = World::fresh();
    let second = Hub::open(world.folder(), Options::default());
    assert!(matches!(second, Err(HubError::InUse { .. })), "{second:?}");
}

#[test]
fn a_damaged_database_is_told_and_left_alone() {
    let folder = tempdir().unwrap();
    drop(Hub::open(folder.path(), Options::default()).unwrap());
    let file = folder.path().join("hub.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    for damaged in [vec![7; 4096], bytes[..middle].to_vec(), {
        bytes[4096..middle].fill(0xff);
        bytes
    }] {
        fs::write(&file, &damaged).unwrap();
        let error = Hub::open(folder.path(), Options::default()).unwrap_err();
        assert!(matches!(error, HubError::Store(OpenError::Damaged { .. })), "{error:?}");
        assert!(error.to_string().contains("hub.sqlite"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), damaged);
    }
}

#[test]
fn a_database_of_a_later_version_is_told_and_left_alone() {
    let folder = tempdir().unwrap();
    drop(Hub::open(folder.path(), Options::default()).unwrap());
    let database = Connection::open(folder.path().join("hub.sqlite")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let error = Hub::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("schema 99, this version knows up to 4"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_the_reason() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Hub::open(&file.join("below"), Options::default()).unwrap_err();
    assert!(matches!(error, HubError::Folder { .. }), "{error:?}");
    assert!(error.source().is_some());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let hub = Arc::new(Hub::open(folder.path(), Options::default()).unwrap());
    for name in ["hub.sqlite", "hub.sqlite-wal"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    drop(hub);
}

#[tokio::test]
async fn setting_up_twice_makes_everything_once() {
    let world = World::fresh();
    let mut made = Vec::new();
    for _ in 0..2 {
        let setup = world.hub.setup();
        let password = setup.first_person("admin").await.unwrap();
        let account = setup.account("Demo").await.unwrap();
        let bot = setup.bot(account, "ping bot", "ping").await.unwrap();
        let credential = setup.credential(account, "quick", "ping", Default::default()).await.unwrap();
        let sensor = setup.sensor(account, "often", "ping", Some(5), Default::default()).await.unwrap();
        let device = serde_json::from_value(json!({"name": "core", "entity_type": "device"})).unwrap();
        let how = json!({"ping": {"credential": credential, "bot": bot.id, "sensors": [{"sensor": sensor}]}});
        let entity = setup.entity(account, device, serde_json::from_value(how).unwrap()).await.unwrap();
        made.push((account, bot.id, credential, sensor, entity));
        assert_eq!(password.is_some(), made.len() == 1);
        let who = Who::Bot(secrecy::ExposeSecret::expose_secret(&bot.token).to_owned());
        let entities = world.get(&format!("/accounts/{account}/entities"), &who).await.expect(200).list();
        assert_eq!(entities.len(), 1);
        assert_eq!(entities[0]["protocols"]["ping"]["sensors"][0]["sensor"], json!(sensor));
    }
    assert_eq!(made[0], made[1]);
}

#[test]
fn a_database_of_something_else_is_refused_and_left_as_it_is() {
    let (made, folder) = (tempdir().unwrap(), tempdir().unwrap());
    drop(Hub::open(made.path(), Options::default()).unwrap());
    let file = folder.path().join("hub.sqlite");
    fs::copy(made.path().join("points.sqlite"), &file).unwrap();
    let before = fs::read(&file).unwrap();
    let error = Hub::open(folder.path(), Options::default()).unwrap_err();
    let text = grafolean_collector::error_chain(&error);
    assert!(text.contains("is a database, but not a hub's"), "{text}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_hub_without_its_accounts_is_not_made_anew_beside_values() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    world
        .put(&format!("/accounts/{account}/values"), &admin, &json!([{"p": "a", "t": 5, "v": 1}]))
        .await
        .expect(204);
    let folder = world.stopped();
    let file = folder.path().join("hub.sqlite");
    let whole = fs::read(&file).unwrap();
    let refused = |what: &str| {
        let error = Hub::open(folder.path(), Options::default()).unwrap_err();
        assert!(matches!(error, HubError::AccountsMissing { .. }), "{what}: {error:?}");
        assert!(error.to_string().contains("restore"), "{error}");
    };
    fs::remove_file(&file).unwrap();
    refused("missing");
    assert!(!file.exists(), "nothing was made");
    fs::write(&file, "").unwrap();
    refused("empty");
    let elsewhere = tempdir().unwrap();
    drop(Hub::open(elsewhere.path(), Options::default()).unwrap());
    let key = fs::read(folder.path().join("hub.key")).unwrap();
    for name in ["hub.sqlite", "hub.key"] {
        fs::copy(elsewhere.path().join(name), folder.path().join(name)).unwrap();
    }
    refused("new");
    fs::write(&file, whole).unwrap();
    fs::write(folder.path().join("hub.key"), key).unwrap();
    drop(Hub::open(folder.path(), Options::default()).unwrap());
}

#[tokio::test]
async fn a_stopped_hub_leaves_nothing_beside_its_files() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let value = json!([{"p": "a", "t": 5, "v": 1}]);
    world.put(&format!("/accounts/{account}/values"), &admin, &value).await.expect(204);
    world.get(&format!("/accounts/{account}/values/a"), &admin).await.expect(200);
    let folder = world.stopped();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with("-wal") && !name.ends_with("-shm"), "{name}");
    }
}

#[tokio::test]
async fn a_data_folder_that_was_removed_is_noticed() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    for entry in fs::read_dir(world.folder()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let value = json!([{"p": "a", "t": 5, "v": 1}]);
    world.put(&format!("/accounts/{account}/values"), &admin, &value).await.expect(503);
    world.post("/admin/accounts", &admin, &json!({"name": "B"})).await.expect(503);
    assert_eq!(fs::read_dir(world.folder()).unwrap().count(), 0, "nothing is made anew");
}

/// A database as the first version wrote it: tokens and credentials in the clear, one signing secret among the settings.
#[tokio::test]
async fn a_database_of_the_first_schema_is_brought_up_to_date_and_its_secrets_are_sealed() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("hub.sqlite");
    let old = Connection::open(&file).unwrap();
    old.execute_batch(include_str!("../../src/store/schema.sql")).unwrap();
    let token = "0f0f0f0f-1111-4000-8000-000000000000";
    old.execute_batch(&format!(
        "INSERT INTO settings VALUES ('signing_secret', zeroblob(64)), ('signing_secret_id', 5);
         INSERT INTO accounts VALUES (7, 'A');
         INSERT INTO users VALUES (1, 0), (2, 0);
         INSERT INTO persons (user, username, name, email, password_hash) VALUES (1, 'admin', 'Admin', '', '$argon2id$');
         INSERT INTO bots (user, account, name, protocol, token) VALUES (2, 7, 'b', 'snmp', '{token}');
         INSERT INTO permissions VALUES (3, 2, 'accounts/7', 'GET');
         INSERT INTO credentials VALUES (4, 7, 'c', 'snmp', '{{\"snmpv12_community\": \"in-the-clear\"}}');
         PRAGMA user_version = 1;"
    ))
    .unwrap();
    drop(old);
    let world = World::again(Arc::new(folder));
    let bot = Who::Bot(token.to_owned());
    let credentials = world.get("/accounts/7/credentials", &bot).await.expect(200).body;
    assert!(credentials.contains("in-the-clear"), "{credentials}");
    let list = world.get("/bots", &bot).await.expect(200).list();
    assert_eq!(list.len(), 0, "the systemwide bots are not made a second time");
    let folder = world.stopped();
    let bytes = fs::read(folder.path().join("hub.sqlite")).unwrap();
    for secret in ["in-the-clear", token] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}
