//! Series as charts draw them, `/api/hub/accounts/N/series`: a GET, so that whoever may read may draw.
//!
//! ```text
//! {"series": {"entity.7.ping.rtt.avg": {"width": 300, "rows": [[start, mean, lowest, highest, count], ...]},
//!             "entity.8.ping.rtt.avg": {"width": 0, "rows": [[time, value], ...]}}}
//! ```

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use grafolean_collector::{
    model::{AccountId, SeriesPath},
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ids, given::timestamp, list_answer, paths::count};
use crate::{
    Hub,
    answer::ApiError,
    points::{Drawn, PointsError, Reader, Span},
};

/// The most series in an answer.
const MOST_SERIES: usize = 200;
/// Values or buckets of a series unless the request says how many: about two pixels of a wide screen for each.
const USUAL_POINTS: usize = 400;
/// The most of them.
const MOST_POINTS: usize = 5_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/accounts/{account_id}/series", get(of_account))
}

/// What is asked of series.
#[derive(Deserialize)]
pub(super) struct Asked {
    p: Option<String>,
    from: Option<String>,
    to: Option<String>,
    points: Option<String>,
}

/// What is asked, checked.
pub(super) struct Wanted {
    pub(super) paths: Vec<SeriesPath>,
    span: Span,
    points: usize,
}

async fn of_account(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let wanted = asked.checked(&hub)?;
    answer(&hub, AccountId::new(account), wanted).await
}

impl Asked {
    pub(super) fn checked(self, hub: &Hub) -> Result<Wanted, ApiError> {
        let text = self
            .p
            .ok_or_else(|| ApiError::BadRequest("no path is given: expected ?p=PATH,PATH".to_owned()))?;
        let paths: Vec<_> = text
            .split(',')
            .map(|path| SeriesPath::parse(path).map_err(|error| ApiError::input(error.to_string())))
            .collect::<Result<_, _>>()?;
        if paths.len() > MOST_SERIES {
            return Err(ApiError::input(format!(
                "{} paths, at most {MOST_SERIES} are read at once",
                paths.len()
            )));
        }
        let span = span(hub, self.from.as_deref(), self.to.as_deref())?;
        let points =
            self.points.map_or(Ok(USUAL_POINTS), |text| count(&text, "points"))?.clamp(1, MOST_POINTS);
        Ok(Wanted { paths, span, points })
    }
}

/// Reads a span of seconds; the last hour unless it says another.
pub(super) fn span(hub: &Hub, from: Option<&str>, to: Option<&str>) -> Result<Span, ApiError> {
    const HOUR_MICROS: i64 = 3_600_000_000;
    let until = to.map_or_else(|| Ok(hub.clock.now()), |text| moment(text, "to"))?;
    let hour_before = Timestamp::from_micros(until.micros().saturating_sub(HOUR_MICROS));
    let from = from.map_or(Ok(hour_before), |text| moment(text, "from"))?;
    if from >= until {
        return Err(ApiError::input("'from' has to be before 'to'"));
    }
    Ok(Span { from, until })
}

fn moment(text: &str, name: &str) -> Result<Timestamp, ApiError> {
    let seconds = text.trim().parse().map_err(|_| "it is not a number of seconds".to_owned());
    seconds.and_then(timestamp).map_err(|reason| ApiError::input(format!("'{name}' is {text:?}: {reason}")))
}

pub(super) async fn answer(hub: &Hub, account: AccountId, wanted: Wanted) -> Result<Response, ApiError> {
    let read = move |reader: &Reader| {
        let mut series = serde_json::Map::new();
        for path in &wanted.paths {
            let drawn = match reader.series(account, path)? {
                Some(id) => reader.drawn(id, wanted.span, wanted.points)?,
                None => Drawn::Values(Vec::new()),
            };
            series.insert(path.to_string(), object(drawn));
        }
        let written = serde_json::to_vec(&json!({"series": series}));
        written.map(Bytes::from).map_err(|error| PointsError::Answer(error.to_string()))
    };
    Ok(list_answer(hub.points.read(read).await?).into_response())
}

fn object(drawn: Drawn) -> Value {
    match drawn {
        Drawn::Values(points) => {
            let rows = points.iter().map(|point| json!([point.time.as_seconds_f64(), point.value]));
            json!({"width": 0, "rows": rows.collect::<Value>()})
        }
        Drawn::Buckets(width, buckets) => {
            let rows = buckets.iter().map(|bucket| {
                json!([
                    bucket.start.as_seconds_f64(),
                    bucket.mean,
                    bucket.lowest,
                    bucket.highest,
                    bucket.count
                ])
            });
            json!({"width": width.as_secs(), "rows": rows.collect::<Value>()})
        }
    }
}
