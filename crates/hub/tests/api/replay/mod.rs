//! What a Grafolean backend was asked and answered on one afternoon, asked of the hub again.
//!
//! The recordings are of two backends. One was only set up; its calls set up the hub, too, since those that set up the
//! other are not recorded. The exchanges of the other come in an order in which each finds what it speaks of. Ids
//! and tokens are drawn anew here, so ids are compared by what they stand for.

mod deviations;
mod mapping;
mod recording;

use std::{collections::HashMap, ops::Range, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, Request},
};
use serde_json::{Value, json};

use self::{
    deviations::{Comparison, comparison},
    mapping::Mapping,
    recording::Exchange,
};
use crate::world::{Answer, PASSWORD, Who, World};

/// Which exchanges of which recording, in turn.
const ORDER: [(&str, Range<usize>); 17] = [
    ("manual", 0..11),
    ("setup", 0..85),
    ("manual", 11..256),
    ("setup", 85..86),
    ("ping", 0..25),
    ("snmp", 0..42),
    ("netflow", 0..13),
    ("snmp_systemwide", 0..21),
    ("ping", 25..47),
    ("snmp", 42..51),
    ("netflow", 13..37),
    ("manual", 256..259),
    ("snmp_systemwide", 21..28),
    ("manual", 259..275),
    ("snmp_systemwide", 28..40),
    ("netflow_systemwide", 0..12),
    ("edge", 0..2),
];

/// What follows once the accounts of the afternoon are there.
const REST: [(&str, Range<usize>); 3] =
    [("netflow_systemwide", 12..18), ("edge", 2..37), ("manual", 275..312)];

/// What came of the exchanges.
#[derive(Debug, Default)]
struct Outcome {
    compared: usize,
    deviated: usize,
    /// With the reason why they cannot be compared.
    left_out: HashMap<&'static str, usize>,
    failures: Vec<String>,
}

struct Replay {
    world: World,
    recordings: HashMap<&'static str, Vec<Exchange>>,
    /// Of the backend that was only set up, and of the other.
    set_up: Mapping,
    other: Mapping,
    tokens: HashMap<String, String>,
    session: String,
    outcome: Outcome,
}

