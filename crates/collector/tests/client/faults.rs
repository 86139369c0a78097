//! Connections that die, backends that are slow or send one elsewhere.

use std::time::Duration;

use grafolean_collector::{
    backend::{
        Backend, BackendError, EntityChange, Stamp,
        http::{HttpBackend, HttpSettings},
    },
    model::{AccountId, NewEntity},
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
/// whose keep-alive ends at that moment. Gives each request's first line.
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
