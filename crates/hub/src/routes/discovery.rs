//! Networks scanned for devices, `/api/hub/accounts/{account_id}/discovery`: whoever may add devices to the account may ask
//! for a scan; it says what it would send before it begins, and stands in the audit log. Ours, Grafolean has none such.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use grafolean_collector::model::{AccountId, Entity};
use serde_json::{Map, Value, json};

use super::{Fields, Ids, announce::Audited, input::shown};
use crate::{
    Hub,
    answer::ApiError,
    auth::Caller,
    discovery::{AT_ONCE, Order, Refused, Scanned, Scans},
    rights::Verb,
    store::entity,
};

/// Packets a second, unless it is said how many, and the most of any scan.
const RATE: u32 = 1_000;
const MOST_RATE: u32 = 2_000;

/// Networks and credentials of one scan.
const MOST_NETWORKS: usize = 64;
const MOST_CREDENTIALS: usize = 16;

/// The longest pause between two scans: a month.
const MOST_HOURS: u32 = 31 * 24;

/// When somebody may ask again while others are scanning.
const TRY_AGAIN: Duration = Duration::from_secs(30);

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/hub/accounts/{account_id}/discovery", get(look).post(begin).delete(stop))
        .route("/hub/accounts/{account_id}/discovery/schedule", put(schedule))
}

/// What goes on, and what was found last: with the entity of each device that has one, and with entities of the scanned
/// networks that did not answer. Both are suggestions: nothing is made or deleted.
async fn look(State(hub): State<Arc<Hub>>, Ids([account]): Ids<1>) -> Result<impl IntoResponse, ApiError> {
    let account = AccountId::new(account);
    // First, so that a scan which ends meanwhile is seen as one that goes on, and not as one that found nothing.
    let running = hub.scans.progress(account);
    let Scanned { order, last } = Scans::scanned(&hub, account).await?;
    let entities = hub.store.read(move |connection| entity::list(connection, account)).await?;
    let known = addresses(&entities);
    let mut answer = Map::new();
    answer.insert("running".to_owned(), json!(running));
    if let (Some(last), Some(order)) = (&last, &order) {
        let mut written = json!(last);
        let devices = written.get_mut("devices").and_then(Value::as_array_mut);
        for device in devices.into_iter().flatten() {
            let address =
                device.get("address").and_then(Value::as_str).and_then(|text| text.parse::<IpAddr>().ok());
            let entity = address.and_then(|address| known.get(&address));
            if let Some(device) = device.as_object_mut() {
                device.insert("entity".to_owned(), json!(entity.map(|entity| entity.id)));
            }
        }
        let answered: Vec<IpAddr> = last.found.devices.iter().map(|device| device.address).collect();
        let is_gone = |address: &IpAddr| {
            let is_named = hub.discoverer.as_ref().is_some_and(|it| it.holds(&order.networks, *address));
            is_named && !answered.contains(address)
        };
        // One that was stopped has not asked all.
        let gone =
            known.iter().filter(|(address, _)| !last.stopped && last.problem.is_none() && is_gone(address));
        let mut gone: Vec<_> = gone.collect();
        gone.sort_unstable_by_key(|(address, _)| **address);
        let row = |(address, entity): &(&IpAddr, &&Entity)| json!({"address": address, "entity": entity.id, "name": entity.name});
        if let Some(written) = written.as_object_mut() {
            written.insert("vanished".to_owned(), gone.iter().map(row).collect::<Vec<_>>().into());
        }
        answer.insert("last".to_owned(), written);
    } else {
        answer.insert("last".to_owned(), Value::Null);
    }
    answer.insert("order".to_owned(), json!(order));
    Ok(Json(Value::Object(answer)))
}

/// Returns the devices of an account by the addresses that they are set up with.
fn addresses(entities: &[Entity]) -> HashMap<IpAddr, &Entity> {
    let of = |entity: &Entity| {
        let texts = ["ipv4", "ipv6", "hostname"].map(|key| entity.details.get(key)?.as_str()?.parse().ok());
        texts.into_iter().flatten().collect::<Vec<IpAddr>>()
    };
    entities.iter().flat_map(|entity| of(entity).into_iter().map(move |address| (address, entity))).collect()
}

