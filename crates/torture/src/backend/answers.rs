//! What the backend answers to what bots ask.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
};
use serde_json::{Value, json};

use super::{ACCOUNT, Behaviour, Inventory, Shared, held};
use crate::{clock, world::protocol_of};

type Answer = Response<Full<Bytes>>;

/// Answers a request; an error closes the connection.
pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> Result<Answer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().trim_start_matches("/api").trim_end_matches('/').to_owned();
    let token = head.uri.query().and_then(|query| query.strip_prefix("b=")).unwrap_or_default().to_owned();
    let brings_values = path.ends_with("/values") && head.method != Method::GET;
    let behaviour = held(&shared.behaviour).clone();
    match behaviour {
        Behaviour::Resets | Behaviour::Garbage => bail!("closed"),
        Behaviour::Silent => std::future::pending().await,
        Behaviour::Slow(delay) => tokio::time::sleep(delay).await,
        Behaviour::Everything(status) => return plain(status, "this backend is unwell"),
        Behaviour::Values(status) if brings_values => return plain(status, "this backend takes no values"),
        Behaviour::RetryAfter(seconds) if brings_values => return retry_after(seconds),
        Behaviour::TooLarge(limit) if brings_values && body.len() > limit => return plain(413, "too large"),
        Behaviour::Redirect(status) => return redirect(status),
        Behaviour::Portal => return page(),
        Behaviour::PortalForValues if brings_values => return page(),
        Behaviour::AccountGone if path.starts_with("/accounts") => return account_gone(&path),
        Behaviour::TokenRevoked if path != "/status/info" => return plain(401, "Access denied"),
        Behaviour::Flapping if flapped() => return plain(503, "overloaded"),
        Behaviour::CutLists if path.ends_with("entities") || path.ends_with("sensors") => {
            let whole = list(&shared.inventory, &path).unwrap_or_default().to_string();
            let half = whole.chars().take(whole.chars().count() / 2).collect::<String>();
            return with_type(200, "application/json", half);
        }
        Behaviour::AnswerLost if brings_values => {
            store(shared, &body)?;
            bail!("the answer is lost");
        }
        _ => {}
    }
    if brings_values {
        return if store(shared, &body).is_ok() { empty(204) } else { plain(400, "Input validation failed") };
    }
    documented(shared, &head.method, &path, &token)
}

/// Whether this request is one of those that a flapping backend refuses.
fn flapped() -> bool {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
}

fn documented(shared: &Shared, method: &Method, path: &str, token: &str) -> Result<Answer> {
    let Some(protocol) = protocol_of(token) else {
        return match path {
            "/status/info" => json_of(&status()),
            _ => plain(401, "Access denied"),
        };
    };
    match path {
        "/status/info" => json_of(&status()),
        "/profile" => json_of(&profile(protocol)),
        "/profile/permissions" => json_of(&permissions()),
        "/accounts" => json_of(&json!({"list": [{"id": ACCOUNT, "name": "Torture"}]})),
        // a bot that people made in the UI may not change entities
        _ if *method != Method::GET => plain(403, "Access to resource denied, insufficient permissions"),
        _ => match list(&shared.inventory, path) {
            Some(found) => json_of(&found),
            None => plain(404, "{\"detail\":\"No such entity\"}"),
        },
    }
}

fn list(inventory: &Inventory, path: &str) -> Option<Value> {
    let mut parts = path.split('/').skip(3);
    let rows = match parts.next()? {
        "entities" => &inventory.entities,
        "credentials" => &inventory.credentials,
        "sensors" => &inventory.sensors,
        _ => return None,
    };
    match parts.next() {
        None => Some(json!({"list": rows})),
        Some(id) => {
            let id = id.parse().ok();
            rows.iter().find(|row| id.is_some() && row.get("id").and_then(Value::as_u64) == id).cloned()
        }
    }
}

fn status() -> Value {
    json!({"alive": true, "db_migration_needed": false, "db_version": 30, "user_exists": true, "cors_domains": [],
        "mqtt_ws_hostname": "127.0.0.1", "mqtt_ws_port": "", "enable_signup": false})
}

