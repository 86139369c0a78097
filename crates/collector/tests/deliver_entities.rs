//! Child entities kept in step with a device, and proposals, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod delivering;

use std::{collections::BTreeMap, time::Duration};

use delivering::{Behavior, DeliveryTest, START, pass};
use grafolean_collector::{
    backend::{Backend, Confirmed},
    model::{AccountId, Attachment, Details, Entity, EntityId, NewEntity},
    report::{Child, Children, Report, Suggestions},
    time::Timestamp,
};
use tokio::sync::watch;

fn details(key: &str, value: &str) -> Details {
    [(key.to_owned(), value.into())].into_iter().collect()
}

fn device(id: i64) -> Entity {
    Entity {
        id: EntityId::new(id),
        name: format!("device {id}"),
        entity_type: "device".to_owned(),
        parent: None,
        details: details("ipv4", "192.0.2.1"),
        protocols: Some(BTreeMap::new()),
    }
}

fn interface(id: i64, name: &str, index: &str) -> Entity {
    Entity {
        id: EntityId::new(id),
        name: name.to_owned(),
        entity_type: "interface".to_owned(),
        parent: Some(EntityId::new(1)),
        details: details("snmp_index", index),
        protocols: Some(BTreeMap::new()),
    }
}

fn look(second: i64, children: &[(&str, &str)]) -> Report {
    let child = |(name, index): &(&str, &str)| Child {
        name: (*name).to_owned(),
        details: details("snmp_index", index),
    };
    Report::Children(Children {
        account: AccountId::new(7),
        parent: EntityId::new(1),
        time: Timestamp::from_seconds(START + second),
        entity_type: "interface".to_owned(),
        key: "snmp_index".to_owned(),
        children: children.iter().map(child).collect(),
    })
}

async fn bench_with(entities: Vec<Entity>) -> DeliveryTest {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().accounts.insert(7, entities);
    bench.start();
    bench
}

fn changes(bench: &DeliveryTest) -> Vec<String> {
    std::mem::take(&mut bench.backend.world().changes)
}

