//! The session of the page, which is a cookie.

use std::time::Duration;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::world::{Answer, PASSWORD, Who, World};

/// What a browser sends of what was set.
fn cookie(answer: &Answer) -> String {
    let set = answer.headers["set-cookie"].to_str().unwrap();
    assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

async fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("/api{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");

async fn login(world: &World) -> (String, String) {
    let body = json!({"username": "admin", "password": PASSWORD});
    let answer = ask(world, "POST", "/hub/login", &[JSON], &body).await.expect(200);
    assert!(answer.headers.get("x-jwt-token").is_none(), "a script is told no session");
    (cookie(&answer), answer.json()["csrf_token"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_page_reads_by_its_cookie_and_changes_by_its_token() {
    let (world, _) = World::with_admin().await;
    let (cookie, token) = login(&world).await;
    let cookie = ("cookie", cookie.as_str());
    let nothing = json!(null);
    ask(&world, "GET", "/profile", &[cookie], &nothing).await.expect(200);
    let session = ask(&world, "GET", "/hub/session", &[cookie], &nothing).await.expect(200).json();
    assert_eq!(session["csrf_token"], json!(token));
    let none = ask(&world, "GET", "/hub/session", &[], &nothing).await.expect(200).json();
    assert_eq!(none, json!({"user_id": null, "csrf_token": null}));
    let account = json!({"name": "A"});
    for forged in [&[cookie, JSON][..], &[cookie, JSON, ("x-csrf-token", "0")]] {
        ask(&world, "POST", "/admin/accounts", forged, &account).await.expect(403);
    }
    assert_eq!(ask(&world, "GET", "/accounts", &[cookie], &nothing).await.list().len(), 0);
    ask(&world, "POST", "/admin/accounts", &[cookie, JSON, ("x-csrf-token", &token)], &account)
        .await
        .expect(201);
}

#[tokio::test]
async fn another_site_cannot_log_a_browser_in() {
    let (world, _) = World::with_admin().await;
    let body = json!({"username": "admin", "password": PASSWORD});
    ask(&world, "POST", "/hub/login", &[("content-type", "text/plain")], &body).await.expect(415);
    let origin = [JSON, ("host", "127.0.0.1"), ("origin", "https://evil.example")];
    ask(&world, "POST", "/hub/login", &origin, &body).await.expect(403);
}

#[tokio::test]
async fn a_cookie_is_renewed_and_ends_with_the_session() {
    let (world, _) = World::with_admin().await;
    let (old, token) = login(&world).await;
    let nothing = json!(null);
    world.clock.pass(Duration::from_secs(601));
    ask(&world, "GET", "/profile", &[("cookie", &old)], &nothing).await.expect(401);
    ask(&world, "POST", "/auth/refresh", &[("cookie", &old)], &nothing).await.expect(403);
    let csrf = ("x-csrf-token", token.as_str());
    let renewed = ask(&world, "POST", "/auth/refresh", &[("cookie", &old), csrf], &nothing).await.expect(200);
    let new = cookie(&renewed);
    assert_ne!(new, old);
    ask(&world, "GET", "/profile", &[("cookie", &new)], &nothing).await.expect(200);
    let left = ask(&world, "POST", "/auth/logout", &[("cookie", &new), csrf], &nothing).await.expect(204);
    assert!(left.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    ask(&world, "GET", "/profile", &[("cookie", &new)], &nothing).await.expect(401);
}

#[tokio::test]
async fn a_session_that_was_begun_elsewhere_becomes_a_cookie() {
    let (world, Who::Person(header)) = World::with_admin().await else { unreachable!() };
    let nothing = json!(null);
    let kept = ask(&world, "POST", "/hub/session", &[("authorization", &header)], &nothing).await.expect(200);
    ask(&world, "GET", "/profile", &[("cookie", &cookie(&kept))], &nothing).await.expect(200);
    let (both, _) = login(&world).await;
    let bad = [("cookie", both.as_str()), ("authorization", "Bearer 1:a.b.c")];
    ask(&world, "GET", "/profile", &bad, &nothing).await.expect(401);
    let foreign = "/profile?b=0f0f0f0f-0000-4000-8000-000000000000";
    ask(&world, "GET", foreign, &[("cookie", &both)], &nothing).await.expect(401);
}
