//! How many requests a refresh makes, and what it reads out of them.

use grafolean_collector::{
    backend::{
        Backend, BackendError,
        http::{HttpBackend, HttpSettings, HttpSettingsError},
    },
    selection::select,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::world::{Fault, Grafolean, TOKEN, World, device};

#[tokio::test]
async fn a_refresh_is_one_request_and_three_for_each_account_and_the_profile_once() {
    let world = World::of(Grafolean::default().with_pinged(1, 40).with_pinged(2, 40).with_pinged(3, 0)).await;
    let client = world.client();
    let inventory = client.inventory().await.unwrap();
    assert_eq!(select(&inventory, "ping").devices.len(), 80);

    let mut asked = world.asked();
    asked.sort();
    let mut expected = vec!["GET /api/accounts/".to_owned(), "GET /api/profile/".to_owned()];
    for account in 1..=3 {
        let lists = ["credentials", "entities", "sensors"];
        expected.extend(lists.map(|list| format!("GET /api/accounts/{account}/{list}/")));
    }
    expected.sort();
    assert_eq!(asked, expected);

    client.inventory().await.unwrap();
    assert_eq!(world.asked().len(), 1 + 3 * 3);
}

#[tokio::test]
async fn many_accounts_are_read_a_few_at_a_time_and_stay_in_their_order() {
    let accounts = 1..=40;
    let world = World::of(accounts.clone().fold(Grafolean::default(), |it, id| it.with_pinged(id, 1))).await;
    let inventory = world.client().inventory().await.unwrap();
    let order: Vec<_> = inventory.accounts.iter().map(|it| it.account.id.number()).collect();
    assert_eq!(order, accounts.collect::<Vec<_>>());
    assert!((2..=12).contains(&world.most_in_flight()), "{} in flight", world.most_in_flight());
}

#[tokio::test]
async fn devices_whose_list_lacks_protocols_are_read_one_by_one() {
    let interface =
        json!({"id": 5, "name": "eth0", "entity_type": "interface", "parent": 1001, "details": {}});
    let mut grafolean = Grafolean::default().with_pinged(1, 30).with(1, "entities", interface);
    grafolean.lists_lack_protocols = true;
    let world = World::of(grafolean).await;
    let inventory = world.client().inventory().await.unwrap();
    assert_eq!(select(&inventory, "ping").devices.len(), 30);
    let alone = world.asked().iter().filter(|it| it.starts_with("GET /api/accounts/1/entities/1")).count();
    assert_eq!(alone, 30, "the interface needs no look of its own");
    assert!((2..=8).contains(&world.most_in_flight()), "{} in flight", world.most_in_flight());
}

#[tokio::test]
async fn a_device_that_may_not_be_read_alone_costs_only_itself() {
    for status in [403, 400, 405] {
        let fault = Fault::Answer(status, "no".into());
        let mut grafolean = Grafolean::default().with_pinged(1, 3).fail("entities/1002", 1, fault);
        grafolean.lists_lack_protocols = true;
        let inventory = World::of(grafolean).await.client().inventory().await.unwrap();
        assert_eq!(select(&inventory, "ping").devices.len(), 2, "{status}");
        let broken = inventory.accounts[0].broken[0].to_string();
        assert!(broken.starts_with("entities row 1002") && broken.contains(&status.to_string()), "{broken}");
    }
}

#[tokio::test]
async fn a_broken_row_costs_only_itself_and_ids_may_be_strings() {
    let mut strings = device(7, "ping", 1, &[2]);
    strings["id"] = json!("7");
    strings["protocols"]["ping"] =
        json!({"credential": "1", "bot": "77", "sensors": [{"sensor": "2", "interval": "15"}], "x": 1});
    let mut half_broken = device(8, "ping", 1, &[2]);
    half_broken["protocols"]["snmp"] = json!({"credential": {}, "sensors": 5});
    let grafolean = Grafolean::default()
        .with_pinged(1, 1)
        .with(1, "entities", strings)
        .with(1, "entities", half_broken)
        .with(1, "entities", json!({"id": 9, "entity_type": null}))
        .with(1, "entities", Value::Null)
        .with(1, "sensors", json!({"id": 3, "protocol": "ping", "default_interval": "often"}))
        .with(1, "credentials", json!({"id": 4, "protocol": "ping", "details": "hunter2"}));
    let inventory = World::of(grafolean).await.client().inventory().await.unwrap();
    let devices: Vec<_> = select(&inventory, "ping").devices.iter().map(|it| it.entity.id.number()).collect();
    assert_eq!(devices, [1001, 7, 8]);
    let broken: Vec<_> = inventory.accounts[0].broken.iter().map(ToString::to_string).collect();
    assert_eq!(broken.len(), 5, "{broken:#?}");
    for part in [
        "entities row 8: protocols.snmp: credential",
        "entities row 9: entity_type",
        "sensors row 3: default_interval",
    ] {
        assert!(broken.iter().any(|row| row.contains(part)), "{part} in {broken:#?}");
    }
    assert!(!broken.concat().contains("hunter2"));
}

#[tokio::test]
async fn an_account_that_cannot_be_read_costs_only_itself_and_a_busy_backend_the_refresh() {
    let two = || Grafolean::default().with_pinged(1, 1).with_pinged(2, 1);
    let world = World::of(two().fail("accounts/1/sensors", 1, Fault::Answer(403, "no".into()))).await;
    let inventory = world.client().inventory().await.unwrap();
    assert_eq!(select(&inventory, "ping").devices.len(), 1);
    assert!(inventory.accounts[0].broken[0].reason.contains("GET on accounts/1/sensors"));

    for (status, text) in [
        (500, "Could not validate access"),
        (400, "no"),
        (404, "default backend"),
        (405, "no"),
        (410, "gone"),
        (200, "<html>"),
    ] {
        let fault = || Fault::Answer(status, text.into());
        let world = World::of(two().fail("accounts/1/sensors", usize::MAX, fault())).await;
        let inventory = world.client().inventory().await.unwrap();
        assert!(inventory.accounts[0].is_unread() && !inventory.accounts[1].is_unread(), "{status}");
        assert_eq!(select(&inventory, "ping").devices.len(), 1);
        let all = World::of(two().fail("/sensors", usize::MAX, fault())).await;
        all.client().inventory().await.expect_err("a proxy in front of all accounts is none of one account");
    }
    for (status, text) in [(502, "bad gateway"), (503, ""), (429, "slow down")] {
        let world = World::of(two().fail("accounts/1/sensors", 1, Fault::Answer(status, text.into()))).await;
        world.client().inventory().await.expect_err(text);
    }
}

#[tokio::test]
async fn the_address_may_end_in_slashes_and_the_token_in_a_newline() {
    let world = World::of(Grafolean::default().with_pinged(1, 1)).await;
    for url in [world.url(), world.url() + "/", format!("  {}//\n", world.url())] {
        let token = SecretString::from(format!(" {TOKEN}\n"));
        let client = HttpBackend::new(HttpSettings::new(url, token)).unwrap();
        assert_eq!(client.url().to_string(), world.url());
        assert!(client.status().await.unwrap().is_ready());
        client.inventory().await.unwrap();
    }
    let asked = &world.grafolean().asked;
    let status = asked.iter().find(|it| it.what == "GET /api/status/info").unwrap();
    assert_eq!(status.query, "", "the status needs no token");
}

#[test]
fn a_wrong_address_is_answered_with_what_would_be_right() {
    for (typed, part) in [
        ("", "http:// or https://"),
        ("localhost:5000/api", "http:// or https://"),
        ("ftp://example.org/api", "http:// or https://"),
        ("http://", "empty host"),
        ("https://example.org:99999/api", "port"),
        ("https://me:hunter2@example.org/api", "user name"),
        ("https://example.org/api?b=hunter2", "`?`"),
    ] {
        let error = HttpBackend::new(HttpSettings::new(typed, SecretString::from(TOKEN))).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, HttpSettingsError::Url { .. }), "{typed}: {text}");
        assert!(text.contains(part) && text.contains("https://example.org/api"), "{typed}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let settings = HttpSettings::new("http://h/api", SecretString::from(" \n"));
    assert!(matches!(HttpBackend::new(settings), Err(HttpSettingsError::EmptyToken)));
    let mut settings = HttpSettings::new("https://h/api", SecretString::from(TOKEN));
    settings.ca_file = Some("/dev/null".into());
    assert!(matches!(HttpBackend::new(settings), Err(HttpSettingsError::NoCertificate { .. })));
}

#[tokio::test]
async fn a_token_tells_whose_it_is_and_what_it_may() {
    let world = World::of(Grafolean::default()).await;
    let profile = world.client().profile().await.unwrap();
    assert_eq!((profile.user_id.number(), profile.record.unwrap().protocol.as_str()), (77, "ping"));
    let permissions = world.client().permissions().await.unwrap();
    assert!(permissions[0].allows("PUT", "accounts/1/values") && !permissions[0].allows("GET", "bots"));
    let stranger = HttpBackend::new(HttpSettings::new(world.url(), SecretString::from("other"))).unwrap();
    assert!(matches!(stranger.inventory().await, Err(BackendError::Unauthorized { .. })));
}

#[tokio::test]
async fn a_backend_that_is_not_ready_is_waited_for() {
    let unready = json!({"alive": true, "db_migration_needed": true, "user_exists": null}).to_string();
    let world = World::of(Grafolean::default().fail("status/info", 1, Fault::Answer(200, unready))).await;
    let status = world.client().wait_until_ready(&CancellationToken::new()).await;
    assert_eq!(status.unwrap().db_version, Some(30));
    assert_eq!(world.asked(), ["GET /api/status/info"; 2]);

    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(world.client().wait_until_ready(&stopped).await, None);
}

#[tokio::test]
async fn a_token_that_is_unknown_to_a_backend_without_users_may_be_known_later() {
    let unknown = || Grafolean::default().fail("profile", 1, Fault::Answer(401, "Access denied".into()));
    let without_users = json!({"db_migration_needed": false, "user_exists": false}).to_string();
    let world = World::of(unknown().fail("status/info", 1, Fault::Answer(200, without_users))).await;
    let client = world.client();
    let error = client.inventory().await.unwrap_err();
    assert!(
        matches!(&error, BackendError::Failed { answer, .. } if answer.contains("no user yet")),
        "{error}"
    );
    client.inventory().await.unwrap();

    let error = World::of(unknown()).await.client().inventory().await.unwrap_err();
    assert!(matches!(error, BackendError::Unauthorized { .. }), "{error}");
}
