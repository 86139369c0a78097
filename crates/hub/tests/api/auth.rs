//! How callers are known: the first person, sessions, tokens.

use std::time::Duration;

use crate::world::{START, Who, World};
use axum::{body::Body, http::Request};
use serde_json::json;

const DENIED: &str = "Access denied";

fn first_person() -> serde_json::Value {
    json!({"username": "admin", "password": "admin", "name": "Admin", "email": "admin@example.org"})
}

#[tokio::test]
async fn the_first_person_is_made_once_and_may_do_everything() {
    let world = World::fresh();
    let status = async || world.get("/status/info", &Who::Nobody).await.expect(200).json();
    assert_eq!(status().await["user_exists"], false);
    world.post("/admin/migratedb", &Who::Nobody, &json!(null)).await.expect(204);
    let id = world.post("/admin/first", &Who::Nobody, &first_person()).await.id();
    assert_eq!(status().await["user_exists"], true);
    let again = world.post("/admin/first", &Who::Nobody, &first_person()).await.expect(401);
    assert_eq!(again.json(), json!({"detail": "System already initialized"}));
    let session = world.try_login("admin", "admin").await.expect(200).json();
    assert_eq!(session["user_id"], id);
    assert_eq!(session["session_id"].as_str().unwrap().len(), 64);
    assert_eq!(session["permissions"][0]["resource_prefix"], json!(null));
}

#[tokio::test]
async fn of_many_who_want_to_be_first_one_is() {
    let world = World::fresh();
    let person = first_person();
    let attempts = (0..8).map(|_| world.post("/admin/first", &Who::Nobody, &person));
    let mut made = 0;
    for answer in futures_util::future::join_all(attempts).await {
        assert!([201, 401].contains(&answer.status.as_u16()), "{answer:?}");
        made += usize::from(answer.status == 201);
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    let (world, _) = World::with_admin().await;
    let wrong = world.try_login("admin", "Admin").await.expect(401);
    let unknown = world.try_login("nobody", "admin").await.expect(401);
    assert_eq!(wrong.body, unknown.body);
    assert!(wrong.headers.get("x-jwt-token").is_none());
}

#[tokio::test]
async fn a_session_ends_after_ten_minutes_and_can_be_renewed_for_ten_more() {
    let (world, admin) = World::with_admin().await;
    world.clock.pass(Duration::from_secs(599));
    world.get("/profile", &admin).await.expect(200);
    world.clock.pass(Duration::from_secs(1));
    assert_eq!(world.get("/profile", &admin).await.expect(401).body, DENIED);
    world.clock.pass(Duration::from_secs(599));
    let renewed = world.ask("POST", "/auth/refresh", &admin, None).await.expect(200);
    let renewed = Who::Person(renewed.headers["x-jwt-token"].to_str().unwrap().to_owned());
    world.get("/profile", &renewed).await.expect(200);
    world.clock.pass(Duration::from_secs(1));
    world.ask("POST", "/auth/refresh", &admin, None).await.expect(401);
    world.ask("POST", "/auth/refresh", &Who::Nobody, None).await.expect(401);
}

#[tokio::test]
async fn a_session_outlives_a_restart_of_the_hub() {
    let (world, admin) = World::with_admin().await;
    let world = world.restarted();
    world.get("/profile", &admin).await.expect(200);
    world.login("admin", "admin").await;
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let (world, admin) = World::with_admin().await;
    let id = world.get("/profile", &admin).await.json()["user_id"].as_i64().unwrap();
    let password = format!("/persons/{id}/password");
    let wrong = json!({"old_password": "nimda", "new_password": "better"});
    world.post(&password, &admin, &wrong).await.expect(400);
    let right = json!({"old_password": "admin", "new_password": "better"});
    world.post(&password, &admin, &right).await.expect(204);
    world.get("/profile", &admin).await.expect(401);
    world.ask("POST", "/auth/refresh", &admin, None).await.expect(401);
    world.try_login("admin", "admin").await.expect(401);
    world.login("admin", "better").await;
}

#[tokio::test]
async fn a_person_who_is_gone_is_not_known() {
    let (world, admin) = World::with_admin().await;
    let body = json!({"username": "guest", "password": "guest", "name": "Guest", "email": ""});
    let id = world.post("/persons", &admin, &body).await.id();
    let guest = world.login("guest", "guest").await;
    world.get("/profile", &guest).await.expect(200);
    world.delete(&format!("/persons/{id}"), &admin).await.expect(204);
    world.get("/profile", &guest).await.expect(401);
    world.ask("POST", "/auth/refresh", &guest, None).await.expect(401);
}

#[tokio::test]
async fn a_token_is_known_whatever_its_case_and_nothing_else_is() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (_, Who::Bot(token)) = world.bot(&admin, account, "ping").await else { unreachable!() };
    for known in [token.clone(), token.to_uppercase()] {
        world.get("/profile", &Who::Bot(known)).await.expect(200);
    }
    let braced = format!("%7B{token}%7D");
    let plain = token.replace('-', "");
    let foreign = "0f0f0f0f-0000-4000-8000-000000000000";
    for unknown in ["", "abc", foreign, &braced, &plain, &format!("{token}%0A"), &format!("%20{token}")] {
        let answer = world.get("/profile", &Who::Bot(unknown.to_owned())).await.expect(401);
        assert_eq!(answer.body, DENIED, "{unknown}");
    }
}

#[tokio::test]
async fn a_bad_authorization_beats_a_good_token() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (_, Who::Bot(token)) = world.bot(&admin, account, "ping").await else { unreachable!() };
    for header in ["Bearer 1:a.b.c", "Bearer x", "", "Basic YTpi", &format!("Token {token}")] {
        let request = Request::get(format!("/api/profile?b={token}")).header("authorization", header);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 401, "{header}");
    }
}

#[tokio::test]
async fn a_bots_last_login_is_noted_once_a_minute() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (id, bot) = world.bot(&admin, account, "ping").await;
    let last_login = async || {
        let bot = world.get(&format!("/accounts/{account}/bots/{id}"), &admin).await.expect(200);
        bot.json()["last_login"].as_i64().map(|seconds| seconds - START.seconds())
    };
    assert_eq!(last_login().await, None);
    for (after, noted) in [(0, 0), (59, 0), (1, 60), (1, 60)] {
        world.clock.pass(Duration::from_secs(after));
        world.get("/profile", &bot).await.expect(200);
        assert_eq!(last_login().await, Some(noted));
    }
}

#[tokio::test]
async fn passwords_and_tokens_stand_in_no_answer_but_the_one_that_gives_them() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (id, Who::Bot(token)) = world.bot(&admin, account, "ping").await else { unreachable!() };
    let bots = format!("/accounts/{account}/bots");
    for path in ["/persons", "/profile", "/bots", &bots, &format!("{bots}/{id}"), &format!("/users/{id}")] {
        let answer = world.get(path, &admin).await.expect(200);
        assert!(!answer.body.contains(&token), "{path}");
        assert!(!answer.body.contains("argon2"), "{path}");
    }
}
