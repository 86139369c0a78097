//! What a device told, in words.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use grafolean_collector::{
    model::{Details, EntityId},
    report::{Event, Events, Report},
    time::Timestamp,
};
use serde_json::{Value as Json, json};

use super::desk::{Heard, Key, Told};
use crate::snmp::{
    Varbind,
    mib::Names,
    notification::{Kind, Notification},
    slug,
};

/// Events of one report: a request of some hundred kB.
const MOST_EVENTS: usize = 500;

/// Objects of a notification that are kept.
const MOST_OBJECTS: usize = 32;

/// The longest text of an object that is kept, in octets.
const MOST_TEXT: usize = 256;

/// Kinds of notifications of one device that are counted by name in a run; the others are `other`.
const MOST_NAMES: usize = 20;

/// Distinguishes events that came in one microsecond.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Returns what is reported of what a device told.
pub(super) fn reports(key: Key, told: Told, due: Timestamp, names: &Names) -> Vec<Report> {
    let (account, entity) = key;
    let mut reports = Vec::new();
    if told.is_counted {
        reports.push(Report::values(account, due, counts(entity, &told, names)));
    }
    let mut events = events(entity, told.events, names);
    while !events.is_empty() {
        let rest = events.split_off(events.len().min(MOST_EVENTS));
        reports.push(Report::Events(Events { account, events }));
        events = rest;
    }
    reports
}

/// Returns how many notifications came, in all and by name.
fn counts(entity: EntityId, told: &Told, names: &Names) -> Vec<(String, f64)> {
    let path = |what: &str| format!("entity.{entity}.snmp.traps.{what}");
    let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
    for (trap, number) in &told.counts {
        let full = names.name_of(trap);
        let name = slug(full.split_once("::").map_or(&*full, |(_, name)| name));
        let name = if by_name.len() >= MOST_NAMES && !by_name.contains_key(&name) {
            "other".to_owned()
        } else {
            name
        };
        *by_name.entry(name).or_default() += number;
    }
    // Counts of a run are far below 2^52.
    let mut values = vec![(path("count"), by_name.values().sum::<u64>() as f64)];
    values
        .extend(by_name.into_iter().map(|(name, number)| (path(&format!("by-name.{name}")), number as f64)));
    if told.dropped > 0 {
        values.push((path("dropped"), told.dropped as f64));
    }
    values
}

/// Returns the events, of those that say the same one.
fn events(entity: EntityId, heard: Vec<Heard>, names: &Names) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut known: HashMap<u64, usize> = HashMap::new();
    for Heard { time, source, user, notification } in heard {
        let Notification { version, kind, trap, uptime, agent, varbinds } = &notification;
        let name = names.name_of(trap);
        let objects: Vec<Json> =
            varbinds.iter().take(MOST_OBJECTS).map(|varbind| object(varbind, names)).collect();
        let same = hash(&(&name, source, &user, Json::from(objects.clone()).to_string()));
        if let Some(event) = known.get(&same).and_then(|place| events.get_mut(*place)) {
            event.count = event.count.saturating_add(1);
            continue;
        }
        known.insert(same, events.len());
        let mut details = Details::new();
        let kind = if matches!(kind, Kind::Trap) { "trap" } else { "inform" };
        details.insert("kind".to_owned(), kind.into());
        details.insert("version".to_owned(), format!("{version:?}").to_ascii_lowercase().into());
        details.insert("oid".to_owned(), trap.to_string().into());
        details.insert("uptime".to_owned(), (f64::from(*uptime) / 100.0).into());
        details.extend(user.map(|user| ("user".to_owned(), user.into())));
        details.extend(agent.map(|agent| ("agent".to_owned(), agent.to_string().into())));
        if varbinds.len() > MOST_OBJECTS {
            details.insert("objects_more".to_owned(), (varbinds.len() - MOST_OBJECTS).into());
        }
        details.insert("objects".to_owned(), objects.into());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}.{entity}.{number}", time.micros());
        events.push(Event { id, time, entity, name, source: source.to_string(), count: 1, details });
    }
    events
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Returns an object as people read it: `{"name": "IF-MIB::ifOperStatus.3", "oid": .., "value": "down"}`.
fn object(Varbind { oid, value }: &Varbind, names: &Names) -> Json {
    let (mut text, unit) = match value {
        Ok(value) => {
            let shown = names.show(oid, value);
            (shown.meaning.unwrap_or_else(|| value.text().into_owned()), shown.unit)
        }
        Err(exception) => (exception.to_string(), None),
    };
    text.truncate(text.floor_char_boundary(MOST_TEXT));
    let mut object = json!({"name": names.name_of(oid), "oid": oid.to_string(), "value": text});
    if let (Some(unit), Some(fields)) = (unit, object.as_object_mut()) {
        fields.insert("unit".to_owned(), unit.into());
    }
    object
}
