//! Who may do what.

use crate::world::{Who, World};
use serde_json::{Value, json};

/// One account of two, with its four kinds of things.
struct Place {
    world: World,
    admin: Who,
    account: i64,
    other: i64,
}

impl Place {
    async fn new() -> Self {
        let (world, admin) = World::with_admin().await;
        let account = world.account(&admin, "Mine").await;
        let other = world.account(&admin, "Other").await;
        Self { world, admin, account, other }
    }

    /// A bot with these rights.
    async fn bot(&self, rights: &[(Option<String>, Option<&[&str]>)]) -> Who {
        let (id, who) = self.world.bot(&self.admin, self.account, "ping").await;
        for (resource_prefix, methods) in rights {
            let right = json!({"resource_prefix": resource_prefix, "methods": methods});
            let permissions = format!("/accounts/{}/bots/{id}/permissions", self.account);
            self.world.post(&permissions, &self.admin, &right).await.expect(201);
        }
        who
    }

    /// Whether the gate lets this through, whatever comes of it.
    async fn passes(&self, who: &Who, method: &str, path: &str) -> bool {
        let answer = self.world.ask(method, path, who, Some("{}".to_owned())).await;
        assert_ne!(answer.status, 401, "{path}");
        let refused = answer.body == "Access to resource denied, insufficient permissions";
        assert_eq!(answer.status == 403, refused, "{answer:?}");
        !refused
    }
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

#[tokio::test]
async fn a_bot_with_the_rights_of_the_ui_reads_what_it_measures_and_no_more() {
    let place = Place::new().await;
    let (mine, other) = (format!("accounts/{}", place.account), format!("accounts/{}", place.other));
    let reads: Option<&[&str]> = Some(&["GET"]);
    let bot = place
        .bot(&[
            (Some(format!("{mine}/values")), Some(&["POST", "PUT"])),
            (Some(format!("{mine}/entities")), reads),
            (Some(format!("{mine}/credentials")), reads),
            (Some(format!("{mine}/sensors")), reads),
        ])
        .await;
    for path in ["/profile", "/profile/permissions", "/accounts", "/bots"] {
        assert!(place.passes(&bot, "GET", path).await, "{path}");
        assert!(!place.passes(&bot, "POST", path).await, "{path}");
    }
    for (resource, allowed) in [
        ("", &[][..]),
        ("/entities", &["GET"]),
        ("/entities/5", &["GET"]),
        ("/credentials", &["GET"]),
        ("/sensors/5", &["GET"]),
        ("/values", &["POST", "PUT"]),
        ("/bots", &[]),
        ("/dashboards", &[]),
        ("/entitiesx", &[]),
    ] {
        for method in METHODS {
            let path = format!("/{mine}{resource}");
            assert_eq!(place.passes(&bot, method, &path).await, allowed.contains(&method), "{method} {path}");
            let path = format!("/{other}{resource}");
            assert!(!place.passes(&bot, method, &path).await, "{method} {path}");
        }
    }
    for path in ["/nosuch", "//accounts", "/persons", "/admin/accounts", "/bots/5"] {
        assert!(!place.passes(&bot, "GET", path).await, "{path}");
    }
    let accounts = place.world.get("/accounts/", &bot).await.expect(200).list();
    assert_eq!(accounts, [json!({"id": place.account, "name": "Mine"})]);
}

#[tokio::test]
async fn nobody_gets_past_the_gate_but_where_it_is_open() {
    let place = Place::new().await;
    for (method, path, status) in [
        ("GET", "/status/info", 200),
        ("POST", "/admin/migratedb", 204),
        ("POST", "/admin/first", 401),
        ("GET", "/status/info/", 401),
        ("POST", "/status/info", 401),
        ("GET", "/profile", 401),
        ("GET", "/admin/accounts", 401),
        ("GET", "/nosuch", 401),
        ("PATCH", "/accounts", 401),
        ("OPTIONS", "/accounts", 401),
        ("HEAD", "/accounts", 401),
    ] {
        let answer = place.world.ask(method, path, &Who::Nobody, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn what_the_api_does_not_do_is_not_allowed_and_what_it_has_not_is_not_found() {
    let place = Place::new().await;
    for (method, path, status, body) in [
        ("HEAD", "/accounts", 405, ""),
        ("HEAD", "/status/info", 405, ""),
        ("PATCH", "/accounts", 405, r#"{"detail":"Method Not Allowed"}"#),
        ("DELETE", "/profile", 405, r#"{"detail":"Method Not Allowed"}"#),
        ("GET", "/nosuch", 404, r#"{"detail":"Not Found"}"#),
        ("GET", "//accounts", 404, r#"{"detail":"Not Found"}"#),
        ("GET", "/accounts/1/entities/2/3", 404, r#"{"detail":"Not Found"}"#),
    ] {
        let answer = place.world.ask(method, path, &place.admin, None).await.expect(status);
        assert!(body.is_empty() || answer.body == body, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_right_is_given_only_by_who_has_it_and_never_to_oneself() {
    let place = Place::new().await;
    let Place { world, account, .. } = &place;
    let mine = format!("accounts/{account}");
    let giver = place
        .bot(&[
            (Some(format!("{mine}/bots")), None),
            (Some(format!("{mine}/entities")), Some(&["GET", "POST"])),
        ])
        .await;
    let (taker, _) = world.bot(&place.admin, *account, "snmp").await;
    let permissions = format!("/{mine}/bots/{taker}/permissions");
    let give = async |prefix: Value, methods: Value| {
        let right = json!({"resource_prefix": prefix, "methods": methods});
        world.post(&permissions, &giver, &right).await.status.as_u16()
    };
    assert_eq!(give(json!(format!("{mine}/entities")), json!(["GET"])).await, 201);
    assert_eq!(give(json!(format!("{mine}/entities/7")), json!(["POST", "GET"])).await, 201);
    assert_eq!(give(json!(format!("{mine}/bots/9/")), json!(null)).await, 201);
    for (prefix, methods) in [
        (json!(null), json!(null)),
        (json!(mine), json!(["GET"])),
        (json!("accounts"), json!(["GET"])),
        (json!(format!("{mine}/entities")), json!(["PUT"])),
        (json!(format!("{mine}/entities")), json!(null)),
        (json!(format!("{mine}/entitiesx")), json!(["GET"])),
    ] {
        assert_eq!(give(prefix.clone(), methods.clone()).await, 401, "{prefix} {methods}");
    }
    let held = world.get(&permissions, &giver).await.expect(200).list();
    let prefixes: Vec<_> = held.iter().map(|right| right["resource_prefix"].as_str().unwrap()).collect();
    let expected = ["bots/9", "entities", "entities/7"].map(|what| format!("{mine}/{what}"));
    assert_eq!(prefixes, expected);

    let own = world.get("/profile", &giver).await.json()["user_id"].as_i64().unwrap();
    let own = format!("/{mine}/bots/{own}/permissions");
    let right = json!({"resource_prefix": format!("{mine}/entities"), "methods": ["GET"]});
    let refused = world.post(&own, &giver, &right).await.expect(401);
    assert_eq!(refused.json()["detail"], "nobody can give themselves a right");
}

#[tokio::test]
async fn a_right_that_is_taken_away_no_longer_holds() {
    let place = Place::new().await;
    let Place { world, admin, account, .. } = &place;
    let entities = format!("accounts/{account}/entities");
    let bot = place.bot(&[(Some(entities.clone()), Some(&["GET"]))]).await;
    let entities = format!("/{entities}");
    world.get(&entities, &bot).await.expect(200);
    let id = world.get("/profile", &bot).await.json()["user_id"].as_i64().unwrap();
    let permissions = format!("/accounts/{account}/bots/{id}/permissions");
    let right = world.get(&permissions, admin).await.list()[0]["id"].as_i64().unwrap();
    world.delete(&format!("{permissions}/{right}"), admin).await.expect(204);
    world.get(&entities, &bot).await.expect(403);
    world.delete(&format!("{permissions}/{right}"), admin).await.expect(404);
    assert_eq!(world.get("/profile/permissions", &bot).await.list(), Vec::<Value>::new());
}

#[tokio::test]
async fn rights_that_make_no_sense_are_refused() {
    let place = Place::new().await;
    let (id, _) = place.world.bot(&place.admin, place.account, "ping").await;
    let permissions = format!("/users/{id}/permissions");
    for right in [
        json!({}),
        json!({"resource_prefix": "accounts"}),
        json!({"resource_prefix": "accounts", "methods": []}),
        json!({"resource_prefix": "accounts", "methods": ["PATCH"]}),
        json!({"resource_prefix": "accounts", "methods": ["GET", "GET"]}),
        json!({"resource_prefix": "accounts", "methods": "GET"}),
        json!({"resource_prefix": "", "methods": null}),
        json!({"resource_prefix": "/accounts", "methods": null}),
        json!({"resource_prefix": 5, "methods": null}),
        json!({"resource_prefix": null, "methods": null, "more": 1}),
    ] {
        place.world.post(&permissions, &place.admin, &right).await.expect(400);
    }
    assert!(place.world.get(&permissions, &place.admin).await.expect(200).list().is_empty());
}

#[tokio::test]
async fn a_token_is_shown_to_who_could_have_made_the_bot() {
    let place = Place::new().await;
    let Place { world, admin, account, .. } = &place;
    let mine = format!("accounts/{account}");
    let (id, _) = world.bot(admin, *account, "snmp").await;
    let right = json!({"resource_prefix": format!("{mine}/values"), "methods": ["POST"]});
    world.post(&format!("/{mine}/bots/{id}/permissions"), admin, &right).await.expect(201);
    let token = format!("/{mine}/bots/{id}/token");

    let without_the_bots_rights = place.bot(&[(Some(format!("{mine}/bots")), None)]).await;
    world.get(&token, &without_the_bots_rights).await.expect(401);
    let who_may_not_make_bots = place
        .bot(&[(Some(format!("{mine}/bots")), Some(&["GET"])), (Some(format!("{mine}/values")), None)])
        .await;
    world.get(&token, &who_may_not_make_bots).await.expect(401);
    let peer = place.bot(&[(Some(mine.clone()), None)]).await;
    world.get(&token, &peer).await.expect(200);
    // A bot of one account is none of another's, nor a systemwide one.
    world.get(&format!("/accounts/{}/bots/{id}/token", place.other), admin).await.expect(404);
    world.get(&format!("/bots/{id}/token"), admin).await.expect(404);
}

#[tokio::test]
async fn an_encoded_path_opens_nothing_that_its_plain_form_does_not() {
    let place = Place::new().await;
    let entities = format!("accounts/{}/entities", place.account);
    let bot = place.bot(&[(Some(entities.clone()), Some(&["GET"]))]).await;
    let other = place.other;
    for path in [
        format!("/{entities}/..%2f..%2f{other}%2fentities"),
        format!("/{entities}/../../{other}/entities"),
        format!("/accounts/{other}%2fentities"),
        format!("/{entities}%2f..%2fsensors"),
    ] {
        let answer = place.world.get(&path, &bot).await;
        assert!([403, 404, 422].contains(&answer.status.as_u16()), "{path}: {answer:?}");
    }
}
