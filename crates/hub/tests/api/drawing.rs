//! What the page draws: series in buckets, the largest flows, dashboards that are shared by a link.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use grafolean_hub::{
    Hub, Options,
    flows::{
        FlowAnswer, FlowArchive, FlowArchiveError, FlowGroup, FlowProgress, FlowQuestion, FlowSums, KeptFlows,
    },
};
use serde_json::{Value, json};

use crate::world::{START, Who, World};

async fn world() -> (World, Who, i64) {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    (world, admin, account)
}

async fn put(world: &World, admin: &Who, account: i64, rows: &[Value]) {
    for rows in rows.chunks(20_000) {
        world.put(&format!("/accounts/{account}/values"), admin, &json!(rows)).await.expect(204);
    }
}

/// A day of a series every ten seconds with one peak, which no mean shows.
fn day_with_a_peak() -> (i64, Vec<Value>) {
    let start = START.seconds() - 86_400;
    let value = |step: i64| if step == 4_321 { 1e9 } else { step as f64 };
    (start, (0..8_640).map(|step| json!({"p": "a.b", "t": start + 10 * step, "v": value(step)})).collect())
}

#[tokio::test]
async fn a_long_range_is_buckets_that_lose_no_peak_and_a_short_one_its_values() {
    let (world, admin, account) = world().await;
    let (start, rows) = day_with_a_peak();
    put(&world, &admin, account, &rows).await;
    let series = format!("/hub/accounts/{account}/series");
    let ask = async |from: i64, to: i64| {
        let path = format!("{series}?p=a.b,c.d&from={from}&to={to}&points=300");
        world.get(&path, &admin).await.expect(200).json()["series"].clone()
    };
    let all = ask(start, START.seconds()).await;
    assert_eq!(all["c.d"], json!({"width": 0, "rows": []}));
    assert_eq!(all["a.b"]["width"], 300);
    let rows = all["a.b"]["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row[4].as_u64().unwrap()).sum::<u64>(), 8_640);
    let highest = rows.iter().map(|row| row[3].as_f64().unwrap()).fold(0.0, f64::max);
    assert_eq!(highest, 1e9);
    let first = &rows[0];
    assert_eq!(
        (&first[0], &first[2], &first[3]),
        (&json!((start / 300 * 300) as f64), &json!(0.0), &json!(29.0))
    );
    let short = ask(start, start + 100).await;
    assert_eq!(short["a.b"]["width"], 0);
    assert_eq!(short["a.b"]["rows"].as_array().unwrap().len(), 10);
    for wrong in ["", "?p=a..b", "?p=a&from=x", "?p=a&from=5&to=5", "?p=a&points=-1"] {
        world.get(&format!("{series}{wrong}"), &admin).await.expect(400);
    }
}

#[tokio::test]
async fn what_is_not_among_the_ten_largest_is_not_nothing() {
    let (world, admin, account) = world().await;
    let prefix = "netflow.1min.ingress.entity.7";
    let (first, second) = (START.seconds() - 120, START.seconds() - 60);
    let row = |path: String, t: i64, v: i64| json!({"p": path, "t": t, "v": v});
    let mut rows = vec![row(prefix.to_owned(), first, 2_000), row(prefix.to_owned(), second, 300)];
    // Ten stand in the first minute, so that another may have had less; two in the second, which were all.
    rows.extend((0..10).map(|host| row(format!("{prefix}.topip.192%2e0%2e2%2e{host}"), first, 100 + host)));
    rows.push(row(format!("{prefix}.topip.192%2e0%2e2%2e0"), second, 200));
    rows.push(row(format!("{prefix}.topip.2001%3adb8%3a%3a1"), second, 100));
    put(&world, &admin, account, &rows).await;
    let flows = format!("/hub/accounts/{account}/flows/7");
    let found = world.get(&format!("{flows}?by=address&top=20"), &admin).await.expect(200).json();
    assert_eq!((&found["interval"], &found["keys"]), (&json!("1min"), &json!(11)));
    assert_eq!(found["times"], json!([first as f64, second as f64]));
    assert_eq!(found["total"], json!({"key": [], "bytes": 2300.0, "values": [2000.0, 300.0]}));
    let of = |key: &str| {
        let top = found["top"].as_array().unwrap();
        top.iter().find(|row| row["key"] == json!([key])).unwrap()["values"].clone()
    };
    assert_eq!(of("192.0.2.0"), json!([100.0, 200.0]));
    assert_eq!(of("192.0.2.9"), json!([109.0, 0.0]));
    assert_eq!(of("2001:db8::1"), json!([null, 100.0]));
    let without =
        world.get(&format!("{flows}?not=192.0.2.0,192.0.2.1&top=20"), &admin).await.expect(200).json();
    assert_eq!(without["top"].as_array().unwrap().len(), 9);
    for wrong in ["?by=colour", "?direction=up", "?if=x", "?if=3&by=pair"] {
        world.get(&format!("{flows}{wrong}"), &admin).await.expect(400);
    }
}

/// A dashboard with a chart of `entity.7.ping.*`, and values of two devices.
async fn shared_dashboard(world: &World, admin: &Who, account: i64) -> (String, String) {
    let t = START.seconds() - 5;
    let rows =
        ["entity.7.ping.rtt", "entity.7.ping.loss", "entity.8.ping.rtt", "netflow.1min.ingress.entity.7"];
    let rows: Vec<_> = rows.iter().map(|path| json!({"p": path, "t": t, "v": 1.5})).collect();
    put(world, admin, account, &rows).await;
    let boards = format!("/accounts/{account}/dashboards");
    world.post(&boards, admin, &json!({"name": "Uplinks"})).await.expect(201);
    let content = json!({"paths": ["entity.7.ping.*"]}).to_string();
    let widget = json!({"type": "chart", "title": "Round trip", "content": content});
    world.post(&format!("{boards}/uplinks/widgets"), admin, &widget).await.expect(201);
    let shares = format!("/hub{boards}/uplinks/shares");
    let made =
        world.post(&shares, admin, &json!({"until": START.seconds() + 3_600})).await.expect(201).json();
    (shares, format!("/hub/shared/{}", made["token"].as_str().unwrap()))
}

#[tokio::test]
async fn a_shared_dashboard_shows_its_own_values_to_anyone_and_nothing_else() {
    let (world, admin, account) = world().await;
    let (_, link) = shared_dashboard(&world, &admin, account).await;
    let shown = world.get(&link, &Who::Nobody).await.expect(200).json();
    assert_eq!((&shown["name"], &shown["widgets"][0]["title"]), (&json!("Uplinks"), &json!("Round trip")));
    assert_eq!(shown["paths"], json!({"entity.7.ping.*": ["entity.7.ping.loss", "entity.7.ping.rtt"]}));
    let own = world
        .get(&format!("{link}/series?p=entity.7.ping.rtt&to=1900000000&from=1700000000"), &Who::Nobody)
        .await;
    assert_eq!(own.expect(200).json()["series"]["entity.7.ping.rtt"]["rows"][0][1], json!(1.5));
    for other in
        ["series?p=entity.8.ping.rtt", "series?p=entity.7.ping.rtt,entity.8.ping.rtt", "flows/7?by=address"]
    {
        world.get(&format!("{link}/{other}"), &Who::Nobody).await.expect(403);
    }
    // Whoever has the link has no more than that: no other method, no other place.
    for method in ["POST", "PUT", "DELETE"] {
        let refused = world.ask(method, &link, &Who::Nobody, Some("{}".to_owned())).await;
        assert!([401, 405].contains(&refused.status.as_u16()), "{method}: {refused:?}");
    }
    world.get(&format!("/accounts/{account}/dashboards/uplinks"), &Who::Nobody).await.expect(401);
    for wrong in ["/hub/shared/x", "/hub/shared/2f6b0c1e-7d4a-4f0e-9b8a-5c3d1e2f4a6b"] {
        world.get(wrong, &Who::Nobody).await.expect(404);
    }
}

#[tokio::test]
async fn a_link_ends_when_its_time_has_come_or_it_is_taken_back() {
    let (world, admin, account) = world().await;
    let (shares, link) = shared_dashboard(&world, &admin, account).await;
    let list = world.get(&shares, &admin).await.expect(200);
    assert!(!list.body.contains(link.rsplit('/').next().unwrap()), "a token is told a second time: {list:?}");
    world.clock.pass(Duration::from_secs(3_599));
    world.get(&link, &Who::Nobody).await.expect(200);
    world.clock.pass(Duration::from_secs(1));
    world.get(&link, &Who::Nobody).await.expect(404);
    let admin = world.login("admin", crate::world::PASSWORD).await;
    let forever = world.post(&shares, &admin, &json!({})).await.expect(201).json();
    let link = format!("/hub/shared/{}", forever["token"].as_str().unwrap());
    world.get(&link, &Who::Nobody).await.expect(200);
    world.delete(&format!("{shares}/{}", forever["id"]), &admin).await.expect(204);
    world.get(&link, &Who::Nobody).await.expect(404);
    world.post(&shares, &admin, &json!({"until": START.seconds()})).await.expect(400);
    // A reader of the account may look at a dashboard, not give it away.
    let person =
        json!({"username": "reader", "password": "long enough", "name": "R", "email": "r@example.org"});
    let reader = world.post("/persons", &admin, &person).await.id();
    let right = json!({"resource_prefix": format!("accounts/{account}"), "methods": ["GET"]});
    world.post(&format!("/users/{reader}/permissions"), &admin, &right).await.expect(201);
    let reader = world.login("reader", "long enough").await;
    world.post(&shares, &reader, &json!({})).await.expect(403);
    world.get(&format!("/hub/accounts/{account}/series?p=entity.7.ping.rtt"), &reader).await.expect(200);
    let other = world.account(&admin, "B").await;
    world.get(&format!("/hub/accounts/{other}/series?p=entity.7.ping.rtt"), &reader).await.expect(403);
}

/// Raw flows that remember what they were asked.
#[derive(Default)]
struct Remembering(Mutex<Vec<FlowQuestion>>);

impl FlowArchive for Remembering {
    fn kept(&self) -> Result<Option<KeptFlows>, FlowArchiveError> {
        Ok(Some(KeptFlows { from: 1e9, bytes: 41, files: 1 }))
    }

    fn ask(&self, question: &FlowQuestion, progress: &FlowProgress) -> Result<FlowAnswer, FlowArchiveError> {
        if question.filter == "nonsense" {
            return Err(FlowArchiveError::Question("expected a filter".to_owned()));
        }
        progress.bytes.store(10, Ordering::Relaxed);
        self.0.lock().unwrap().push(question.clone());
        let sums = FlowSums { bytes: 9, packets: 2, flows: 1 };
        let group = FlowGroup { key: vec![Some("192.0.2.1".to_owned()), None], sums };
        Ok(FlowAnswer { groups: vec![group], groups_in_all: 1, total: sums, scanned: 1 })
    }
}

#[tokio::test]
async fn raw_flows_are_asked_of_the_accounts_own_exporters_alone() {
    let (plain, admin, _) = world().await;
    let folder = plain.stopped();
    let archive = Arc::new(Remembering::default());
    let options = Options { flow_archive: Some(archive.clone()), ..Options::default() };
    let world = World::of(Hub::open(folder.path(), options).unwrap(), folder);
    let admin = match admin {
        Who::Person(_) => world.login("admin", crate::world::PASSWORD).await,
        other => other,
    };
    let account = world.account(&admin, "Flows").await;
    let raw = format!("/hub/accounts/{account}/raw-flows");
    assert_eq!(world.get(&raw, &admin).await.expect(200).json()["kept"]["bytes"], 41);
    world.get(&format!("{raw}/query?by=src"), &admin).await.expect(404);
    let credential = world.get(&format!("/accounts/{account}/credentials"), &admin).await.list();
    let netflow = credential.iter().find(|row| row["protocol"] == "netflow").unwrap()["id"].clone();
    let sensors = world.get(&format!("/accounts/{account}/sensors"), &admin).await.list();
    let sensor = sensors.iter().find(|row| row["protocol"] == "netflow").unwrap()["id"].clone();
    let entity = json!({"name": "r1", "entity_type": "device", "parent": null, "details": {"ipv4": "192.0.2.7"},
        "protocols": {"netflow": {"credential": netflow, "bot": null, "sensors": [{"sensor": sensor, "interval": null}]}}});
    world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.id();
    let asked =
        world.get(&format!("{raw}/query?filter=port%20443&by=src,dst&top=5"), &admin).await.expect(200);
    let last: Value = serde_json::from_str(asked.body.lines().last().unwrap()).unwrap();
    assert_eq!(
        last["answer"]["groups"][0],
        json!({"key": ["192.0.2.1", null], "bytes": 9, "packets": 2, "flows": 1})
    );
    let question = archive.0.lock().unwrap().pop().unwrap();
    assert_eq!(question.exporters, ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!((question.by, question.top), (vec!["src".to_owned(), "dst".to_owned()], 5));
    let wrong = world.get(&format!("{raw}/query?filter=nonsense"), &admin).await.expect(200);
    assert!(wrong.body.contains(r#"{"error":"expected a filter"}"#), "{wrong:?}");
}
