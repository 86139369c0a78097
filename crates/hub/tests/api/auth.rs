//! How callers are known: the first person, sessions, tokens.

use std::time::Duration;

use crate::world::{PASSWORD, START, Who, World};
use axum::{body::Body, http::Request};
use serde_json::json;

const DENIED: &str = "Access denied";

#[tokio::test]
async fn the_first_person_is_made_once_and_may_do_everything() {
    let world = World::fresh();
    let status = async || world.get("/status/info", &Who::Nobody).await.expect(200).json();
    assert_eq!(status().await["user_exists"], false);
    world.post("/admin/migratedb", &Who::Nobody, &json!(null)).await.expect(204);
    let person = world.first_person();
    let id = world.post("/admin/first", &Who::Nobody, &person).await.id();
    assert_eq!(status().await["user_exists"], true);
    let again = world.post("/admin/first", &Who::Nobody, &person).await.expect(401);
    assert_eq!(again.json(), json!({"detail": "System already initialized"}));
    let session = world.try_login("admin", PASSWORD).await.expect(200).json();
    assert_eq!(session["user_id"], id);
    assert_eq!(session["session_id"].as_str().unwrap().len(), 64);
    assert_eq!(session["permissions"][0]["resource_prefix"], json!(null));
}

#[tokio::test]
async fn of_many_who_want_to_be_first_one_is() {
    let world = World::fresh();
    let person = world.first_person();
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
    world.clock.pass(Duration::from_secs(1_199));
    world.ask("POST", "/auth/refresh", &renewed, None).await.expect(401);
    world.ask("POST", "/auth/refresh", &Who::Nobody, None).await.expect(401);
}

