//! Why a value is missing, and what is wrong with an account: `/api/hub/why`, `/api/hub/findings`, and the same below an
//! account.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Query, State},
    response::IntoResponse,
    routing::get,
};
use grafolean_collector::{
    model::{AccountId, SeriesPath},
    why::{Answer, Facts, Question, Range, StoredValue, explain},
};
use serde::Deserialize;

use super::Ids;
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    facts,
    points::{PathFilter, Reader},
    rights::Verb,
    store::{account, listed},
};

/// Values of an entity that are looked at; of a device with more paths a part tells as much.
const MOST_VALUES: usize = 20_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/why", get(why_of_all))
        .route("/hub/findings", get(findings_of_all))
        .route("/hub/accounts/{account_id}/why", get(why))
        .route("/hub/accounts/{account_id}/findings", get(findings))
}

#[derive(Deserialize)]
struct Asked {
    about: String,
    from: Option<f64>,
    to: Option<f64>,
}

/// Explains a path, or an entity by its id, name or address, in each account that the caller may read and that knows it.
async fn why_of_all(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for account in readable(&hub, &caller).await? {
        let answers = answers(&hub, account, &asked).await?;
        let is_known = answers.iter().any(|answer| answer.entity.is_some() || answer.last_stored.is_some());
        if is_known { &mut known } else { &mut unknown }.extend(answers);
    }
    // Where no account knows it, one of them says so.
    unknown.truncate(1);
    Ok(Json(listed(if known.is_empty() { unknown } else { known })))
}

async fn why(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(listed(answers(&hub, AccountId::new(account), &asked).await?)))
}

async fn findings_of_all(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, ApiError> {
    let mut all = Vec::new();
    for account in readable(&hub, &caller).await? {
        all.extend(facts::findings(&hub, account).await?.iter().cloned());
    }
    Ok(Json(listed(all)))
}

async fn findings(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(listed(facts::findings(&hub, AccountId::new(account)).await?.to_vec())))
}

/// Returns the accounts whose entities the caller may read.
async fn readable(hub: &Hub, caller: &Caller) -> Result<Vec<AccountId>, ApiError> {
    let accounts = hub.store.read(account::all).await?;
    let may_read = |id: &AccountId| caller.holds(Verb::Get, &format!("accounts/{id}/entities"));
    let readable: Vec<_> = accounts.into_iter().map(|account| account.id).filter(may_read).collect();
    // An empty list would say that nothing is wrong.
    if readable.is_empty() { Err(ApiError::Forbidden) } else { Ok(readable) }
}

async fn answers(hub: &Hub, account: AccountId, asked: &Asked) -> Result<Vec<Answer>, ApiError> {
    let facts = facts::gather(hub, account).await?;
    let question = Question::parse(&asked.about, &facts.account);
    let stored = stored(hub, account, &question).await?;
    let range = asked.from.zip(asked.to).map(|(from, to)| Range { from, to });
    Ok(explain(&question, &Facts { stored: Some(stored), range, ..facts }))
}

/// Reads the newest values of what is asked about: those of the entity, and that of the path itself.
async fn stored(hub: &Hub, account: AccountId, question: &Question) -> Result<Vec<StoredValue>, ApiError> {
    let path = match question {
        Question::Path(path) => SeriesPath::parse(path).ok(),
        Question::Entity(_) | Question::Unknown(_) => None,
    };
    let entity = question.entity();
    let read = move |reader: &Reader| {
        let mut filters = Vec::new();
        filters.extend(entity.and_then(|id| format!("entity.{id}.*").parse::<PathFilter>().ok()));
        filters.extend(path.and_then(|path| path.to_string().parse::<PathFilter>().ok()));
        let mut values = Vec::new();
        for filter in filters {
            let last = reader.last_values(account, &filter, MOST_VALUES)?;
            values.extend(last.into_iter().map(|last| StoredValue {
                path: last.path,
                time: last.point.time.as_seconds_f64(),
                value: last.point.value,
            }));
        }
        Ok(values)
    };
    Ok(hub.points.read(read).await?)
}
