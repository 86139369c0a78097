//! Credentials.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use grafolean_collector::model::{AccountId, CredentialId};
use serde_json::json;

use super::{Fields, Ids, list_answer};
use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, CallerKind},
    rights::Verb,
    store::{
        List,
        credential::{self, NewCredential},
        listed,
    },
};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/accounts/{account_id}/credentials", get(list).post(create))
        .route("/accounts/{account_id}/credentials/{credential_id}", get(one).put(update).delete(delete))
}

async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Ids([account]): Ids<1>,
) -> Result<Response, ApiError> {
    let account = AccountId::new(account);
    if sees_secrets(&caller, account) {
        return Ok(list_answer(hub.store.list(account, List::Credentials).await?).into_response());
    }
    let mut list = hub.store.read(move |connection| credential::list(connection, account)).await?;
    list.iter_mut().for_each(credential::hide_secrets);
    Ok(Json(listed(list)).into_response())
}

/// Bots need them to measure, and who may change a credential has to see what it is.
fn sees_secrets(caller: &Caller, account: AccountId) -> bool {
    caller.kind == CallerKind::Bot || caller.may(Verb::Put, &format!("accounts/{account}/credentials"))
}

async fn create(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_credential(&body)?;
    let account = AccountId::new(account);
    let id = hub.store.write(move |connection| credential::insert(connection, account, &new)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))))
}

async fn one(
    State(hub): State<Arc<Hub>>,
    Extension(caller): Extension<Caller>,
    Ids([account, id]): Ids<2>,
) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), CredentialId::new(id));
    let mut credential = hub.store.read(move |connection| credential::one(connection, account, id)).await?;
    if !sees_secrets(&caller, account) {
        credential::hide_secrets(&mut credential);
    }
    Ok(Json(credential))
}

async fn update(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let new = new_credential(&body)?;
    let (account, id) = (AccountId::new(account), CredentialId::new(id));
    hub.store.write(move |connection| credential::update(connection, account, id, &new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete(
    State(hub): State<Arc<Hub>>,
    Ids([account, id]): Ids<2>,
) -> Result<impl IntoResponse, ApiError> {
    let (account, id) = (AccountId::new(account), CredentialId::new(id));
    hub.store.write(move |connection| credential::delete(connection, account, id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn new_credential(body: &[u8]) -> Result<NewCredential, ApiError> {
    let mut fields = Fields::of_body(body, &["name", "protocol", "details"], &[])?;
    Ok(NewCredential {
        name: fields.text("name")?,
        protocol: fields.text("protocol")?,
        details: fields.details("details")?,
    })
}