#[tokio::test]
async fn a_session_outlives_a_restart_of_the_hub() {
    let (world, admin) = World::with_admin().await;
    let world = world.restarted();
    world.get("/profile", &admin).await.expect(200);
    world.login("admin", PASSWORD).await;
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_the_one_that_chose_it() {
    let (world, admin) = World::with_admin().await;
    let other = world.login("admin", PASSWORD).await;
    let id = world.get("/profile", &admin).await.json()["user_id"].as_i64().unwrap();
    let password = format!("/persons/{id}/password");
    let wrong = json!({"old_password": "wrong horse", "new_password": "better horse"});
    world.post(&password, &admin, &wrong).await.expect(400);
    world.get("/profile", &other).await.expect(200);
    let right = json!({"old_password": PASSWORD, "new_password": "better horse"});
    world.post(&password, &admin, &right).await.expect(204);
    world.get("/profile", &admin).await.expect(200);
    world.ask("POST", "/auth/refresh", &admin, None).await.expect(200);
    world.get("/profile", &other).await.expect(401);
    world.ask("POST", "/auth/refresh", &other, None).await.expect(401);
    world.try_login("admin", PASSWORD).await.expect(401);
    world.login("admin", "better horse").await;
}

#[tokio::test]
async fn people_may_change_their_own_password_and_no_one_elses() {
    let (world, admin) = World::with_admin().await;
    let mut made = Vec::new();
    for name in ["eve", "bob"] {
        let body = json!({"username": name, "password": "long enough", "name": "", "email": ""});
        made.push(world.post("/persons", &admin, &body).await.id());
    }
    let eve = world.login("eve", "long enough").await;
    let change = json!({"old_password": "long enough", "new_password": "longer than before"});
    world.post(&format!("/persons/{}/password", made[1]), &eve, &change).await.expect(403);
    world.post(&format!("/persons/{}/password", made[0]), &eve, &change).await.expect(204);
    world.login("eve", "longer than before").await;
}

#[tokio::test]
async fn who_logs_out_is_not_known_any_more() {
    let (world, admin) = World::with_admin().await;
    let other = world.login("admin", PASSWORD).await;
    world.ask("POST", "/auth/logout", &admin, None).await.expect(204);
    world.get("/profile", &admin).await.expect(401);
    world.ask("POST", "/auth/refresh", &admin, None).await.expect(401);
    world.get("/profile", &other).await.expect(200);
    let world = world.restarted();
    world.get("/profile", &admin).await.expect(401);
}

#[tokio::test]
async fn a_token_that_was_renewed_away_opens_nothing() {
    let (world, old) = World::with_admin().await;
    let renew = async |who: &Who| {
        let answer = world.ask("POST", "/auth/refresh", who, None).await;
        let header = answer.headers.get("x-jwt-token").map(|header| header.to_str().unwrap().to_owned());
        (answer.status.as_u16(), header.map(Who::Person))
    };
    let (_, Some(new)) = renew(&old).await else { panic!("it is renewed") };
    world.get("/profile", &old).await.expect(401);
    world.get("/profile", &new).await.expect(200);
    // Two tabs may ask at the same moment: both have a session then.
    world.clock.pass(Duration::from_secs(9));
    let (_, Some(same)) = renew(&old).await else { panic!("it is renewed once more") };
    world.get("/profile", &same).await.expect(200);
    world.get("/profile", &new).await.expect(200);
    world.clock.pass(Duration::from_secs(1));
    assert_eq!(renew(&old).await.0, 401);
}

#[tokio::test]
async fn the_key_that_signs_is_changed_daily_and_no_session_ends_by_it() {
    let (world, admin) = World::with_admin().await;
    let key = |who: &Who| match who {
        Who::Person(header) => header.split(':').next().unwrap().to_owned(),
        _ => unreachable!(),
    };
    world.clock.pass(Duration::from_secs(24 * 3_600 - 300));
    let before = world.login("admin", PASSWORD).await;
    assert_eq!(key(&before), key(&admin));
    world.clock.pass(Duration::from_secs(301));
    let after = world.login("admin", PASSWORD).await;
    assert_ne!(key(&after), key(&before));
    world.get("/profile", &before).await.expect(200);
    world.ask("POST", "/auth/refresh", &before, None).await.expect(200);
    let world = world.restarted();
    world.get("/profile", &after).await.expect(200);
}

#[tokio::test]
async fn a_person_who_is_gone_is_not_known() {
    let (world, admin) = World::with_admin().await;
    let body = json!({"username": "guest", "password": "guest password", "name": "Guest", "email": ""});
    let id = world.post("/persons", &admin, &body).await.id();
    let guest = world.login("guest", "guest password").await;
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

#[tokio::test]
async fn only_who_knows_the_setup_secret_becomes_the_first_person() {
    let world = World::fresh();
    let whole = world.first_person();
    let first = async |body: &serde_json::Value, headers: &[(&str, &str)]| {
        let mut request = Request::post("/api/admin/first");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        world.send(request.body(Body::from(body.to_string())).unwrap()).await.status.as_u16()
    };
    let json_body = ("content-type", "application/json");
    let mut without = whole.clone();
    without.as_object_mut().unwrap().remove("setup_secret");
    assert_eq!(first(&without, &[json_body]).await, 403);
    let mut wrong = whole.clone();
    wrong["setup_secret"] = json!("0".repeat(32));
    assert_eq!(first(&wrong, &[json_body]).await, 403);
    assert_eq!(
        first(&whole, &[("content-type", "text/plain")]).await,
        415,
        "as a page may send it to any site"
    );
    assert_eq!(first(&whole, &[]).await, 415);
    assert_eq!(
        first(&whole, &[json_body, ("origin", "https://evil.example"), ("host", "127.0.0.1")]).await,
        403
    );
    assert_eq!(
        first(&whole, &[json_body, ("host", "evil.example")]).await,
        403,
        "a name that is not the hub's"
    );
    let mut short = whole.clone();
    short["password"] = json!("x");
    assert_eq!(first(&short, &[json_body]).await, 400);
    let secret = whole["setup_secret"].as_str().unwrap();
    assert!(world.folder().join("setup-secret").exists());
    assert_eq!(first(&without, &[json_body, ("x-setup-secret", secret)]).await, 201);
    assert!(!world.folder().join("setup-secret").exists() && world.hub.setup_secret().is_none());
    assert_eq!(first(&whole, &[json_body]).await, 401);
}

#[tokio::test]
async fn a_login_brings_a_few_kilobytes_at_most() {
    let (world, _) = World::with_admin().await;
    let body = json!({"username": "admin", "password": "x".repeat(20_000)});
    for path in ["/auth/login", "/admin/first"] {
        assert_eq!(world.post(path, &Who::Nobody, &body).await.status, 413, "{path}");
    }
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_who_is_elsewhere_has_not() {
    let (world, _) = World::with_admin().await;
    for _ in 0..6 {
        world.try_login("eve", "a guess at it").await.expect(401);
    }
    let refused = world.try_login("eve", "a guess at it").await.expect(429);
    assert_eq!(refused.headers["retry-after"], "1");
    world.login("admin", PASSWORD).await;
    world.clock.pass(Duration::from_secs(1));
    world.try_login("eve", "a guess at it").await.expect(401);
    assert_eq!(world.try_login("eve", "a guess at it").await.expect(429).headers["retry-after"], "2");
}

#[tokio::test]
async fn a_password_that_was_lost_is_reset_by_whoever_has_the_machine() {
    let (world, admin) = World::with_admin().await;
    assert!(world.hub.setup().reset_password("nobody").await.unwrap().is_none());
    let new = world.hub.setup().reset_password("admin").await.unwrap().unwrap();
    world.get("/profile", &admin).await.expect(401);
    world.try_login("admin", PASSWORD).await.expect(401);
    world.login("admin", secrecy::ExposeSecret::expose_secret(&new)).await;
}
