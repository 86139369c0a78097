//! Entities.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::get,
};
use grafolean_collector::model::{AccountId, EntityId, SensorUse};
use serde_json::{Value, json};

use super::{Fields, Ids, list_answer};
use crate::{
    Hub,
    answer::ApiError,
    store::{
        List,
        entity::{self, NewAttachment, NewEntity},
    },
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/entities", get(list).post(create))
        .route("/accounts/{account_id}/entities/{entity_id}", get(one).put(update).delete(delete))
}

async fn list(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    Ok(list_answer(hub.store.list(AccountId::new(account), List::Entities).await?))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_entity(&body)?;
    let account = AccountId::new(account);
    let id = hub.store.write(move |connection| entity::insert(connection, account, &new)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn one(State(hub): State<Arc<Hub>>, Ids([account, id]): Ids<2>) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), EntityId::new(id));
    Ok(Json(hub.store.read(move |connection| entity::one(connection, account, id)).await?))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_entity(&body)?;
    let (account, id) = (AccountId::new(account), EntityId::new(id));
    hub.store.write(move |connection| entity::update(connection, account, id, &new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), EntityId::new(id));
    hub.store.write(move |connection| entity::delete(connection, account, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_entity(body: &[u8]) -> Result<NewEntity, ApiError> {
    let mut fields = Fields::of_body(body, &["name", "entity_type", "details"], &["parent", "protocols"])?;
    Ok(NewEntity {
        name: fields.text("name")?,
        entity_type: fields.text("entity_type")?,
        parent: fields.optional_id("parent")?,
        details: fields.details("details")?,
        protocols: if fields.has("protocols") { protocols(&mut fields)? } else { BTreeMap::new() },
    })
}

fn protocols(fields: &mut Fields) -> Result<BTreeMap<String, NewAttachment>, ApiError> {
    let protocols = fields.details("protocols")?;
    protocols.into_iter().map(|(protocol, value)| Ok((protocol, attachment(value)?))).collect()
}

fn attachment(value: Value) -> Result<NewAttachment, ApiError> {
    let mut fields = Fields::of(value, &["credential", "bot", "sensors"], &[])?;
    Ok(NewAttachment {
        credential: fields.id("credential")?,
        // As it is read once the bot is deleted: then any bot of the protocol takes it.
        bot: fields.id_or_null("bot")?,
        sensors: fields.list("sensors")?.into_iter().map(sensor).collect::<Result<_, _>>()?,
    })
}

fn sensor(value: Value) -> Result<SensorUse, ApiError> {
    let mut fields = Fields::of(value, &["sensor"], &["interval"])?;
    Ok(SensorUse { sensor: fields.id("sensor")?, interval: fields.interval("interval")? })
}
