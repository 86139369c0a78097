//! One list of names: a scrape of the hub, remote write in both versions, and what `protocols --prometheus` prints.

use std::{collections::BTreeMap, fs};

use grafolean_collector::{
    remote_write::Version,
    time::{Clock, SystemClock},
};
use serde_json::{Value, json};

use crate::{
    tap::{Kept, Labels, Tap},
    world::{Fill, Run, World, grafolean, text, until},
};

/// A protocol of others, with units that are not base units and labels whose names are taken.
const PROBE: &str = r#"{"name": "probe", "outputs": [
    {"path": "entity.{entity}.probe.p{n}.rtt", "unit": "ms", "title": "RTT", "meaning": "How \"long\" a\nreply \\ took"},
    {"path": "entity.{entity}.probe.{job}.{instance}.fill", "unit": "%", "title": "Fill", "meaning": "Percent"},
    {"path": "entity.{entity}.probe.{account}.{entity_id}.sent-bytes", "unit": "kBy", "title": "Sent", "meaning": "Sent"},
    {"path": "probe.{interval}.entity.{entity}.{address}", "unit": "{packet}/s", "title": "P", "meaning": "Packets"}
]}"#;

/// What a scrape holds: the value of each series, and type, help and unit of each metric.
#[derive(Default)]
struct Scrape {
    values: BTreeMap<Labels, f64>,
    metrics: BTreeMap<String, (String, String, String)>,
}

/// A path of a declared series: what is in braces stands for something that devices say.
fn path(pattern: &str, entity: &str, number: usize) -> String {
    let mut path = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap();
        path.push_str(before);
        path.push_str(&match name {
            "entity" => entity.to_owned(),
            "interval" => "1min".to_owned(),
            "n" => number.to_string(),
            name => format!("{name}%2e{number}%3a0"),
        });
        rest = after;
    }
    path + rest
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
}

fn read(page: &str) -> Scrape {
    let mut scrape = Scrape::default();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().unwrap(), words.next().unwrap_or_default());
            let what = scrape.metrics.entry(name.to_owned()).or_default();
            let said = words.next().unwrap_or_default().to_owned();
            match kind {
                "TYPE" => what.0 = said,
                "HELP" => what.1 = unescape(&said),
                "UNIT" => what.2 = said,
                _ => {}
            }
            continue;
        }
        let (head, value) = line.rsplit_once(' ').unwrap();
        let Some((name, labels)) = head.split_once('{') else { continue };
        let mut all = Labels::from([("__name__".to_owned(), name.to_owned())]);
        for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()) {
            let (name, value) = label.split_once("=\"").unwrap();
            all.insert(name.to_owned(), unescape(value.trim_end_matches('"')));
        }
        assert!(scrape.values.insert(all, value.parse().unwrap()).is_none(), "twice: {line}");
    }
    scrape
        .metrics
        .retain(|name, _| !name.is_empty() && name != "EOF" && name != "grafolean_scrape_truncated");
    scrape
}

#[tokio::test]
async fn a_scrape_and_remote_write_say_the_same_of_every_declared_series() {
    let taps = [Tap::start(Version::V1), Tap::start(Version::V2)];
    let mut world = World::start(Fill { devices: &["192.0.2.7"], interval: 60 }).await;
    let probe = serde_json::from_str::<Value>(PROBE).unwrap();
    assert_eq!(world.tell("PUT", "/hub/protocols/probe", &probe).0, 204);
    world.stop_hub();
    let sinks = world.folder.path().join("sinks.toml");
    let entry = |(place, tap): (usize, &Tap)| {
        format!("[[remote_write]]\nname = \"sink-{place}\"\nurl = \"{}\"\n", tap.url())
    };
    fs::write(&sinks, taps.iter().enumerate().map(entry).collect::<String>()).unwrap();
    world.hub_arguments = vec!["--forward", sinks.display().to_string().leak()];
    world.start_hub();

    let printed = grafolean(world.folder.path()).args(["protocols", "--json"]).finished();
    let declared: Vec<Value> = serde_json::from_slice(&printed.stdout).unwrap();
    let outputs = declared.iter().chain([&probe]).flat_map(|one| one["outputs"].as_array().unwrap());
    let patterns: Vec<&str> = outputs.map(|output| output["path"].as_str().unwrap()).collect();
    assert!(patterns.len() > 100, "{}", patterns.len());
    let entity = world.entities[0].to_string();
    let odd = [
        format!("entity.{entity}.nobody.declared"),
        "cellar.temperature".to_owned(),
        "entity.x.y".to_owned(),
    ];
    let paths =
        patterns.iter().enumerate().map(|(number, pattern)| path(pattern, &entity, number)).chain(odd);
    let now = SystemClock.now().seconds();
    let samples: Vec<Value> = paths
        .zip(1..)
        .map(|(path, number)| json!({"p": path, "t": now, "v": f64::from(number) * 1.25}))
        .collect();
    assert_eq!(world.tell("PUT", &format!("/accounts/{}/values", world.account), &json!(samples)).0, 204);
    until(|| taps.iter().all(|tap| tap.kept().newest.len() >= samples.len()));

    let (status, _, page) =
        world.exchange_as(&world.session(), "GET", &format!("/accounts/{}/prometheus", world.account), "");
    assert_eq!(status, 200, "{page}");
    let Scrape { values, metrics } = read(&page);
    assert_eq!(values.len(), samples.len());
    for tap in &taps {
        let Kept { newest, metrics: told } = tap.kept();
        let written: BTreeMap<_, _> =
            newest.into_iter().map(|(labels, (_, value))| (labels, value)).collect();
        for (labels, value) in &values {
            assert_eq!(written.get(labels), Some(value), "{labels:?}");
        }
        assert_eq!(written.len(), values.len());
        // A quotation mark would have to be escaped in the help of a scrape: it stands as an apostrophe there.
        let told: BTreeMap<_, _> = told
            .into_iter()
            .map(|(name, (kind, help, unit))| {
                assert_eq!(kind, 2, "{name}");
                (name, ("gauge".to_owned(), help.replace('"', "'"), unit))
            })
            .collect();
        assert_eq!(told, metrics);
    }
    let label = |metric: &str, name: &str| {
        let labels = values.keys().find(|labels| labels["__name__"] == metric).unwrap();
        labels.get(name).cloned()
    };
    assert_eq!(
        label("grafolean_probe_fill_ratio", "probe_job").as_deref().map(|text| text.contains("job.")),
        Some(true)
    );
    assert_eq!(label("grafolean_probe_fill_ratio", "job"), None);
    assert_eq!(label("grafolean_probe_sent_bytes", "account").as_deref(), Some("Office"));
    assert_eq!(label("grafolean_probe_rtt_seconds", "address").as_deref(), Some("192.0.2.7"));
    let listed = text(&grafolean(world.folder.path()).args(["protocols", "--prometheus"]).finished().stdout);
    for name in metrics.keys().filter(|name| !name.contains("_probe_") && *name != "grafolean_value") {
        assert!(listed.contains(&format!("`{name}`")), "{name}");
    }
}
