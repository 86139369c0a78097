//! All routes, all methods, all kinds of callers: who gets through the gate.

use std::collections::BTreeSet;

use serde_json::json;

use crate::world::{PASSWORD, Who, World};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Below `/api/`; `A` stands for an account, ids that nobody has for everything else.
const ROUTES: [&str; 56] = [
    "status/info",
    "docs",
    "openapi.json",
    "admin/migratedb",
    "admin/first",
    "admin/accounts",
    "auth/login",
    "auth/refresh",
    "auth/logout",
    "profile",
    "profile/permissions",
    "plugins/widgets",
    "metrics",
    "hub/audit",
    "hub/events",
    "hub/test/ping",
    "hub/login",
    "hub/session",
    "persons",
    "persons/5",
    "persons/5/password",
    "users/5",
    "users/5/permissions",
    "users/5/permissions/6",
    "accounts",
    "accounts/A",
    "bots",
    "bots/5",
    "bots/5/token",
    "bots/5/permissions",
    "bots/5/permissions/6",
    "accounts/A/bots",
    "accounts/A/bots/5",
    "accounts/A/bots/5/token",
    "accounts/A/bots/5/permissions",
    "accounts/A/bots/5/permissions/6",
    "accounts/A/entities",
    "accounts/A/entities/5",
    "accounts/A/credentials",
    "accounts/A/credentials/5",
    "accounts/A/sensors",
    "accounts/A/sensors/5",
    "accounts/A/values",
    "accounts/A/values/a.b",
    "accounts/A/getvalues",
    "accounts/A/getaggrvalues",
    "accounts/A/topvalues",
    "accounts/A/lastvalues",
    "accounts/A/retention",
    "accounts/A/prometheus",
    "accounts/A/paths",
    "accounts/A/paths/5",
    "accounts/A/dashboards",
    "accounts/A/dashboards/main",
    "accounts/A/dashboards/main/widgets/5",
    "accounts/A/dashboards/main/widgets_positions",
];

const OPEN: [(&str, &str); 9] = [
    ("GET", "status/info"),
    ("GET", "docs"),
    ("GET", "openapi.json"),
    ("POST", "admin/migratedb"),
    ("POST", "admin/first"),
    ("POST", "auth/login"),
    ("POST", "auth/refresh"),
    ("POST", "hub/login"),
    ("GET", "hub/session"),
];

/// What any user may do.
const OF_USERS: [(&str, &str); 9] = [
    ("GET", "profile"),
    ("GET", "profile/permissions"),
    ("GET", "accounts"),
    ("GET", "bots"),
    ("GET", "plugins/widgets"),
    ("POST", "auth/logout"),
    ("POST", "hub/session"),
    ("GET", "hub/events"),
    // The handler holds it to the account.
    ("POST", "hub/test/ping"),
];

