//! Connections that die, backends that are slow or send one elsewhere.

use std::time::Duration;

use grafolean_collector::{
    backend::{
        Backend, BackendError, EntityChange, Stamp,
        http::{HttpBackend, HttpSettings},
    },
    model::{AccountId, EntityId, NewEntity},
};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use crate::world::{Fault, Grafolean, TOKEN, World};

const ACCOUNT: AccountId = AccountId::new(1);

/// Answers the first request of each connection, then closes it as the second one arrives, as a backend does
/// whose keep-alive ends at that moment. Returns each request's first line.
async fn one_answer_a_connection() -> (HttpBackend, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut lines = Vec::new();
        for _ in 0..2 {
            let (mut connection, _) = listener.accept().await.unwrap();
            for answer in ["HTTP/1.1 204 No Content\r\n\r\n", ""] {
                let mut request = vec![0; 4096];
                let length = connection.read(&mut request).await.unwrap();
                if length == 0 {
                    break;
                }
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                lines.push(text.split('?').next().unwrap().to_owned());
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        lines
    });
    (HttpBackend::new(HttpSettings::new(url, SecretString::from(TOKEN))).unwrap(), server)
}

#[tokio::test]
async fn a_kept_alive_connection_that_died_is_no_error() {
    let (client, server) = one_answer_a_connection().await;
    client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap();
    client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap();
    drop(client);
    assert_eq!(server.await.unwrap(), ["PUT /api/accounts/1/values/"; 3]);
}

#[tokio::test]
async fn what_may_not_be_repeated_is_not() {
    let (client, server) = one_answer_a_connection().await;
    client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap();
    let new = NewEntity {
        name: "x".into(),
        entity_type: "device".into(),
        parent: None,
        details: Default::default(),
    };
    let error = client.change_entity(ACCOUNT, EntityChange::Create(new)).await.unwrap_err();
    assert!(matches!(error, BackendError::Unreachable { .. }), "{error}");
    client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap();
    drop(client);
    let put = "PUT /api/accounts/1/values/";
    assert_eq!(server.await.unwrap(), [put, "POST /api/accounts/1/entities/", put]);
}

#[tokio::test]
async fn a_backend_that_hangs_is_given_up() {
    let slow = Fault::Slow(Duration::from_secs(3600));
    let world = World::of(Grafolean::default().fail("profile", 1, slow)).await;
    let mut settings = HttpSettings::new(world.url(), SecretString::from(TOKEN));
    settings.request_timeout = Duration::from_millis(50);
    let error = HttpBackend::new(settings).unwrap().inventory().await.unwrap_err();
    assert!(matches!(error, BackendError::Unreachable { .. }), "{error}");
    assert_eq!(world.asked(), ["GET /api/profile/"], "a slow backend is not asked twice at once");
}

#[tokio::test]
async fn a_redirect_is_not_followed_but_told() {
    let elsewhere = Fault::Redirect(format!("https://example.org/api/profile/?b={TOKEN}"));
    let world = World::of(Grafolean::default().fail("profile", 1, elsewhere)).await;
    let error = world.client().inventory().await.unwrap_err().to_string();
    assert!(error.contains("https://example.org/api/profile/:"), "{error}");
    assert!(!error.contains(TOKEN));
}

#[tokio::test]
async fn a_web_page_in_place_of_an_answer_hints_at_the_address() {
    let page = Fault::Answer(200, "<!doctype html><title>Grafolean</title>".into());
    let world = World::of(Grafolean::default().fail("status", 1, page)).await;
    let error = world.client().status().await.unwrap_err().to_string();
    assert!(error.contains("usually ends in /api"), "{error}");
}

#[tokio::test]
async fn a_list_that_is_forbidden_costs_its_account_alone_and_names_the_right_that_is_missing() {
    for list in ["entities", "credentials", "sensors"] {
        let fault = Fault::Answer(403, "<html>no".into());
        let path = format!("GET /api/accounts/1/{list}/");
        let grafolean = Grafolean::default().with_pinged(1, 3).with_pinged(2, 2).fail(&path, 1, fault);
        let world = World::of(grafolean).await;
        let accounts = world.client().inventory().await.unwrap().accounts;
        assert!(accounts[0].is_unread() && accounts[0].entities.is_empty(), "{list}");
        assert!(!accounts[1].is_unread() && accounts[1].entities.len() == 2);
        let reason = accounts[0].broken[0].to_string();
        assert!(reason.contains(&format!("it needs GET on accounts/1/{list}")), "{reason}");
    }
    for status in [400, 404, 405, 500, 503, 429] {
        let fault = Fault::Answer(status, "no".into());
        let grafolean = Grafolean::default().with_pinged(1, 3).fail("GET /api/accounts/1/sensors/", 1, fault);
        let refresh = World::of(grafolean).await.client().inventory().await;
        refresh.expect_err("nothing is taken as vanished");
    }
}

#[tokio::test]
async fn a_proxy_that_answers_for_an_entity_does_not_remove_it() {
    let elsewhere = Fault::Redirect("https://example.org/login".to_owned());
    let page = Fault::Answer(200, "<html>please log in".into());
    for fault in [elsewhere, page] {
        let grafolean = Grafolean::default().with_pinged(1, 1).fail("entities/1001", 1, fault);
        let world = World::of(grafolean).await;
        let error = world.client().entity(ACCOUNT, EntityId::new(1001)).await.unwrap_err();
        assert!(matches!(error, BackendError::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_token_file_is_read_again_after_a_401_and_at_every_refresh() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let write = |token: &str| std::fs::write(file.path(), format!("{token}\n")).unwrap();
    let world = World::of(Grafolean::default().with_pinged(1, 1)).await;
    let mut settings = HttpSettings::new(world.url(), SecretString::from("an-old-one"));
    settings.token_file = Some(file.path().to_owned());
    write("an-old-one");
    let client = HttpBackend::new(settings).unwrap();
    let error = client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap_err();
    assert!(matches!(error, BackendError::Unauthorized { .. }), "{error}");
    assert_eq!(world.asked().len(), 1, "the same token is not shown twice");
    write(TOKEN);
    client.put_values(ACCOUNT, &[], Stamp::Due).await.unwrap();
    assert_eq!(world.asked().len(), 2, "the old one, and at once the new one");
    // While it is being replaced it may be empty or gone: the one in use stays.
    for partly in ["", "another\nand another", "another\0"] {
        write(partly);
        assert!(!client.renew_token().await, "{partly:?}");
    }
    client.inventory().await.unwrap();
    world.asked();
    write("another");
    let error = client.inventory().await.unwrap_err();
    assert!(matches!(error, BackendError::Unauthorized { .. }), "{error}");
    assert!(!error.to_string().contains("another"));
    assert_eq!(world.asked()[0], "GET /api/profile/", "another token may be another bot's");
}
