//! Values that are read.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, Path, Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use grafolean_collector::{
    model::{AccountId, SeriesPath},
    time::Timestamp,
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{Fields, Ids, given::timestamp, list_answer, paths::count};
use crate::{
    Hub,
    answer::ApiError,
    points::{AggregationLevel, Order, PathFilter, PointsError, Reader, SeriesId, Span},
};

/// The most values of one path in an answer; `next_data_point` tells where to go on.
const MOST_VALUES: usize = 100_000;

/// The most values in an answer, about 30 MB; what is asked of several paths is cut alike.
const MOST_VALUES_IN_ALL: usize = 1_000_000;

/// The most paths in one request: each has a share of what an answer may hold.
const MOST_PATHS: usize = 1_000;

/// The highest values shown unless the request says how many.
const TOP_SHOWN: usize = 10;

/// The most last values in one answer; it is told when there are more.
const MOST_LAST_VALUES: usize = 100_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/values/{paths}", get(of_path))
        .route("/accounts/{account_id}/getvalues", post(of_paths))
        .route("/accounts/{account_id}/getaggrvalues", post(aggregated))
        .route("/accounts/{account_id}/topvalues", get(top))
        .route("/accounts/{account_id}/lastvalues", get(last))
}

#[derive(Deserialize)]
struct InQuery {
    t0: Option<String>,
    t1: Option<String>,
    sort: Option<String>,
    limit: Option<String>,
}

/// What is to be read.
struct Wanted {
    account: AccountId,
    /// Each path with the span that is wanted of it.
    paths: Vec<(SeriesPath, Span)>,
    order: Order,
    limit: usize,
}

/// Values of one path (or of several, with commas); none of them known: 404.
async fn of_path(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Path((_, decoded)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<InQuery>,
) -> Result<Response, ApiError> {
    let account = AccountId::new(account);
    let as_written = uri.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let names = known_name(&hub, account, decoded, as_written).await?;
    let wanted = wanted(account, &names, query, hub.clock.now())?;
    let read = move |reader: &Reader| {
        let mut known = false;
        let body =
            answer(reader, &wanted, &mut known, |id, span, limit| raw(reader, id, span, &wanted, limit))?;
        Ok((known, body))
    };
    let (known, body) = hub.points.read(read).await?;
    if known {
        Ok(list_answer(body).into_response())
    } else {
        Err(ApiError::NotFound("No such path".to_owned()))
    }
}

/// A path with `%2e` in it may be written into an address as it is, or once more escaped.
async fn known_name(
    hub: &Hub,
    account: AccountId,
    decoded: String,
    as_written: String,
) -> Result<String, ApiError> {
    if as_written == decoded {
        return Ok(decoded);
    }
    let Ok(path) = SeriesPath::parse(&as_written) else { return Ok(decoded) };
    let known = hub.points.read(move |reader| reader.series(account, &path)).await?.is_some();
    Ok(if known { as_written } else { decoded })
}

/// Values of several paths; one that is not known has none.
async fn of_paths(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body, &["p"], &["t0", "t1", "sort", "limit"])?;
    let wanted = wanted_of(AccountId::new(account), &mut fields, hub.clock.now())?;
    let read = move |reader: &Reader| {
        answer(reader, &wanted, &mut false, |id, span, limit| raw(reader, id, span, &wanted, limit))
    };
    Ok(list_answer(hub.points.read(read).await?).into_response())
}

/// Means over buckets of 3^a hours, stamped with the middle of each.
async fn aggregated(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body, &["p", "a"], &["t0", "t1", "sort", "limit"])?;
    let level = text(&mut fields, "a")?
        .and_then(|text| text.trim().parse().ok())
        .and_then(AggregationLevel::new)
        .ok_or_else(|| {
            ApiError::input(format!("'a' is a whole number from 0 to {}", AggregationLevel::MAX))
        })?;
    let wanted = wanted_of(AccountId::new(account), &mut fields, hub.clock.now())?;
    let read = move |reader: &Reader| {
        answer(reader, &wanted, &mut false, |id, span, limit| {
            let (list, next) = reader.aggregates(id, level, span, wanted.order, limit)?;
            let data = list.iter().map(|a| Bucket {
                t: a.time.as_seconds_f64(),
                v: a.mean,
                minv: a.min,
                maxv: a.max,
            });
            Ok(Data { next_data_point: next.map(Timestamp::as_seconds_f64), data: data.collect() })
        })
    };
    Ok(list_answer(hub.points.read(read).await?).into_response())
}

