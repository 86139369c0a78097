//! `GET /api/hub/events?account=ID&kinds=values,changed&filter=...`: what happens, as server-sent events. Ours, Grafolean has
//! none such. Pages read those of one account, bots those of all that they measure.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{
        HeaderMap,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use grafolean_collector::model::AccountId;
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    events::{EventId, Kind, Reader, Wanted},
    points::{FilterError, PathFilter},
    serve::{Busy, Place},
};

/// How often it is looked whether the caller still may.
const RECHECK: Duration = Duration::from_secs(10);

/// After how long a refused page tries again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Filters that one page may have.
const MOST_FILTERS: usize = 100;

/// What is told to whoever does not say what they want.
const USUAL: [Kind; 5] = [Kind::Values, Kind::Paths, Kind::Changed, Kind::Status, Kind::Findings];

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/events", get(events))
}

#[derive(Deserialize)]
struct Asked {
    account: Option<String>,
    kinds: Option<String>,
    filter: Option<String>,
    since: Option<String>,
}

async fn events(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    place: Option<Extension<Place>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wanted = wanted(&asked)?;
    if wanted.account.is_some_and(|account| !caller.sees(account)) {
        return Err(ApiError::Forbidden);
    }
    let header = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let told = header.or(asked.since.as_deref()).map(str::parse::<EventId>);
    let reader = Reader::enter(hub.announcer.feed(), caller, wanted, told);
    let reader = reader.ok_or(ApiError::Throttled(TRY_AGAIN))?;
    // The connection keeps its place as long as it is read.
    let busy = place.map(|Extension(place)| place.busy());
    let state = Told { hub, reader, checked: Instant::now(), _busy: busy };
    let body = Body::from_stream(stream::unfold(state, |mut state| async move {
        let written = state.next().await?;
        Some((Ok::<_, std::convert::Infallible>(written), state))
    }));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, [("x-accel-buffering", "no")], body).into_response())
}

/// A response that goes on.
struct Told {
    hub: Arc<Hub>,
    reader: Reader,
    checked: Instant,
    _busy: Option<Busy>,
}

impl Told {
    /// Returns what is written next; nothing once the caller's session ended.
    async fn next(&mut self) -> Option<Bytes> {
        let written = self.reader.next().await?;
        if self.checked.elapsed() >= RECHECK {
            self.checked = Instant::now();
            let known = self.hub.gate.again(&self.hub.store, self.reader.caller()).await.ok()??;
            self.reader.set_caller(known);
        }
        Some(written)
    }
}

fn wanted(asked: &Asked) -> Result<Wanted, ApiError> {
    let account = asked.account.as_deref().map(|account| {
        let wrong =
            || ApiError::input(format!("'{account}' is not an id, for 'account': expected a whole number"));
        account.parse().map(AccountId::new).map_err(|_| wrong())
    });
    let account = account.transpose()?;
    let kinds = asked.kinds.as_deref().map_or_else(|| Ok(USUAL.to_vec()), kinds)?;
    if account.is_none() && kinds.iter().any(|kind| *kind != Kind::Changed) {
        return Err(ApiError::input("'account' is a required parameter, but for kinds=changed"));
    }
    let texts =
        asked.filter.iter().flat_map(|filters| filters.split(',')).filter(|filter| !filter.is_empty());
    let filters: Vec<PathFilter> = texts
        .map(|filter| filter.parse().map_err(|error: FilterError| ApiError::input(error.to_string())))
        .collect::<Result<_, _>>()?;
    if filters.len() > MOST_FILTERS {
        return Err(ApiError::input(format!("{} filters: at most {MOST_FILTERS} are taken", filters.len())));
    }
    Ok(Wanted { account, kinds, filters })
}

fn kinds(text: &str) -> Result<Vec<Kind>, ApiError> {
    let known = |name: &str| Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let wrong = |name: &str| {
        let all = Kind::ALL.map(Kind::as_str).join(", ");
        ApiError::input(format!("'{name}' is not a kind of event: expected one of {all}"))
    };
    text.split(',').map(|name| known(name).ok_or_else(|| wrong(name))).collect()
}
