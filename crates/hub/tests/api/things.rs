//! The life of each thing that people set up.

use serde_json::{Value, json};

use crate::world::{Who, World};

/// An account with a credential, a sensor and a bot of protocol `ping`, and their ids.
struct Place {
    world: World,
    admin: Who,
    account: i64,
    credential: i64,
    sensor: i64,
    bot: i64,
}

impl Place {
    async fn new() -> Self {
        let (world, admin) = World::with_admin().await;
        let account = world.account(&admin, "Mine").await;
        let credential = json!({"name": "quick", "protocol": "ping", "details": {"n_packets": "1"}});
        let credential =
            world.post(&format!("/accounts/{account}/credentials"), &admin, &credential).await.id();
        let sensor = json!({"name": "often", "protocol": "ping", "default_interval": 5, "details": {}});
        let sensor = world.post(&format!("/accounts/{account}/sensors"), &admin, &sensor).await.id();
        let (bot, _) = world.bot(&admin, account, "ping").await;
        Self { world, admin, account, credential, sensor, bot }
    }

    fn path(&self, below: &str) -> String {
        format!("/accounts/{}/{below}", self.account)
    }

    fn device(&self) -> Value {
        let Self { credential, sensor, bot, .. } = self;
        json!({"name": "core", "entity_type": "device", "details": {"ipv4": "127.0.0.1"}, "protocols": {
            "ping": {"credential": credential, "bot": bot, "sensors": [{"sensor": sensor, "interval": null}]}
        }})
    }

    async fn make(&self, what: &str, body: &Value) -> i64 {
        self.world.post(&self.path(what), &self.admin, body).await.id()
    }

    async fn entity(&self, id: i64) -> Value {
        self.world.get(&self.path(&format!("entities/{id}")), &self.admin).await.expect(200).json()
    }

    async fn delete(&self, what: &str, id: i64) {
        self.world.delete(&self.path(&format!("{what}/{id}")), &self.admin).await.expect(204);
    }
}

#[tokio::test]
async fn an_account_is_made_with_what_every_account_has_and_can_be_renamed() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "Z").await;
    world.account(&admin, "A").await;
    let accounts = world.get("/accounts", &admin).await.expect(200).list();
    assert_eq!(accounts.iter().map(|account| &account["name"]).collect::<Vec<_>>(), ["A", "Z"]);
    assert_eq!(world.get("/admin/accounts", &admin).await.expect(200).list(), accounts);
    let protocols = async |what: &str| {
        let list = world.get(&format!("/accounts/{account}/{what}"), &admin).await.expect(200).list();
        let mut protocols: Vec<_> =
            list.iter().map(|row| row["protocol"].as_str().unwrap().to_owned()).collect();
        protocols.sort();
        protocols
    };
    assert_eq!(protocols("credentials").await, ["netflow", "ping", "snmp"]);
    assert_eq!(protocols("sensors").await, ["netflow", "ping", "snmp", "snmp", "snmp"]);
    let path = format!("/accounts/{account}");
    world.put(&path, &admin, &json!({"name": "B"})).await.expect(204);
    assert_eq!(world.get(&path, &admin).await.expect(200).json(), json!({"id": account, "name": "B"}));
    world.get("/accounts/5", &admin).await.expect(404);
    world.put("/accounts/5", &admin, &json!({"name": "B"})).await.expect(404);
}