#[derive(Deserialize)]
struct TopQuery {
    f: Option<String>,
    n: Option<String>,
    t: Option<String>,
}

/// The highest values of the newest moment that has any.
async fn top(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(query): Query<TopQuery>,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    struct Row {
        p: String,
        v: f64,
    }
    #[derive(Serialize)]
    struct Answer {
        t: f64,
        total: f64,
        list: Vec<Row>,
    }
    let account = AccountId::new(account);
    let text = query.f.ok_or_else(|| ApiError::BadRequest("no path filter is given".to_owned()))?;
    let filter: PathFilter = text.parse().map_err(|error| ApiError::input(format!("{error}")))?;
    let most = query.n.map_or(Ok(TOP_SHOWN), |n| count(&n, "n"))?;
    let at = query.t.map_or_else(|| Ok(hub.clock.now()), |text| moment(&text, "t"))?;
    let top = hub.points.read(move |reader| reader.top(account, &filter, at, most)).await?;
    let answer = match top {
        None => Answer { t: at.as_seconds_f64(), total: 0.0, list: Vec::new() },
        Some(top) => Answer {
            t: top.time.as_seconds_f64(),
            total: top.total,
            list: top.list.into_iter().map(|(p, v)| Row { p, v }).collect(),
        },
    };
    Ok(axum::Json(answer).into_response())
}

#[derive(Deserialize)]
struct LastQuery {
    filter: Option<String>,
    limit: Option<String>,
    since: Option<String>,
}

/// The newest value of each path, of those that are not older than `since`: an addition to Grafolean's API.
async fn last(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(query): Query<LastQuery>,
) -> Result<Response, ApiError> {
    #[derive(Serialize)]
    struct Row {
        p: String,
        t: f64,
        v: f64,
    }
    let account = AccountId::new(account);
    let text = query.filter.as_deref().unwrap_or("*");
    let filter: PathFilter = text.parse().map_err(|error| ApiError::input(format!("{error}")))?;
    let limit =
        query.limit.map_or(Ok(MOST_LAST_VALUES), |limit| count(&limit, "limit"))?.min(MOST_LAST_VALUES);
    let since = query.since.map(|text| moment(&text, "since")).transpose()?;
    let now = hub.clock.now().as_seconds_f64();
    let read = move |reader: &Reader| {
        let mut values = reader.last_values(account, &filter, limit.saturating_add(1))?;
        let limit_reached = values.len() > limit;
        values.truncate(limit);
        values.retain(|last| since.is_none_or(|since| last.point.time >= since));
        let rows = values.into_iter().map(|last| Row {
            p: last.path,
            t: last.point.time.as_seconds_f64(),
            v: last.point.value,
        });
        let rows: Vec<_> = rows.collect();
        written(&serde_json::json!({"now": now, "limit_reached": limit_reached, "list": rows}))
    };
    Ok(([(CONTENT_TYPE, "application/json")], hub.points.read(read).await?).into_response())
}

fn wanted_of(account: AccountId, fields: &mut Fields, now: Timestamp) -> Result<Wanted, ApiError> {
    let paths = fields.text("p")?;
    let query = InQuery {
        t0: text(fields, "t0")?,
        t1: text(fields, "t1")?,
        sort: text(fields, "sort")?,
        limit: text(fields, "limit")?,
    };
    wanted(account, &paths, query, now)
}

/// A field that may be a text, a number, null or left out.
fn text(fields: &mut Fields, name: &str) -> Result<Option<String>, ApiError> {
    match fields.take(name) {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(ApiError::input(format!("'{name}' is a number or a text"))),
    }
}

