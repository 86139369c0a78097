//! Whatever is sent, the answer says what is wrong with it: never a 5xx.

use std::sync::LazyLock;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::world::{Who, World};

/// A hub with one of each thing, and the requests that are right.
struct Target {
    runtime: Runtime,
    world: World,
    admin: Who,
    requests: Vec<(&'static str, String, Value)>,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (world, admin, requests) = runtime.block_on(async {
        let (world, admin) = World::with_admin().await;
        let requests = good_requests(&world, &admin).await;
        (world, admin, requests)
    });
    Target { runtime, world, admin, requests }
});

/// One request for each route that takes a body; each was taken once.
async fn good_requests(world: &World, admin: &Who) -> Vec<(&'static str, String, Value)> {
    let account = world.account(admin, "A").await;
    let below = |what: &str| format!("/accounts/{account}/{what}");
    let credential = json!({"name": "c", "protocol": "ping", "details": {"n_packets": "3"}});
    let sensor = json!({"name": "s", "protocol": "ping", "default_interval": 60, "details": {}});
    let person = json!({"username": "x", "password": "long enough", "name": "", "email": ""});
    let right = json!({"resource_prefix": "accounts/1", "methods": ["GET", "PUT"]});
    let bot = json!({"name": "b", "protocol": "ping", "config": null});
    let credential_id = world.post(&below("credentials"), admin, &credential).await.id();
    let sensor_id = world.post(&below("sensors"), admin, &sensor).await.id();
    let bot_id = world.post(&below("bots"), admin, &bot).await.id();
    let person_id = world.post("/persons", admin, &person).await.id();
    let entity = json!({"name": "e", "entity_type": "device", "parent": null, "details": {}, "protocols": {
        "ping": {"credential": credential_id, "bot": bot_id, "sensors": [{"sensor": sensor_id, "interval": 5}]}
    }});
    let entity_id = world.post(&below("entities"), admin, &entity).await.id();
    world.post(&below("dashboards"), admin, &json!({"name": "d"})).await.expect(201);
    let widget = json!({"type": "t", "title": "t", "content": "c", "p": "p"});
    let widgets = below("dashboards/d/widgets");
    let widget_id = world.post(&widgets, admin, &widget).await.id();
    let position = json!([{"widget_id": widget_id, "x": 0, "y": 1, "w": 2, "h": 3, "p": "p"}]);
    vec![
        ("POST", "/admin/first".into(), person.clone()),
        ("POST", "/admin/accounts".into(), json!({"name": "B"})),
        ("POST", "/auth/login".into(), json!({"username": "nobody", "password": "p"})),
        ("PUT", format!("/accounts/{account}"), json!({"name": "B"})),
        ("POST", "/persons".into(), person),
        ("PUT", format!("/persons/{person_id}"), json!({"name": "n"})),
        (
            "POST",
            format!("/persons/{person_id}/password"),
            json!({"old_password": "", "new_password": "long enough"}),
        ),
        ("POST", format!("/users/{bot_id}/permissions"), right),
        ("POST", "/bots".into(), bot.clone()),
        ("PUT", below(&format!("bots/{bot_id}")), bot),
        ("POST", below("credentials"), credential.clone()),
        ("PUT", below(&format!("credentials/{credential_id}")), credential),
        ("POST", below("sensors"), sensor.clone()),
        ("PUT", below(&format!("sensors/{sensor_id}")), sensor),
        ("POST", below("entities"), entity.clone()),
        ("PUT", below(&format!("entities/{entity_id}")), entity),
        ("POST", below("dashboards"), json!({"name": "d", "slug": "e"})),
        ("PUT", below("dashboards/d"), json!({"name": "d"})),
        ("POST", widgets.clone(), widget.clone()),
        ("PUT", format!("{widgets}/{widget_id}"), widget),
        ("PUT", below("dashboards/d/widgets_positions"), position),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!(1e300)),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{1,25}".prop_map(Value::from),
        Just(Value::from("\0")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = prop_oneof![".{0,6}", Just("sensor".to_owned()), Just("ping".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// All places of a value, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// What is done to a body that was right.
#[derive(Clone, Debug)]
enum Harm {
    Replaced(prop::sample::Index, Value),
    Removed(prop::sample::Index),
    Cut(prop::sample::Index),
    Whole(Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => (any::<prop::sample::Index>(), json()).prop_map(|(at, value)| Harm::Replaced(at, value)),
        1 => any::<prop::sample::Index>().prop_map(Harm::Removed),
        1 => any::<prop::sample::Index>().prop_map(Harm::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Harm::Whole),
    ]
}

fn harmed(good: &Value, harm: &Harm) -> Vec<u8> {
    let mut body = good.clone();
    let mut all = Vec::new();
    places(good, "", &mut all);
    let place = |at: &prop::sample::Index| at.get(&all).as_str();
    match harm {
        Harm::Replaced(at, value) => *body.pointer_mut(place(at)).unwrap() = value.clone(),
        Harm::Removed(at) => {
            if let Some((parent, key)) = place(at).rsplit_once('/')
                && let Some(Value::Object(fields)) = body.pointer_mut(parent)
            {
                fields.remove(key);
            }
        }
        Harm::Cut(at) => {
            let written = body.to_string().into_bytes();
            return written[..at.index(written.len())].to_vec();
        }
        Harm::Whole(bytes) => return bytes.clone(),
    }
    body.to_string().into_bytes()
}

#[test]
fn no_body_makes_the_hub_fail() {
    let Target { runtime, world, admin, requests } = &*TARGET;
    let strategy = (prop::sample::select(requests.clone()), harm());
    TestRunner::default()
        .run(&strategy, |((method, path, good), harm)| {
            let body = harmed(&good, &harm);
            let request = axum::http::Request::builder().method(method).uri(format!("/api{path}"));
            let Who::Person(header) = admin else { unreachable!() };
            let request = request.header("authorization", header).body(body.clone().into()).unwrap();
            let answer = runtime.block_on(world.send(request));
            let body = String::from_utf8_lossy(&body);
            prop_assert!(answer.status.as_u16() < 500, "{method} {path} {body}: {answer:?}");
            prop_assert!(
                answer.status.is_success() || !answer.body.is_empty(),
                "{method} {path} {body}: refused without a reason"
            );
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_path_makes_the_hub_fail() {
    let Target { runtime, world, admin, requests } = &*TARGET;
    let segment = prop_oneof!["-?[0-9]{1,25}", "[a-z_]{1,8}", "(%[0-9a-f]{2}){1,3}", Just(String::new())];
    let paths: Vec<String> = requests.iter().map(|(_, path, _)| path.clone()).collect();
    let strategy =
        (prop::sample::select(paths), any::<prop::sample::Index>(), segment, "(GET|PUT|POST|DELETE)");
    TestRunner::default()
        .run(&strategy, |(path, at, segment, method)| {
            let mut segments: Vec<&str> = path.split('/').collect();
            let at = 1 + at.index(segments.len() - 1);
            segments[at] = &segment;
            let path = segments.join("/");
            let answer = runtime.block_on(world.ask(&method, &path, admin, Some("{}".to_owned())));
            prop_assert!(answer.status.as_u16() < 500, "{method} {path}: {answer:?}");
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let (world, admin) = World::with_admin().await;
    let body = json!({"name": "x".repeat(17 << 20)});
    world.post("/admin/accounts", &admin, &body).await.expect(413);
}

#[tokio::test]
async fn a_deep_body_is_refused() {
    let (world, admin) = World::with_admin().await;
    let account = world.account(&admin, "A").await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"name":"n","protocol":"p","details":{{"d":{deep}}}}}"#);
    world.ask("POST", &format!("/accounts/{account}/credentials"), &admin, Some(body)).await.expect(400);
}
