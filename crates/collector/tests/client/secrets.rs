//! The token is in no error, no log and no debug output, whatever a backend answers.

use std::{error::Error, time::Duration};

use grafolean_collector::{
    backend::{
        AccountInventory, Backend, Inventory, Stamp,
        http::{HttpBackend, HttpSettings},
    },
    model::{AccountId, Credential, Device, DeviceSensor, Entity, NewEntity, Sensor, Shared},
    settings::{Resolved, Sources, bot},
};
use secrecy::SecretString;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    logs::Logs,
    world::{Fault, Grafolean, World},
};

/// Holds characters that a query writes otherwise.
const ODD_TOKEN: &str = "hunter2/+ %b=&";
const ODD_TOKEN_IN_A_QUERY: &str = "hunter2%2F%2B+%25b%3D%26";

fn all_of(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(" {error} {error:?}");
        cause = error.source();
    }
    text
}

async fn outcomes(url: &str) -> String {
    let mut settings = HttpSettings::new(url, SecretString::from(ODD_TOKEN));
    settings.request_timeout = Duration::from_millis(300);
    let mut seen = format!("{settings:?}");
    let client = HttpBackend::new(settings).unwrap();
    seen += &format!("{client:?}");
    seen += &client.inventory().await.err().map_or(String::new(), |error| all_of(&error));
    let values = client.put_values(AccountId::new(1), &[], Stamp::Due).await;
    seen + &values.err().map_or(String::new(), |error| all_of(&error))
}

#[tokio::test]
async fn the_token_is_in_no_error_no_log_and_no_debug_output() {
    let logs = Logs::capture();
    let echo = format!("you asked for /api/x?b={ODD_TOKEN_IN_A_QUERY}, I mean {ODD_TOKEN}");
    let quoted = serde_json::to_string(&echo).unwrap();
    let mut seen = String::new();
    for fault in [
        Fault::Answer(200, quoted.clone()),
        Fault::Answer(200, format!("{{\"user_id\": {quoted}}}")),
        Fault::Answer(400, echo.clone()),
        Fault::Answer(401, echo.clone()),
        Fault::Answer(403, echo.clone()),
        Fault::Answer(500, echo.clone()),
        Fault::Redirect(format!("http://elsewhere/{ODD_TOKEN_IN_A_QUERY}/x?b={ODD_TOKEN_IN_A_QUERY}")),
        Fault::Slow(Duration::from_secs(3600)),
    ] {
        let world = World::of(Grafolean::default().fail("/api/", usize::MAX, fault)).await;
        seen += &outcomes(&world.url()).await;
    }
    seen += &outcomes("http://127.0.0.1:1/api").await;
    seen += &outcomes("https://127.0.0.1:1/api").await;
    let waiting = World::of(Grafolean::default().fail("status", 1, Fault::Answer(500, echo))).await;
    let client = HttpBackend::new(HttpSettings::new(waiting.url(), SecretString::from(ODD_TOKEN))).unwrap();
    client.wait_until_ready(&CancellationToken::new()).await.unwrap();

    let logs = logs.text();
    assert!(seen.contains("[token]") && logs.contains("waiting for the backend"), "{seen}\n{logs}");
    assert!(!seen.contains("hunter2"), "{seen}");
    assert!(!logs.contains("hunter2"), "{logs}");
}

#[test]
fn whatever_holds_details_shows_their_keys_alone() {
    const SECRET: &str = "s3cr3t-community";
    let details = json!({"snmp_community": SECRET, "list": [SECRET]});
    let account = json!({"id": 1, "name": "A"});
    let entity = json!({"id": 2, "name": "E", "entity_type": "device", "details": details});
    let row = json!({"id": 3, "name": "R", "protocol": "snmp", "details": details});
    let entity: Shared<Entity> = serde_json::from_value(entity).unwrap();
    let credential: Shared<Credential> = serde_json::from_value(row.clone()).unwrap();
    let sensor: Shared<Sensor> = serde_json::from_value(row).unwrap();
    let new: NewEntity =
        serde_json::from_value(json!({"name": "N", "entity_type": "device", "details": details})).unwrap();
    let device = Device {
        account: AccountId::new(1),
        entity: entity.clone(),
        credential: credential.clone(),
        sensors: vec![DeviceSensor { sensor: sensor.clone(), interval: None }],
    };
    let inventory = Inventory {
        protocol: None,
        user: None,
        accounts: vec![AccountInventory {
            account: serde_json::from_value(account).unwrap(),
            entities: vec![entity.clone()],
            credentials: vec![credential.clone()],
            sensors: vec![sensor.clone()],
            broken: Vec::new(),
        }],
    };
    let token = Resolved::given(&bot::ALL, &[(bot::BOT_TOKEN, SECRET)]).unwrap();
    let http = HttpSettings::new("http://127.0.0.1/api", SecretString::from(SECRET));
    let sources = Sources::of_process(vec![(bot::BOT_TOKEN, SecretString::from(SECRET))], None).unwrap();
    for shown in [
        format!("{entity:?}"),
        format!("{credential:#?}"),
        format!("{sensor:?}"),
        format!("{new:?}"),
        format!("{device:?}"),
        format!("{inventory:#?}"),
        format!("{token:?}"),
        format!("{http:?}"),
        format!("{sources:?}"),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    assert!(format!("{credential:?}").contains("snmp_community"), "{credential:?}");
}
