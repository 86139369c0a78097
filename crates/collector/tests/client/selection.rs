//! Which entities belong to a bot, rule by rule.

use grafolean_collector::{
    backend::Inventory,
    model::{AccountId, Attachment, Credential, CredentialId, Entity, SensorId, UserId},
    selection::{Selection, SkipReason, select},
};

use crate::simulated::{credential, entity, every, inventory, sensor};

fn selected(entity: Entity) -> Selection {
    select(&inventory(vec![entity]), "ping")
}

fn attachment(entity: &mut Entity) -> &mut Attachment {
    entity.protocols.as_mut().unwrap().get_mut("ping").unwrap()
}

fn with(change: impl FnOnce(&mut Entity)) -> Entity {
    let mut changed = entity(1, &[2, 3]);
    change(&mut changed);
    changed
}

#[test]
fn what_is_not_this_bots_is_left_alone_with_the_reason_and_no_warning() {
    for (entity, reason) in [
        (with(|it| it.entity_type = "interface".into()), SkipReason::NoDevice("interface".into())),
        (with(|it| it.protocols = None), SkipReason::NoProtocol),
        (with(|it| it.protocols.as_mut().unwrap().clear()), SkipReason::NoProtocol),
        (with(|it| attachment(it).bot = Some(UserId::new(5))), SkipReason::AnotherBot(UserId::new(5))),
        (with(|it| attachment(it).credential = None), SkipReason::NoCredential),
        (with(|it| attachment(it).sensors.clear()), SkipReason::NoSensor),
    ] {
        let Selection { devices, refused, skipped } = selected(entity);
        assert!(devices.is_empty() && refused.is_empty());
        assert_eq!(skipped[0].reason, reason);
    }
}

#[test]
fn an_entity_without_a_bot_is_taken_by_any_bot_of_the_protocol() {
    assert_eq!(selected(with(|it| attachment(it).bot = None)).devices.len(), 1);
    let inventory = Inventory { user: None, ..inventory(vec![entity(1, &[2])]) };
    let skipped = select(&inventory, "ping").skipped;
    assert_eq!(skipped[0].reason, SkipReason::AnotherBot(UserId::new(77)), "a token of nobody owns nothing");
}

#[test]
fn the_entitys_interval_goes_before_the_sensors_and_neither_is_none() {
    let mut inventory = inventory(vec![with(|it| attachment(it).sensors[0].interval = Some(15))]);
    inventory.accounts[0].sensors[1] = sensor(3, None).into();
    let device = &select(&inventory, "ping").devices[0];
    assert_eq!(device.sensors.iter().map(|it| it.interval).collect::<Vec<_>>(), [Some(every(15)), None]);
}

#[test]
fn an_interval_of_zero_or_less_is_refused_by_name_and_nothing_else_suffers() {
    for seconds in [0, -5, i64::MAX] {
        let selection = selected(with(|it| attachment(it).sensors[0].interval = Some(seconds)));
        let sensors: Vec<_> = selection.devices[0].sensors.iter().map(|it| it.sensor.id.number()).collect();
        assert_eq!(sensors, [3], "the sensor's default does not step in for a wrong interval");
        let text = selection.refused[0].to_string();
        assert!(
            text.contains("device 1")
                && text.contains("sensor 2 (sensor 2)")
                && text.contains(&seconds.to_string())
        );
        assert_eq!(selection.refused.len(), 1);
    }
}

#[test]
fn rows_that_are_missing_or_of_another_protocol_are_refused_by_name() {
    let missing = selected(with(|it| attachment(it).sensors[0].sensor = SensorId::new(9)));
    assert_eq!(missing.devices[0].sensors.len(), 1);
    assert!(missing.refused[0].reason.starts_with("sensor 9 is not in the account's list"));

    let missing = selected(with(|it| attachment(it).credential = Some(CredentialId::new(9))));
    assert!(missing.devices.is_empty() && missing.skipped.is_empty());
    assert!(missing.refused[0].reason.starts_with("credential 9 is not in the account's list"));

    let mut other = inventory(vec![entity(1, &[2, 3])]);
    other.accounts[0].sensors[0].protocol = "snmp".to_owned();
    let selection = select(&other, "ping");
    assert_eq!(selection.devices[0].sensors.len(), 1);
    assert!(selection.refused[0].reason.contains("of protocol `snmp`, not `ping`"));

    other.accounts[0].credentials = vec![Credential { protocol: "snmp".into(), ..credential(1) }.into()];
    assert!(select(&other, "ping").devices.is_empty());
}

#[test]
fn devices_come_in_the_order_account_then_entity() {
    let mut inventory = inventory(vec![entity(3, &[2]), entity(9, &[2])]);
    let mut second = inventory.accounts[0].clone();
    second.account.id = AccountId::new(2);
    second.entities = vec![entity(1, &[2]).into()];
    inventory.accounts.push(second);
    let order: Vec<_> = select(&inventory, "ping").devices.iter().map(|it| it.entity.id.number()).collect();
    assert_eq!(order, [3, 9, 1]);
}
