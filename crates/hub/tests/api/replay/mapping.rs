//! The ids of a recording and ours: each stands for one of the others, in both directions.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Ids there are drawn from 1 to 2^31 - 1; whatever is smaller than this was chosen by hand and means itself.
const DRAWN_FROM: i64 = 100_000;

/// Fields that hold an id.
const IDS: [&str; 8] =
    ["id", "user_id", "tied_to_account", "parent", "credential", "bot", "sensor", "entity"];

/// Fields that differ each time, and those of MQTT, over which the hub announces nothing.
const PASSING: [&str; 7] =
    ["insert_time", "last_login", "session_id", "token", "t", "mqtt_ws_hostname", "mqtt_ws_port"];

/// Times of values that a recording brought itself are older than it, or lie in its future.
const RECORDED: std::ops::Range<f64> = 1_795_000_000.0..1_796_000_000.0;

/// Which id stands for which.
#[derive(Default)]
pub(crate) struct Mapping {
    ours: HashMap<i64, i64>,
    theirs: HashMap<i64, i64>,
}

impl Mapping {
    /// Assumes that two ids mean the same; returns false if one of them already means another.
    pub(crate) fn bind(&mut self, theirs: i64, ours: i64) -> bool {
        if theirs < DRAWN_FROM {
            return theirs == ours;
        }
        *self.ours.entry(theirs).or_insert(ours) == ours
            && *self.theirs.entry(ours).or_insert(theirs) == theirs
    }

    pub(crate) fn knows(&self, theirs: i64) -> bool {
        self.ours.contains_key(&theirs)
    }

    /// Writes a recorded text with our ids.
    pub(crate) fn ours(&self, text: &str) -> String {
        let mut written = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(|character: char| character.is_ascii_digit()) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|character: char| !character.is_ascii_digit()).unwrap_or(from.len());
            let (digits, after) = from.split_at(end);
            written.push_str(before);
            match digits.parse().ok().and_then(|theirs: i64| self.ours.get(&theirs)) {
                Some(ours) => written.push_str(&ours.to_string()),
                None => written.push_str(digits),
            }
            rest = after;
        }
        written + rest
    }

    /// Compares a recorded answer with ours and learns ids on the way; the error says where they differ.
    pub(crate) fn compare(&mut self, theirs: &Value, ours: &Value) -> Result<(), String> {
        self.same("", theirs, ours)
    }

    fn same(&mut self, name: &str, theirs: &Value, ours: &Value) -> Result<(), String> {
        match (theirs, ours) {
            (Value::Object(theirs), Value::Object(ours)) => self.same_fields(name, theirs, ours),
            (Value::Array(theirs), Value::Array(ours)) => self.same_rows(name, theirs, ours),
            (Value::Number(their), Value::Number(our)) if IDS.contains(&name) => {
                let (their, our) = (their.as_i64().unwrap(), our.as_i64().unwrap());
                if self.bind(their, our) { Ok(()) } else { Err(format!("{name}: {their} is not our {our}")) }
            }
            (Value::String(theirs), Value::String(ours)) if self.ours(theirs) == *ours => Ok(()),
            _ if passing(name, theirs, ours) => Ok(()),
            (Value::Number(their), Value::Number(our)) if their.as_f64() == our.as_f64() => Ok(()),
            _ if theirs == ours => Ok(()),
            _ => Err(format!("{name}: {theirs} there, {ours} here")),
        }
    }

    /// The same fields in the same order; that of protocols means nothing.
    fn same_fields(
        &mut self,
        name: &str,
        theirs: &Map<String, Value>,
        ours: &Map<String, Value>,
    ) -> Result<(), String> {
        let (mut there, mut here): (Vec<_>, Vec<_>) = (theirs.keys().collect(), ours.keys().collect());
        if name == "protocols" {
            there.sort();
            here.sort();
        }
        if there != here {
            return Err(format!("{name}: the fields {there:?} there, {here:?} here"));
        }
        theirs.iter().try_for_each(|(name, theirs)| self.same(name, theirs, &ours[name]))
    }

    /// Rows with a name are compared by it, since drawn ids decide their order; where theirs ascend, ours have to.
    fn same_rows(&mut self, name: &str, theirs: &[Value], ours: &[Value]) -> Result<(), String> {
        if theirs.len() != ours.len() {
            return Err(format!("{name}: {} rows there, {} here", theirs.len(), ours.len()));
        }
        let (mut theirs, mut ours): (Vec<_>, Vec<_>) = (theirs.iter().collect(), ours.iter().collect());
        if ordered_by_id(&theirs) {
            if !ours.is_sorted_by_key(|row| row["id"].as_i64()) {
                return Err(format!("{name}: the rows ascend by id there, not here"));
            }
            theirs.sort_by_key(|row| row["name"].as_str());
            ours.sort_by_key(|row| row["name"].as_str());
        }
        theirs.into_iter().zip(ours).try_for_each(|(theirs, ours)| self.same("row", theirs, ours))
    }
}

/// Whether it can be no chance that rows ascend.
fn ordered_by_id(rows: &[&Value]) -> bool {
    const NO_CHANCE: usize = 3;
    let named = |row: &&Value| row["name"].is_string() && row["details"].is_object();
    rows.len() >= NO_CHANCE && rows.iter().all(named) && rows.is_sorted_by_key(|row| row["id"].as_i64())
}

fn passing(name: &str, theirs: &Value, ours: &Value) -> bool {
    if !PASSING.contains(&name) {
        return false;
    }
    match (theirs, ours) {
        (Value::Number(there), Value::Number(_)) if name == "t" => {
            RECORDED.contains(&there.as_f64().unwrap())
        }
        (Value::Number(_) | Value::Null, Value::Number(_) | Value::Null) => true,
        (Value::String(there), Value::String(here)) if name == "token" => {
            there == "BOT_TOKEN" && uuid::Uuid::try_parse(here).is_ok()
        }
        (Value::String(_), Value::String(here)) if name.starts_with("mqtt") => here.is_empty(),
        (Value::String(there), Value::String(here)) => there.len() == here.len(),
        _ => false,
    }
}
