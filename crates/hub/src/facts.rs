//! What is known of an account: what is set up, what its bots may do and what they said.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use grafolean_collector::{
    backend::AccountInventory,
    model::{AccountId, UserId},
    time::Timestamp,
    why::{self, Facts, GroupedFinding, KnownBot, Rights, Told},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::json;
use tokio::{
    task,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    Hub,
    events::Kind,
    rights::Verb,
    store::{StoreError, account, bot, credential, entity, permission, sensor},
};

/// How long findings are good for whoever asks again, at least.
const GOOD_FOR: Duration = Duration::from_secs(3);

/// However many ask, looking at a large account takes at most a tenth of the time.
const REST_PER_LOOK: u32 = 9;

/// How often all accounts are looked at, whether somebody asks or not.
const LOOK: Duration = Duration::from_secs(30);

/// The findings of each account, as of the last look.
#[derive(Debug, Default)]
pub(crate) struct KnownFindings(Mutex<HashMap<AccountId, Look>>);

/// What was found.
#[derive(Debug)]
struct Look {
    at: Timestamp,
    good_for: Duration,
    found: Arc<[GroupedFinding]>,
}

/// What is read of the database.
struct SetUp {
    inventory: AccountInventory,
    bots: Vec<(bot::Bot, Rights)>,
    foreign: Vec<UserId>,
}

/// Gathers what is known of an account, but for what is stored.
pub(crate) async fn gather(hub: &Hub, account: AccountId) -> Result<Facts, StoreError> {
    let SetUp { inventory, bots, foreign } =
        hub.store.read(move |connection| set_up(connection, account)).await?;
    let mut told = hub.statuses.of(account);
    let mut said = |id: &UserId| {
        told.remove(id).map(|told| Told { status: told.status, received: told.received.as_seconds_f64() })
    };
    let bots = bots.into_iter().map(|(bot, rights)| KnownBot {
        told: said(&bot.id),
        id: bot.id,
        name: bot.name,
        protocol: bot.protocol,
        tied_to_account: bot.tied_to_account,
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        last_seen: bot.last_login.map(|seconds| seconds as f64),
        rights: Some(rights),
    });
    let bots = bots.collect();
    let gone = told.into_values();
    let gone = gone.map(|told| Told { status: told.status, received: told.received.as_seconds_f64() });
    Ok(Facts {
        now: hub.clock.now().as_seconds_f64(),
        account: inventory,
        bots,
        is_partial: false,
        foreign_bots: foreign,
        gone_bots: gone.collect(),
        stored: None,
        retention: hub.retention.map(|retention| retention.as_secs_f64()),
        range: None,
    })
}

fn set_up(connection: &rusqlite::Connection, account: AccountId) -> Result<SetUp, StoreError> {
    let entities = entity::list(connection, account)?;
    let bots = bot::of_account_or_systemwide(connection, account)?;
    let known: HashSet<UserId> = bots.iter().map(|bot| bot.id).collect();
    let named = entities.iter().flat_map(|entity| entity.protocols.iter().flatten());
    let named: HashSet<UserId> = named.filter_map(|(_, attachment)| attachment.bot).collect();
    let foreign = named.difference(&known).filter(|id| bot::any(connection, **id).is_ok()).copied().collect();
    let bots = bots.into_iter().map(|bot| {
        let held = permission::of(connection, bot.id)?;
        let may = |verb: Verb, list: &str| {
            let resource = format!("accounts/{account}/{list}");
            held.iter().any(|permission| permission.grant.covers(&resource, verb))
        };
        let read = ["entities", "credentials", "sensors"].iter().all(|list| may(Verb::Get, list));
        let write = may(Verb::Put, "values") || may(Verb::Post, "values");
        Ok((bot, Rights { read, write }))
    });
    let bots = bots.collect::<Result<_, StoreError>>()?;
    Ok(SetUp {
        inventory: AccountInventory {
            account: account::one(connection, account)?,
            entities: entities.into_iter().map(Into::into).collect(),
            credentials: credential::list(connection, account)?.into_iter().map(Into::into).collect(),
            sensors: sensor::list(connection, account)?.into_iter().map(Into::into).collect(),
            broken: Vec::new(),
        },
        bots,
        foreign,
    })
}

/// Returns what is wrong with an account, as of a moment ago at most.
pub(crate) async fn findings(hub: &Hub, account: AccountId) -> Result<Arc<[GroupedFinding]>, StoreError> {
    let now = hub.clock.now();
    if let Some(known) = hub.findings.get(account, now) {
        return Ok(known);
    }
    let began = Instant::now();
    let facts = gather(hub, account).await?;
    // Of thousands of devices it takes a while, in which others are to be answered.
    let found = task::spawn_blocking(move || why::findings(&facts)).await;
    let found: Arc<[GroupedFinding]> = found.unwrap_or_default().into();
    let good_for = GOOD_FOR.max(began.elapsed() * REST_PER_LOOK);
    if hub.findings.put(account, Look { at: now, good_for, found: Arc::clone(&found) }) {
        let resource = format!("hub/accounts/{account}/findings");
        hub.announcer.feed().tell(Kind::Findings, &resource, json!({}));
    }
    Ok(found)
}

/// Looks at all accounts for ever, and logs what is newly wrong with one, and what no longer is.
pub(crate) async fn watch(hub: Arc<Hub>) {
    let mut known = HashSet::new();
    loop {
        let mut seen = HashSet::new();
        for account in hub.store.read(account::all).await.unwrap_or_default() {
            for finding in findings(&hub, account.id).await.unwrap_or_default().iter() {
                let key = (account.id, finding.cause, finding.protocol.clone());
                if !known.contains(&key) {
                    let (cause, devices, evidence) =
                        (finding.cause.kind(), finding.devices, &finding.evidence);
                    warn!(account = %account.id, cause, devices, evidence, "{} {}", finding.sentence, finding.remedy);
                }
                seen.insert(key);
            }
        }
        for (account, cause, protocol) in known.difference(&seen) {
            info!(%account, cause = cause.kind(), protocol, "no longer wrong");
        }
        known = seen;
        sleep(LOOK).await;
    }
}

impl KnownFindings {
    fn get(&self, account: AccountId, now: Timestamp) -> Option<Arc<[GroupedFinding]>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Look { at, good_for, found } = known.get(&account)?;
        (now.since(*at) < *good_for && *at <= now).then(|| Arc::clone(found))
    }

    /// Keeps what was found; returns whether it is another cause, or of other devices, than before.
    fn put(&self, account: AccountId, look: Look) -> bool {
        let names = |found: &[GroupedFinding]| -> Vec<_> {
            found.iter().map(|one| (one.cause, one.protocol.clone(), one.devices)).collect()
        };
        let told = names(&look.found);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(account, look).is_none_or(|before| names(&before.found) != told)
    }

    /// Registers how many devices have each cause.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let devices = Family::<Labels, Gauge>::default();
        for (account, Look { found, .. }) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for finding in found.iter() {
                let labels = Labels { account: account.number(), cause: finding.cause.kind() };
                devices.get_or_create(&labels).inc_by(i64::try_from(finding.devices).unwrap_or(i64::MAX));
            }
        }
        registry.register(
            "grafolean_hub_findings_devices",
            "Devices with which something is wrong, by account and cause, as of the last look",
            devices,
        );
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    account: i64,
    cause: &'static str,
}
