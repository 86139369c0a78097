//! Tests of devices that are about to be set up: who may ask for one, and how often.

use std::{sync::Arc, time::Duration};

use grafolean_collector::protocol::{DeviceTester, OpenError, TestResult, TestSubject, Testing};
use serde_json::json;

use crate::world::{Who, World};

/// Tells what it was asked for.
struct Telling;

impl DeviceTester for Telling {
    fn test(&self, subject: TestSubject) -> Testing<'_> {
        Box::pin(async move {
            TestResult::good("it answers")
                .with_fact("device", json!(subject.device).to_string())
                .with_fact("credential", json!(subject.credential).to_string())
        })
    }
}

fn tester() -> Result<Arc<dyn DeviceTester>, OpenError> {
    Ok(Arc::new(Telling))
}

#[tokio::test]
async fn who_may_set_up_a_device_may_have_it_tested_in_that_account_alone() {
    let (world, admin) = World::with_testers(vec![("ping".to_owned(), tester)]).await;
    let (mine, other) = (world.account(&admin, "Mine").await, world.account(&admin, "Other").await);
    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve = world.post("/persons", &admin, &person).await.id();
    let right = json!({"resource_prefix": format!("accounts/{mine}/entities"), "methods": null});
    world.post(&format!("/users/{eve}/permissions"), &admin, &right).await.id();
    let (bot, token) = world.bot(&admin, mine, "ping").await;
    world.post(&format!("/users/{bot}/permissions"), &admin, &right).await.id();
    let eve = world.login("eve", "long enough").await;
    let ask =
        |account: i64| json!({"account": account, "address": "192.0.2.1", "credential": {"timeout": "1"}});
    let tested = world.post("/hub/test/ping", &eve, &ask(mine)).await.expect(200).json();
    assert_eq!((&tested["ok"], &tested["summary"]), (&json!(true), &json!("it answers")));
    assert_eq!(tested["facts"][0]["value"], json!("{\"ipv4\":\"192.0.2.1\"}"));
    assert_eq!(tested["facts"][1]["value"], json!("{\"timeout\":\"1\"}"));
    world.post("/hub/test/ping", &eve, &ask(other)).await.expect(403);
    world.post("/hub/test/ping", &token, &ask(mine)).await.expect(403);
    world.post("/hub/test/ping", &Who::Nobody, &ask(mine)).await.expect(401);
    world.post("/hub/test/gopher", &eve, &ask(mine)).await.expect(404);
    let credential = json!({"name": "way in", "protocol": "ping", "details": {"retry": "2"}});
    let credential = world.post(&format!("/accounts/{mine}/credentials"), &admin, &credential).await.id();
    let stored = json!({"account": mine, "address": "192.0.2.1", "credential_id": credential});
    world.post("/hub/test/ping", &eve, &stored).await.expect(403);
    let tested = world.post("/hub/test/ping", &admin, &stored).await.expect(200).json();
    assert_eq!(tested["facts"][1]["value"], json!("{\"retry\":\"2\"}"));
    let both = json!({"account": mine, "credential_id": credential, "credential": {}});
    world.post("/hub/test/ping", &admin, &both).await.expect(400);
    let of_another = json!({"account": other, "address": "192.0.2.1", "credential_id": credential});
    world.post("/hub/test/ping", &admin, &of_another).await.expect(404);
}

#[tokio::test]
async fn the_hub_scans_no_network_for_anybody() {
    let (world, admin) = World::with_testers(vec![("ping".to_owned(), tester)]).await;
    let account = world.account(&admin, "A").await;
    let ask = json!({"account": account, "address": "192.0.2.1"});
    for _ in 0..20 {
        world.post("/hub/test/ping", &admin, &ask).await.expect(200);
    }
    let refused = world.post("/hub/test/ping", &admin, &ask).await.expect(429);
    assert_eq!(refused.headers["retry-after"], "2");
    world.clock.pass(Duration::from_secs(2));
    world.post("/hub/test/ping", &admin, &ask).await.expect(200);
    world.post("/hub/test/ping", &admin, &ask).await.expect(429);
}
