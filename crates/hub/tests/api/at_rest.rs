//! What stands on the disk, and who is shown what of it.

use std::{fs, os::unix::fs::PermissionsExt};

use grafolean_hub::{Hub, HubError, OpenError, Options};
use serde_json::json;

use crate::world::{PASSWORD, Who, World};

const COMMUNITY: &str = "a-community-of-ours";
const PRIVACY: &str = "a-privacy-key";

/// An account with a credential whose secrets are to be found nowhere.
async fn world() -> (World, Who, String, String) {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let details = json!({"version": "snmpv3", "snmpv12_community": COMMUNITY, "snmpv3_privKey": PRIVACY});
    let credential = json!({"name": "c", "protocol": "snmp", "details": details});
    let credentials = format!("/accounts/{account}/credentials");
    let id = world.post(&credentials, &admin, &credential).await.id();
    (world, admin, format!("/accounts/{account}"), format!("{credentials}/{id}"))
}

#[tokio::test]
async fn no_secret_stands_in_a_file_in_the_clear() {
    let (world, admin, account, _) = world().await;
    let id = account.rsplit('/').next().unwrap().parse().unwrap();
    let (_, Who::Bot(token)) = world.bot(&admin, id, "ping").await else { unreachable!() };
    let folder = world.stopped();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for secret in [COMMUNITY, PRIVACY, &token, PASSWORD] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", path.display());
    }
}

#[tokio::test]
async fn a_folder_that_the_hub_makes_is_closed_to_others() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("below/hub");
    drop(Hub::open(&folder, Options::default()).unwrap());
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn who_may_only_look_is_not_shown_what_opens_devices() {
    let (world, admin, account, credential) = world().await;
    let list = format!("{account}/credentials");
    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve_id = world.post("/persons", &admin, &person).await.id();
    let right = json!({"resource_prefix": account.trim_start_matches('/'), "methods": ["GET"]});
    world.post(&format!("/users/{eve_id}/permissions"), &admin, &right).await.id();
    let eve = world.login("eve", "long enough").await;
    for path in [&credential, &list] {
        let shown = world.get(path, &eve).await.expect(200).body;
        assert!(!shown.contains(COMMUNITY) && !shown.contains(PRIVACY), "{shown}");
        assert!(shown.contains("snmpv3") && shown.contains("********"), "{shown}");
        let whole = world.get(path, &admin).await.expect(200).body;
        assert!(whole.contains(COMMUNITY) && whole.contains(PRIVACY), "{whole}");
    }
    let id = account.rsplit('/').next().unwrap().parse().unwrap();
    let (bot_id, bot) = world.bot(&admin, id, "snmp").await;
    let reads = json!({"resource_prefix": list.trim_start_matches('/'), "methods": ["GET"]});
    world.post(&format!("{account}/bots/{bot_id}/permissions"), &admin, &reads).await.id();
    assert!(world.get(&list, &bot).await.expect(200).body.contains(COMMUNITY), "a bot measures with it");
}

#[tokio::test]
async fn a_database_without_its_key_is_told_and_left_alone() {
    let (world, admin, account, credential) = world().await;
    let id = account.rsplit('/').next().unwrap().parse().unwrap();
    let (_, bot) = world.bot(&admin, id, "ping").await;
    let folder = world.stopped();
    let key = folder.path().join("hub.key");
    let whole = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let open = || Hub::open(folder.path(), Options::default());
    let error = open().unwrap_err();
    assert!(matches!(error, HubError::Store(OpenError::KeyMissing { .. })), "{error:?}");
    assert!(!key.exists());
    fs::write(&key, [7; 32]).unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, HubError::Store(OpenError::WrongKey { .. })), "{error:?}");
    fs::write(&key, whole).unwrap();
    let world = World::again(folder);
    assert!(world.get(&credential, &admin).await.expect(200).body.contains(COMMUNITY));
    world.get("/profile", &bot).await.expect(200);
}