#[tokio::test]
async fn the_hub_answers_as_a_recorded_backend_did() {
    let mut recordings = HashMap::new();
    for (name, _) in ORDER {
        match recording::read(name) {
            Some(recording) => drop(recordings.insert(name, recording)),
            None => return println!("skipped: there are no recordings of a Grafolean backend"),
        }
    }
    let mut replay = Replay {
        world: World::fresh(),
        recordings,
        set_up: Mapping::default(),
        other: Mapping::default(),
        tokens: HashMap::new(),
        session: String::new(),
        outcome: Outcome::default(),
    };
    for (name, range) in ORDER.into_iter().chain(REST) {
        for index in range {
            replay.exchange(name, index).await;
        }
    }
    let Outcome { compared, deviated, left_out, failures } = &replay.outcome;
    println!("{compared} exchanges answered alike, {deviated} better on purpose, left out: {left_out:?}");
    assert!(failures.is_empty(), "{} exchanges differ:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(compared + deviated + left_out.values().sum::<usize>(), 628);
}

impl Replay {
    async fn exchange(&mut self, name: &'static str, index: usize) {
        let exchange = self.recordings[name][index].clone();
        self.world.clock.pass(Duration::from_millis(100));
        if (name, index) == ("manual", 11) || (name, index) == ("ping", 0) {
            self.learn().await;
        }
        let comparison = comparison(name, index, &exchange);
        if let Comparison::LeftOut(reason) = comparison {
            *self.outcome.left_out.entry(reason).or_default() += 1;
            return;
        }
        let answer = self.ask(name, index, &exchange).await;
        let outcome = match comparison {
            Comparison::Better(status, why) => {
                self.outcome.deviated += 1;
                better(status, why, &answer)
            }
            Comparison::RefusedInOurWords => {
                self.outcome.compared += 1;
                refused_alike(&exchange, &answer)
            }
            _ => {
                self.outcome.compared += 1;
                let mapping = if name == "setup" { &mut self.set_up } else { &mut self.other };
                alike(mapping, &exchange, &answer)
            }
        };
        if let Err(reason) = outcome {
            let Exchange { label, method, path, asked, .. } = &exchange;
            self.outcome
                .failures
                .push(format!("{name}[{index}] {label} {method} {path} {asked:?}: {reason}"));
        }
        self.remember(&exchange, &answer).await;
    }

    async fn ask(&self, name: &str, index: usize, exchange: &Exchange) -> Answer {
        let mapping = if name == "setup" { &self.set_up } else { &self.other };
        let token = self.tokens.get(caller(name, index, exchange)).map_or("", String::as_str);
        let token = match &*exchange.label {
            "unknown_token" => "0f0f0f0f-0000-4000-8000-000000000000".to_owned(),
            "uppercase_token" => token.to_uppercase(),
            _ => token.to_owned(),
        };
        let mut uri = mapping.ours(&exchange.path);
        if !exchange.query.is_empty() {
            uri = format!("{uri}?{}", mapping.ours(&exchange.query).replace("BOT_TOKEN", &token));
        }
        let mut request = Request::builder().method(&*exchange.method).uri(uri);
        if exchange.path.ends_with("/admin/first") {
            request = request.header("content-type", "application/json");
            if let Some(secret) = self.world.hub.setup_secret() {
                request = request.header("x-setup-secret", secrecy::ExposeSecret::expose_secret(&secret));
            }
        }
        if let Some(header) = exchange.asked_headers.get("Authorization").and_then(Value::as_str) {
            request = request.header("authorization", self.authorization(header, &token));
        }
        let body = match &exchange.asked {
            Some(packed) if exchange.label == "post_gzip" => Body::from(recording::bytes(packed).unwrap()),
            // The other takes passwords that are too short here.
            Some(body) => {
                let body = mapping.ours(body);
                Body::from(body.replace("\"password\": \"admin\"", &format!("\"password\": \"{PASSWORD}\"")))
            }
            None => Body::empty(),
        };
        self.world.send(request.body(body).unwrap()).await
    }

    /// What stood for a blanked header: a session's begins with the number of its key.
    fn authorization(&self, blanked: &str, token: &str) -> String {
        match blanked {
            "Bearer JWT" => "Bearer 1:not.a.session".to_owned(),
            "Bearer x:y:z" => blanked.to_owned(),
            _ if blanked.starts_with("Token") => format!("Token {token}"),
            "Bearer 8ce..." => format!("Bearer {token}"),
            _ => self.session.clone(),
        }
    }

    /// Keeps what later exchanges need: sessions, and the tokens of bots.
    async fn remember(&mut self, exchange: &Exchange, answer: &Answer) {
        if let Some(session) = answer.headers.get("x-jwt-token") {
            self.session = session.to_str().unwrap().to_owned();
        }
        if exchange.path.ends_with("/token") && answer.status == 200 {
            let admin = Who::Person(self.session.clone());
            let mapping =
                if self.set_up.ours(&exchange.path) == exchange.path { &self.other } else { &self.set_up };
            let path = mapping.ours(&exchange.path).replace("/token", "");
            let bot = self.world.get(path.trim_start_matches("/api"), &admin).await.expect(200).json();
            let token = answer.json()["token"].as_str().unwrap().to_owned();
            self.tokens.insert(bot["name"].as_str().unwrap().to_owned(), token);
        }
    }

    /// Finds by their names which of our things stand for those that were set up unrecorded.
    async fn learn(&mut self) {
        let admin = Who::Person(self.session.clone());
        let account = self.world.get("/accounts", &admin).await.list()[0]["id"].clone();
        let mut ours: HashMap<String, i64> =
            HashMap::from([("Test account".to_owned(), account.as_i64().unwrap())]);
        let lists =
            ["entities", "credentials", "sensors", "bots"].map(|what| format!("/accounts/{account}/{what}"));
        for path in lists.iter().map(String::as_str).chain(["/bots"]) {
            for row in self.world.get(path, &admin).await.expect(200).list() {
                ours.insert(row["name"].as_str().unwrap().to_owned(), row["id"].as_i64().unwrap());
            }
        }
        let of_account = |exchange: &&Exchange| {
            !exchange.path.contains("562360824")
                && !exchange.path.contains("1533397294")
                && exchange.status == Some(200)
        };
        let others = self.recordings.iter().filter(|(name, _)| **name != "setup" && **name != "edge");
        let bodies: Vec<String> = others
            .flat_map(|(_, recording)| recording.iter().filter(of_account).map(Exchange::answer))
            .collect();
        for (theirs, name) in bodies.iter().flat_map(|body| ids_and_names(body)) {
            if let Some(&ours) = ours.get(&name)
                && !self.other.knows(theirs)
            {
                assert!(self.other.bind(theirs, ours), "{name} stands for two things");
            }
        }
        // One bot was given more rights than the recordings tell of: it reads its account.
        let right = json!({"resource_prefix": format!("accounts/{account}"), "methods": ["GET"]});
        let custom = ours["custom bot"];
        self.world.post(&format!("/users/{custom}/permissions"), &admin, &right).await.expect(201);
    }
}

/// All `"id":7,"name":"x"` of a text, even of one that is cut.
fn ids_and_names(text: &str) -> Vec<(i64, String)> {
    let found = text.split("\"id\":").skip(1).filter_map(|rest| {
        let (id, rest) = rest.split_once(",\"name\":\"")?;
        Some((id.parse().ok()?, rest.split_once('"')?.0.to_owned()))
    });
    found.collect()
}

/// Which bot's token was blanked.
fn caller(name: &str, index: usize, exchange: &Exchange) -> &'static str {
    match name {
        "ping" => "ping bot",
        "snmp" => "snmp bot",
        "netflow" => "netflow bot",
        "netflow_systemwide" => "Systemwide NetFlow bot",
        "snmp_systemwide" => "Systemwide SNMP bot",
        _ if index >= 259 => "custom bot",
        _ => match &*exchange.label {
            "check" | "l" | "rename_iface" | "fake_iface" => "Systemwide SNMP bot",
            label if label.starts_with("sw_") || label.starts_with("get_values") => "Systemwide SNMP bot",
            label if label.starts_with("put_") && exchange.path.contains("/entities/") => {
                "Systemwide SNMP bot"
            }
            _ => "snmp bot",
        },
    }
}

