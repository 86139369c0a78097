//! What devices told by themselves: stored by the bot of the account, read by its people.

use serde_json::{Value, json};

use crate::world::{START, Who, World};

fn event(id: &str, entity: i64, name: &str) -> Value {
    json!({
        "id": id, "time": START.micros(), "entity": entity, "name": name, "source": "192.0.2.1", "count": 1,
        "details": {"objects": [{"name": "IF-MIB::ifIndex.3", "value": "3"}]},
    })
}

#[tokio::test]
async fn a_bot_stores_events_of_its_account_and_people_of_the_account_read_them() {
    let (world, admin) = World::with_admin().await;
    let (mine, other) = (world.account(&admin, "Mine").await, world.account(&admin, "Other").await);
    let (id, bot) = world.bot(&admin, mine, "snmp").await;
    let right = json!({"resource_prefix": format!("accounts/{mine}/values"), "methods": ["POST", "PUT"]});
    world.post(&format!("/users/{id}/permissions"), &admin, &right).await.id();
    let path = |account: i64| format!("/hub/accounts/{account}/device-events");
    let told = json!({"events": [event("a", 7, "IF-MIB::linkDown"), event("b", 8, "IF-MIB::linkUp")]});
    assert_eq!(world.put(&path(mine), &bot, &told).await.expect(200).json(), json!({"stored": 2}));
    assert_eq!(world.put(&path(mine), &bot, &told).await.expect(200).json(), json!({"stored": 0}));
    world.put(&path(other), &bot, &told).await.expect(403);
    world.put(&path(mine), &Who::Nobody, &told).await.expect(401);
    let list = world.get(&format!("{}?entity=7", path(mine)), &admin).await.list();
    assert_eq!((list.len(), &list[0]["name"]), (1, &json!("IF-MIB::linkDown")));
    assert_eq!(list[0]["t"], json!(START.as_seconds_f64()));
    assert!(world.get(&path(other), &admin).await.list().is_empty());
    for query in ["entity=x", "from=yesterday", "before=-1", "limit=x"] {
        world.get(&format!("{}?{query}", path(mine)), &admin).await.expect(400);
    }
    for wrong in [
        json!({"events": [event("", 7, "linkDown")]}),
        json!({"events": [event("c", 7, &"x".repeat(201))]}),
        json!({"events": {}}),
        json!([]),
    ] {
        world.put(&path(mine), &bot, &wrong).await.expect(400);
    }
    let audit = world.get("/hub/audit?limit=100", &admin).await.body;
    assert!(!audit.contains("device-events"), "values and events are not what people change");
}
