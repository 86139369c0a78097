//! Events, as a page that is open reads them.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::Request;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::world::{Who, World};

/// A page that reads.
struct Page {
    body: BodyDataStream,
    text: String,
}

/// An event: its id, its name and what it tells.
#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    told: Value,
}

impl Page {
    async fn open(world: &World, who: &Who, query: &str, last: Option<&str>) -> Result<Self, u16> {
        let Who::Person(session) = who else { panic!("a person reads") };
        let mut request = Request::get(format!("/api/hub/events?{query}")).header("authorization", session);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = world.stream(request.body(Body::empty()).unwrap()).await;
        if answer.status().as_u16() != 200 {
            return Err(answer.status().as_u16());
        }
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Ok(Self { body: answer.into_body().into_data_stream(), text: String::new() })
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                if frame.starts_with(':') {
                    continue;
                }
                let field =
                    |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                let told = serde_json::from_str(&field("data: ")).unwrap();
                return Some(Event { id: field("id: "), name: field("event: "), told });
            }
            let bytes = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap();
        assert_eq!(event.name, name, "{event:?}");
        event
    }
}

async fn put(world: &World, who: &Who, account: i64, values: Value) {
    world.put(&format!("/accounts/{account}/values"), who, &values).await.expect(204);
}

/// The paths of an event of values.
fn paths(event: &Event) -> Vec<&str> {
    event.told["list"].as_array().unwrap().iter().map(|row| row["p"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_page_is_told_what_it_may_read_of_its_account_and_wants_to() {
    let (world, admin) = World::with_admin().await;
    let (mine, other) = (world.account(&admin, "Mine").await, world.account(&admin, "Other").await);
    let mut all = Page::open(&world, &admin, &format!("account={mine}"), None).await.unwrap();
    let filter = format!("account={mine}&filter=entity.7.*,load.?");
    let mut some = Page::open(&world, &admin, &filter, None).await.unwrap();
    put(&world, &admin, other, json!([{"p": "entity.7.x", "t": 1, "v": 1}])).await;
    put(&world, &admin, mine, json!([{"p": "entity.8.x", "t": 1, "v": 1}])).await;
    let rows = json!([{"p": "load.a", "t": 5.5, "v": 1.5}, {"p": "entity.7.a.b", "t": 1, "v": 2}, {"p": "c", "t": 1, "v": 3}]);
    put(&world, &admin, mine, rows).await;
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    let id = world.post(&format!("/accounts/{mine}/entities"), &admin, &entity).await.id();

    all.expect("paths").await;
    assert_eq!(paths(&all.expect("values").await), ["entity.8.x"]);
    let told = all.expect("paths").await.told;
    assert_eq!((&told["account"], told["list"].as_array().unwrap().len()), (&json!(mine), 3));
    assert_eq!(paths(&all.expect("values").await), ["load.a", "entity.7.a.b", "c"]);
    assert_eq!(all.expect("changed").await.told, json!({"resource": format!("accounts/{mine}/entities")}));
    some.expect("paths").await;
    some.expect("paths").await;
    let values = some.expect("values").await;
    assert_eq!(values.told["list"][0], json!({"p": "load.a", "t": 5.5, "v": 1.5}));
    assert_eq!(paths(&values), ["load.a", "entity.7.a.b"]);
    some.expect("changed").await;
    world.delete(&format!("/accounts/{mine}/entities/{id}"), &admin).await.expect(204);
    let changed = all.expect("changed").await.told;
    assert_eq!(changed, json!({"resource": format!("accounts/{mine}/entities/{id}")}));

    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve = world.post("/persons", &admin, &person).await.id();
    let right = json!({"resource_prefix": format!("accounts/{mine}/values"), "methods": ["GET"]});
    world.post(&format!("/users/{eve}/permissions"), &admin, &right).await.id();
    let eve = world.login("eve", "long enough").await;
    assert_eq!(Page::open(&world, &eve, &format!("account={other}"), None).await.err(), Some(403));
    let mut hers = Page::open(&world, &eve, &format!("account={mine}"), None).await.unwrap();
    world.post(&format!("/accounts/{mine}/entities"), &admin, &entity).await.id();
    put(&world, &admin, mine, json!([{"p": "new", "t": 1, "v": 1}])).await;
    assert_eq!(paths(&hers.expect("values").await), ["new"], "nothing else is hers to read");

    for wrong in ["", "account=x", "account=1&filter=a..b", "account=1&kinds=gossip", "kinds=changed,values"]
    {
        assert_eq!(Page::open(&world, &admin, wrong, None).await.err(), Some(400), "{wrong}");
    }
}

#[tokio::test]
async fn a_page_is_told_in_short_that_values_came_and_in_full_what_it_draws() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let query = format!(
        "account={account}&kinds=stored,status,values&filter=entity.7.*,netflow.?.ingress.entity.8.if.?"
    );
    let mut page = Page::open(&world, &admin, &query, None).await.unwrap();
    put(&world, &admin, account, json!([{"p": "load.a", "t": 1, "v": 1}])).await;
    let stored = page.expect("stored").await;
    assert_eq!(stored.told, json!({"account": account}));
    let rows = json!([
        {"p": "entity.8.ping", "t": 1, "v": 1}, {"p": "entity.7.ping", "t": 1, "v": 1},
        {"p": "netflow.1min.ingress.entity.8.if.3", "t": 1, "v": 1}, {"p": "netflow.1min.egress.entity.8.if.3", "t": 1, "v": 1},
    ]);
    put(&world, &admin, account, rows).await;
    assert_eq!(paths(&page.expect("values").await), ["entity.7.ping", "netflow.1min.ingress.entity.8.if.3"]);
    let last = page.expect("stored").await.id;
    put(&world, &admin, account, json!([{"p": "entity.7.ping", "t": 2, "v": 1}])).await;
    let mut again = Page::open(&world, &admin, &query, Some(&last)).await.unwrap();
    assert_eq!(
        again.expect("values").await.told["list"][0]["t"].as_f64(),
        Some(2.0),
        "each value is told once"
    );
}

#[tokio::test]
async fn a_bot_hears_of_what_it_measures_by_in_all_its_accounts_and_of_nothing_else() {
    let (world, admin) = World::with_admin().await;
    let accounts = [world.account(&admin, "A").await, world.account(&admin, "B").await];
    let other = world.account(&admin, "C").await;
    let person = json!({"username": "eve", "password": "long enough", "name": "", "email": ""});
    let eve = world.post("/persons", &admin, &person).await.id();
    for account in accounts {
        let right = json!({"resource_prefix": format!("accounts/{account}/entities"), "methods": ["GET"]});
        world.post(&format!("/users/{eve}/permissions"), &admin, &right).await.id();
    }
    let eve = world.login("eve", "long enough").await;
    let mut hers = Page::open(&world, &eve, "kinds=changed", None).await.unwrap();
    let entity = json!({"name": "core", "entity_type": "device", "details": {}});
    for account in [other, accounts[0], accounts[1]] {
        put(&world, &admin, account, json!([{"p": "a", "t": 1, "v": 1}])).await;
        world.post(&format!("/accounts/{account}/entities"), &admin, &entity).await.id();
    }
    for account in accounts {
        let told = hers.expect("changed").await.told;
        assert_eq!(told, json!({"resource": format!("accounts/{account}/entities")}));
    }
}

#[tokio::test]
async fn a_page_that_was_away_goes_on_where_it_was_or_is_told_to_look_at_everything() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let query = format!("account={account}&filter=a");
    let mut page = Page::open(&world, &admin, &query, None).await.unwrap();
    put(&world, &admin, account, json!([{"p": "a", "t": 1, "v": 1}])).await;
    page.expect("paths").await;
    let last = page.expect("values").await.id;
    drop(page);
    put(&world, &admin, account, json!([{"p": "a", "t": 2, "v": 2}])).await;
    put(&world, &admin, account, json!([{"p": "a", "t": 3, "v": 3}])).await;
    let mut page = Page::open(&world, &admin, &query, Some(&last)).await.unwrap();
    for expected in [2.0, 3.0] {
        assert_eq!(page.expect("values").await.told["list"][0]["v"], json!(expected));
    }
    for lost in ["0-1", "nonsense"] {
        let mut page = Page::open(&world, &admin, &format!("{query}&since={lost}"), None).await.unwrap();
        page.expect("reset").await;
        put(&world, &admin, account, json!([{"p": "a", "t": 4, "v": 4}])).await;
        page.expect("values").await;
    }
}

#[tokio::test]
async fn two_hundred_pages_are_each_told_all_in_order_and_one_that_does_not_read_costs_nothing() {
    const PAGES: usize = 200;
    const REQUESTS: i64 = 40;
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let query = format!("account={account}");
    let mut users = vec![admin.clone()];
    // One user has 64 windows at most.
    for number in 0..3 {
        let name = format!("user{number}");
        let person = json!({"username": name, "password": "long enough", "name": "", "email": ""});
        let id = world.post("/persons", &admin, &person).await.id();
        let right = json!({"resource_prefix": format!("accounts/{account}"), "methods": ["GET"]});
        world.post(&format!("/users/{id}/permissions"), &admin, &right).await.id();
        users.push(world.login(&name, "long enough").await);
    }
    let mut pages = Vec::new();
    for number in 0..PAGES {
        pages.push(Page::open(&world, &users[number % users.len()], &query, None).await.unwrap());
    }
    let mut idle = Page::open(&world, &admin, &query, None).await.unwrap();
    for time in 0..REQUESTS {
        let rows: Vec<Value> =
            (0..500).map(|n| json!({"p": format!("series.{n}"), "t": time, "v": n})).collect();
        put(&world, &admin, account, json!(rows)).await;
    }
    for page in &mut pages {
        page.expect("paths").await;
        for time in 0..REQUESTS {
            let told = page.expect("values").await.told;
            let rows = told["list"].as_array().unwrap();
            assert_eq!((rows.len(), rows[499]["t"].as_f64()), (500, Some(time as f64)));
        }
    }
    // More than what is kept for all.
    for time in 0..400 {
        let rows: Vec<Value> =
            (0..500).map(|n| json!({"p": format!("series.{n}"), "t": 100 + time, "v": n})).collect();
        put(&world, &admin, account, json!(rows)).await;
    }
    idle.expect("reset").await;
    for _ in 0..13 {
        pages.push(Page::open(&world, &admin, &query, None).await.unwrap());
    }
    assert_eq!(Page::open(&world, &admin, &query, None).await.err(), Some(429), "64 windows of one user");
    drop(pages);
    Page::open(&world, &admin, &query, None).await.unwrap();
}

#[tokio::test]
async fn an_ended_session_ends_its_pages() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let mut page = Page::open(&world, &admin, &format!("account={account}"), None).await.unwrap();
    let again = world.login("admin", crate::world::PASSWORD).await;
    let mut other = Page::open(&world, &again, &format!("account={account}"), None).await.unwrap();
    world.post("/auth/logout", &admin, &json!({})).await;
    assert!(page.next().await.is_none());
    put(&world, &again, account, json!([{"p": "a", "t": 1, "v": 1}])).await;
    tokio::time::timeout(Duration::from_secs(60), other.expect("paths")).await.unwrap();
}