/// Begins a scan once it is confirmed; before that it says how much would be asked.
async fn begin(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let account = AccountId::new(account);
    let holds = |what: &str, verb| caller.holds(verb, &format!("accounts/{account}/{what}"));
    if !holds("entities", Verb::Post) || !holds("credentials", Verb::Get) {
        return Err(ApiError::Forbidden);
    }
    let (order, is_confirmed) = order(&body)?;
    let Some(discoverer) = &hub.discoverer else {
        return Err(ApiError::NotFound("This hub cannot scan networks".to_owned()));
    };
    let addresses = discoverer.addresses(&order.networks).map_err(ApiError::Input)?;
    if !is_confirmed {
        let packets = addresses.saturating_mul(1 + order.credentials.len());
        let seconds = packets as f64 / f64::from(order.rate) + 2.0;
        let rate = order.rate;
        let answer =
            json!({"addresses": addresses, "packets": packets, "rate": rate, "seconds": seconds.ceil()});
        return Ok(Json(answer).into_response());
    }
    hub.device_tests.take(caller.user, hub.clock.now()).map_err(ApiError::Throttled)?;
    let networks = order.networks.join(",");
    Scans::begin(&hub, account, order).await.map_err(|refused| match refused {
        Refused::Running => ApiError::input("a scan of this account goes on: wait for it, or stop it"),
        Refused::Full => {
            tracing::debug!(AT_ONCE, "as many scans go on as may");
            ApiError::Throttled(TRY_AGAIN)
        }
        Refused::Invalid(reason) => ApiError::Input(reason),
        Refused::Store(error) => error.into(),
    })?;
    Ok((StatusCode::ACCEPTED, Extension(Audited(networks))).into_response())
}

/// Stops the scan that goes on.
async fn stop(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, ApiError> {
    let account = AccountId::new(account);
    if !caller.holds(Verb::Post, &format!("accounts/{account}/entities")) {
        return Err(ApiError::Forbidden);
    }
    match hub.scans.stop(account) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("No scan goes on".to_owned())),
    }
}

/// Says how often the last scan is done again.
async fn schedule(
    State(hub): State<Arc<Hub>>,
    Ids([account]): Ids<1>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    let account = AccountId::new(account);
    if !caller.holds(Verb::Post, &format!("accounts/{account}/entities")) {
        return Err(ApiError::Forbidden);
    }
    let mut fields = Fields::of_body(&body, &["every_hours"], &[])?;
    let hours = hours(&fields.take("every_hours"))?;
    match Scans::repeat(&hub, account, hours).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("No scan to repeat".to_owned())),
    }
}

fn order(body: &[u8]) -> Result<(Order, bool), ApiError> {
    const OPTIONAL: [&str; 5] = ["credentials", "snmp_port", "rate", "every_hours", "confirmed"];
    let mut fields = Fields::of_body(body, &["networks"], &OPTIONAL)?;
    let networks = fields.list("networks")?;
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        other => Err(ApiError::input(format!("{} is not of type 'string', in 'networks'", shown(&other)))),
    };
    let networks = networks.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if networks.is_empty() || networks.len() > MOST_NETWORKS {
        return Err(ApiError::input(format!("'networks' has 1 to {MOST_NETWORKS} members")));
    }
    let credentials = if fields.has("credentials") { fields.list("credentials")? } else { Vec::new() };
    let id = |value: Value| {
        value.as_i64().ok_or_else(|| ApiError::input(format!("{} is no id, in 'credentials'", shown(&value))))
    };
    let credentials = credentials.into_iter().map(id).collect::<Result<Vec<_>, _>>()?;
    if credentials.len() > MOST_CREDENTIALS {
        return Err(ApiError::input(format!("'credentials' has at most {MOST_CREDENTIALS} members")));
    }
    let mut number = |name: &str, usual: u32, most: u32| {
        if !fields.has(name) {
            return Ok(usual);
        }
        let value = fields.take(name);
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let wrong = || ApiError::input(format!("{} is not from 1 to {most}, for '{name}'", shown(&value)));
        number.filter(|number| (1..=most).contains(number)).ok_or_else(wrong)
    };
    let snmp_port = number("snmp_port", 161, u32::from(u16::MAX))?;
    let rate = number("rate", RATE, MOST_RATE)?;
    let every_hours = hours(&fields.take("every_hours"))?;
    let is_confirmed = fields.flag_if_given("confirmed")?.unwrap_or(false);
    let snmp_port = u16::try_from(snmp_port).unwrap_or(161);
    Ok((Order { networks, credentials, snmp_port, rate, every_hours }, is_confirmed))
}

fn hours(value: &Value) -> Result<Option<u32>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let hours = value.as_u64().and_then(|hours| u32::try_from(hours).ok());
    let hours = hours.filter(|hours| (1..=MOST_HOURS).contains(hours));
    let wrong =
        || ApiError::input(format!("{} is not from 1 to {MOST_HOURS}, for 'every_hours'", shown(value)));
    hours.map(Some).ok_or_else(wrong)
}
