//! What people set up wrongly.

use serde_json::{Value, json};

use crate::{
    doors::injected,
    scene::{Device, Scene, in_own_network, run},
};

/// Changes the hub's database as an administrator, or a fault, would: the hub itself lets nobody do it.
fn change_database(scene: &mut Scene, sql: &str) {
    scene.world.stop_hub();
    let file = scene.world.folder.path().join("hub/hub.sqlite");
    run("sqlite3", &[file.to_str().unwrap(), &format!("PRAGMA foreign_keys = OFF; {sql}")]);
    scene.world.start_hub();
    injected();
}

/// The entity as the API shows it, changed.
fn change_entity(scene: &Scene, change: impl FnOnce(&mut Value)) {
    let place = format!("/accounts/{}/entities/{}", scene.world.account, scene.entity);
    let (_, mut entity) = scene.ask("GET", &place, &Value::Null);
    change(&mut entity);
    let body = json!({
        "name": entity["name"], "entity_type": entity["entity_type"], "details": entity["details"],
        "protocols": entity["protocols"],
    });
    let (status, answer) = scene.ask("PUT", &place, &body);
    assert_eq!(status, 204, "{answer}");
    injected();
}

#[tokio::test]
async fn a_protocol_that_is_not_enabled() {
    if !in_own_network("configuration::a_protocol_that_is_not_enabled", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.wait_for("success");
    change_entity(&scene, |entity| entity["protocols"] = json!({}));
    scene.named(&scene.path("success"), "protocol_off");
}

#[tokio::test]
async fn a_sensor_without_an_interval() {
    if !in_own_network("configuration::a_sensor_without_an_interval", &[]) {
        return;
    }
    let scene = Scene::of(Device { interval: None, ..Device::ping("127.0.0.1") }).await;
    scene.named("router", "no_interval");
    scene.named(&scene.path("success"), "no_interval");
}

#[tokio::test]
async fn a_credential_of_another_protocol() {
    if !in_own_network("configuration::a_credential_of_another_protocol", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(
        &mut scene,
        "UPDATE credentials SET protocol = 'snmp' WHERE name = 'credential of router'",
    );
    scene.named("router", "credential_protocol");
}

#[tokio::test]
async fn a_credential_that_was_deleted() {
    if !in_own_network("configuration::a_credential_that_was_deleted", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(&mut scene, "DELETE FROM credentials WHERE name = 'credential of router'");
    scene.named("router", "credential_gone");
}

#[tokio::test]
async fn a_sensor_that_was_deleted() {
    if !in_own_network("configuration::a_sensor_that_was_deleted", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(&mut scene, "DELETE FROM sensors WHERE name = 'sensor 0 of router'");
    scene.named("router", "sensor_gone");
}

#[tokio::test]
async fn no_sensor_at_all() {
    if !in_own_network("configuration::no_sensor_at_all", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(&mut scene, "DELETE FROM attached_sensors");
    scene.named("router", "no_sensor");
}

#[tokio::test]
async fn a_device_without_an_address() {
    if !in_own_network("configuration::a_device_without_an_address", &[]) {
        return;
    }
    let scene = Scene::of(Device { details: json!({}), ..Device::ping("") }).await;
    scene.named("router", "no_address");
}

#[tokio::test]
async fn a_credential_that_the_bot_refuses() {
    if !in_own_network("configuration::a_credential_that_the_bot_refuses", &[]) {
        return;
    }
    let credential = json!({"version": "snmpv7"});
    let scene = Scene::of(Device { credential, ..Device::snmp(161) }).await;
    scene.named("switch", "refused");
}

#[tokio::test]
async fn a_name_that_nothing_has() {
    if !in_own_network("configuration::a_name_that_nothing_has", &[]) {
        return;
    }
    let scene = Scene::of(Device::ping("127.0.0.1")).await;
    scene.named("nothing-of-this-name", "no_entity");
    scene.named("entity.1.ping.success", "no_entity");
    scene.named("office.temperature", "no_entity");
}

#[tokio::test]
async fn a_bot_of_another_account() {
    if !in_own_network("configuration::a_bot_of_another_account", &["sqlite3"]) {
        return;
    }
    let mut foreign = None;
    let mut scene = Scene::with("ping", async |setup, account| {
        let elsewhere = setup.account("Elsewhere").await.unwrap();
        foreign = Some(setup.bot(elsewhere, "foreign", "ping").await.unwrap().id);
        vec![Device::ping("127.0.0.1").add(setup, account).await]
    })
    .await;
    change_database(&mut scene, &format!("UPDATE attachments SET bot = {}", foreign.unwrap()));
    scene.start_bot();
    scene.named("router", "foreign_bot");
}

#[tokio::test]
async fn a_bot_of_another_protocol() {
    if !in_own_network("configuration::a_bot_of_another_protocol", &["sqlite3"]) {
        return;
    }
    let mut other = None;
    let mut scene = Scene::with("ping", async |setup, account| {
        other = Some(setup.bot(account, "poller", "snmp").await.unwrap().id);
        vec![Device::ping("127.0.0.1").add(setup, account).await]
    })
    .await;
    change_database(&mut scene, &format!("UPDATE attachments SET bot = {}", other.unwrap()));
    scene.start_bot();
    scene.named("router", "bot_protocol");
}

#[tokio::test]
async fn an_entity_that_is_no_device() {
    if !in_own_network("configuration::an_entity_that_is_no_device", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(&mut scene, "UPDATE entities SET entity_type = 'interface'");
    scene.named("router", "not_a_device");
}

#[tokio::test]
async fn a_sensor_of_another_protocol() {
    if !in_own_network("configuration::a_sensor_of_another_protocol", &["sqlite3"]) {
        return;
    }
    let mut scene = Scene::of(Device::ping("127.0.0.1")).await;
    change_database(&mut scene, "UPDATE sensors SET protocol = 'snmp' WHERE name = 'sensor 0 of router'");
    scene.named("router", "sensor_protocol");
}
