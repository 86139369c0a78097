//! What the established frontend asks beside the rest of the API, and how connections are left.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use grafolean_hub::serve;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use crate::world::{Who, World};

#[tokio::test]
async fn there_are_no_widget_plugins() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (_, bot) = world.bot(&admin, account, "ping").await;
    for who in [&admin, &bot] {
        assert_eq!(world.get("/plugins/widgets", who).await.expect(200).json(), json!({"list": []}));
    }
    world.get("/plugins/widgets", &Who::Nobody).await.expect(401);
}

#[tokio::test]
async fn what_the_api_is_can_be_read_by_anyone() {
    let world = World::fresh();
    for path in ["/docs", "/docs/", "/api/docs"] {
        let answer = world.send(Request::get(path).body(Body::empty()).unwrap()).await.expect(200);
        assert!(answer.body.contains("openapi.json"), "{path}");
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    }
}

#[tokio::test]
async fn mqtt_is_spoken_where_the_hub_was_asked() {
    let world = World::fresh();
    for (host, name, port) in
        [("hub.example.org:8080", "hub.example.org", "8080"), ("10.0.0.7", "10.0.0.7", "")]
    {
        let request = Request::get("/api/status/info").header("host", host).body(Body::empty()).unwrap();
        let info = world.send(request).await.expect(200).json();
        assert_eq!((&info["mqtt_ws_hostname"], &info["mqtt_ws_port"]), (&json!(name), &json!(port)));
    }
}

#[tokio::test]
async fn methods_are_listed_where_the_method_is_what_is_wrong_alone() {
    let (world, admin) = World::with_admin().await;
    let unauthorized = world.ask("PATCH", "/accounts", &Who::Nobody, None).await.expect(401);
    assert!(unauthorized.headers.get("allow").is_none());
    let not_allowed = world.ask("PUT", "/accounts", &admin, None).await.expect(405);
    assert!(not_allowed.headers.get("allow").is_some());
}

/// Sends requests on one connection and returns all that comes back until it is closed or the last is answered.
async fn exchange(world: &World, requests: &[String]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, Arc::clone(&world.hub), stop.clone()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answers = Vec::new();
    for request in requests {
        if stream.write_all(request.as_bytes()).await.is_err() {
            break;
        }
        let mut answer = vec![0; 4_096];
        match stream.read(&mut answer).await {
            Ok(read) if read > 0 => answers.push(String::from_utf8_lossy(&answer[..read]).into_owned()),
            _ => break,
        }
    }
    drop(stream);
    stop.cancel();
    serving.await.unwrap().unwrap();
    answers
}

fn post(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: hub\r\ncontent-length: {length}\r\n\r\n{}", "x".repeat(length))
}

#[tokio::test]
async fn a_connection_goes_on_after_a_small_body_that_nobody_read() {
    let world = World::fresh();
    let requests: Vec<_> = (0..3).map(|_| post("/api/accounts", 2_000)).collect();
    let answers = exchange(&world, &requests).await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(!answer.to_lowercase().contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_large_body_that_nobody_reads_closes_the_connection_and_it_is_said() {
    let world = World::fresh();
    let head = "POST /api/accounts HTTP/1.1\r\nhost: hub\r\ncontent-length: 900000\r\n\r\nxxxx".to_owned();
    let answers = exchange(&world, &[head]).await;
    assert!(answers[0].starts_with("HTTP/1.1 401 "), "{answers:?}");
    assert!(answers[0].to_lowercase().contains("connection: close"), "{answers:?}");
}
