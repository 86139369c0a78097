//! Stored flows of an exporter, `/api/hub/accounts/N/flows/ENTITY`: the largest addresses, protocols, ports or pairs over time.
//!
//! Of each interval the ten largest are stored. What is not among them is null, unless fewer than ten are stored there: then
//! all are, and it is 0.
//!
//! ```text
//! {"interval": "1min", "width": 60, "times": [...], "keys": 37,
//!  "total": {"bytes": 900, "values": [...]}, "top": [{"key": ["192.0.2.1"], "bytes": 500, "values": [300, null, 0]}]}
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use grafolean_collector::{
    model::{AccountId, EntityId, SeriesPath},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{Ids, list_answer, paths::count, series::span};
use crate::{
    Hub,
    answer::ApiError,
    points::{Order, PathFilter, PointsError, Reader, SeriesId, Span},
};

/// The intervals that are stored, with their seconds and how long a range each is shown for.
const INTERVALS: [(&str, u64, u64); 5] = [
    ("1min", 60, 6 * 3_600),
    ("15min", 900, 3 * 86_400),
    ("1h", 3_600, 14 * 86_400),
    ("4h", 14_400, 45 * 86_400),
    ("24h", 86_400, u64::MAX),
];
/// How many of each kind are stored of an interval.
const STORED: usize = 10;
/// The largest shown unless the request says how many.
const USUAL_TOP: usize = 9;
/// Different keys that are read: beyond it the answer says that there are more.
const MOST_KEYS: usize = 20_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/accounts/{account_id}/flows/{entity_id}", get(of_exporter))
}

/// What is asked of an exporter's flows.
#[derive(Deserialize)]
pub(super) struct Asked {
    direction: Option<String>,
    #[serde(rename = "if")]
    interface: Option<String>,
    by: Option<String>,
    from: Option<String>,
    to: Option<String>,
    top: Option<String>,
    /// Keys to leave out, with commas.
    not: Option<String>,
}

/// What is asked, checked: the path of the total, and what follows it in those of the parts.
pub(super) struct Wanted {
    pub(super) prefix: String,
    pub(super) kind: &'static str,
    interval: &'static str,
    width: Duration,
    span: Span,
    top: usize,
    not: Vec<String>,
}

async fn of_exporter(
    State(hub): State<Arc<Hub>>,
    Ids([account, entity]): Ids<2>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let wanted = asked.checked(&hub, EntityId::new(entity))?;
    answer(&hub, AccountId::new(account), wanted).await
}

impl Asked {
    pub(super) fn checked(self, hub: &Hub, entity: EntityId) -> Result<Wanted, ApiError> {
        let direction = match self.direction.as_deref() {
            None | Some("ingress") => "ingress",
            Some("egress") => "egress",
            Some(other) => {
                return Err(ApiError::input(format!("'direction' is {other:?}: expected ingress or egress")));
            }
        };
        let interface = self.interface.filter(|text| !text.is_empty());
        let kind = match (self.by.as_deref(), &interface) {
            (None | Some("address"), _) => "topip",
            (Some("protocol"), _) => "topprotocol",
            (Some("port"), None) => "topdstports",
            (Some("pair"), None) => "topconn",
            (Some(other), Some(_)) => {
                let reason = format!("'by' is {other:?}: of an interface expected address or protocol");
                return Err(ApiError::input(reason));
            }
            (Some(other), None) => {
                let reason = format!("'by' is {other:?}: expected address, protocol, port or pair");
                return Err(ApiError::input(reason));
            }
        };
        let interface = match interface {
            None => String::new(),
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!(".if.{text}"),
            Some(text) => {
                return Err(ApiError::input(format!("'if' is {text:?}: expected an interface's index")));
            }
        };
        let span = span(hub, self.from.as_deref(), self.to.as_deref())?;
        let seconds = span.until.since(span.from).as_secs();
        let [.., longest] = INTERVALS;
        let (interval, width, _) =
            INTERVALS.into_iter().find(|(_, _, up_to)| seconds <= *up_to).unwrap_or(longest);
        let top = self.top.map_or(Ok(USUAL_TOP), |text| count(&text, "top"))?.clamp(1, 100);
        let not = self.not.map_or_else(Vec::new, |text| text.split(',').map(str::to_owned).collect());
        let prefix = format!("netflow.{interval}.{direction}.entity.{entity}{interface}");
        Ok(Wanted { prefix, kind, interval, width: Duration::from_secs(width), span, top, not })
    }
}

