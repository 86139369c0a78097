//! How all devices of an account are, `/api/hub/accounts/N/overview`: what the page's list is made of.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse, routing::get};
use grafolean_collector::model::AccountId;
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{Ids, list_answer, protocols};
use crate::{
    Hub,
    answer::ApiError,
    overview::Survey,
    points::PointsError,
    store::{entity, sensor},
};

/// An overview is made anew at most in a tenth of the time, however many pages look at a large account.
const REST_PER_WORK: u32 = 9;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/accounts/{account_id}/overview", get(of_account))
}

/// Overviews that were made, by account; whoever asks while one is being made gets that one.
#[derive(Debug, Default)]
pub(crate) struct Overviews(Mutex<HashMap<AccountId, Arc<AsyncMutex<Option<Made>>>>>);

#[derive(Clone, Debug)]
struct Made {
    body: Bytes,
    good_until: Instant,
}

impl Overviews {
    fn of(&self, account: AccountId) -> Arc<AsyncMutex<Option<Made>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(account).or_default())
    }
}

async fn of_account(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    let known = hub.overviews.of(account);
    let mut known = known.lock().await;
    let now = Instant::now();
    if let Some(made) = known.as_ref().filter(|made| now < made.good_until) {
        return Ok(list_answer(made.body.clone()));
    }
    let body = make(&hub, account).await?;
    let rest: Duration = now.elapsed() * REST_PER_WORK;
    *known = Some(Made { body: body.clone(), good_until: Instant::now() + rest });
    Ok(list_answer(body))
}

async fn make(hub: &Hub, account: AccountId) -> Result<Bytes, ApiError> {
    let read =
        move |connection: &_| Ok((entity::list(connection, account)?, sensor::list(connection, account)?));
    let (entities, sensors) = hub.store.read(read).await?;
    let declared = protocols::all(hub).await?;
    let now = hub.clock.now();
    let made = hub.points.read(move |reader| {
        let mut survey = Survey::of(&entities, &sensors, &declared, now);
        reader.each_last_value(account, |path, point| survey.add(path, point))?;
        let written = serde_json::to_vec(&survey.overview());
        written.map(Bytes::from).map_err(|error| PointsError::Answer(error.to_string()))
    });
    Ok(made.await?)
}