#[tokio::test]
async fn details_come_back_as_they_were_typed_in_their_order() {
    let place = Place::new().await;
    let details = r#"{"z":1,"a":{"y":[null,true,1.5],"b":"ß"},"":"","1":12345678901234567890}"#;
    let body = format!(r#"{{"name":"n","protocol":"p","details":{details}}}"#);
    let path = place.path("credentials");
    let id = place.world.ask("POST", &path, &place.admin, Some(body)).await.id();
    let answer = place.world.get(&format!("{path}/{id}"), &place.admin).await.expect(200).body;
    assert_eq!(answer, format!(r#"{{"id":{id},"name":"n","protocol":"p","details":{details}}}"#));
}

#[tokio::test]
async fn credentials_and_sensors_are_made_changed_and_deleted() {
    let place = Place::new().await;
    let credential = json!({"name": "c", "protocol": "snmp", "details": {"version": "snmpv1"}});
    let sensor = json!({"name": "s", "protocol": "snmp", "default_interval": null, "details": {}});
    for (what, singular, mut body) in
        [("credentials", "credential", credential), ("sensors", "sensor", sensor)]
    {
        let id = place.make(what, &body).await;
        let path = place.path(&format!("{what}/{id}"));
        let (world, admin) = (&place.world, &place.admin);
        body["name"] = json!("renamed");
        body["protocol"] = json!("ping");
        world.put(&path, admin, &body).await.expect(204);
        body["id"] = json!(id);
        assert_eq!(world.get(&path, admin).await.expect(200).json(), body);
        assert!(world.get(&place.path(what), admin).await.list().contains(&body));
        place.delete(what, id).await;
        let gone = world.get(&path, admin).await.expect(404).json();
        assert_eq!(gone, json!({"detail": format!("No such {singular}")}));
        world.delete(&path, admin).await.expect(404);
        body.as_object_mut().unwrap().shift_remove("id");
        world.put(&path, admin, &body).await.expect(404);
    }
}

#[tokio::test]
async fn an_entity_is_read_alone_and_in_the_list_as_it_was_written() {
    let place = Place::new().await;
    let id = place.make("entities", &place.device()).await;
    let mut expected = place.device();
    expected["id"] = json!(id);
    expected["parent"] = json!(null);
    assert_eq!(place.entity(id).await, expected);
    let child =
        json!({"name": "eth0", "entity_type": "interface", "parent": id, "details": {"snmp_index": "1"}});
    let child = place.make("entities", &child).await;
    assert_eq!(place.entity(child).await["parent"], id);
    assert_eq!(place.entity(child).await["protocols"], json!({}));
    let list = place.world.get(&place.path("entities"), &place.admin).await.list();
    assert!(list.is_sorted_by_key(|entity| entity["id"].as_i64()));
    assert_eq!(list.len(), 2);
    assert!(list.contains(&expected));
}

#[tokio::test]
async fn an_entity_written_without_protocols_has_none_and_its_parent_stays() {
    let place = Place::new().await;
    let parent = place.make("entities", &place.device()).await;
    let mut body = place.device();
    body["parent"] = json!(parent);
    let id = place.make("entities", &body).await;
    let bare = json!({"name": "n", "entity_type": "device", "parent": null, "details": {}});
    place.world.put(&place.path(&format!("entities/{id}")), &place.admin, &bare).await.expect(204);
    let entity = place.entity(id).await;
    assert_eq!((&entity["protocols"], &entity["parent"]), (&json!({}), &json!(parent)));
}

#[tokio::test]
async fn a_refused_change_leaves_the_entity_as_it_was() {
    let place = Place::new().await;
    let id = place.make("entities", &place.device()).await;
    let before = place.entity(id).await;
    let mut body = place.device();
    body["name"] = json!("changed");
    body["protocols"]["ping"]["sensors"] = json!([{"sensor": place.sensor}, {"sensor": 5}]);
    place.world.put(&place.path(&format!("entities/{id}")), &place.admin, &body).await.expect(400);
    assert_eq!(place.entity(id).await, before);
}

#[tokio::test]
async fn what_an_entity_uses_leaves_it_when_it_is_deleted() {
    let place = Place::new().await;
    let id = place.make("entities", &place.device()).await;
    place.delete("bots", place.bot).await;
    let ping = place.entity(id).await["protocols"]["ping"].clone();
    let sensors = json!([{"sensor": place.sensor, "interval": null}]);
    assert_eq!(ping, json!({"credential": place.credential, "sensors": sensors, "bot": null}));
    // As it was read it can be put back.
    let mut read = place.entity(id).await;
    read.as_object_mut().unwrap().remove("id");
    place.world.put(&place.path(&format!("entities/{id}")), &place.admin, &read).await.expect(204);
    assert_eq!(place.entity(id).await["protocols"]["ping"], ping);
    place.delete("sensors", place.sensor).await;
    assert_eq!(place.entity(id).await["protocols"]["ping"]["sensors"], json!([]));
    place.delete("credentials", place.credential).await;
    assert_eq!(place.entity(id).await["protocols"], json!({}));
}

#[tokio::test]
async fn a_deleted_entity_takes_its_children_along() {
    let place = Place::new().await;
    let top = place.make("entities", &place.device()).await;
    let mut last = top;
    for depth in 0..20 {
        let child =
            json!({"name": format!("{depth}"), "entity_type": "interface", "parent": last, "details": {}});
        last = place.make("entities", &child).await;
    }
    place.delete("entities", top).await;
    assert!(place.world.get(&place.path("entities"), &place.admin).await.list().is_empty());
}

#[tokio::test]
async fn entities_stand_no_deeper_than_can_be_deleted() {
    let place = Place::new().await;
    let top = place.make("entities", &place.device()).await;
    let mut last = top;
    let refused = loop {
        let child = json!({"name": "child", "entity_type": "interface", "parent": last, "details": {}});
        let answer = place.world.post(&place.path("entities"), &place.admin, &child).await;
        if answer.status != 201 {
            break answer;
        }
        last = answer.id();
    };
    assert!(refused.expect(400).body.contains("100 deep"));
    place.delete("entities", top).await;
}

#[tokio::test]
async fn what_is_wrong_with_an_entity_is_said() {
    let place = Place::new().await;
    let other = place.world.account(&place.admin, "Other").await;
    let foreign = json!({"name": "c", "protocol": "ping", "details": {}});
    let foreign =
        place.world.post(&format!("/accounts/{other}/credentials"), &place.admin, &foreign).await.id();
    let (snmp_bot, _) = place.world.bot(&place.admin, place.account, "snmp").await;
    let sensor = place.sensor;
    for (at, value, reason) in [
        ("/name", json!(5), "5 is not of type 'string'"),
        ("/details", json!([]), "[] is not of type 'object'"),
        ("/parent", json!("7"), "'7' is not of type 'number', 'null'"),
        ("/parent", json!(7), "Invalid parent for this account: 7"),
        ("/protocols", json!(null), "None is not of type 'object'"),
        ("/protocols/ping", json!({"bot": 1, "credential": 2}), "'sensors' is a required property"),
        ("/protocols/ping/bot", json!(""), "'' is not an id, for 'bot': expected a whole number"),
        ("/protocols/ping/bot", json!(snmp_bot), &format!("Invalid bot for this protocol: {snmp_bot}")),
        (
            "/protocols/ping/credential",
            json!(foreign),
            &format!("Invalid credential for this account/protocol combination: {foreign}"),
        ),
        (
            "/protocols/ping/sensors/0/sensor",
            json!(9),
            "Invalid sensor for this account/protocol combination: 9",
        ),
        ("/protocols/ping/sensors/0/interval", json!(0), "0 s is no interval, for 'interval'"),
        ("/protocols/ping/sensors/0/interval", json!(-60), "-60 s is no interval, for 'interval'"),
        ("/protocols/ping/sensors/0/interval", json!("60"), "'60' is not of type 'number', 'null'"),
        (
            "/protocols/ping/sensors",
            json!([{"sensor": sensor}, {"sensor": sensor}]),
            &format!("Sensor {sensor} stands twice in the list"),
        ),
    ] {
        let mut body = place.device();
        body["parent"] = json!(null);
        *body.pointer_mut(at).unwrap() = value;
        let answer = place.world.post(&place.path("entities"), &place.admin, &body).await.expect(400);
        let expected = format!("Input validation failed: {reason}");
        assert!(answer.body.starts_with(&expected), "{at}: {} instead of {expected}", answer.body);
    }
}

#[tokio::test]
async fn an_id_may_come_as_a_text_and_an_interval_with_a_fraction() {
    let place = Place::new().await;
    let mut body = place.device();
    body["protocols"]["ping"]["credential"] = json!(place.credential.to_string());
    body["protocols"]["ping"]["sensors"][0] = json!({"sensor": place.sensor.to_string(), "interval": 1.5});
    let id = place.make("entities", &body).await;
    let ping = place.entity(id).await["protocols"]["ping"].clone();
    assert_eq!(ping["credential"], place.credential);
    assert_eq!(ping["sensors"], json!([{"sensor": place.sensor, "interval": 2}]));
}

#[tokio::test]
async fn what_entities_rely_on_keeps_its_protocol() {
    let place = Place::new().await;
    place.make("entities", &place.device()).await;
    let (world, admin) = (&place.world, &place.admin);
    let to_snmp = |name| json!({"name": name, "protocol": "snmp", "details": {}});
    let mut sensor = to_snmp("s");
    sensor["default_interval"] = json!(5);
    let bot = json!({"name": "b", "protocol": "snmp"});
    for (path, body) in [
        (format!("credentials/{}", place.credential), to_snmp("c")),
        (format!("sensors/{}", place.sensor), sensor),
        (format!("bots/{}", place.bot), bot),
    ] {
        world.put(&place.path(&path), admin, &body).await.expect(400);
    }
}

#[tokio::test]
async fn bots_of_an_account_and_systemwide_ones_live_alike() {
    let place = Place::new().await;
    let (world, admin) = (&place.world, &place.admin);
    for (bots, account) in [(place.path("bots"), json!(place.account)), ("/bots".to_owned(), json!(null))] {
        let made = world
            .post(&bots, admin, &json!({"name": "b", "protocol": "x", "config": "{}"}))
            .await
            .expect(201);
        let bot = made.json();
        let names: Vec<_> = bot.as_object().unwrap().keys().map(String::as_str).collect();
        let fields = ["id", "name", "protocol", "tied_to_account", "config", "insert_time", "last_login"];
        assert_eq!(names, fields);
        assert_eq!((&bot["tied_to_account"], &bot["config"]), (&account, &json!("{}")));
        let newest = world.get(&bots, admin).await.expect(200).list()[0].clone();
        assert_eq!((&newest["id"], newest.get("config")), (&bot["id"], None));
        let path = format!("{bots}/{}", bot["id"]);
        world.put(&path, admin, &json!({"name": "c"})).await.expect(204);
        let changed = world.get(&path, admin).await.expect(200).json();
        assert_eq!((&changed["name"], &changed["protocol"]), (&json!("c"), &json!(null)));
        world.delete(&path, admin).await.expect(204);
        world.get(&path, admin).await.expect(404);
    }
}

#[tokio::test]
async fn nobody_deletes_themselves() {
    let (world, admin) = World::with_admin().await;
    let person = world.get("/profile", &admin).await.json()["user_id"].as_i64().unwrap();
    world.delete(&format!("/persons/{person}"), &admin).await.expect(403);
}

#[tokio::test]
async fn people_are_made_changed_and_deleted() {
    let (world, admin) = World::with_admin().await;
    let body =
        json!({"username": "eve", "password": "eve password", "name": "Eve", "email": "e@example.org"});
    let id = world.post("/persons", &admin, &body).await.id();
    world.post("/persons", &admin, &body).await.expect(400);
    let path = format!("/persons/{id}");
    world.put(&path, &admin, &json!({"username": "admin"})).await.expect(400);
    world.put(&path, &admin, &json!({"name": "Eva"})).await.expect(204);
    let person = world.get(&path, &admin).await.expect(200).json();
    let expected = json!({
        "user_id": id, "name": "Eva", "email": "e@example.org", "username": "eve",
        "timezone": "UTC", "email_confirmed": false, "permissions": [],
    });
    assert_eq!(person, expected);
    let change = json!({"timezone": "Europe/Ljubljana", "email_confirmed": true});
    world.put(&path, &admin, &change).await.expect(204);
    let person = world.get(&path, &admin).await.expect(200).json();
    assert_eq!((&person["timezone"], &person["email_confirmed"]), (&json!("Europe/Ljubljana"), &json!(true)));
    for wrong in [json!({"timezone": ""}), json!({"timezone": "<b>"}), json!({"email_confirmed": "yes"})] {
        world.put(&path, &admin, &wrong).await.expect(400);
    }
    let user = world.get(&format!("/users/{id}"), &admin).await.expect(200).json();
    assert_eq!(user, json!({"user_id": id, "user_type": "person", "name": "Eva", "permissions": []}));
    assert_eq!(world.get("/persons", &admin).await.list().len(), 2);
    world.delete(&path, &admin).await.expect(204);
    for gone in [path.clone(), format!("{path}/permissions"), format!("/users/{id}")] {
        world.get(&gone, &admin).await.expect(404);
    }
}

#[tokio::test]
async fn dashboards_get_a_slug_of_their_own() {
    let place = Place::new().await;
    let (world, admin, path) = (&place.world, &place.admin, place.path("dashboards"));
    let slug = async |body: Value| world.post(&path, admin, &body).await.expect(201).json()["slug"].clone();
    assert_eq!(slug(json!({"name": "Core routers!"})).await, "core-routers");
    assert_eq!(slug(json!({"name": "core Routers"})).await, "core-routers-2");
    assert_eq!(slug(json!({"name": "Other", "slug": "mine"})).await, "mine");
    for refused in [
        json!({"name": "x", "slug": "mine"}),
        json!({"name": "x", "slug": "Upper"}),
        json!({"name": "x", "slug": "a".repeat(51)}),
        json!({"name": ""}),
        json!({"name": "x".repeat(201)}),
        json!({}),
    ] {
        world.post(&path, admin, &refused).await.expect(400);
    }
    let mine = format!("{path}/mine");
    world.put(&mine, admin, &json!({"name": "Renamed"})).await.expect(204);
    let dashboard = world.get(&mine, admin).await.expect(200).json();
    assert_eq!(dashboard, json!({"name": "Renamed", "slug": "mine", "widgets": []}));
    let names: Vec<_> = world.get(&path, admin).await.list();
    assert_eq!(names[0], json!({"name": "Core routers!", "slug": "core-routers"}));
    world.delete(&mine, admin).await.expect(204);
    world.get(&mine, admin).await.expect(404);
}

#[tokio::test]
async fn widgets_stand_below_each_other_until_they_are_placed() {
    let place = Place::new().await;
    let (world, admin) = (&place.world, &place.admin);
    world.post(&place.path("dashboards"), admin, &json!({"name": "d"})).await.expect(201);
    let widgets = place.path("dashboards/d/widgets");
    let new = |title: &str| json!({"type": "chart", "title": title, "content": "[1, not JSON"});
    let first = world.post(&widgets, admin, &new("first")).await.id();
    let second = world.post(&widgets, admin, &new("second")).await.id();
    let list = world.get(&widgets, admin).await.expect(200).list();
    let expected = json!({
        "id": first, "type": "chart", "title": "first",
        "x": 0, "y": 0, "w": 12, "h": 10, "p": "default", "content": "[1, not JSON",
    });
    assert_eq!(list[0], expected);
    assert_eq!((&list[1]["y"], &list[1]["id"]), (&json!(10), &json!(second)));

    let positions = place.path("dashboards/d/widgets_positions");
    let to = |id: i64| json!({"widget_id": id, "x": 6, "y": 20.0, "w": 6, "h": 5, "p": "other"});
    world.put(&positions, admin, &json!([to(first), to(5)])).await.expect(400);
    assert_eq!(world.get(&widgets, admin).await.list(), list);
    world.put(&positions, admin, &json!([to(first)])).await.expect(204);
    let path = format!("{widgets}/{first}");
    let moved = world.get(&path, admin).await.expect(200).json();
    assert_eq!((&moved["x"], &moved["y"], &moved["p"]), (&json!(6), &json!(20), &json!("other")));
    world.put(&path, admin, &new("renamed")).await.expect(204);
    let renamed = world.get(&path, admin).await.json();
    assert_eq!((&renamed["title"], &renamed["y"]), (&json!("renamed"), &json!(20)));
    world.delete(&path, admin).await.expect(204);
    world.delete(&path, admin).await.expect(404);
    world.get(&place.path("dashboards/none/widgets"), admin).await.expect(404);
}

#[tokio::test]
async fn one_accounts_things_are_none_of_anothers() {
    let place = Place::new().await;
    let entity = place.make("entities", &place.device()).await;
    let other = place.world.account(&place.admin, "Other").await;
    for what in [
        format!("entities/{entity}"),
        format!("credentials/{}", place.credential),
        format!("sensors/{}", place.sensor),
        format!("bots/{}", place.bot),
    ] {
        let path = format!("/accounts/{other}/{what}");
        place.world.get(&path, &place.admin).await.expect(404);
        place.world.delete(&path, &place.admin).await.expect(404);
    }
}
