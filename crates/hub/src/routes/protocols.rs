//! What protocols declare, `/api/hub/protocols`: those of this binary, and those that bots outside it registered.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use grafolean_collector::protocol::{Declaration, Role};

use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, CallerKind},
    rights::Verb,
    store::{bot, listed, protocol},
};

/// A declaration is read by people: one beyond this size was made by mistake.
const MOST_BYTES: usize = 256 << 10;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/protocols", get(list))
        .route("/hub/protocols/{name}", get(one).put(register).delete(forget))
}

async fn list(State(hub): State<Arc<Hub>>) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(listed(all(&hub).await?)))
}

async fn one(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Result<impl IntoResponse, ApiError> {
    let found = all(&hub).await?.into_iter().find(|declaration| declaration.name == name);
    found.map(Json).ok_or_else(|| ApiError::NotFound(format!("No protocol '{name}' is declared")))
}

/// A bot declares its own protocol; a person with the right to, any.
async fn register(
    State(hub): State<Arc<Hub>>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let resource = format!("hub/protocols/{name}");
    if caller.kind == CallerKind::Bot && !caller.holds(Verb::Put, &resource) {
        let record = hub.store.read(move |connection| bot::any(connection, caller.user)).await?;
        if record.protocol.as_deref() != Some(&name) {
            return Err(ApiError::Forbidden);
        }
    }
    let declaration = read(&name, &body)?;
    if hub.protocols.iter().any(|known| known.name == name) {
        return Err(ApiError::input(format!(
            "'{name}' is a protocol of this hub's own binary: choose another name"
        )));
    }
    hub.store.write(move |connection| protocol::put(connection, &declaration)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn forget(
    State(hub): State<Arc<Hub>>,
    Path(name): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let missing = ApiError::NotFound(format!("No protocol '{name}' was registered"));
    let was_there = hub.store.write(move |connection| protocol::delete(connection, &name)).await?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(missing) }
}

/// Reads a declaration; what is wrong is named with its place.
fn read(name: &str, body: &[u8]) -> Result<Declaration, ApiError> {
    if body.len() > MOST_BYTES {
        return Err(ApiError::input(format!("{} bytes: a declaration has at most {MOST_BYTES}", body.len())));
    }
    let declaration: Declaration =
        serde_json::from_slice(body).map_err(|error| ApiError::input(error.to_string()))?;
    if declaration.name != name {
        return Err(ApiError::input(format!(
            "'name' is '{}': expected '{name}', as in the address",
            declaration.name
        )));
    }
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter);
    if name.is_empty() || name.len() > 50 || !name.chars().all(plain) {
        let expected = "expected 1 to 50 lower-case letters, digits, '-' and '_'";
        return Err(ApiError::input(format!("'name' is '{name}': {expected}")));
    }
    for (field, schema) in [("credential", &declaration.credential), ("sensor", &declaration.sensor)] {
        if !schema.is_null() && !schema.is_object() {
            return Err(ApiError::input(format!("'{field}' is {schema}: expected a JSON Schema, an object")));
        }
    }
    Ok(declaration)
}

/// Returns those of this binary, then those that were registered.
pub(super) async fn all(hub: &Hub) -> Result<Vec<Declaration>, ApiError> {
    let registered = hub.store.read(protocol::list).await?;
    let own = |declaration: &Declaration| hub.protocols.iter().any(|known| known.name == declaration.name);
    let registered = registered.into_iter().filter(|declaration| !own(declaration));
    Ok(hub.protocols.iter().cloned().chain(registered).map(limited).collect())
}

/// Returns a declaration with the limits that are usual for the parts that its series play, where it names none.
fn limited(mut declaration: Declaration) -> Declaration {
    for output in &mut declaration.outputs {
        output.limits = output.limits.or(output.role.and_then(Role::usual_limits));
    }
    declaration
}