type Right = (&'static str, &'static [&'static str]);

/// As the UI gives them to a bot.
const BOT: [Right; 4] = [
    ("accounts/A/values", &["POST", "PUT"]),
    ("accounts/A/entities", &["GET"]),
    ("accounts/A/credentials", &["GET"]),
    ("accounts/A/sensors", &["GET"]),
];
const READER: [Right; 1] = [("accounts/A", &["GET"])];

#[derive(Debug, PartialEq)]
enum Gate {
    Through,
    Unknown,
    Denied,
}

/// The rule, written down as plainly as can be; `None` may do everything, without rights is nobody.
fn expected(rights: Option<Option<&[Right]>>, method: &str, route: &str) -> Gate {
    let covers = |(prefix, methods): &Right| {
        methods.contains(&method) && (route == *prefix || route.starts_with(&format!("{prefix}/")))
    };
    match rights {
        _ if OPEN.contains(&(method, route)) => Gate::Through,
        None => Gate::Unknown,
        Some(None) => Gate::Through,
        Some(Some(rights)) if OF_USERS.contains(&(method, route)) || rights.iter().any(covers) => {
            Gate::Through
        }
        Some(Some(_)) => Gate::Denied,
    }
}

async fn gate(world: &World, who: &Who, method: &str, path: &str) -> Gate {
    let answer = world.ask(method, path, who, Some("{}".to_owned())).await;
    assert!(answer.status.as_u16() < 500, "{method} {path}: {answer:?}");
    match (answer.status.as_u16(), answer.body.as_str()) {
        (401, "Access denied") => Gate::Unknown,
        (403, "Access to resource denied, insufficient permissions") => Gate::Denied,
        _ => Gate::Through,
    }
}

#[tokio::test]
async fn every_route_lets_through_whom_it_should_and_nobody_else() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let real = |text: &str| text.replace("/A", &format!("/{account}"));
    let (bot_id, bot) = world.bot(&admin, account, "ping").await;
    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve = world.post("/persons", &admin, &person).await.id();
    for (user, rights) in [(bot_id, &BOT[..]), (eve, &READER)] {
        for (prefix, methods) in rights {
            let right = json!({"resource_prefix": real(prefix), "methods": methods});
            world.post(&format!("/users/{user}/permissions"), &admin, &right).await.id();
        }
    }
    let (mut reader, mut all) = (world.login("eve", "long enough").await, admin);
    let mut asked = 0;
    for route in ROUTES {
        for method in METHODS {
            let roles = [
                (Who::Nobody, None),
                (bot.clone(), Some(Some(&BOT[..]))),
                (reader.clone(), Some(Some(&READER[..]))),
                (all.clone(), Some(None)),
            ];
            for (who, rights) in roles {
                let found = gate(&world, &who, method, &format!("/{}", real(route))).await;
                let renews_nothing = route == "auth/refresh" && matches!(who, Who::Nobody | Who::Bot(_));
                // A bot has no session, which is not for the gate to say.
                let has_none = route == "hub/session" && matches!(who, Who::Bot(_));
                if !((renews_nothing || has_none) && found == Gate::Unknown) {
                    assert_eq!(found, expected(rights, method, route), "{method} {route} by {who:?}");
                }
                asked += 1;
            }
            if method == "POST" && ["auth/logout", "auth/refresh"].contains(&route) {
                (reader, all) =
                    (world.login("eve", "long enough").await, world.login("admin", PASSWORD).await);
            }
        }
    }
    assert_eq!(asked, ROUTES.len() * METHODS.len() * 4);
}

/// A route as the document has it, and one that this file has: parts that are names or ids are the same.
fn comparable(path: &str) -> String {
    let is_name = |part: &str| part.starts_with('{') || ["A", "5", "6", "main", "a.b"].contains(&part);
    let parts = path.split('/').map(|part| if is_name(part) { "*" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    path.replace("hub/test/ping", "hub/test/*").replace("hub/protocols/mine", "hub/protocols/*")
}

#[tokio::test]
async fn the_document_has_every_route_with_the_methods_that_it_takes() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let document = world.get("/openapi.json", &Who::Nobody).await.expect(200).json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{document}");
    let mut documented: BTreeSet<(String, String)> = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.strip_prefix("/api/").unwrap();
            documented.insert((comparable(path), method.to_ascii_uppercase()));
        }
    }
    let mut served = BTreeSet::new();
    for route in ROUTES.into_iter().chain([
        "hub/protocols",
        "hub/protocols/mine",
        "accounts/A/dashboards/main/widgets",
        "hub/retention",
        "hub/accounts/A/overview",
        "hub/accounts/A/series",
        "hub/accounts/A/flows/5",
        "hub/accounts/A/raw-flows",
        "hub/accounts/A/raw-flows/query",
        "hub/accounts/A/dashboards/main/shares",
        "hub/accounts/A/dashboards/main/shares/5",
        "hub/shared/main",
        "hub/shared/main/series",
        "hub/shared/main/flows/5",
        "hub/why",
        "hub/findings",
        "hub/accounts/A/why",
        "hub/accounts/A/findings",
        "hub/accounts/A/status",
        "hub/accounts/A/device-events",
        "hub/accounts/A/discovery",
        "hub/accounts/A/discovery/schedule",
        "hub/accounts/A/bots/5/status",
        "hub/accounts/A/bots/5/dead-letters",
    ]) {
        for method in METHODS {
            // A new session each time: some of them end it.
            let admin =
                if route.starts_with("auth/") { world.login("admin", PASSWORD).await } else { admin.clone() };
            let path = format!("/{}", route.replace("/A", &format!("/{account}")));
            let answer = world.ask(method, &path, &admin, Some("{}".to_owned())).await;
            if answer.status.as_u16() != 405 {
                served.insert((comparable(route), method.to_owned()));
            }
        }
    }
    let unlike: Vec<_> = documented.symmetric_difference(&served).collect();
    assert!(unlike.is_empty(), "not both documented and served: {unlike:?}");
}
