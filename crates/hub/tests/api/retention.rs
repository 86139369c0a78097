//! How long values of an account are kept, as it is set and shown.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{START, World};

#[tokio::test]
async fn rules_are_set_shown_and_in_force_soon_after() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let retention = format!("/accounts/{account}/retention");
    let fresh = world.get(&retention, &admin).await.expect(200).json();
    assert_eq!(fresh["rules"], json!([]));
    assert_eq!((&fresh["hub"]["values_seconds"], &fresh["usage"]["bytes"]), (&Value::Null, &json!(0)));
    assert!(fresh["disk"]["free_bytes"].as_u64().unwrap() > 0, "{fresh}");

    let start = START.seconds();
    let samples = |path: &str| -> Vec<Value> {
        (0..5_000).map(|at| json!({"p": path, "t": start - at * 60, "v": at})).collect()
    };
    for path in ["netflow.a", "entity.b"] {
        world.put(&format!("/accounts/{account}/values"), &admin, &json!(samples(path))).await.expect(204);
    }
    world.hub.points().seal().await.unwrap();
    let rules = json!({
        "max_bytes": null,
        "rules": [{"filter": "netflow.*", "values_seconds": 86_400, "hours_seconds": 0, "max_bytes": null}],
    });
    world.put(&retention, &admin, &rules).await.expect(204);
    world.hub.points().seal().await.unwrap();
    let shown = world.get(&retention, &admin).await.expect(200).json();
    assert_eq!(shown["rules"], rules["rules"]);
    assert_eq!(shown["usage"]["series"], 2);
    let count = async |path: &str| {
        let answer =
            world.get(&format!("/accounts/{account}/values/{path}"), &admin).await.expect(200).json();
        answer["paths"][path]["data"].as_array().unwrap().len()
    };
    let left = count("netflow.a").await;
    assert!((1_440..1_440 + 1_024).contains(&left), "{left}");
    // What lies at this very moment is not asked for.
    assert_eq!(count("entity.b").await, 4_999);

    // It counts in another hub process too, and what a later day makes old goes then.
    let world = world.restarted();
    world.clock.pass(Duration::from_secs(30 * 86_400));
    let admin = world.login("admin", crate::world::PASSWORD).await;
    world
        .put(&format!("/accounts/{account}/values"), &admin, &json!([{"p": "x", "t": start, "v": 1}]))
        .await
        .expect(204);
    world.hub.points().seal().await.unwrap();
    let gone = world.get(&format!("/accounts/{account}/values/netflow.a"), &admin).await;
    gone.expect(404);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let retention = format!("/accounts/{account}/retention");
    for (body, reason) in [
        (json!({"rules": [{"filter": "a b"}]}), "is no path filter"),
        (json!({"max_bytes": 1}), "expected null or at least"),
        (json!({"rule": []}), "unknown field"),
        (json!({"rules": [{"filter": "*", "values_seconds": -1}]}), "invalid value"),
    ] {
        let answer = world.put(&retention, &admin, &body).await.expect(400);
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    world.get("/accounts/5/retention", &admin).await.expect(404);
    world.put("/accounts/5/retention", &admin, &json!({})).await.expect(404);
}
