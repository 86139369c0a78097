//! Backups, and a look through all that is kept: the drill that a backup is worth nothing without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(dead_code, reason = "it uses a part of the world")]

#[path = "api/world.rs"]
mod world;

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use grafolean_hub::backup::{BackupError, backup, check, repair, restore};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::tempdir;

use world::{Who, World};

/// What a hub shows of all that was put into it.
async fn shown(world: &World, who: &Who, account: i64) -> Vec<Value> {
    let mut all = Vec::new();
    for path in ["credentials", "sensors", "entities", "bots", "values/a.b?t1=2000000000", "paths?filter=*"] {
        all.push(world.get(&format!("/accounts/{account}/{path}"), who).await.expect(200).json());
    }
    all
}

async fn put(world: &World, who: &Who, account: i64, times: std::ops::Range<i64>) {
    let rows: Vec<_> = times.map(|t| json!({"p": "a.b", "t": t, "v": t as f64 / 7.0})).collect();
    world.put(&format!("/accounts/{account}/values"), who, &json!(rows)).await.expect(204);
}

async fn filled() -> (World, Who, i64) {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.id();
    put(&world, &admin, account, 0..5_000).await;
    world.hub.points().seal().await.unwrap();
    put(&world, &admin, account, 5_000..5_100).await;
    (world, admin, account)
}

#[tokio::test]
async fn a_backup_of_a_hub_that_runs_is_restored_with_all_that_was_answered_before() {
    let (world, admin, account) = filled().await;
    let (_, bot) = world.bot(&admin, account, "ping").await;
    let before = shown(&world, &admin, account).await;
    let aside = tempdir().unwrap();
    let file = aside.path().join("hub.tar");
    backup(world.folder(), &file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(aside.path()).unwrap().count(), 1, "nothing else is left there");
    assert!(matches!(backup(world.folder(), &file), Err(BackupError::Exists { .. })));
    put(&world, &admin, account, 6_000..6_010).await;

    let folder = Arc::new(tempdir().unwrap());
    restore(&file, folder.path()).unwrap();
    assert!(matches!(restore(&file, folder.path()), Err(BackupError::NotEmpty { .. })));
    let restored = World::again(Arc::clone(&folder));
    assert_eq!(shown(&restored, &admin, account).await, before);
    restored.get("/profile", &bot).await.expect(200);
    for name in ["hub.sqlite", "points.sqlite", "hub.key"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[tokio::test]
async fn a_backup_that_is_cut_or_none_leaves_an_empty_folder() {
    let (world, ..) = filled().await;
    let aside = tempdir().unwrap();
    let file = aside.path().join("hub.tar");
    backup(world.folder(), &file).unwrap();
    let whole = fs::read(&file).unwrap();
    for (what, bytes) in
        [("cut", &whole[..whole.len() / 2]), ("empty", &[][..]), ("another file", &b"not a tar at all"[..])]
    {
        fs::write(&file, bytes).unwrap();
        let folder = tempdir().unwrap();
        assert!(restore(&file, folder.path()).is_err(), "{what}");
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name == "hub.lock"), "{what}: {left:?}");
    }
    let nowhere = aside.path().join("none.tar");
    assert!(matches!(backup(aside.path(), &nowhere), Err(BackupError::NoHub { .. })));
}

/// Does to a file what a disk may do.
fn harm(folder: &Path, change: &str) {
    let file = Connection::open(folder.join("points.sqlite")).unwrap();
    assert!(file.execute(change, ()).unwrap() > 0, "{change}");
}

#[tokio::test]
async fn every_damage_is_found_and_repaired_at_its_own_cost() {
    let (world, admin, account) = filled().await;
    let findings = check(world.folder()).unwrap();
    assert_eq!((findings.values, findings.damaged.len(), findings.set_aside), (5_100, 0, 0));
    let folder = world.stopped();
    harm(
        folder.path(),
        "UPDATE blocks SET points = CAST(substr(points, 1, 50) AS BLOB) WHERE first = 1024000000",
    );
    harm(
        folder.path(),
        "UPDATE journal SET points = CAST(substr(points, 1, 30) || x'FF' || substr(points, 32) AS BLOB)",
    );
    harm(folder.path(), "UPDATE series SET latest = CAST(x'FF' || substr(latest, 2) AS BLOB)");
    let found = check(folder.path()).unwrap();
    assert_eq!(found.damaged.len(), 3, "{found:?}");
    assert_eq!(check(folder.path()).unwrap(), found, "a look changes nothing");
    assert_eq!(repair(folder.path()).unwrap().damaged, found.damaged);
    let mended = check(folder.path()).unwrap();
    assert_eq!((mended.damaged.len(), mended.set_aside), (0, 2));
    let world = World::again(folder);
    let read =
        world.get(&format!("/accounts/{account}/values/a.b?t1=2000000000"), &admin).await.expect(200).json();
    let left = read["paths"]["a.b"]["data"].as_array().unwrap().len();
    assert_eq!(left, 5_100 - 1_024 - 1, "a block and a value");
}