fn better(status: u16, why: &str, answer: &Answer) -> Result<(), String> {
    let reasoned = answer.status.is_success() || !answer.body.is_empty();
    if answer.status == status && reasoned {
        Ok(())
    } else {
        Err(format!("{} {} instead of {status}: {why}", answer.status, answer.body))
    }
}

fn refused_alike(exchange: &Exchange, answer: &Answer) -> Result<(), String> {
    let there = exchange.answer();
    let meaning = there.split_inclusive(": ").next().unwrap_or_default();
    let same = exchange.status == Some(answer.status.as_u16());
    if same && (answer.body == there || answer.body.starts_with(meaning)) {
        Ok(())
    } else {
        Err(format!("{there} there, {} {} here", answer.status, answer.body))
    }
}

fn alike(mapping: &mut Mapping, exchange: &Exchange, answer: &Answer) -> Result<(), String> {
    let there = exchange.answer();
    if exchange.status != Some(answer.status.as_u16()) {
        return Err(format!("{:?} {there} there, {} {} here", exchange.status, answer.status, answer.body));
    }
    same_headers(exchange, &answer.headers)?;
    if exchange.answered_is_cut() || exchange.method == "HEAD" {
        return Ok(());
    }
    match serde_json::from_str(&there) {
        Ok(there) => mapping.compare(&there, &answer.json()),
        Err(_) if mapping.ours(&there) == answer.body => Ok(()),
        Err(_) => Err(format!("{there:?} there, {:?} here", answer.body)),
    }
}

fn same_headers(exchange: &Exchange, here: &HeaderMap) -> Result<(), String> {
    for name in ["content-type", "access-control-allow-origin", "x-jwt-token"] {
        let there = exchange.answered_headers.get(name).and_then(Value::as_str);
        let here = here.get(name).map(|value| value.to_str().unwrap());
        let same = match (name, there, here) {
            ("x-jwt-token", there, here) => there.is_some() == here.is_some(),
            // It says nothing about its texts; we say that they are texts.
            ("content-type", None, here) => here.is_none_or(|here| here.starts_with("text/plain")),
            (_, there, here) => there == here,
        };
        if !same {
            return Err(format!("{name}: {there:?} there, {here:?} here"));
        }
    }
    Ok(())
}
