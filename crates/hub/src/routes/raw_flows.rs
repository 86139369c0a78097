//! Raw flows of an account's exporters, where they are kept beside this hub: `/api/hub/accounts/N/raw-flows`.
//!
//! An answer may take minutes: it comes as lines of JSON, first how far it is, `{"done": 0.4}`, then `{"answer": {...}}` or
//! `{"error": "..."}`. Whoever goes away stops it.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use grafolean_collector::model::{AccountId, Entity, EntityId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::{Ids, paths::count, series::span};
use crate::{
    Hub,
    answer::ApiError,
    flow_archive::{FlowAnswer, FlowArchive, FlowArchiveError, FlowProgress, FlowQuestion},
    store::entity,
};

/// Questions that are answered at once: each takes all processors. Further ones wait, and say so.
static ASKED: Semaphore = Semaphore::const_new(2);
/// How often it is said how far an answer is.
const TELL: Duration = Duration::from_millis(250);
/// Groups unless the request says how many, and the most.
const USUAL_TOP: usize = 10;
const MOST_TOP: usize = 1_000;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/accounts/{account_id}/raw-flows", get(kept))
        .route("/hub/accounts/{account_id}/raw-flows/query", get(query))
}

/// What is kept, `{"kept": null}` where nothing is.
async fn kept(State(hub): State<Arc<Hub>>, Ids([_account]): Ids<1>) -> Result<Response, ApiError> {
    let Some(archive) = hub.flow_archive.clone() else {
        return Ok(Json(json!({"kept": null})).into_response());
    };
    let kept =
        spawn_blocking(move || archive.kept()).await.map_err(|error| ApiError::Failed(error.to_string()))?;
    let kept = kept.map_err(|error| ApiError::Failed(error.to_string()))?;
    Ok(Json(json!({"kept": kept})).into_response())
}

#[derive(Deserialize)]
struct Asked {
    filter: Option<String>,
    by: Option<String>,
    from: Option<String>,
    to: Option<String>,
    top: Option<String>,
    /// Of this exporter alone.
    entity: Option<String>,
}

async fn query(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Query(asked): Query<Asked>,
) -> Result<Response, ApiError> {
    let archive = hub
        .flow_archive
        .clone()
        .ok_or_else(|| ApiError::NotFound("No raw flows are kept beside this hub".to_owned()))?;
    let span = span(&hub, asked.from.as_deref(), asked.to.as_deref())?;
    let only = asked.entity.map(|text| text.parse().map(EntityId::new)).transpose();
    let only = only.map_err(|_| ApiError::input("'entity' is invalid: expected an entity's id"))?;
    let question = FlowQuestion {
        filter: asked.filter.unwrap_or_default(),
        exporters: exporters(&hub, AccountId::new(account), only).await?,
        by: asked
            .by
            .map_or_else(Vec::new, |text| text.split(',').map(|name| name.trim().to_owned()).collect()),
        from: span.from,
        to: span.until,
        top: asked.top.map_or(Ok(USUAL_TOP), |text| count(&text, "top"))?.clamp(1, MOST_TOP),
    };
    if question.exporters.is_empty() {
        return Err(ApiError::NotFound(
            "No device of this account with protocol netflow has an address".to_owned(),
        ));
    }
    // Packing would hold back the lines that say how far it is.
    let head = [(CONTENT_TYPE, "application/x-ndjson"), (CONTENT_ENCODING, "identity")];
    Ok((head, Body::from_stream(stream::unfold(Asking::of(archive, question), Asking::next))).into_response())
}

/// The addresses from which the exporters of an account send.
async fn exporters(hub: &Hub, account: AccountId, only: Option<EntityId>) -> Result<Vec<IpAddr>, ApiError> {
    let entities = hub.store.read(move |connection| entity::list(connection, account)).await?;
    let wanted = |entity: &Entity| {
        entity.protocols.as_ref().is_some_and(|protocols| protocols.contains_key("netflow"))
            && only.is_none_or(|only| entity.id == only)
    };
    let addresses = |entity: Entity| {
        let of =
            |name| entity.details.get(name).and_then(Value::as_str).and_then(|text| text.trim().parse().ok());
        ["ipv4", "ipv6"].into_iter().filter_map(of).collect::<Vec<IpAddr>>()
    };
    Ok(entities.into_iter().filter(wanted).flat_map(addresses).collect())
}

type Answered = JoinHandle<Result<FlowAnswer, FlowArchiveError>>;

/// A question under way; dropped with the connection, which stops it.
struct Asking {
    progress: Arc<FlowProgress>,
    under_way: Option<Answered>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.progress.stop.store(true, Relaxed);
    }
}

impl Asking {
    fn of(archive: Arc<dyn FlowArchive>, question: FlowQuestion) -> Self {
        let progress = Arc::new(FlowProgress::default());
        let told = Arc::clone(&progress);
        let under_way = tokio::spawn(async move {
            // It is never closed.
            let _place = ASKED.acquire().await;
            if told.stop.load(Relaxed) {
                return Err(FlowArchiveError::Failed("it was stopped".to_owned()));
            }
            let asked = spawn_blocking(move || archive.ask(&question, &told)).await;
            asked.unwrap_or_else(|error| Err(FlowArchiveError::Failed(error.to_string())))
        });
        Self { progress, under_way: Some(under_way) }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let mut under_way = self.under_way.take()?;
        let line = match timeout(TELL, &mut under_way).await {
            Ok(Ok(Ok(answer))) => json!({"answer": answer}),
            Ok(Ok(Err(error))) => json!({"error": error.to_string()}),
            Ok(Err(error)) => json!({"error": error.to_string()}),
            Err(_) => {
                self.under_way = Some(under_way);
                json!({"done": self.share()})
            }
        };
        Some((Ok(format!("{line}\n").into()), self))
    }

    /// How much of it is done; null as long as that is not known.
    fn share(&self) -> Option<f64> {
        let bytes = self.progress.bytes.load(Relaxed);
        (bytes > 0).then(|| (self.progress.done.load(Relaxed) as f64 / bytes as f64).min(1.0))
    }
}
