//! What is sent: values and entities.

use grafolean_collector::{
    backend::{Backend, BackendError, EntityChange, Stamp},
    model::{AccountId, EntityId, NewEntity, Sample},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::world::{Fault, Grafolean, World, device};

const ACCOUNT: AccountId = AccountId::new(1);

fn sent(world: &World) -> (String, Value) {
    let asked = world.grafolean().asked.pop().unwrap();
    assert_eq!(asked.headers.get("content-type").unwrap(), "application/json");
    assert!(!asked.headers.contains_key("content-encoding"), "a real backend takes no compressed bodies");
    (asked.what, serde_json::from_slice(&asked.body).unwrap())
}

#[tokio::test]
async fn values_go_by_put_with_their_time_or_by_post_without() {
    let world = World::of(Grafolean::default()).await;
    let samples = [Sample::checked("a.b", Timestamp::from_micros(1_700_000_000_500_000), 1.5).unwrap()];
    world.client().put_values(ACCOUNT, &samples, Stamp::Due).await.unwrap();
    let put = "PUT /api/accounts/1/values/".to_owned();
    assert_eq!(sent(&world), (put, json!([{"p": "a.b", "t": 1_700_000_000.5, "v": 1.5}])));
    world.client().put_values(ACCOUNT, &samples, Stamp::Arrival).await.unwrap();
    assert_eq!(sent(&world), ("POST /api/accounts/1/values/".to_owned(), json!([{"p": "a.b", "v": 1.5}])));
}

#[tokio::test]
async fn each_refusal_of_values_is_told_from_the_others() {
    let refusal = async |status: u16, text: &str| {
        let fault = Fault::Answer(status, text.into());
        let world = World::of(Grafolean::default().fail("PUT", 1, fault)).await;
        world.client().put_values(ACCOUNT, &[], Stamp::Due).await.unwrap_err()
    };
    assert!(matches!(refusal(401, "Access denied").await, BackendError::Unauthorized { .. }));
    let forbidden = refusal(403, "").await.to_string();
    assert!(forbidden.contains("it needs PUT on accounts/1/values"), "{forbidden}");
    let refused = refusal(400, "Input validation\n failed").await;
    assert!(
        matches!(&refused, BackendError::Refused { status: 400, answer, .. } if answer == "Input validation failed")
    );
    assert!(matches!(refusal(413, "").await, BackendError::Refused { status: 413, .. }));
    for status in [408, 429, 500, 502, 503] {
        assert!(matches!(refusal(status, "").await, BackendError::Failed { status: it, .. } if it == status));
    }
    // A web server that greets everything with its page has stored nothing.
    assert!(matches!(refusal(200, "<html>hello</html>").await, BackendError::Nonsense { .. }));
}

#[tokio::test]
async fn whatever_says_when_to_ask_again_means_later_but_for_a_token_that_is_unknown() {
    for status in [302, 403, 404, 408, 413, 429, 500, 503] {
        let world = World::of(Grafolean::default().fail("PUT", 1, Fault::RetryAfter(status, 7))).await;
        let error = world.client().put_values(ACCOUNT, &[], Stamp::Due).await.unwrap_err();
        assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)), "{status}: {error}");
    }
    let world = World::of(Grafolean::default().fail("PUT", 2, Fault::RetryAfter(401, 7))).await;
    let error = world.client().put_values(ACCOUNT, &[], Stamp::Due).await.unwrap_err();
    assert!(matches!(error, BackendError::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn an_entity_is_created_updated_whole_and_deleted() {
    let whole = device(1001, "ping", 1, &[2]);
    let world = World::of(Grafolean::default().with(1, "entities", whole)).await;
    let client = world.client();
    let details = json!({"snmp_index": "1"}).as_object().unwrap().clone();
    let new = NewEntity {
        name: "eth0".into(),
        entity_type: "interface".into(),
        parent: Some(EntityId::new(1001)),
        details,
    };
    assert_eq!(client.change_entity(ACCOUNT, EntityChange::Create(new)).await.unwrap().number(), 4711);
    let body =
        json!({"name": "eth0", "entity_type": "interface", "parent": 1001, "details": {"snmp_index": "1"}});
    assert_eq!(sent(&world), ("POST /api/accounts/1/entities/".to_owned(), body));

    let mut entity = client.entity(ACCOUNT, EntityId::new(1001)).await.unwrap().unwrap();
    entity.name = "renamed".to_owned();
    let body = json!({
        "name": "renamed", "entity_type": "device", "details": {"ipv4": "127.0.0.1"},
        "protocols": {"ping": {"credential": 1, "bot": 77, "sensors": [{"sensor": 2, "interval": null}]}},
    });
    client.change_entity(ACCOUNT, EntityChange::Update(entity.clone())).await.unwrap();
    assert_eq!(sent(&world), ("PUT /api/accounts/1/entities/1001".to_owned(), body.clone()));
    // Protocols that were never read are read first: a PUT without them would wipe them.
    entity.protocols = None;
    client.change_entity(ACCOUNT, EntityChange::Update(entity)).await.unwrap();
    assert_eq!(sent(&world).1, body);

    client.change_entity(ACCOUNT, EntityChange::Delete(EntityId::new(1001))).await.unwrap();
    world.grafolean().faults.push(("DELETE".into(), 1, Fault::Answer(404, "No such entity".into())));
    client.change_entity(ACCOUNT, EntityChange::Delete(EntityId::new(1001))).await.unwrap();
}

#[tokio::test]
async fn an_update_that_is_refused_for_a_missing_bot_says_so() {
    let mut row = device(1001, "snmp", 1, &[2]);
    row["protocols"]["snmp"]["bot"] = Value::Null;
    let refusal = Fault::Answer(400, "None is not of type 'string', 'number'".into());
    let world = World::of(Grafolean::default().with(1, "entities", row).fail("PUT", 1, refusal)).await;
    let entity = world.client().entity(ACCOUNT, EntityId::new(1001)).await.unwrap().unwrap();
    let error = world.client().change_entity(ACCOUNT, EntityChange::Update(entity)).await.unwrap_err();
    assert!(error.to_string().contains("`snmp` has no bot"), "{error}");
}

#[tokio::test]
async fn an_entity_that_is_gone_is_none() {
    let world = World::of(Grafolean::default()).await;
    assert_eq!(world.client().entity(ACCOUNT, EntityId::new(5)).await.unwrap(), None);
}