fn wanted(account: AccountId, paths: &str, query: InQuery, now: Timestamp) -> Result<Wanted, ApiError> {
    let paths: Vec<SeriesPath> = paths
        .split(',')
        .map(|path| SeriesPath::parse(path).map_err(|error| ApiError::input(error.to_string())))
        .collect::<Result<_, _>>()?;
    if paths.len() > MOST_PATHS {
        return Err(ApiError::input(format!("{} paths, at most {MOST_PATHS} are read at once", paths.len())));
    }
    let until = query.t1.map_or(Ok(now), |text| moment(&text, "t1"))?;
    let froms = match query.t0 {
        None => vec![Span::ALL.from],
        Some(text) => text.split(',').map(|text| moment(text, "t0")).collect::<Result<_, _>>()?,
    };
    let order = match query.sort.as_deref() {
        None | Some("asc") => Order::Ascending,
        Some("desc") => Order::Descending,
        Some(other) => return Err(ApiError::input(format!("'sort' is asc or desc, not {other:?}"))),
    };
    let limit = query.limit.map_or(Ok(MOST_VALUES), |text| count(&text, "limit"))?;
    let limit = limit.min(MOST_VALUES).min(MOST_VALUES_IN_ALL / paths.len().max(1));
    let froms: Vec<_> = match froms.as_slice() {
        &[from] => vec![from; paths.len()],
        several if several.len() == paths.len() => several.to_vec(),
        several => {
            let reason =
                format!("'t0' has {} times for {} paths: one, or one a path", several.len(), paths.len());
            return Err(ApiError::input(reason));
        }
    };
    let paths = paths.into_iter().zip(froms).map(|(path, from)| (path, Span { from, until })).collect();
    Ok(Wanted { account, paths, order, limit })
}

fn moment(text: &str, name: &str) -> Result<Timestamp, ApiError> {
    let seconds = text.trim().parse().map_err(|_| "it is not a number of seconds".to_owned());
    seconds.and_then(timestamp).map_err(|reason| ApiError::input(format!("'{name}' is {text:?}: {reason}")))
}

#[derive(Serialize)]
struct Data<T> {
    next_data_point: Option<f64>,
    data: Vec<T>,
}

#[derive(Serialize)]
struct Row {
    t: f64,
    v: f64,
}

#[derive(Serialize)]
struct Bucket {
    t: f64,
    v: f64,
    minv: f64,
    maxv: f64,
}

fn raw(
    reader: &Reader,
    id: SeriesId,
    span: Span,
    wanted: &Wanted,
    limit: usize,
) -> Result<Data<Row>, PointsError> {
    let window = reader.window(id, span, wanted.order, limit)?;
    let row = |point: &crate::points::Point| Row { t: point.time.as_seconds_f64(), v: point.value };
    Ok(Data {
        next_data_point: window.next.map(Timestamp::as_seconds_f64),
        data: window.points.iter().map(row).collect(),
    })
}

/// Reads what is wanted of each path and writes the answer; returns whether any path is known.
fn answer<T: Serialize>(
    reader: &Reader,
    wanted: &Wanted,
    known: &mut bool,
    read: impl Fn(SeriesId, Span, usize) -> Result<Data<T>, PointsError>,
) -> Result<Bytes, PointsError> {
    #[derive(Serialize)]
    struct Answer<T: Serialize> {
        #[serde(serialize_with = "as_object")]
        paths: Vec<(SeriesPath, Data<T>)>,
    }
    let mut paths = Vec::with_capacity(wanted.paths.len());
    for (path, span) in &wanted.paths {
        let data = match reader.series(wanted.account, path)? {
            None => Data { next_data_point: None, data: Vec::new() },
            Some(id) => {
                *known = true;
                read(id, *span, wanted.limit)?
            }
        };
        paths.push((path.clone(), data));
    }
    written(&Answer { paths })
}

fn as_object<T: Serialize, S: Serializer>(
    paths: &[(SeriesPath, Data<T>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(paths.iter().map(|(path, data)| (path, data)))
}

/// Written where it is read, on a blocking thread: a large answer takes milliseconds.
fn written(answer: &impl Serialize) -> Result<Bytes, PointsError> {
    serde_json::to_vec(answer).map(Bytes::from).map_err(|error| PointsError::Answer(error.to_string()))
}
