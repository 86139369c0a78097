//! What bots say of themselves.

use serde_json::{Value, json};

use crate::world::{Who, World};

/// A bot of an account, with its token and the rights that bots have.
async fn bot(world: &World, admin: &Who, account: i64) -> (i64, Who) {
    let (id, token) = world.bot(admin, account, "snmp").await;
    for (list, methods) in [("entities", json!(["GET"])), ("values", json!(["PUT", "POST"]))] {
        let right = json!({"resource_prefix": format!("accounts/{account}/{list}"), "methods": methods});
        world.post(&format!("/accounts/{account}/bots/{id}/permissions"), admin, &right).await.expect(201);
    }
    (id, token)
}

fn status(account: i64, other: i64) -> Value {
    let trouble = |account: i64| {
        json!({"cause": "snmp_community", "account": account, "entity": 7, "evidence": "silence", "job": "snmp.1.7",
            "since": 1, "last": 2})
    };
    json!({
        "protocol": "snmp", "version": "1", "at": 1_800_000_000.0,
        "configuration": {"accounts": [account, other], "every": 120},
        "jobs": [{"id": format!("snmp.{account}.7"), "account": account, "entity": 7, "intervals": [60]},
            {"id": format!("snmp.{other}.8"), "account": other, "entity": 8, "intervals": [60]}],
        "troubles": [trouble(account), trouble(other)],
        "of_a_newer_version": {"a": 1},
    })
}

#[tokio::test]
async fn a_bot_says_what_it_knows_and_people_of_the_account_read_it() {
    let (world, admin) = World::with_admin().await;
    let (one, other) = (world.account(&admin, "A").await, world.account(&admin, "B").await);
    let (id, token) = bot(&world, &admin, one).await;
    let place = format!("/hub/accounts/{one}/bots/{id}/status");
    let answer = world.put(&place, &token, &status(one, other)).await.expect(200).json();
    assert_eq!(answer, json!({"retry": [], "drop": []}));
    let rows = world.get(&format!("/hub/accounts/{one}/status"), &admin).await.expect(200).list();
    // systemwide bots are there as well, and said nothing
    let (told, silent): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["bot"] == id);
    let [row] = &told[..] else { panic!("{rows:?}") };
    assert_eq!(row["received"], json!(1_800_000_000.0));
    assert!(
        silent.iter().all(|row| row["status"].is_null() && row["tied_to_account"].is_null()),
        "{silent:?}"
    );
    let told = &row["status"];
    assert_eq!(told["troubles"].as_array().unwrap().len(), 1, "what is of another account stays out: {told}");
    assert_eq!(told["troubles"][0]["cause"], "snmp_community");
    assert_eq!(told["jobs"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["configuration"]["accounts"], json!([one]));
    let rows = world.get(&format!("/hub/accounts/{other}/status"), &admin).await.expect(200).list();
    assert!(rows.iter().all(|row| row["status"].is_null() && row["bot"] != id), "{rows:?}");
}

#[tokio::test]
async fn nobody_speaks_for_another_bot_and_no_stranger_reads() {
    let (world, admin) = World::with_admin().await;
    let (one, other) = (world.account(&admin, "A").await, world.account(&admin, "B").await);
    let (id, token) = bot(&world, &admin, one).await;
    let (foreign, foreign_token) = bot(&world, &admin, other).await;
    let body = status(one, other);
    let of = |account: i64, bot: i64| format!("/hub/accounts/{account}/bots/{bot}/status");
    world.put(&of(one, id), &foreign_token, &body).await.expect(403);
    world.put(&of(one, foreign), &foreign_token, &body).await.expect(403);
    world.put(&of(other, id), &token, &body).await.expect(403);
    world.put(&of(one, id), &Who::Nobody, &body).await.expect(401);
    world.put(&of(one, id), &token, &json!({"troubles": 5})).await.expect(400);
    world.get(&format!("/hub/accounts/{one}/status"), &foreign_token).await.expect(403);
    world.get(&format!("/hub/accounts/{one}/status"), &token).await.expect(200);
    world
        .post(&format!("/hub/accounts/{one}/bots/{id}/dead-letters"), &token, &json!({"drop": [1]}))
        .await
        .expect(403);
}

#[tokio::test]
async fn dead_letters_are_ordered_once_and_no_status_stands_in_the_audit_log() {
    let (world, admin) = World::with_admin().await;
    let one = world.account(&admin, "A").await;
    let (id, token) = bot(&world, &admin, one).await;
    let order = format!("/hub/accounts/{one}/bots/{id}/dead-letters");
    world.post(&order, &admin, &json!({"retry": [4, 5]})).await.expect(202);
    world.post(&order, &admin, &json!({"drop": [6]})).await.expect(202);
    world.post(&format!("/hub/accounts/{one}/bots/1/dead-letters"), &admin, &json!({})).await.expect(404);
    let place = format!("/hub/accounts/{one}/bots/{id}/status");
    let first = world.put(&place, &token, &status(one, 0)).await.expect(200).json();
    assert_eq!(first, json!({"retry": [4, 5], "drop": [6]}));
    let second = world.put(&place, &token, &status(one, 0)).await.expect(200).json();
    assert_eq!(second, json!({"retry": [], "drop": []}));
    let audit = world.get("/hub/audit?limit=100", &admin).await.expect(200).body;
    assert!(audit.contains("dead-letters") && !audit.contains("/status"), "{audit}");
}
