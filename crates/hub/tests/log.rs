//! What stands in no log. It has a process of its own, since a process has one log.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "a test stops where it fails, and this one uses a part of the world"
)]

#[path = "api/world.rs"]
mod world;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing_subscriber::{filter::LevelFilter, fmt};

use world::{Who, World};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn requests_are_logged_without_tokens_sessions_and_passwords() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let (_, bot) = world.bot(&admin, account, "ping").await;
    world.get("/profile", &bot).await.expect(200);
    world.get(&format!("/accounts/{account}/entities"), &bot).await.expect(403);
    world.try_login("admin", "a-guess-at-it").await.expect(401);
    let foreign = "0f0f0f0f-0000-4000-8000-000000000000";
    world.get("/profile", &Who::Bot(foreign.to_owned())).await.expect(401);
    world.get("/profile", &Who::Person("Bearer 5:a.foreign.session".to_owned())).await.expect(401);
    world.post("/persons", &admin, &json!({"password": "a-new-one"})).await.expect(400);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains(r#"path="/api/profile" status=200"#), "{logged}");
    let (Who::Bot(token), Who::Person(session)) = (bot, admin) else { unreachable!() };
    for secret in [&*token, &*session, foreign, "foreign.session", "a-guess-at-it", "a-new-one"] {
        assert!(!logged.contains(secret), "{secret} stands in the log:\n{logged}");
    }
}

#[tokio::test]
async fn a_failure_that_repeats_is_one_line_a_minute_with_a_count() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        fmt().with_max_level(LevelFilter::WARN).with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    for entry in std::fs::read_dir(world.folder()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let value = json!([{"p": "a", "t": 5, "v": 1}]);
    for _ in 0..50 {
        world.put(&format!("/accounts/{account}/values"), &admin, &value).await.expect(503);
    }
    world.clock.pass(std::time::Duration::from_secs(60));
    world.put(&format!("/accounts/{account}/values"), &admin, &value).await.expect(503);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = logged.lines().filter(|line| line.contains("was removed or replaced")).collect();
    assert_eq!(lines.len(), 2, "{logged}");
    assert!(lines[0].contains("times=1 ") && lines[1].contains("times=50 "), "{logged}");
}
