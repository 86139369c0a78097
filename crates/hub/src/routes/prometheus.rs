//! The newest values of an account for Prometheus, `GET /api/accounts/A/prometheus`: ours, Grafolean has none such.

use std::{collections::BTreeMap, fmt::Write, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::get,
};
use grafolean_collector::{
    health,
    model::{Account, AccountId, Entity, EntityId, Sensor, SensorUse},
    protocol::prometheus::{Mappings, Match, Metric, Owner, TEMPLATE},
    time::Timestamp,
};
use serde::Deserialize;

use super::{Ids, protocols};
use crate::{
    Hub,
    answer::ApiError,
    points::{LastValue, PathFilter, Reader},
    store::{account, entity, sensor},
};

/// The most values in one scrape, about 15 MB; that there are more is told by `grafolean_scrape_truncated`.
const MOST_VALUES: usize = 50_000;

/// A value is shown for so many of its intervals after its time, and for [`SPARE`] more: runs are late, bots restart.
const INTERVALS: u32 = 2;
const SPARE: Duration = Duration::from_secs(180);

/// The interval of what does not say one.
const USUAL: Duration = Duration::from_secs(300);

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/accounts/{account_id}/prometheus", get(scrape))
}

#[derive(Deserialize)]
struct Asked {
    filter: Option<String>,
}

async fn scrape(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let account = AccountId::new(account);
    let text = asked.filter.as_deref().unwrap_or("*");
    let filter: PathFilter = text.parse().map_err(|error| ApiError::input(format!("{error}")))?;
    let declarations = protocols::all(&hub).await?;
    let read = hub.store.read(move |connection| {
        Ok((
            account::one(connection, account)?,
            entity::list(connection, account)?,
            sensor::list(connection, account)?,
        ))
    });
    let (of, entities, sensors) = read.await?;
    let now = hub.clock.now();
    let read = move |reader: &Reader| {
        let declared = declarations.iter().map(|one| (one.name.as_str(), one.outputs.as_slice()));
        let mappings = Mappings::of(declared, TEMPLATE);
        let devices = Devices::of(&of, &entities, &sensors);
        let mut page = Page::new(&of);
        reader.each_newest(account, &filter, |last| Ok(page.offer(last, &mappings, &devices, now)))?;
        Ok(page.finish())
    };
    let body = hub.points.read(read).await?;
    Ok(([(CONTENT_TYPE, health::CONTENT_TYPE)], body).into_response())
}

/// What labels say of devices, and how long their values are new.
struct Devices<'a>(BTreeMap<EntityId, Device<'a>>);

struct Device<'a> {
    owner: Owner<'a>,
    longest: Duration,
}

impl<'a> Devices<'a> {
    fn of(account: &'a Account, entities: &'a [Entity], sensors: &[Sensor]) -> Self {
        let defaults: BTreeMap<_, _> = sensors.iter().map(|one| (one.id, one.default_interval)).collect();
        let device = |entity: &'a Entity| {
            let attached = entity.protocols.iter().flatten().flat_map(|(_, attachment)| &attachment.sensors);
            let interval =
                |used: &SensorUse| used.interval.or_else(|| defaults.get(&used.sensor).copied().flatten());
            let longest =
                attached.filter_map(interval).filter_map(|seconds| u64::try_from(seconds).ok()).max();
            let longest = longest.map_or(USUAL, Duration::from_secs).max(USUAL);
            (entity.id, Device { owner: Owner::of(&account.name, entity), longest })
        };
        Self(entities.iter().map(device).collect())
    }
}

/// Whether a value is too old to be the state of anything.
fn is_stale(found: &Match<'_>, device: Option<&Device<'_>>, age: Duration) -> bool {
    let named = found.labels.iter().find(|(name, _)| *name == "interval");
    let own = named.and_then(|(_, text)| span(text));
    let interval = own.or(device.map(|device| device.longest)).unwrap_or(USUAL);
    age > interval * INTERVALS + SPARE
}

/// Reads the interval that a path names: `1min`, `15min`, `4h`.
fn span(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

/// What is being written: by name of the metric its head and its lines.
struct Page<'a> {
    account: &'a Account,
    families: BTreeMap<String, String>,
    values: usize,
    truncated: bool,
}

impl<'a> Page<'a> {
    fn new(account: &'a Account) -> Self {
        Self { account, families: BTreeMap::new(), values: 0, truncated: false }
    }

    /// Writes a value unless it is stale; returns whether there is room for more.
    fn offer(&mut self, last: LastValue, mappings: &Mappings, devices: &Devices<'_>, now: Timestamp) -> bool {
        let LastValue { path, point } = last;
        let found = mappings.get(&path);
        let device = found.entity.and_then(|(entity, _)| devices.0.get(&entity));
        let age = if point.time < now { now.since(point.time) } else { Duration::ZERO };
        if is_stale(&found, device, age) {
            return true;
        }
        if self.values >= MOST_VALUES {
            self.truncated = true;
            return false;
        }
        self.values += 1;
        let owner = device.map_or(Owner { account: &self.account.name, ..Owner::default() }, |it| it.owner);
        let name = &found.metric.name;
        let lines = self.families.entry(name.clone()).or_insert_with(|| head(found.metric));
        lines.push_str(name);
        lines.push('{');
        for (name, value) in found.labels(self.account.id, owner) {
            label(lines, &name, &value);
        }
        lines.pop();
        let _ = writeln!(lines, "}} {}", found.scale.of(point.value));
        true
    }

    fn finish(self) -> String {
        let mut page: String = self.families.into_values().collect();
        let truncated = u8::from(self.truncated);
        let _ = write!(
            page,
            "# HELP grafolean_scrape_truncated Whether there are more values than one scrape holds: filter them\n\
             # TYPE grafolean_scrape_truncated gauge\n\
             grafolean_scrape_truncated {truncated}\n# EOF\n"
        );
        page
    }
}

/// Writes what stands before the lines of a metric.
fn head(metric: &Metric) -> String {
    let Metric { name, help, unit } = metric;
    let help = help.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "'");
    let unit = if unit.is_empty() { String::new() } else { format!("# UNIT {name} {unit}\n") };
    format!("# HELP {name} {help}\n# TYPE {name} gauge\n{unit}")
}

/// Writes a label with a comma behind it.
fn label(lines: &mut String, name: &str, value: &str) {
    lines.push_str(name);
    lines.push_str("=\"");
    for letter in value.chars() {
        match letter {
            '\\' => lines.push_str("\\\\"),
            '"' => lines.push_str("\\\""),
            '\n' => lines.push_str("\\n"),
            other => lines.push(other),
        }
    }
    lines.push_str("\",");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_out_of_paths() {
        let minutes = |text| span(text).map(|span| span.as_secs() / 60);
        assert_eq!(["1min", "15min", "4h", "24h"].map(minutes), [1, 15, 240, 1_440].map(Some));
        assert_eq!(["", "min", "1", "1 h", "99999999999999999999h"].map(minutes), [None; 5]);
    }

    #[test]
    fn what_would_end_a_label_is_escaped() {
        let mut lines = String::new();
        label(&mut lines, "a", "x\"y\\z\nw");
        assert_eq!(lines, "a=\"x\\\"y\\\\z\\nw\",");
    }
}