#[tokio::test(start_paused = true)]
async fn children_are_created_updated_and_deleted_and_then_left_alone() {
    let bench = bench_with(vec![device(1), interface(10, "eth0", "1"), interface(11, "eth1", "2")]).await;
    bench.spool.accept(&[look(0, &[("eth2", "3"), ("eth1", "1")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(changes(&bench), ["+eth2", "~eth1", "-10"]);
    bench.spool.accept(&[look(300, &[("eth1", "1"), ("eth2", "3")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert!(changes(&bench).is_empty());
    assert_eq!(bench.spool.statistics().queue.reports, 0);
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_the_protocols_that_a_list_did_not_show() {
    let mut listed = interface(10, "eth0", "1");
    listed.protocols =
        Some([("snmp".to_owned(), Attachment { credential: None, bot: None, sensors: vec![] })].into());
    let bench = bench_with(vec![device(1), listed.clone()]).await;
    bench.spool.accept(&[look(0, &[("eth0", "5")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(changes(&bench), ["~eth0"]);
    assert_eq!(bench.backend.world().accounts[&7][1].protocols, listed.protocols);
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_is_not_what_the_list_said_is_not_deleted() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().accounts.insert(7, vec![device(1), interface(10, "eth0", "1")]);
    bench.start();
    bench.spool.accept(&[look(0, &[])]).await.unwrap();
    pass(Duration::from_millis(500)).await;
    // Between the list and the second look a person gives it another name.
    bench.backend.world().accounts.get_mut(&7).unwrap()[1].name = "uplink".to_owned();
    pass(Duration::from_secs(5)).await;
    assert!(changes(&bench).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_older_look_never_undoes_a_newer_one() {
    let bench = bench_with(vec![device(1)]).await;
    bench.spool.accept(&[look(300, &[("eth0", "1"), ("eth1", "2")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    bench.spool.accept(&[look(0, &[("eth0", "1")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(changes(&bench), ["+eth0", "+eth1"]);
    assert_eq!(bench.spool.statistics().queue.reports, 0);
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_may_not_write_entities_tries_seldom_and_keeps_nothing() {
    let bench = bench_with(vec![device(1)]).await;
    bench.backend.world().forbidden_entities.insert(7);
    for minute in 0..60 {
        bench.spool.accept(&[look(60 * minute, &[("eth0", "1")])]).await.unwrap();
        pass(Duration::from_mins(1)).await;
    }
    let tried = changes(&bench).len();
    assert!((4..=15).contains(&tried), "{tried} attempts in an hour");
    assert_eq!(bench.spool.statistics().queue.reports, 0);
}

#[tokio::test(start_paused = true)]
async fn many_devices_share_one_inventory() {
    let mut bench = bench_with((1..50).map(device).collect()).await;
    for parent in 1..50 {
        let Report::Children(mut children) = look(0, &[("eth0", "1")]) else { unreachable!() };
        children.parent = EntityId::new(parent);
        bench.spool.accept(&[Report::Children(children)]).await.unwrap();
    }
    pass(Duration::from_secs(20)).await;
    assert_eq!(changes(&bench).len(), 49);
    assert_eq!(bench.backend.world().inventories, 1);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn children_wait_for_a_backend_that_is_away_and_are_made_once() {
    let bench = bench_with(vec![device(1)]).await;
    bench.backend.world().behavior = Behavior::Away;
    for minute in 0..10 {
        bench.spool.accept(&[look(60 * minute, &[("eth0", "1")])]).await.unwrap();
        pass(Duration::from_mins(1)).await;
    }
    assert_eq!(bench.spool.statistics().queue.reports, 1);
    bench.backend.world().behavior = Behavior::Well;
    pass(Duration::from_mins(2)).await;
    assert_eq!(changes(&bench), ["+eth0"]);
}

fn suggestions(addresses: &[&str]) -> Report {
    let proposed = |address: &&str| NewEntity {
        name: format!("{address} (NetFlow exporter)"),
        entity_type: "device".to_owned(),
        parent: None,
        details: details("ipv4", address),
    };
    Report::Suggestions(Suggestions {
        account: AccountId::new(7),
        key: "ipv4".to_owned(),
        entities: addresses.iter().map(proposed).collect(),
    })
}

#[tokio::test(start_paused = true)]
async fn proposals_wait_for_the_permission_and_nothing_else_waits_with_them() {
    let bench = bench_with(vec![device(1)]).await;
    bench.backend.world().forbidden_entities.insert(7);
    for minute in 0..60 {
        let exporters = [format!("192.0.2.{}", 100 + minute / 30)];
        bench.spool.accept(&[look(60 * minute, &[("eth0", "1")])]).await.unwrap();
        if minute % 30 == 0 {
            bench.spool.accept(&[suggestions(&[&exporters[0]])]).await.unwrap();
        }
        pass(Duration::from_mins(1)).await;
    }
    let tried = std::mem::take(&mut bench.backend.world().changes).len();
    assert!((4..=20).contains(&tried), "{tried} attempts in an hour");
    assert!(bench.spool.statistics().queue.reports <= 3, "two that wait, and a look");
    bench.backend.world().forbidden_entities.clear();
    // a permission is noticed within ten minutes
    pass(Duration::from_mins(11)).await;
    let made = changes(&bench);
    for address in ["192.0.2.100", "192.0.2.101"] {
        let one = format!("+{address} (NetFlow exporter)");
        assert_eq!(made.iter().filter(|made| **made == one).count(), 1, "{made:?}");
    }
    assert_eq!(bench.spool.statistics().queue.reports, 0);
}

#[tokio::test(start_paused = true)]
async fn proposals_are_made_once_however_often_they_are_repeated() {
    let bench = bench_with(vec![device(1)]).await;
    let suggestions = suggestions(&["192.0.2.1", "192.0.2.2"]);
    for _ in 0..10 {
        bench.spool.accept(std::slice::from_ref(&suggestions)).await.unwrap();
        pass(Duration::from_mins(2)).await;
    }
    assert_eq!(changes(&bench), ["+192.0.2.2 (NetFlow exporter)"]);
}

#[tokio::test(start_paused = true)]
async fn children_of_a_device_that_is_gone_are_nobody_s() {
    let bench = bench_with(vec![device(2)]).await;
    bench.spool.accept(&[look(0, &[("eth0", "1")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert!(changes(&bench).is_empty());
    assert_eq!(bench.spool.statistics().queue.reports, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_refresh_confirmed_is_not_read_a_second_time() {
    let mut bench = DeliveryTest::new().await;
    bench.backend.world().accounts.insert(7, vec![device(1), interface(10, "eth0", "1")]);
    let confirm = async |bench: &DeliveryTest| {
        let read_from = tokio::time::Instant::now();
        let inventory = bench.backend.inventory().await.unwrap().into();
        bench.backend.world().inventories = 0;
        Some(Confirmed { inventory, read_from })
    };
    let (confirmed, inventory) = watch::channel(confirm(&bench).await);
    bench.inventory = Some(inventory);
    bench.start();
    bench.spool.accept(&[look(0, &[("eth0", "1"), ("eth1", "2")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(changes(&bench), ["+eth1"]);
    // An inventory that was read before that change, however late it comes, does not make it again.
    for second in [60, 120, 180] {
        bench.spool.accept(&[look(second, &[("eth0", "1"), ("eth1", "2")])]).await.unwrap();
        pass(Duration::from_mins(1)).await;
        let stale = confirmed.borrow().clone();
        confirmed.send_replace(stale);
    }
    assert!(changes(&bench).is_empty());
    confirmed.send_replace(confirm(&bench).await);
    bench.spool.accept(&[look(300, &[("eth1", "2")])]).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(changes(&bench), ["-10"]);
    assert_eq!(bench.backend.world().inventories, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_backend_refuses_that_refuses_everything_is_not_passed_over() {
    for behavior in [Behavior::Refuses(400), Behavior::Refuses(404), Behavior::Fails] {
        let mut bench = DeliveryTest::new().await;
        bench.backend.world().accounts.insert(7, vec![device(1)]);
        // The inventory is known already, so that nothing but the change itself is asked.
        let inventory = bench.backend.inventory().await.unwrap().into();
        let read_from = tokio::time::Instant::now();
        let (_confirmed, receiver) = watch::channel(Some(Confirmed { inventory, read_from }));
        bench.inventory = Some(receiver);
        bench.backend.world().behavior = behavior;
        bench.start();
        bench.spool.accept(&[suggestions(&["192.0.2.2"])]).await.unwrap();
        pass(Duration::from_mins(10)).await;
        assert_eq!(bench.spool.statistics().queue.reports, 1, "{behavior:?}");
        bench.backend.world().behavior = Behavior::Well;
        pass(Duration::from_mins(2)).await;
        assert_eq!(changes(&bench), ["+192.0.2.2 (NetFlow exporter)"], "{behavior:?}");
        assert_eq!(bench.spool.statistics().queue.reports, 0, "{behavior:?}");
    }
}
