//! The audit log.

use std::time::Duration;

use serde_json::json;

use crate::world::{START, Who, World};

#[tokio::test]
async fn who_changed_what_stands_in_the_audit_log_and_values_do_not() {
    let (world, admin) = World::with_admin().await;
    let user = world.get("/profile", &admin).await.json()["user_id"].clone();
    world.clock.pass(Duration::from_secs(5));
    let account = world.account(&admin, "A").await;
    let (id, bot) = world.bot(&admin, account, "ping").await;
    let right = json!({"resource_prefix": format!("accounts/{account}"), "methods": null});
    world.post(&format!("/accounts/{account}/bots/{id}/permissions"), &admin, &right).await.id();
    world
        .put(&format!("/accounts/{account}/values"), &bot, &json!([{"p": "a", "t": 5, "v": 1}]))
        .await
        .expect(204);
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    world.post(&format!("/accounts/{account}/entities"), &bot, &entity).await.id();
    world.post(&format!("/accounts/{account}/entities"), &bot, &json!({})).await.expect(400);
    world.ask("POST", "/auth/refresh", &admin, None).await.expect(200);

    let admin = world.login("admin", crate::world::PASSWORD).await;
    let log = world.get("/hub/audit", &admin).await.expect(200).list();
    let brief: Vec<_> =
        log.iter().map(|row| (row["method"].as_str().unwrap(), row["resource"].clone())).collect();
    let account_of = |what: &str| json!(format!("accounts/{account}/{what}"));
    assert_eq!(
        brief,
        [
            ("POST", json!("auth/login")),
            ("POST", account_of("entities")),
            ("POST", account_of(&format!("bots/{id}/permissions"))),
            ("POST", account_of("bots")),
            ("POST", json!("admin/accounts")),
            ("POST", json!("auth/login")),
            ("POST", json!("admin/first")),
        ]
    );
    assert_eq!(log[1]["user_id"], json!(id));
    let expected = json!({
        "time": START.seconds() + 5, "user_id": user, "address": "127.0.0.1",
        "method": "POST", "resource": "admin/accounts", "status": 201,
    });
    assert_eq!(log[4], expected);
    assert_eq!(world.get("/hub/audit?limit=1", &admin).await.expect(200).list().len(), 1);
    world.get("/hub/audit", &bot).await.expect(403);
    world.get("/hub/audit", &Who::Nobody).await.expect(401);
}
