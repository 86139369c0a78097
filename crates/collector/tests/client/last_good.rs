//! The file of the last good configuration.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use grafolean_collector::{backend::Inventory, refresh::LastGood, time::Timestamp};

use crate::simulated::{entity, inventory};

const READ_AT: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn kept(folder: &Path) -> LastGood {
    LastGood::new(folder, "http://h/api")
}

fn some() -> Inventory {
    let mut some = inventory(vec![entity(1, &[2, 3])]);
    some.accounts[0].credentials[0].details.insert("community".into(), "hunter2".into());
    some
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_kept_is_read_again_by_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/ping/state.sqlite");
    let last_good = kept(file.parent().unwrap());
    assert!(last_good.load().await.is_none());
    assert!(!file.exists(), "looking makes nothing");
    last_good.save(&some(), READ_AT).await.unwrap();
    last_good.save(&some(), READ_AT).await.unwrap();
    assert_eq!(last_good.load().await.unwrap(), (some(), READ_AT));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    last_good.load().await.unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_another_backend_said_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path()).save(&some(), READ_AT).await.unwrap();
    assert!(LastGood::new(folder.path(), "http://other/api").load().await.is_none());
}

#[tokio::test]
async fn a_broken_file_is_set_aside_and_the_next_one_works() {
    let good = {
        let folder = tempfile::tempdir().unwrap();
        kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        fs::read(folder.path().join("state.sqlite")).unwrap()
    };
    assert!(!good.windows(7).any(|it| it == b"hunter2"), "passwords are encrypted");
    // The row stands at the end of its page.
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let other_shape = {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE last_good (a)").unwrap();
        fs::read(file).unwrap()
    };
    let torn = good[..good.len() / 2].to_vec();
    for broken in
        [flipped, torn, b"not a database, but long enough to be taken for one".repeat(40), other_shape]
    {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state.sqlite"), &broken).unwrap();
        assert!(kept(folder.path()).load().await.is_none());
        let [aside] = names(folder.path()).try_into().unwrap();
        assert!(aside.starts_with("state.sqlite.broken-"), "{aside}");
        assert_eq!(fs::read(folder.path().join(aside)).unwrap(), broken, "it is kept as it was");
        kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        assert_eq!(kept(folder.path()).load().await.unwrap().0, some());
    }
}

#[tokio::test]
async fn a_file_that_breaks_while_the_bot_runs_is_set_aside_when_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("state.sqlite"), b"nonsense".repeat(600)).unwrap();
    kept(folder.path()).save(&some(), READ_AT).await.unwrap();
    assert_eq!(kept(folder.path()).load().await.unwrap().0, some());
    assert_eq!(names(folder.path()).len(), 3, "the file, its key, and what was set aside");
}

#[tokio::test]
async fn a_flipped_bit_or_another_key_is_noticed() {
    for harmed in ["state.sqlite", "state.key"] {
        let folder = tempfile::tempdir().unwrap();
        kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        assert_eq!(
            fs::metadata(folder.path().join("state.key")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let file = folder.path().join(harmed);
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert!(kept(folder.path()).load().await.is_none(), "{harmed}");
        kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        assert_eq!(kept(folder.path()).load().await.unwrap().0, some());
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_replaced_once_and_one_that_a_person_named_is_left_alone() {
    for harm in [b"x".to_vec(), vec![7; 33]] {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        fs::write(folder.path().join("state.key"), &harm).unwrap();
        assert!(kept(folder.path()).load().await.is_none());
        for _ in 0..5 {
            kept(folder.path()).save(&some(), READ_AT).await.unwrap();
        }
        assert_eq!(kept(folder.path()).load().await.unwrap().0, some());
        assert_eq!(names(folder.path()).len(), 4, "file and key, and the two that were set aside");

        let key = elsewhere.path().join("bots.key");
        let last_good = kept(folder.path()).with_key(Some(&key));
        last_good.save(&some(), READ_AT).await.unwrap();
        let sound = fs::read(&key).unwrap();
        fs::write(&key, &harm).unwrap();
        assert!(last_good.load().await.is_none());
        last_good.save(&some(), READ_AT).await.unwrap_err();
        assert_eq!(fs::read(&key).unwrap(), harm);
        fs::write(&key, sound).unwrap();
        assert_eq!(last_good.load().await.unwrap().0, some(), "the key was mended, nothing was lost");
        assert_eq!(names(folder.path()).len(), 4);
    }
}

#[tokio::test]
async fn the_key_may_stand_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = elsewhere.path().join("bots.key");
    let last_good = kept(folder.path()).with_key(Some(&key));
    last_good.save(&some(), READ_AT).await.unwrap();
    assert_eq!(last_good.load().await.unwrap().0, some());
    assert_eq!(names(folder.path()), ["state.sqlite"]);
}

/// Made by hand as format 1 wrote it: the inventory in the clear, a checksum beside it.
#[tokio::test]
async fn a_file_of_format_1_is_read_and_encrypted_when_it_is_next_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.sqlite");
    let text = serde_json::to_string(&some()).unwrap();
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute_batch(
        "CREATE TABLE last_good (id INTEGER PRIMARY KEY CHECK (id = 1), backend TEXT NOT NULL,
             read_at_us INTEGER NOT NULL, crc32 INTEGER NOT NULL, inventory TEXT NOT NULL) STRICT",
    )
    .unwrap();
    let row = ("http://h/api", READ_AT.micros(), crc32fast::hash(text.as_bytes()), &text);
    old.execute("INSERT INTO last_good VALUES (1, ?1, ?2, ?3, ?4)", row).unwrap();
    drop(old);
    assert_eq!(kept(folder.path()).load().await.unwrap(), (some(), READ_AT));
    kept(folder.path()).save(&some(), READ_AT).await.unwrap();
    assert_eq!(kept(folder.path()).load().await.unwrap(), (some(), READ_AT));
    assert!(!fs::read(&file).unwrap().windows(7).any(|it| it == b"hunter2"), "nothing is left in free pages");
}

#[tokio::test]
async fn a_file_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path()).save(&some(), READ_AT).await.unwrap();
    let file = folder.path().join("state.sqlite");
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert!(kept(folder.path()).load().await.is_none());
    let error = kept(folder.path()).save(&some(), READ_AT).await.unwrap_err().to_string();
    assert!(
        error.ends_with("has format 9, this program knows 2: run the newer one, or move the file away"),
        "{error}"
    );
    assert_eq!(names(folder.path()), ["state.key", "state.sqlite"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_an_error_and_not_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("state.sqlite")).unwrap();
    assert!(kept(folder.path()).load().await.is_none());
    let error = kept(folder.path()).save(&some(), READ_AT).await.unwrap_err().to_string();
    assert!(error.starts_with("could not open ") && error.ends_with("state.sqlite"), "{error}");
    assert_eq!(names(folder.path()), ["state.sqlite"]);
}
