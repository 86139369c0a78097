//! `POST /api/hub/test/PROTOCOL`: whether a device can be measured, asked before it is set up. Ours, Grafolean has none
//! such. Who may set up devices in the account may ask; it is rate-limited and stands in the audit log.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
    routing::post,
};
use grafolean_collector::{
    model::{AccountId, CredentialId, Details, SensorId},
    protocol::{TestResult, TestSubject},
};
use serde::Serialize;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};

use super::{Fields, announce::Audited};
use crate::{
    Hub,
    answer::ApiError,
    auth::{Caller, CallerKind},
    rights::Verb,
    store::{credential, sensor},
};

/// How long a test may take, the wait for its turn included.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/hub/test/{protocol}", post(test))
}

/// What came of a test.
#[derive(Serialize)]
struct Tested {
    #[serde(flatten)]
    result: TestResult,
    /// In seconds.
    took: f64,
}

/// What is to be tested, as it was asked for.
struct Asked {
    account: AccountId,
    address: Option<String>,
    subject: TestSubject,
    credential: Option<CredentialId>,
    sensor: Option<SensorId>,
}

async fn test(
    State(hub): State<Arc<Hub>>,
    Path(protocol): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let Asked { account, address, mut subject, credential, sensor } = Asked::of(&body)?;
    demand_rights(&caller, account, credential, sensor)?;
    if !hub.device_tests.knows(&protocol) {
        let reason = format!("Devices of protocol '{protocol}' cannot be tested by this hub");
        return Err(ApiError::NotFound(reason));
    }
    hub.device_tests.take(caller.user, hub.clock.now()).map_err(ApiError::Throttled)?;
    if let Some(id) = credential {
        let known = hub.store.read(move |connection| credential::one(connection, account, id)).await?;
        if known.protocol != protocol {
            return Err(ApiError::input(format!("credential {id} is of protocol '{}'", known.protocol)));
        }
        subject.credential = known.details;
    }
    if let Some(id) = sensor {
        let known = hub.store.read(move |connection| sensor::one(connection, account, id)).await?;
        if known.protocol != protocol {
            return Err(ApiError::input(format!("sensor {id} is of protocol '{}'", known.protocol)));
        }
        subject.sensor = known.details;
    }
    let began = Instant::now();
    let running = run(Arc::clone(&hub), protocol, subject);
    let result = timeout(DEADLINE, running).await.unwrap_or_else(|_| {
        Ok(TestResult::bad(format!("the test did not end within {} s", DEADLINE.as_secs())))
    })?;
    let tested = Tested { result, took: began.elapsed().as_secs_f64() };
    Ok((Extension(Audited(address.unwrap_or_default())), Json(tested)))
}

async fn run(hub: Arc<Hub>, protocol: String, subject: TestSubject) -> Result<TestResult, ApiError> {
    let opening = Arc::clone(&hub);
    let tester = spawn_blocking(move || opening.device_tests.tester(&protocol)).await;
    let tester = tester.map_err(|_| ApiError::Unavailable)?;
    let _place = hub.device_tests.places.acquire().await.map_err(|_| ApiError::Unavailable)?;
    Ok(match tester {
        Some(Ok(tester)) => tester.test(subject).await,
        Some(Err(error)) => TestResult::bad(format!("this hub cannot test: {error}")),
        None => return Err(ApiError::Unavailable),
    })
}

/// Whoever may set up a device here may have it asked; of what is stored, only who may read it.
fn demand_rights(
    caller: &Caller,
    account: AccountId,
    credential: Option<CredentialId>,
    sensor: Option<SensorId>,
) -> Result<(), ApiError> {
    let holds = |verb, what: &str| caller.holds(verb, &format!("accounts/{account}/{what}"));
    let may = caller.kind == CallerKind::Person
        && holds(Verb::Post, "entities")
        && (credential.is_none() || holds(Verb::Get, "credentials"))
        && (sensor.is_none() || holds(Verb::Get, "sensors"));
    if may { Ok(()) } else { Err(ApiError::Forbidden) }
}

impl Asked {
    fn of(body: &[u8]) -> Result<Self, ApiError> {
        const OPTIONAL: [&str; 6] =
            ["address", "details", "credential", "credential_id", "sensor", "sensor_id"];
        let mut fields = Fields::of_body(body, &["account"], &OPTIONAL)?;
        let account = fields.id("account")?;
        let address = fields.text_if_given("address")?;
        let object = |fields: &mut Fields, name| {
            if fields.has(name) { fields.details(name) } else { Ok(Details::new()) }
        };
        let mut device = object(&mut fields, "details")?;
        if let Some(address) = &address {
            let key = match address.trim().parse() {
                Ok(IpAddr::V4(_)) => "ipv4",
                Ok(IpAddr::V6(_)) => "ipv6",
                Err(_) => "hostname",
            };
            device.insert(key.to_owned(), address.trim().into());
        }
        for (given, id) in [("credential", "credential_id"), ("sensor", "sensor_id")] {
            if fields.has(given) && fields.has(id) {
                return Err(ApiError::input(format!("'{given}' and '{id}' exclude each other")));
            }
        }
        let credential = fields.has("credential_id").then(|| fields.id("credential_id")).transpose()?;
        let sensor = fields.has("sensor_id").then(|| fields.id("sensor_id")).transpose()?;
        let subject = TestSubject {
            device,
            credential: object(&mut fields, "credential")?,
            sensor: object(&mut fields, "sensor")?,
        };
        Ok(Self { account, address, subject, credential, sensor })
    }
}