#[derive(Serialize)]
struct Answer {
    interval: &'static str,
    width: u64,
    times: Vec<f64>,
    keys: usize,
    more: bool,
    total: Row,
    /// Stored of each interval: null where it is not the whole.
    top: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    key: Vec<String>,
    bytes: f64,
    values: Vec<Option<f64>>,
}

pub(super) async fn answer(hub: &Hub, account: AccountId, wanted: Wanted) -> Result<Response, ApiError> {
    let total = SeriesPath::parse(&wanted.prefix).map_err(|error| ApiError::input(error.to_string()))?;
    let parts: PathFilter = format!("{}.{}.*", wanted.prefix, wanted.kind)
        .parse()
        .map_err(|error| ApiError::input(format!("{error}")))?;
    let read = move |reader: &Reader| {
        let answer = ranked(reader, account, &total, &parts, &wanted)?;
        let written = serde_json::to_vec(&answer);
        written.map(Bytes::from).map_err(|error| PointsError::Answer(error.to_string()))
    };
    Ok(list_answer(hub.points.read(read).await?).into_response())
}

type Values = BTreeMap<Timestamp, f64>;

fn ranked(
    reader: &Reader,
    account: AccountId,
    total: &SeriesPath,
    parts: &PathFilter,
    wanted: &Wanted,
) -> Result<Answer, PointsError> {
    let read = |id: Option<SeriesId>| -> Result<Values, PointsError> {
        let Some(id) = id else { return Ok(Values::new()) };
        let window = reader.window(id, wanted.span, Order::Ascending, usize::MAX - 1)?;
        Ok(window.points.into_iter().map(|point| (point.time, point.value)).collect())
    };
    let total = read(reader.series(account, total)?)?;
    let found = reader.paths(account, parts, MOST_KEYS)?;
    let mut stored: HashMap<Timestamp, usize> = HashMap::new();
    let mut rows = Vec::new();
    for row in found.rows {
        let values = read(Some(row.id))?;
        if values.is_empty() {
            continue;
        }
        values.keys().for_each(|time| *stored.entry(*time).or_default() += 1);
        rows.push((key(&row.path, &wanted.prefix), values));
    }
    let keys = rows.len();
    rows.retain(|(key, _)| !wanted.not.contains(&key.join(" ")));
    let bytes = |values: &Values| values.values().sum::<f64>();
    rows.sort_by(|(a, x), (b, y)| bytes(y).total_cmp(&bytes(x)).then_with(|| a.cmp(b)));
    let top = rows.into_iter().take(wanted.top).map(|(key, values)| {
        let of = |time: &Timestamp| {
            let all_are_stored = stored.get(time).copied().unwrap_or(0) < STORED;
            values.get(time).copied().or(all_are_stored.then_some(0.0))
        };
        Row { bytes: bytes(&values), values: total.keys().map(of).collect(), key }
    });
    Ok(Answer {
        interval: wanted.interval,
        width: wanted.width.as_secs(),
        times: total.keys().map(|time| time.as_seconds_f64()).collect(),
        keys,
        more: found.limit_reached,
        top: top.collect(),
        total: Row {
            key: Vec::new(),
            bytes: bytes(&total),
            values: total.values().copied().map(Some).collect(),
        },
    })
}

/// Returns what a path says behind its kind: an address, a protocol, a port, or two addresses.
fn key(path: &str, prefix: &str) -> Vec<String> {
    let rest = path.get(prefix.len() + 1..).unwrap_or_default();
    rest.split('.').skip(1).map(|segment| segment.replace("%2e", ".").replace("%3a", ":")).collect()
}

impl Wanted {
    /// Whether a filter means all parts of what is asked: that of a widget of flows, in which `?` may stand for the interval.
    pub(super) fn is_of(&self, filter: &str) -> bool {
        let any = self.prefix.replacen(self.interval, "?", 1);
        [&self.prefix, &any].into_iter().any(|prefix| filter == format!("{prefix}.{}.*", self.kind))
    }
}
