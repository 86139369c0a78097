//! Answers recorded from a real Grafolean: this client measures what the recorded bots went on to measure.
//!
//! The records are cut: a bot's look at the lists is whole, of what follows only some is there. So three things are
//! held: an entity that was asked for and then its credential was the bot's, one that was not followed by it was
//! not; what the bot asked for is used here; what it sent values of is selected here.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use grafolean_collector::{backend::Backend, selection::select};
use serde_json::{Value, json};

use crate::world::{Grafolean, World};

const BOTS: [&str; 5] = ["ping", "snmp", "netflow", "snmp_systemwide", "netflow_systemwide"];

/// `GET` and the like, the path's segments after `/api`, the answer, what was sent.
struct Exchange {
    method: String,
    segments: Vec<String>,
    answer: Value,
    sent: Value,
}

fn exchanges(folder: &Path, name: &str) -> Vec<Exchange> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let exchange = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        Exchange {
            method: text(&row["method"]),
            segments: text(&row["path"]).trim_matches('/').split('/').skip(1).map(str::to_owned).collect(),
            answer: serde_json::from_str(&text(&row["resp_body"])).unwrap_or_default(),
            sent: serde_json::from_str(&text(&row["req_body"])).unwrap_or_else(|_| row["req_body"].clone()),
        }
    };
    fs::read_to_string(folder.join(name).with_extension("jsonl")).unwrap().lines().map(exchange).collect()
}

impl Exchange {
    /// The list and, unless the whole list was asked for, the id of a `GET` below an account.
    fn read(&self) -> Option<(&str, Option<i64>)> {
        match self.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["accounts", _, list] if self.method == "GET" => Some((list, None)),
            ["accounts", _, list, id] if self.method == "GET" => Some((list, id.parse().ok())),
            _ => None,
        }
    }

    /// The entities that sent paths speak of: `entity.<id>. ...`, `netflow. ... .entity.<id>. ...`.
    fn measured(&self) -> Vec<i64> {
        let paths = self.sent.as_array().into_iter().flatten().filter_map(|value| value["p"].as_str());
        paths.filter_map(|path| path.split("entity.").nth(1)?.split('.').next()?.parse().ok()).collect()
    }
}

/// The world as the recorded bot found it. Its credentials are those of a person's session; each sensor that no
/// record shows stands there with its bare id and protocol.
fn world_of(bot: &[Exchange], session: &[Exchange]) -> Grafolean {
    let mut grafolean = Grafolean::default();
    let answer = |segment: &str| &bot.iter().find(|it| it.segments[0] == segment).unwrap().answer;
    grafolean.bot = answer("profile")["user_id"].as_i64().unwrap();
    for account in answer("accounts")["list"].as_array().unwrap() {
        let (id, text) = (account["id"].as_i64().unwrap(), account["id"].to_string());
        let list = |source: &[Exchange], name| -> Vec<Value> {
            let whole =
                source.iter().find(|it| it.segments.get(1) == Some(&text) && it.read() == Some((name, None)));
            whole.and_then(|it| it.answer["list"].as_array()).cloned().unwrap_or_default()
        };
        let entities = list(bot, "entities");
        let sensors = entities.iter().flat_map(sensors_of).map(|(id, protocol)| {
            let shown = bot.iter().find(|it| it.read() == Some(("sensors", Some(id))));
            let row = shown.map_or_else(|| json!({"id": id, "protocol": protocol}), |it| it.answer.clone());
            (id, row)
        });
        let sensors = sensors.collect::<HashMap<_, _>>().into_values().collect();
        let lists =
            [("entities", entities), ("credentials", list(session, "credentials")), ("sensors", sensors)];
        grafolean.accounts.insert(id, lists.map(|(name, rows)| (name.to_owned(), rows)).into());
    }
    grafolean
}

/// The sensors an entity uses, each with its protocol.
fn sensors_of(entity: &Value) -> Vec<(i64, &str)> {
    let protocols = entity["protocols"].as_object().unwrap().iter();
    let uses = protocols.flat_map(|(protocol, it)| {
        it["sensors"]
            .as_array()
            .unwrap()
            .iter()
            .map(move |used| (used["sensor"].as_i64().unwrap(), protocol.as_str()))
    });
    uses.collect()
}

#[tokio::test]
async fn what_recorded_bots_went_on_to_measure_is_selected() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contract/transcripts"));
    if !folder.exists() {
        println!("skipped: no records at {}", folder.display());
        return;
    }
    let session = exchanges(folder, "manual");
    for name in BOTS {
        let bot = exchanges(folder, name);
        let protocol = name.split('_').next().unwrap();
        let world = World::of(world_of(&bot, &session)).await;
        let inventory = world.client().inventory().await.unwrap();
        let selection = select(&inventory, protocol);
        assert_eq!(selection.refused, [], "{name}");
        assert!(inventory.accounts.iter().all(|it| it.broken.is_empty()), "{name}");
        let ids = |list: &str| -> BTreeSet<i64> {
            let of_device = selection.devices.iter().flat_map(|device| match list {
                "entities" => vec![device.entity.id.number()],
                "credentials" => vec![device.credential.id.number()],
                _ => device.sensors.iter().map(|it| it.sensor.id.number()).collect(),
            });
            of_device.collect()
        };
        let selected: HashMap<_, _> = ["entities", "credentials", "sensors"].map(|it| (it, ids(it))).into();
        for pair in bot.windows(2) {
            let ([Some(("entities", Some(id))), Some((next, next_id))], entity) =
                ([pair[0].read(), pair[1].read()], &pair[0].answer)
            else {
                continue;
            };
            let credential = &entity["protocols"][protocol]["credential"];
            let followed = next == "credentials" && credential.as_i64() == next_id;
            assert_eq!(selected["entities"].contains(&id), followed, "{name}: entity {id}");
        }
        for exchange in &bot {
            if let Some((list @ ("credentials" | "sensors"), Some(id))) = exchange.read() {
                assert!(selected[list].contains(&id), "{name}: {list} {id}");
            }
            for id in exchange.measured() {
                assert!(selected["entities"].contains(&id), "{name}: values of entity {id}");
            }
        }
        println!("{name}: {} devices", selection.devices.len());
    }
}
