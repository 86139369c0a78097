//! Sensors.

use std::sync::Arc;

use axum::{
    Json, Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::get,
};
use grafolean_collector::model::{AccountId, SensorId};
use serde_json::json;

use super::{Fields, Ids, list_answer};
use crate::{
    Hub,
    answer::ApiError,
    store::{
        List,
        sensor::{self, NewSensor},
    },
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/sensors", get(list).post(create))
        .route("/accounts/{account_id}/sensors/{sensor_id}", get(one).put(update).delete(delete))
}

async fn list(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    Ok(list_answer(hub.store.list(AccountId::new(account), List::Sensors).await?))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_sensor(&body)?;
    let account = AccountId::new(account);
    let id = hub.store.write(move |connection| sensor::insert(connection, account, &new)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn one(State(hub): State<Arc<Hub>>, Ids([account, id]): Ids<2>) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), SensorId::new(id));
    Ok(Json(hub.store.read(move |connection| sensor::one(connection, account, id)).await?))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_sensor(&body)?;
    let (account, id) = (AccountId::new(account), SensorId::new(id));
    hub.store.write(move |connection| sensor::update(connection, account, id, &new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), SensorId::new(id));
    hub.store.write(move |connection| sensor::delete(connection, account, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_sensor(body: &[u8]) -> Result<NewSensor, ApiError> {
    let mut fields = Fields::of_body(body, &["name", "protocol", "default_interval", "details"], &[])?;
    Ok(NewSensor {
        name: fields.text("name")?,
        protocol: fields.text("protocol")?,
        default_interval: fields.interval("default_interval")?,
        details: fields.details("details")?,
    })
}