fn profile(protocol: &str) -> Value {
    json!({"user_id": 7, "user_type": "bot", "record": {"id": 7, "name": format!("{protocol} bot"), "protocol": protocol,
        "tied_to_account": ACCOUNT, "config": null, "insert_time": 1_795_332_424, "last_login": 1_795_332_424}})
}

fn permissions() -> Value {
    let right = |id: u32, place: &str, methods: &[&str]| json!({"id": id, "resource_prefix": format!("accounts/{ACCOUNT}/{place}"), "methods": methods});
    json!({"list": [right(1, "values", &["POST", "PUT"]), right(2, "entities", &["GET"]),
        right(3, "credentials", &["GET"]), right(4, "sensors", &["GET"])]})
}

/// Stores values as the API describes them; nothing where one of them is none.
fn store(shared: &Shared, body: &[u8]) -> Result<()> {
    let rows: Vec<Value> = serde_json::from_slice(body)?;
    let mut read = Vec::new();
    for row in &rows {
        let path = row.get("p").and_then(Value::as_str);
        let value = row.get("v").and_then(Value::as_f64);
        let time = row.get("t").and_then(Value::as_f64).and_then(clock::parse);
        let (Some(path), Some(value), Some(time)) = (path, value, time) else { bail!("no value: {row}") };
        read.push((path.to_owned(), time, value));
    }
    let mut taken = held(&shared.taken);
    for (path, time, value) in read {
        taken.entry(path).or_default().add(time, value);
    }
    if !rows.is_empty() {
        *held(&shared.newest) = Some(clock::now());
    }
    Ok(())
}

fn with_type(status: u16, kind: &str, body: impl Into<Bytes>) -> Result<Answer> {
    let builder =
        Response::builder().status(StatusCode::from_u16(status)?).header(header::CONTENT_TYPE, kind);
    Ok(builder.body(Full::new(body.into()))?)
}

fn json_of(value: &Value) -> Result<Answer> {
    with_type(200, "application/json", value.to_string())
}

fn plain(status: u16, text: &str) -> Result<Answer> {
    with_type(status, "text/plain", text.to_owned())
}

fn page() -> Result<Answer> {
    with_type(200, "text/html", "<!doctype html><title>Guest network</title><p>Please log in.")
}

fn empty(status: u16) -> Result<Answer> {
    Ok(Response::builder().status(StatusCode::from_u16(status)?).body(Full::default())?)
}

fn retry_after(seconds: u64) -> Result<Answer> {
    let mut answer = plain(429, "too many requests")?;
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Ok(answer)
}

fn redirect(status: u16) -> Result<Answer> {
    let mut answer = plain(status, "elsewhere")?;
    answer
        .headers_mut()
        .insert(header::LOCATION, header::HeaderValue::from_static("http://127.0.0.1:9/login"));
    Ok(answer)
}

fn account_gone(path: &str) -> Result<Answer> {
    match path {
        "/accounts" => json_of(&json!({"list": []})),
        _ => plain(403, "Access to resource denied, insufficient permissions"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        Shared {
            inventory: Inventory { entities: vec![json!({"id": 5})], ..Inventory::default() },
            behaviour: Behaviour::Sound.into(),
            taken: std::sync::Mutex::default(),
            newest: std::sync::Mutex::default(),
        }
    }

    #[test]
    fn values_are_stored_whole_or_not_at_all() {
        let shared = shared();
        store(&shared, br#"[{"p":"a","t":1.5,"v":2}]"#).unwrap();
        assert!(store(&shared, br#"[{"p":"a","t":2,"v":3},{"p":"a","v":3}]"#).is_err());
        let taken = held(&shared.taken);
        assert_eq!(taken["a"].values.len(), 1);
    }

    #[test]
    fn lists_and_single_rows_are_found() {
        let shared = shared();
        assert_eq!(list(&shared.inventory, "/accounts/1/entities"), Some(json!({"list": [{"id": 5}]})));
        assert_eq!(list(&shared.inventory, "/accounts/1/entities/5"), Some(json!({"id": 5})));
        assert_eq!(list(&shared.inventory, "/accounts/1/entities/6"), None);
    }
}
